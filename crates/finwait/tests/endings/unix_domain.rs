//! Unix-domain sockets: no wire, the same teardown.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use finwait::{Clock, Delivered, Ending, Fin, Key, Limits, Phase};

use crate::common::{BOUND, Driver, Peer, ms, patient};

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    theirs.set_read_timeout(Some(BOUND)).expect("a timeout");
    theirs.set_write_timeout(Some(BOUND)).expect("a timeout");
    (ours, theirs)
}

fn stream(ours: UnixStream) -> mio::net::UnixStream {
    ours.set_nonblocking(true).expect("non-blocking");
    mio::net::UnixStream::from_std(ours)
}

fn close(driver: &mut Driver, ours: UnixStream, unsent: &[u8]) -> Key {
    let now = Instant::now();
    let registry = driver.poll.registry();
    driver
        .closer
        .close(registry, stream(ours), unsent.to_vec(), now)
}

#[test]
fn a_unix_domain_connection_ends_gracefully() {
    let (ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        theirs.write_all(b"request").expect("a connection");
        let mut response = Vec::new();
        theirs.read_to_end(&mut response).expect("a clean EOF");
        response
    });
    let mut driver = Driver::new(patient());
    close(&mut driver, ours, b"response");
    let report = driver.finished().report;
    assert_eq!(theirs.done(), b"response");
    assert_eq!(report.ending, Ending::Graceful, "{report:?}");
    assert_eq!(report.fin, Fin::Acked);
    assert_eq!(report.delivered(), Delivered::Yes);
    assert_eq!(report.discarded_bytes, 7);
}

#[test]
fn a_unix_domain_flush_and_delivery_of_megabytes_come_through() {
    const SOME: usize = 4 << 20;
    let (ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        theirs.write_all(&vec![3; SOME]).expect("read meanwhile");
        theirs.shutdown(Shutdown::Write).expect("a half-close");
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).expect("a clean EOF");
        bytes.len()
    });
    let mut driver = Driver::new(patient());
    let now = Instant::now();
    let registry = driver.poll.registry();
    let key = driver
        .closer
        .finish(registry, stream(ours), vec![7; SOME], now);
    let report = driver.finished().report;
    assert_eq!(theirs.done(), SOME);
    assert_eq!(driver.received[&key].len(), SOME);
    assert!(report.is_graceful(), "{report:?}");
}

#[test]
fn a_unix_domain_peer_that_closes_with_our_bytes_unread_is_a_reset() {
    let (ours, theirs) = pair();
    (&ours)
        .write_all(b"nobody reads this")
        .expect("a connection");
    let mut driver = Driver::new(patient());
    close(&mut driver, ours, &[]);
    driver.turn();
    drop(theirs);
    let report = driver.finished().report;
    if cfg!(any(target_os = "linux", target_os = "android")) {
        let reset = Ending::Reset {
            phase: Phase::Drain,
            after_fin: false,
        };
        assert_eq!(report.ending, reset, "{report:?}");
        assert!(report.error.is_some() && !report.peer_fin);
    } else {
        println!("not asserted: only Linux tells of unread bytes at the other end");
    }
}

#[test]
fn a_silent_unix_domain_peer_ends_by_the_idle_clock() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(Limits {
        drain_idle: ms(40),
        ..patient()
    });
    close(&mut driver, ours, b"response");
    let report = driver.finished().report;
    let idle = Ending::TimedOut {
        phase: Phase::Drain,
        clock: Clock::Idle,
    };
    assert_eq!(report.ending, idle, "{report:?}");
    assert!(report.drain >= ms(40));
    drop(theirs);
}

#[test]
fn a_unix_domain_peer_that_takes_nothing_ends_as_a_flush_stall() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(Limits {
        flush_stall: ms(40),
        ..patient()
    });
    close(&mut driver, ours, &vec![7; 8 << 20]);
    let report = driver.finished().report;
    let stalled = Ending::TimedOut {
        phase: Phase::Flush,
        clock: Clock::Idle,
    };
    assert_eq!(report.ending, stalled, "{report:?}");
    assert_eq!(report.delivered(), Delivered::No);
    drop(theirs);
}

#[test]
fn a_unix_domain_connection_that_is_aborted_is_reported_so() {
    let (ours, mut theirs) = pair();
    let mut driver = Driver::new(patient());
    let key = close(&mut driver, ours, b"unsent");
    assert!(driver.closer.abort(key, Instant::now()));
    let report = driver.finished().report;
    assert_eq!(report.ending, Ending::Aborted, "{report:?}");
    assert_eq!(report.delivered(), Delivered::No);
    assert_eq!(theirs.read(&mut [0; 8]).expect("closed"), 0);
}
