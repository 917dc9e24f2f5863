//! Receiving after the half-close, as the client of the recipe does.

use std::io::{Read, Write};

use finwait::Limits;

use crate::common::{Driver, Peer, pair, patient, tells};

const SOME: usize = 8 << 20;

/// No two chunks of it look alike.
fn pattern(seed: u8, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| seed ^ (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

#[test]
fn a_response_of_megabytes_after_the_half_close_arrives_whole_and_in_order() {
    let (ours, mut server) = pair();
    let server = Peer::plays(move || {
        let mut request = Vec::new();
        // It answers at our FIN only.
        server.read_to_end(&mut request).expect("the request");
        server.write_all(&pattern(3, SOME)).expect("the response");
        request
    });
    let mut driver = Driver::new(Limits {
        // No limit for what is delivered.
        drain_bytes: Some(1),
        ..patient()
    });
    let key = driver.finish(ours, *b"request");
    let finished = driver.finished();
    assert_eq!(finished.key, key);
    assert_eq!(server.done(), b"request");
    assert!(driver.received[&key] == pattern(3, SOME), "byte for byte");
    let report = finished.report;
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert_eq!(report.received_bytes, SOME as u64);
    assert_eq!(report.discarded_bytes, 0);
    assert_eq!(report.unwritten_bytes, 0);
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
}

/// Each end writes megabytes before it reads a byte; whoever does not read while it writes waits
/// for ever.
#[test]
fn two_full_windows_do_not_wait_for_each_other() {
    let (ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        theirs
            .write_all(&pattern(5, SOME))
            .expect("it is read meanwhile");
        let mut request = Vec::new();
        // Its FIN comes before our last byte.
        theirs
            .shutdown(std::net::Shutdown::Write)
            .expect("a half-close");
        theirs.read_to_end(&mut request).expect("the request");
        request
    });
    let mut driver = Driver::new(patient());
    let key = driver.finish(ours, pattern(9, SOME));
    let report = driver.finished().report;
    assert!(theirs.done() == pattern(9, SOME), "byte for byte");
    assert!(driver.received[&key] == pattern(5, SOME), "byte for byte");
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert_eq!(report.unwritten_bytes, 0);
}

#[test]
fn two_full_windows_do_not_wait_for_each_other_when_discarding_either() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(Limits {
        drain_bytes: None,
        ..patient()
    });
    let a = driver.close(ours, pattern(1, SOME));
    let b = driver.close(theirs, pattern(2, SOME));
    let mut seen = [driver.finished(), driver.finished()];
    seen.sort_by_key(|finished| finished.key != a);
    assert_eq!(seen.map(|finished| finished.key), [a, b]);
    for report in seen.map(|finished| finished.report) {
        assert!(report.peer_fin && report.error.is_none(), "{report:?}");
        assert_eq!(report.discarded_bytes, SOME as u64, "{report:?}");
    }
}

#[test]
fn two_deliveries_at_once_are_not_mixed() {
    let pairs = [pair(), pair(), pair()];
    let mut driver = Driver::new(patient());
    let mut expected = Vec::new();
    let mut servers = Vec::new();
    for (seed, (ours, mut server)) in pairs.into_iter().enumerate() {
        let answer = pattern(seed as u8, 1 << 20);
        expected.push((driver.finish(ours, *b"request"), answer.clone()));
        servers.push(Peer::plays(move || {
            server.read_to_end(&mut Vec::new()).expect("the request");
            server.write_all(&answer).expect("the response");
        }));
    }
    for _ in &expected {
        assert!(driver.finished().report.peer_fin);
    }
    servers.into_iter().for_each(Peer::done);
    for (key, answer) in expected {
        assert!(driver.received[&key] == answer, "byte for byte");
    }
}
