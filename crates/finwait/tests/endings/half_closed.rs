//! A socket whose write side the caller has shut down before.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use finwait::{Ending, Fin};

use crate::common::{Driver, Peer, ms, pair, patient, tells};

#[test]
fn what_comes_after_the_callers_own_half_close_is_received_to_the_peers_fin() {
    let (mut ours, mut theirs) = pair();
    ours.write_all(b"request").expect("room");
    ours.shutdown(Shutdown::Write).expect("a half-close");
    let theirs = Peer::plays(move || {
        let mut request = Vec::new();
        theirs.read_to_end(&mut request).expect("the request");
        theirs.write_all(b"response").expect("room");
        request
    });
    let mut driver = Driver::new(patient());
    let key = driver.drain(ours, &patient());
    let report = driver.finished().report;
    assert_eq!(theirs.done(), b"request");
    assert_eq!(driver.received[&key], b"response");
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert_eq!(report.flush, ms(0));
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
}

/// Never SHUT_RD: where nothing has come, another descriptor of the same socket finds nothing, and no end.
#[test]
fn s3_the_read_side_stays_open_after_our_half_close() {
    let (ours, mut theirs) = pair();
    let other = ours.try_clone().expect("a second descriptor");
    theirs.set_nonblocking(true).expect("non-blocking");
    let mut driver = Driver::new(patient());
    let key = driver.finish(ours, b"request");
    let mut request = Vec::new();
    driver.until("our FIN", |_| {
        let mut chunk = [0; 64];
        match theirs.read(&mut chunk) {
            Ok(0) => return Some(()),
            Ok(n) => request.extend_from_slice(&chunk[..n]),
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        None
    });
    assert_eq!(request, b"request");
    let found = other.peek(&mut [0]).expect_err("nothing has come");
    assert_eq!(found.kind(), ErrorKind::WouldBlock);
    drop(other);
    theirs.write_all(b"response").expect("room");
    drop(theirs);
    let report = driver.finished().report;
    assert_eq!(driver.received[&key], b"response");
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
}

/// By then a second `shutdown` would fail with ENOTCONN, and tell nothing of the first.
#[test]
fn one_that_has_come_to_its_end_meanwhile_is_no_failure() {
    let (mut ours, theirs) = pair();
    ours.shutdown(Shutdown::Write).expect("a half-close");
    // It closes when it has read our FIN; after its own FIN nothing is under way any more.
    Peer::plays(move || assert_eq!((&theirs).read(&mut [0]).expect("our FIN"), 0)).done();
    assert_eq!(ours.read(&mut [0]).expect("the peer's FIN"), 0);
    let mut driver = Driver::new(patient());
    driver.drain(ours, &patient());
    let report = driver.finished().report;
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert!(
        matches!(report.ending, Ending::Graceful | Ending::PeerFin),
        "{report:?}"
    );
    assert_ne!(report.fin, Fin::NotSent);
}
