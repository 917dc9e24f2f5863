//! What the tests over real sockets share: pairs of sockets, and a loop with a bound.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]
#![allow(dead_code, reason = "which helpers a test binary uses differs")]

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use finwait::{Closer, Ending, Key, Limits, Report, Stream};
use mio::{Events, Poll, Token};

/// Longer than any machine needs; only a test that has failed takes it.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Limits that no test reaches by accident.
pub(crate) fn patient() -> Limits {
    Limits {
        flush_stall: BOUND * 2,
        drain_idle: BOUND * 2,
        drain_total: None,
        ..Limits::default()
    }
}

/// Two ends of one TCP connection: ours for mio, the peer's plain and blocking, with a bound.
pub(crate) fn pair() -> (mio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_read_timeout(Some(BOUND)).unwrap();
    peer.set_write_timeout(Some(BOUND)).unwrap();
    (mio::net::TcpStream::from_std(ours), peer)
}

/// Ends the peer's side by RST.
pub(crate) fn reset(peer: TcpStream) {
    finwait_platform::arm_abort(&peer).unwrap();
    drop(peer);
}

/// Whether this build can tell what is acknowledged; said out loud if not.
pub(crate) fn tells_acks() -> bool {
    let (ours, _peer) = pair();
    finwait_platform::half_close(&ours).unwrap();
    let tells = finwait_platform::fin_acked(&ours).unwrap() != finwait_platform::FinAck::Unknown;
    if !tells {
        eprintln!("this build cannot tell acknowledgements: expecting `unknown` instead");
    }
    tells
}

/// What an orderly end is called here.
pub(crate) fn orderly() -> Ending {
    if tells_acks() {
        Ending::Graceful
    } else {
        Ending::PeerFin
    }
}

/// A pattern in which every misplaced byte shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// Reads to the end: how many bytes, and the error that ended it, if one did.
pub(crate) fn read_all(peer: &mut TcpStream) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::new();
    let error = peer.read_to_end(&mut bytes).err();
    (bytes, error)
}

/// Waits until the kernel has seen the peer's end, without taking it: it stays to be read.
pub(crate) fn wait_for_hangup(stream: &mut mio::net::TcpStream) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let both = mio::Interest::READABLE | mio::Interest::WRITABLE;
    poll.registry().register(stream, Token(7), both).unwrap();
    let give_up = Instant::now() + BOUND;
    loop {
        assert!(Instant::now() < give_up, "no hang-up came");
        poll.poll(&mut events, Some(ms(100))).unwrap();
        if events
            .iter()
            .any(|event| event.is_error() || event.is_write_closed())
        {
            break;
        }
    }
    poll.registry().deregister(stream).unwrap();
}

/// A closer in an event loop of its own.
pub(crate) struct Loop {
    pub(crate) poll: Poll,
    pub(crate) closer: Closer,
    events: Events,
    pub(crate) received: HashMap<Key, Vec<u8>>,
    pub(crate) reports: HashMap<Key, Report>,
}

impl Loop {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::of(Closer::new(Token(100), limits, Instant::now()))
    }

    pub(crate) fn of(closer: Closer) -> Self {
        Self {
            poll: Poll::new().unwrap(),
            closer,
            events: Events::with_capacity(64),
            received: HashMap::new(),
            reports: HashMap::new(),
        }
    }

    pub(crate) fn close(&mut self, stream: impl Into<Stream>, unsent: Vec<u8>) -> Key {
        self.closer
            .close(self.poll.registry(), stream, unsent, Instant::now())
    }

    pub(crate) fn finish(&mut self, stream: impl Into<Stream>, unsent: Vec<u8>) -> Key {
        self.closer
            .finish(self.poll.registry(), stream, unsent, Instant::now())
    }

    /// One turn of the loop; waits a little at most.
    pub(crate) fn turn(&mut self) {
        let timeout = self
            .closer
            .poll_timeout(Instant::now())
            .unwrap_or(ms(20))
            .min(ms(20));
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => panic!("{error}"),
            _ => {}
        }
        let now = Instant::now();
        for event in &self.events {
            assert!(
                self.closer.handle(event, now),
                "all tokens are the closer's"
            );
        }
        let received = &mut self.received;
        self.closer.turn_with(now, |key, chunk| {
            received.entry(key).or_default().extend_from_slice(chunk);
        });
        while let Some(finished) = self.closer.poll_finished() {
            let earlier = self.reports.insert(finished.key, finished.report);
            assert!(earlier.is_none(), "reported twice");
        }
    }

    pub(crate) fn turn_until(&mut self, what: &str, mut reached: impl FnMut(&mut Self) -> bool) {
        let give_up = Instant::now() + BOUND;
        while !reached(self) {
            assert!(Instant::now() < give_up, "it never came to this: {what}");
            self.turn();
        }
    }

    /// Turns until this teardown is over.
    pub(crate) fn report(&mut self, key: Key) -> Report {
        self.turn_until("the end", |this| this.reports.contains_key(&key));
        self.reports[&key]
    }
}

/// Closes one socket with these limits, and reports.
pub(crate) fn close_one(limits: Limits, stream: impl Into<Stream>, unsent: Vec<u8>) -> Report {
    let mut driver = Loop::new(limits);
    let key = driver.close(stream, unsent);
    driver.report(key)
}
