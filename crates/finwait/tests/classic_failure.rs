//! The classic failure, and its control: a server that answers while the client's bytes lie unread.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use common::{Loop, ms, orderly, pair, pattern, read_all, tells_acks};
use finwait::{Delivered, Limits};

/// Far more than the client's receive window.
const ANSWER: usize = 4 << 20;
/// What the server never reads.
const UNREAD: &[u8] = b"fifty bytes of a request that nobody cares to read";

/// A server with the client's bytes unread in its socket.
fn asked() -> (mio::net::TcpStream, TcpStream) {
    let (server, mut client) = pair();
    client.write_all(UNREAD).unwrap();
    // They are there once a peek sees them.
    let give_up = std::time::Instant::now() + common::BOUND;
    while !matches!(server.peek(&mut [0; 64]), Ok(n) if n == UNREAD.len()) {
        assert!(std::time::Instant::now() < give_up);
        thread::yield_now();
    }
    (server, client)
}

#[test]
fn with_a_plain_close_the_client_loses_bytes_and_gets_a_reset() {
    let (server, mut client) = asked();
    let server = thread::spawn(move || {
        let mut server = TcpStream::from(server);
        server.set_nonblocking(false).unwrap();
        // Blocks until the kernel has taken all; then `close` returns without an error.
        server.write_all(&pattern(ANSWER)).unwrap();
    });
    // The client reads slowly at first, so that the last megabyte waits in the server's kernel.
    let (mut read, mut failed) = (0, None);
    let mut buffer = [0; 4096];
    while !server.is_finished() && failed.is_none() {
        match client.read(&mut buffer) {
            Ok(bytes) => read += bytes,
            Err(error) => failed = Some(error),
        }
        thread::yield_now();
    }
    server.join().unwrap();
    let (rest, error) = read_all(&mut client);
    let error = failed.or(error).map(|error| error.kind());
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    let read = read + rest.len();
    assert!(read < ANSWER, "the control lost nothing: {read}");
}

#[test]
fn with_finwait_every_byte_arrives_and_the_report_says_so() {
    let (server, mut client) = asked();
    let client = thread::spawn(move || {
        let mut first = [0; 4096];
        let mut bytes = Vec::new();
        // As slowly at first.
        for _ in 0..20 {
            let n = client.read(&mut first).unwrap();
            bytes.extend_from_slice(&first[..n]);
            thread::yield_now();
        }
        let (rest, error) = read_all(&mut client);
        bytes.extend_from_slice(&rest);
        (bytes, error)
    });
    let limits = Limits {
        flush_stall: common::BOUND,
        drain_idle: common::BOUND,
        ..Limits::default()
    };
    let mut driver = Loop::new(limits);
    let key = driver.close(server, pattern(ANSWER));
    let report = driver.report(key);
    let (bytes, error) = client.join().unwrap();
    assert!(error.is_none(), "{error:?}");
    assert!(bytes == pattern(ANSWER), "{} bytes", bytes.len());
    assert_eq!(report.ending, orderly());
    assert_eq!(report.discarded_bytes, UNREAD.len() as u64);
    assert_eq!(report.delivered() == Delivered::Yes, tells_acks());
    assert!(report.total() < ms(600_000));
}
