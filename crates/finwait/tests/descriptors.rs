//! No descriptor is left behind, however a teardown ends: the open ones are counted before and
//! after many thousands. In a process of its own, as the count is the process's.
//!
//! Most are pairs of Unix-domain sockets, which need no port and leave no TIME-WAIT; one in twenty
//! is TCP over loopback.

#![cfg(all(unix, feature = "mio"))]
#![expect(
    clippy::disallowed_methods,
    reason = "a test drives its own loop and reads the clock for it"
)]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use finwait::{Closer, Ending, Key, Limits, Receive, Stream};
use mio::{Events, Poll, Token};

/// Handed over together: more than the `Closer` takes, so that some are evicted.
const BATCH: usize = 500;
const MOST: usize = 60;
/// Reached only by a test that fails.
const BOUND: Duration = Duration::from_secs(60);

fn open_descriptors() -> usize {
    // The one that reads the folder is open both times.
    std::fs::read_dir("/dev/fd").expect("a folder").count()
}

/// Ours, and the peer's end.
fn pair(number: usize) -> (Stream, OwnedFd) {
    if number.is_multiple_of(20) {
        // A port of its own for each: no two connections can be of the same four numbers.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
        let (theirs, _) = listener.accept().expect("the other end");
        ours.set_nonblocking(true).expect("non-blocking");
        (mio::net::TcpStream::from_std(ours).into(), theirs.into())
    } else {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("non-blocking");
        (mio::net::UnixStream::from_std(ours).into(), theirs.into())
    }
}

struct Batch {
    poll: Poll,
    events: Events,
    closer: Closer<&'static [u8]>,
    endings: BTreeMap<&'static str, usize>,
}

impl Batch {
    fn new() -> Self {
        let limits = Limits::default();
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(256),
            closer: Closer::new(Token(0), limits, Instant::now()).max_draining(MOST),
            endings: BTreeMap::new(),
        }
    }

    fn begin(&mut self, ours: Stream, receive: Receive, limits: &Limits) -> Key {
        let (registry, now) = (self.poll.registry(), Instant::now());
        self.closer
            .begin(registry, ours, b"unsent", receive, limits, now)
    }

    fn run(&mut self, first: usize) {
        let long = Limits {
            drain_idle: BOUND,
            drain_total: Some(BOUND),
            ..Limits::default()
        };
        let short = Limits {
            drain_idle: Duration::from_millis(1),
            ..long
        };
        let mut silent = Vec::new();
        for number in first..first + BATCH {
            let (ours, theirs) = pair(number);
            let receive = [Receive::Discard, Receive::Deliver][number % 2];
            match number % 7 {
                // The peer has half-closed before, or closed.
                0 => {
                    finwait_platform::half_close(&theirs).expect("a connection");
                    self.begin(ours, receive, &long);
                    silent.push(theirs);
                }
                1 => {
                    drop(theirs);
                    self.begin(ours, receive, &long);
                }
                // The peer sends something, and closes.
                2 => {
                    std::fs::File::from(theirs)
                        .write_all(b"late")
                        .expect("a connection");
                    self.begin(ours, receive, &long);
                }
                3 => {
                    let key = self.begin(ours, receive, &long);
                    assert!(self.closer.abort(key, Instant::now()));
                    silent.push(theirs);
                }
                4 => {
                    self.begin(ours, receive, &short);
                    silent.push(theirs);
                }
                // The peer goes away with our bytes unread.
                5 => {
                    self.begin(ours, receive, &long);
                    self.closer.turn(Instant::now());
                    drop(theirs);
                }
                _ => {
                    self.begin(ours, receive, &long);
                    silent.push(theirs);
                }
            }
        }
        let now = Instant::now();
        self.closer.stop(now + Duration::from_millis(5), now);
        self.finish();
    }

    fn finish(&mut self) {
        let end = Instant::now() + BOUND;
        loop {
            self.closer.turn(Instant::now());
            while let Some(finished) = self.closer.poll_finished() {
                let name = name(finished.report.ending);
                *self.endings.entry(name).or_default() += 1;
            }
            if self.closer.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "not within {BOUND:?}");
            let timeout = self.closer.poll_timeout(Instant::now());
            match self.poll.poll(&mut self.events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => panic!("poll: {error}"),
                _ => {}
            }
            for event in &self.events {
                self.closer.handle(event, Instant::now());
            }
        }
    }
}

fn name(ending: Ending) -> &'static str {
    match ending {
        Ending::Graceful | Ending::PeerFin | Ending::Acked => "orderly",
        Ending::TimedOut { .. } => "timed out",
        Ending::ByteLimit => "byte limit",
        Ending::Reset { .. } => "reset",
        Ending::Lost { .. } | Ending::AlreadyClosed => "gone before",
        Ending::Aborted => "aborted",
        Ending::Evicted => "evicted",
        Ending::Failed { .. } => "failed",
    }
}

fn teardowns(batches: usize) {
    let before = open_descriptors();
    let mut endings = BTreeMap::new();
    for batch in 0..batches {
        let mut all = Batch::new();
        let with_its_loop = open_descriptors();
        all.run(batch * BATCH);
        // The `Closer` still lives: what it kept of a teardown that is over would be seen here.
        assert_eq!(open_descriptors(), with_its_loop, "in batch {batch}");
        for (name, times) in std::mem::take(&mut all.endings) {
            *endings.entry(name).or_default() += times;
        }
        drop(all);
        assert_eq!(open_descriptors(), before, "after batch {batch}");
    }
    println!("{} teardowns: {endings:?}", batches * BATCH);
    assert_eq!(endings.values().sum::<usize>(), batches * BATCH);
    for name in ["orderly", "timed out", "reset", "aborted", "evicted"] {
        assert!(endings.contains_key(name), "none was {name}: {endings:?}");
    }
}

#[test]
fn no_descriptor_is_left_of_a_hundred_thousand_teardowns() {
    teardowns(100_000 / BATCH);
}
