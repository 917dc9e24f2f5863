//! What memory a `Closer` asks for: none for a teardown, once it has had as many before; and how much
//! for each connection that it holds. Counted on the test's own thread by an allocator.
//!
//! Here on Linux alone: elsewhere mio allocates for each socket that it registers, which is not ours.

#![cfg(all(target_os = "linux", feature = "mio", not(finwait_force_fallback)))]
#![expect(
    clippy::disallowed_methods,
    reason = "a test drives its own loop and reads the clock for it"
)]

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::time::{Duration, Instant};

use allocation_counter::measure;
use finwait::{Closer, Ending, Limits};
use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Reached only by a test that fails.
const BOUND: Duration = Duration::from_secs(60);
/// The loop of a caller.
struct Loop<B> {
    poll: Poll,
    events: Events,
    closer: Closer<B>,
}

impl<B: AsRef<[u8]>> Loop<B> {
    fn new() -> Self {
        // Nobody is in a hurry here.
        let limits = Limits {
            drain_idle: BOUND,
            drain_total: Some(BOUND),
            ..Limits::default()
        };
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(1024),
            closer: Closer::new(Token(0), limits, Instant::now()),
        }
    }

    /// A connection that the caller's loop knows already, as it does in a server: in debug builds mio
    /// allocates an error where it is asked to change the token of one that it does not know.
    fn connect(&self, listener: &TcpListener) -> TcpStream {
        let target = listener.local_addr().expect("bound");
        let stream = std::net::TcpStream::connect(target).expect("room in the queue");
        stream.set_nonblocking(true).expect("non-blocking");
        let mut stream = TcpStream::from_std(stream);
        let token = Token(usize::MAX - 1);
        let registry = self.poll.registry();
        registry
            .register(&mut stream, token, Interest::READABLE)
            .expect("a descriptor");
        stream
    }

    fn begin(&mut self, stream: TcpStream, unsent: B) {
        let (registry, now) = (self.poll.registry(), Instant::now());
        self.closer.close(registry, stream, unsent, now);
    }

    fn turn(&mut self) {
        let timeout = self.closer.poll_timeout(Instant::now());
        let timeout = timeout.map_or(BOUND, |timeout| timeout.min(BOUND));
        self.poll
            .poll(&mut self.events, Some(timeout))
            .expect("the event loop works");
        let now = Instant::now();
        for event in &self.events {
            self.closer.handle(event, now);
        }
        self.closer.turn(now);
    }

    /// Until each has sent its FIN, and waits with a deadline for its peer's.
    fn turn_until_all_wait(&mut self) {
        while self.closer.is_ready() {
            self.turn();
        }
    }
}

#[test]
fn a_teardown_allocates_nothing_once_there_have_been_as_many_before() {
    const MANY: usize = 200;
    let mut caller = Loop::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    for round in 0..4 {
        let mut ours = Vec::with_capacity(MANY);
        let mut theirs = Vec::with_capacity(MANY);
        for _ in 0..MANY {
            ours.push(caller.connect(&listener));
            let (mut stream, _) = listener.accept().expect("the other end");
            // To be discarded.
            stream.write_all(b"unread").expect("room");
            theirs.push(stream);
        }
        let counted = measure(|| {
            for stream in ours.drain(..) {
                caller.begin(stream, b"unsent");
            }
            caller.turn_until_all_wait();
            assert_eq!(caller.closer.len(), MANY);
            for stream in &theirs {
                stream.shutdown(Shutdown::Write).expect("connected");
            }
            let start = Instant::now();
            loop {
                let left = caller.closer.len();
                if left == 0 {
                    break;
                }
                assert!(start.elapsed() < BOUND, "{left} of {MANY} are left");
                caller.turn();
            }
            // The first time they are all there at once: how many are over in one turn is chance.
            let mut over = 0;
            while let Some(finished) = caller.closer.poll_finished() {
                let report = finished.report;
                assert_eq!(report.ending, Ending::Graceful, "{report:?}");
                assert_eq!(report.discarded_bytes, 6);
                over += 1;
            }
            assert_eq!(over, MANY);
        });
        if round == 0 {
            assert!(counted.count_total > 0, "nothing is counted");
        } else {
            assert_eq!(counted.count_total, 0, "round {round}: {counted:?}");
        }
    }
}

#[test]
fn where_room_was_made_beforehand_even_the_first_allocate_nothing() {
    const MANY: usize = 200;
    let mut caller = Loop::new();
    let queues = queues(MANY);
    let mut ours: Vec<_> = (0..MANY)
        .map(|number| caller.connect(&queues[number % queues.len()]))
        .collect();
    caller.closer.reserve(MANY);
    let counted = measure(|| {
        for stream in ours.drain(..) {
            caller.begin(stream, b"");
        }
        caller.turn_until_all_wait();
    });
    assert_eq!(caller.closer.len(), MANY);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// Queues in which established connections wait to be accepted; nobody accepts them.
fn queues(connections: usize) -> Vec<TcpListener> {
    let cap = platform::listen_backlog_cap().unwrap_or(128);
    let room = usize::try_from(cap).unwrap_or(usize::MAX).clamp(1, 1_000);
    let listen = |_| platform::listen((Ipv4Addr::LOCALHOST, 0).into(), room as i32);
    let queues = (0..connections.div_ceil(room)).map(listen);
    queues.collect::<Result<_, _>>().expect("free ports")
}

/// Bytes that the `Closer` holds for so many connections that wait for their peers' FINs.
fn bytes_held(connections: usize) -> usize {
    let mut caller = Loop::<Vec<u8>>::new();
    let queues = queues(connections);
    let queue = |number: usize| &queues[number % queues.len()];
    let ours = (0..connections).map(|number| caller.connect(queue(number)));
    let mut ours: Vec<_> = ours.collect();
    let counted = measure(|| {
        for stream in ours.drain(..) {
            caller.begin(stream, Vec::new());
        }
        caller.turn_until_all_wait();
    });
    assert_eq!(caller.closer.len(), connections);
    let bytes = usize::try_from(counted.bytes_current).expect("more than before");
    println!(
        "{connections} connections: {bytes} bytes, {:.1} for each",
        bytes as f64 / connections as f64
    );
    bytes
}

/// Whatever their number: what is kept for more is shared by those that are there. Besides, a `Closer`
/// has a buffer of 64 KiB and a deadline wheel.
#[test]
fn a_connection_takes_at_most_256_bytes_beyond_its_socket() {
    const MOST: usize = 16_384;
    // With the feature `tracing` each has a span, and the phase that it last told of.
    const EACH: usize = 256 + if cfg!(feature = "tracing") { 48 } else { 0 };
    let wanted = MOST as u64 + 600;
    let limit = platform::raise_open_file_limit(wanted).expect("a limit");
    if limit.is_some_and(|limit| limit.soft < wanted) {
        return skipped("an open-file limit of 17,000");
    }
    for connections in [1_000, 1_025, 4_000, 8_192, 9_001, 10_000, 12_345, MOST] {
        let bytes = bytes_held(connections);
        assert!(
            bytes <= EACH * connections,
            "{bytes} bytes for {connections}"
        );
        // It is counted: a machine alone is 128 bytes.
        assert!(
            bytes >= 128 * connections,
            "{bytes} bytes for {connections}"
        );
    }
}

/// Of a privilege that is not there: says so, and fails where all must be tested.
#[track_caller]
fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
