//! Endings that the caller wants: abort, and eviction.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::Instant;

use finwait::{Closer, Delivered, Ending, Fin};
use finwait_platform as platform;
use mio::Token;

use crate::common::{Driver, fill, pair, patient, read_all, tells};

#[test]
fn an_abort_is_a_reset_for_the_peer() {
    let (ours, theirs) = pair();
    let written = fill(&ours);
    let mut driver = Driver::new(patient());
    let key = driver.close(ours, []);
    driver.turn();
    assert!(driver.closer.abort(key, Instant::now()));
    let finished = driver.finished();
    assert_eq!(finished.key, key);
    let report = finished.report;
    assert_eq!(report.ending, Ending::Aborted, "{report:?}");
    if tells().unacknowledged {
        assert_eq!(report.delivered(), Delivered::Unknown);
        assert!(report.unacknowledged_bytes > Some(0));
    } else {
        assert_eq!(report.delivered(), Delivered::Unknown);
    }
    let (bytes, error) = read_all(&theirs);
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert!((bytes as u64) < written);
}

#[test]
fn an_abort_before_the_first_turn_sends_no_fin() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(patient());
    let key = driver.close(ours, *b"never sent");
    assert!(driver.closer.abort(key, Instant::now()));
    let report = driver.finished().report;
    assert_eq!(report.ending, Ending::Aborted);
    assert_eq!((report.fin, report.unwritten_bytes), (Fin::NotSent, 10));
    assert_eq!(report.delivered(), Delivered::No);
    assert_eq!(read_all(&theirs), (0, Some(ErrorKind::ConnectionReset)));
}

/// No FIN of ours is in the queue then, however certain the peer's is.
#[test]
fn what_an_abort_leaves_unacknowledged_in_the_flush_after_the_peers_fin_counts_no_fin() {
    if !tells().unacknowledged {
        return;
    }
    let (ours, theirs) = pair();
    fill(&ours);
    let witness = ours.try_clone().expect("a second descriptor");
    theirs.shutdown(Shutdown::Write).expect("connected");
    let mut driver = Driver::new(patient());
    // More than the buffers can have room for by now.
    let key = driver.close(ours, vec![7; 16 << 20]);
    driver.until("the peer's FIN, and full buffers", |driver| {
        let is_there = witness.peek(&mut [0]).ok() == Some(0);
        driver.turn();
        (is_there && !driver.closer.is_ready()).then_some(())
    });
    let unacknowledged = || platform::unacknowledged(&witness).expect("an answer");
    let before = unacknowledged();
    assert!(driver.closer.abort(key, Instant::now()));
    let report = driver.finished().report;
    assert_eq!((report.ending, report.fin), (Ending::Aborted, Fin::NotSent));
    assert!(report.peer_fin, "{report:?}");
    let told = report.unacknowledged_bytes;
    assert!(
        told <= before && told >= unacknowledged(),
        "{told:?} of {before:?}"
    );
    drop(theirs);
}

#[test]
fn an_abort_of_what_is_over_is_refused_and_never_hits_another() {
    let mut driver = Driver::new(patient());
    let (ours, theirs) = pair();
    drop(theirs);
    let first = driver.close(ours, []);
    assert_eq!(driver.finished().key, first);
    assert!(!driver.closer.abort(first, Instant::now()));
    // The next one has the same place, and another key.
    let (ours, theirs) = pair();
    let second = driver.close(ours, []);
    assert_ne!(first, second);
    assert!(!driver.closer.abort(first, Instant::now()));
    drop(theirs);
    let finished = driver.finished();
    assert_eq!(finished.key, second);
    assert!(finished.report.peer_fin, "{finished:?}");
}

fn room_for(most: usize) -> Driver {
    Driver::with(Closer::new(Token(0), patient(), Instant::now()).max_draining(most))
}

#[test]
fn one_too_many_evicts_the_one_that_has_been_idle_for_the_longest_time() {
    let mut driver = room_for(3);
    let connections: Vec<_> = (0..3).map(|_| pair()).collect();
    let (ours, mut theirs): (Vec<_>, Vec<_>) = connections.into_iter().unzip();
    let keys: Vec<_> = ours
        .into_iter()
        .map(|stream| driver.finish(stream, []))
        .collect();
    driver.turn();
    // The first one is heard of again; so the second has been idle for the longest time.
    use std::io::Write;
    theirs[0].write_all(b"alive").expect("a connection");
    driver.until("its bytes", |driver| {
        driver.received.get(&keys[0]).map(|_| ())
    });
    assert!(driver.closer.poll_finished().is_none());
    let (fourth, peer_of_fourth) = pair();
    driver.finish(fourth, []);
    let finished = driver.closer.poll_finished().expect("at once");
    assert_eq!(finished.key, keys[1]);
    assert_eq!(finished.report.ending, Ending::Evicted, "{finished:?}");
    assert_eq!(driver.closer.len(), 3);
    // Evicted is closed, not aborted: the peer has a clean EOF.
    assert_eq!(theirs[1].read(&mut [0; 8]).expect("EOF"), 0);
    drop((theirs, peer_of_fourth));
    for _ in 0..3 {
        assert!(driver.finished().report.peer_fin);
    }
    assert!(driver.closer.is_empty());
}

#[test]
fn an_eviction_finds_what_it_can_about_the_one_that_goes() {
    let mut driver = room_for(1);
    let (ours, theirs) = pair();
    fill(&ours);
    driver.close(ours, *b"unsent");
    driver.turn();
    let (next, peer_of_next) = pair();
    driver.close(next, []);
    let report = driver.closer.poll_finished().expect("at once").report;
    assert_eq!(report.ending, Ending::Evicted);
    assert_eq!(report.unwritten_bytes, 6);
    assert_eq!(report.delivered(), Delivered::No);
    assert_eq!(
        report.unacknowledged_bytes.is_some(),
        tells().unacknowledged
    );
    drop((theirs, peer_of_next));
    assert!(driver.finished().report.peer_fin);
}
