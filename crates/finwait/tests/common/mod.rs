//! Sockets, a loop that drives a `Closer`, and peers that follow a script on a thread of their own.

use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use finwait::{Closer, Delivered, Finished, Key, Limits, Receive, Report};
use finwait_platform as platform;
use mio::{Events, Poll, Token};

mod witness;

pub(crate) use witness::of_read;

/// Long enough for a machine under load; reached only by a test that fails.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Clocks that no test is to reach unless it sets them.
pub(crate) fn patient() -> Limits {
    Limits {
        flush_stall: BOUND * 4,
        drain_idle: BOUND * 4,
        drain_total: Some(BOUND * 4),
        ..Limits::default()
    }
}

/// A connection over loopback: ours, and the peer's.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    let (theirs, from) = listener.accept().expect("the other end");
    assert_eq!(from, ours.local_addr().expect("connected"));
    for stream in [&ours, &theirs] {
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        stream.set_write_timeout(Some(BOUND)).expect("a timeout");
    }
    (ours, theirs)
}

/// What this build can tell of acknowledgements, found out rather than assumed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tells {
    pub(crate) fin_acked: bool,
    pub(crate) unacknowledged: bool,
    pub(crate) unread: bool,
}

pub(crate) fn tells() -> Tells {
    static TELLS: OnceLock<Tells> = OnceLock::new();
    *TELLS.get_or_init(|| {
        let (ours, _theirs) = pair();
        platform::half_close(&ours).expect("a connection");
        let acked = platform::fin_acked(&ours).expect("an answer");
        let tells = Tells {
            fin_acked: acked != platform::FinAck::Unknown,
            unacknowledged: platform::unacknowledged(&ours)
                .expect("an answer")
                .is_some(),
            unread: platform::unread(&ours).expect("an answer").is_some(),
        };
        println!("this build knows of acknowledgements: {tells:?}");
        tells
    })
}

/// What is expected where acknowledgements are told, or else `Unknown`.
pub(crate) fn if_told(delivered: Delivered) -> Delivered {
    if tells().fin_acked {
        delivered
    } else {
        Delivered::Unknown
    }
}

/// A peer's script on a thread of its own; joined by `done`, which passes its panic on.
#[derive(Debug)]
pub(crate) struct Peer<T>(JoinHandle<T>);

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn plays(script: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(std::thread::spawn(script))
    }

    pub(crate) fn done(self) -> T {
        self.0.join().expect("the peer's script went wrong")
    }
}

/// Writes until the buffers at both ends are full; how much that was.
pub(crate) fn fill(stream: &TcpStream) -> u64 {
    stream.set_nonblocking(true).expect("non-blocking");
    let chunk = [7; 65_536];
    let mut written = 0;
    loop {
        match (&mut &*stream).write(&chunk) {
            Ok(n) => written += n as u64,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return written,
            Err(e) => panic!("write: {e}"),
        }
    }
}

/// How many bytes come before the end, and the error that it was, if not the peer's FIN.
pub(crate) fn read_all(stream: &TcpStream) -> (usize, Option<ErrorKind>) {
    let (bytes, error) = witness::read_to_either_end(stream);
    (bytes.len(), error.map(|error| error.kind()))
}

/// Waits until the peer's RST is here, and takes no error away. A half-close fails then, but need
/// not on Windows, where an event tells.
pub(crate) fn until_reset(stream: &TcpStream) {
    let end = Instant::now() + BOUND;
    let is_reset = || {
        if cfg!(windows) {
            of_read(stream, Ok(0)).is_err()
        } else {
            platform::half_close(stream).is_err()
        }
    };
    while !is_reset() {
        assert!(Instant::now() < end, "not within {BOUND:?}: the RST");
        std::thread::sleep(ms(1));
    }
}

/// A loop of its own around a `Closer`, as a program would have it.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) poll: Poll,
    events: Events,
    pub(crate) closer: Closer,
    /// What `turn_with` handed out, by connection.
    pub(crate) received: HashMap<Key, Vec<u8>>,
}

impl Driver {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with(Closer::new(Token(0), limits, Instant::now()))
    }

    pub(crate) fn with(closer: Closer) -> Self {
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(64),
            closer,
            received: HashMap::new(),
        }
    }

    pub(crate) fn close(&mut self, stream: TcpStream, unsent: impl Into<Vec<u8>>) -> Key {
        let stream = nonblocking(stream);
        let now = Instant::now();
        self.closer
            .close(self.poll.registry(), stream, unsent.into(), now)
    }

    pub(crate) fn finish(&mut self, stream: TcpStream, unsent: impl Into<Vec<u8>>) -> Key {
        let stream = nonblocking(stream);
        let now = Instant::now();
        self.closer
            .finish(self.poll.registry(), stream, unsent.into(), now)
    }

    /// Of a stream whose peer's FIN was read already.
    pub(crate) fn close_after_peer_fin(
        &mut self,
        stream: TcpStream,
        unsent: impl Into<Vec<u8>>,
        limits: &Limits,
    ) -> Key {
        let stream = nonblocking(stream).into();
        let (registry, receive, now) = (self.poll.registry(), Receive::Nothing, Instant::now());
        self.closer
            .begin(registry, stream, unsent.into(), receive, limits, now)
    }

    /// Of a stream whose write side is shut down already.
    pub(crate) fn drain(&mut self, stream: TcpStream, limits: &Limits) -> Key {
        let stream = nonblocking(stream);
        let (registry, now) = (self.poll.registry(), Instant::now());
        self.closer
            .drain(registry, stream, Receive::Deliver, limits, now)
    }

    pub(crate) fn turn(&mut self) {
        let received = &mut self.received;
        self.closer.turn_with(Instant::now(), |key, chunk| {
            received.entry(key).or_default().extend_from_slice(chunk);
        });
    }

    /// Waits for events as long as `poll_timeout` says, but no longer than `most`, and takes a turn.
    pub(crate) fn wait(&mut self, most: Duration) {
        let timeout = self.closer.poll_timeout(Instant::now());
        if !self.closer.is_empty() {
            // Every limit that the tests use times every phase.
            assert!(timeout.is_some(), "a teardown that no clock looks after");
        }
        let timeout = timeout.map_or(most, |timeout| timeout.min(most));
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(e) if e.kind() != ErrorKind::Interrupted => panic!("poll: {e}"),
            _ => {}
        }
        let now = Instant::now();
        for event in &self.events {
            assert!(self.closer.handle(event, now), "not ours: {event:?}");
        }
        self.turn();
    }

    /// Goes on until there is an answer.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Self) -> Option<T>,
    ) -> T {
        let end = Instant::now() + BOUND;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(Instant::now() < end, "not within {BOUND:?}: {what}");
            self.wait(ms(5));
        }
    }

    /// The end of the only teardown, for which nothing has to be waited for: one turn brings it. On
    /// Windows an event must have told of the peer's end, and it is there already.
    pub(crate) fn at_once(&mut self) -> Report {
        self.turn();
        if cfg!(windows) {
            return self.finished().report;
        }
        let finished = self.closer.poll_finished();
        finished.expect("in one turn").report
    }

    /// The next teardown that is over.
    pub(crate) fn finished(&mut self) -> Finished {
        self.until("the end of a teardown", |driver| {
            driver.closer.poll_finished()
        })
    }
}

fn nonblocking(stream: TcpStream) -> mio::net::TcpStream {
    stream.set_nonblocking(true).expect("non-blocking");
    mio::net::TcpStream::from_std(stream)
}
