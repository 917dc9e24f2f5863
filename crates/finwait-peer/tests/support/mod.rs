//! Servers and clients to test with, and waiting that is bounded.

// Each test binary uses a part of it.
#![expect(dead_code, reason = "shared by test binaries that each use a part")]

pub(crate) mod client;
#[path = "../../../finwait/tests/common/witness.rs"]
pub(crate) mod witness;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use finwait::{Ending, FinishOn, Limits};
use finwait_peer::{Options, Protocol, Running, Server, Summary};

/// Whether the OS tells that our FIN was acknowledged.
pub(crate) const ACK_KNOWN: bool = cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(finwait_force_fallback)
));

/// Long enough for a machine under load; reached only by a test that fails.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

pub(crate) fn options(behaviour: &str) -> Options {
    Options {
        behaviour: behaviour.parse().unwrap(),
        limits: Limits {
            // An acknowledgement that is still under way when the peer's FIN is read is waited
            // for, so that a test may expect it.
            finish_on: FinishOn::PeerFinAndAcked { confirm: BOUND },
            drain_idle: BOUND,
            drain_total: Some(BOUND),
            ..Limits::default()
        },
        ..Options::default()
    }
}

pub(crate) fn bind(options: Options) -> Server {
    Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options).unwrap()
}

pub(crate) fn serve(behaviour: &str) -> Running {
    bind(options(behaviour)).spawn().unwrap()
}

pub(crate) fn http_options(behaviour: &str) -> Options {
    Options {
        protocol: Protocol::Http,
        idle: Some(BOUND),
        ..options(behaviour)
    }
}

pub(crate) fn serve_http(behaviour: &str) -> Running {
    bind(http_options(behaviour)).spawn().unwrap()
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, BOUND).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    stream
}

/// Stops the server and waits for it, no longer than a test may hang.
#[track_caller]
pub(crate) fn stop(server: Running, deadline: Duration) -> Summary {
    server.stop_handle().stop(deadline);
    bounded("the server's end", move || server.wait())
}

/// Stops a server whose connections are all over, or about to be.
#[track_caller]
pub(crate) fn finish(server: Running) -> Summary {
    let summary = stop(server, BOUND);
    assert_eq!(summary.failures, Vec::<String>::new());
    assert_eq!(summary.finished, summary.accepted, "{summary}");
    assert_eq!(
        summary.endings.values().sum::<u64>(),
        summary.finished,
        "{summary}"
    );
    summary
}

/// Does `work` in a thread, and fails if it takes too long.
#[track_caller]
pub(crate) fn bounded<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, wait) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _ = done.send(work());
    });
    match wait.recv_timeout(BOUND) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not within {BOUND:?}: {what}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a thread that ended well has sent"),
        },
    }
}

/// Asks until it is so: for what is no event.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + BOUND;
    while !so() {
        assert!(Instant::now() < end, "not within {BOUND:?}: {what}");
        thread::yield_now();
    }
}

/// All `n` connections were closed by finwait, in agreement with the peer.
#[track_caller]
pub(crate) fn assert_all_well(summary: &Summary, n: u64) {
    let ending = if ACK_KNOWN {
        Ending::Graceful
    } else {
        Ending::PeerFin
    };
    let well = summary.endings.get(&ending.to_string()).copied();
    assert_eq!(well, (n > 0).then_some(n), "{summary}");
    assert_eq!(summary.finished, n, "{summary}");
    assert_eq!(summary.graceful, if ACK_KNOWN { n } else { 0 }, "{summary}");
    assert_eq!(summary.cut, 0, "{summary}");
}

#[track_caller]
pub(crate) fn assert_ended(summary: &Summary, ending: &str, n: u64) {
    assert_eq!(summary.endings.get(ending), Some(&n), "{summary}");
}

pub(crate) fn half_close(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}

/// Everything up to the peer's FIN.
#[track_caller]
pub(crate) fn read_to_fin(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// How many bytes come before the peer's reset, which must come.
#[track_caller]
pub(crate) fn read_to_reset(stream: &TcpStream) -> u64 {
    let (bytes, error) = witness::read_to_either_end(stream);
    let received = bytes.len() as u64;
    let Some(error) = error else {
        panic!("a FIN after {received} bytes, and no reset");
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    received
}

/// Writes until that fails, as it must before all is written; how it fails. A blocking write that
/// waits when the RST comes is not woken by it under Wine.
#[track_caller]
pub(crate) fn write_to_failure(mut stream: &TcpStream, mut bytes: &[u8]) -> ErrorKind {
    stream.set_nonblocking(true).unwrap();
    let mut failure = None;
    until("a write that fails", || {
        match stream.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => failure = Some(error.kind()),
        }
        assert!(!bytes.is_empty(), "all was taken");
        failure.is_some()
    });
    stream.set_nonblocking(false).unwrap();
    failure.unwrap()
}

/// Sends, half-closes, and returns all that comes.
#[track_caller]
pub(crate) fn exchange(addr: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr);
    stream.write_all(request).unwrap();
    half_close(&stream);
    read_to_fin(&mut stream)
}

/// Bytes in which a gap, a repetition or a swap shows.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

/// Whether a client is turned away; waits until it is.
pub(crate) fn until_refused(addr: SocketAddr) {
    until("a refused connect", || {
        // One that slips in before the listener is closed is reset, or closed at the stop.
        TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

/// A test that cannot run says so; where everything must run, it fails.
pub(crate) fn skipped(what: &str) {
    assert!(
        std::env::var_os("FINWAIT_REQUIRE").is_none_or(|required| required != "all"),
        "needs {what}"
    );
    println!("skipped: needs {what}");
}

/// A reset that comes after the peer's FIN was read: no read tells of it.
#[track_caller]
pub(crate) fn until_hidden_reset(stream: &TcpStream) {
    until("a reset after the FIN", || {
        finwait_platform::take_error(stream).unwrap().is_some()
            || witness::of_read(stream, Ok(0)).is_err()
    });
}

/// The other side's kernel has our FIN. Nothing says whether its program has read it.
#[track_caller]
pub(crate) fn half_close_acked(stream: &TcpStream) {
    half_close(stream);
    if ACK_KNOWN {
        until("the acknowledgement of the FIN", || {
            finwait_platform::fin_acked(stream).unwrap() == finwait_platform::FinAck::Yes
        });
    }
}

/// There is neither a byte nor a FIN.
#[track_caller]
pub(crate) fn assert_silent(stream: &TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let error = stream.peek(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    stream.set_nonblocking(false).unwrap();
}

/// Whether what has this name must be left out because this runs under Wine; says so then.
pub(crate) fn skipped_under_wine(name: &str) -> bool {
    let wine = finwait_platform::wine_version().is_some();
    if wine {
        println!("skipped under Wine: {name}");
    }
    wine
}
