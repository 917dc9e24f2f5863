//! Endings by RST, over real sockets: before the FIN and after it, seen and hidden.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]

mod common;

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::time::Instant;

use common::{BOUND, Loop, close_one, pair, patient, pattern, reset, tells_acks, wait_for_hangup};
use finwait::{Delivered, Ending, Fin, FinishOn, Limits, Phase};

/// Far more than both kernels take together.
const TOO_MUCH: usize = 32 << 20;
/// More than the peer's kernel takes without its application reading, less than ours takes.
const STUCK: usize = 1 << 20;

#[test]
fn a_reset_in_the_flush_leaves_bytes_unwritten() {
    let (ours, peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.close(ours, pattern(TOO_MUCH));
    for _ in 0..5 {
        driver.turn();
    }
    assert!(driver.reports.is_empty());
    reset(peer);
    let report = driver.report(key);
    let (phase, after_fin) = (Phase::Flush, false);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!(report.error.unwrap().kind(), ErrorKind::ConnectionReset);
    assert_eq!((report.fin, report.peer_fin), (Fin::NotSent, false));
    assert!(report.unwritten_bytes > 0);
    assert_eq!(report.delivered(), Delivered::No);
}

#[test]
fn a_reset_in_the_drain_says_how_much_was_not_acknowledged() {
    let (ours, peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.close(ours, pattern(STUCK));
    for _ in 0..5 {
        driver.turn();
    }
    // The peer's kernel took some; its application nothing. All of that is lost.
    reset(peer);
    let report = driver.report(key);
    let (phase, after_fin) = (Phase::Drain, false);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!((report.unwritten_bytes, report.peer_fin), (0, false));
    if tells_acks() {
        let unacked = report.unacknowledged_bytes.unwrap();
        assert!(unacked > 0 && unacked < STUCK as u64, "{unacked}");
        assert_eq!(
            (report.fin, report.delivered()),
            (Fin::Queued, Delivered::No)
        );
    } else {
        assert_eq!(report.delivered(), Delivered::Unknown);
    }
}

#[test]
fn a_reset_after_everything_was_acknowledged_takes_nothing_back() {
    let (ours, mut peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.finish(ours, b"a small thing".to_vec());
    let answering = std::thread::spawn(move || {
        assert_eq!(common::read_all(&mut peer).0, b"a small thing");
        // Carries the acknowledgement of our FIN, which might otherwise be delayed.
        peer.write_all(b"thanks").unwrap();
        peer
    });
    driver.turn_until("the answer", |driver| driver.received.contains_key(&key));
    reset(answering.join().unwrap());
    let report = driver.report(key);
    let (phase, after_fin) = (Phase::Drain, false);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    if tells_acks() {
        assert_eq!(
            (report.fin, report.unacknowledged_bytes),
            (Fin::Acked, Some(0))
        );
        assert_eq!(report.delivered(), Delivered::Yes);
    }
}

#[test]
fn a_reset_while_the_acknowledgement_is_awaited_comes_after_the_fin() {
    if !tells_acks() {
        eprintln!("skipped: needs a system that tells acknowledgements");
        return;
    }
    let (ours, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let finish_on = FinishOn::PeerFinAndAcked { confirm: BOUND * 2 };
    let mut driver = Loop::new(Limits {
        finish_on,
        ..patient()
    });
    let key = driver.close(ours, pattern(STUCK));
    for _ in 0..5 {
        driver.turn();
    }
    assert!(driver.reports.is_empty());
    // No read of ours will ever show this one: it says 0, for ever.
    reset(peer);
    let report = driver.report(key);
    let (phase, after_fin) = (Phase::Confirm, true);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert!(report.peer_fin && report.error.is_some());
    assert!(report.unacknowledged_bytes.unwrap() > 0);
    assert_eq!(report.delivered(), Delivered::No);
}

#[test]
fn a_reset_hidden_behind_a_fin_that_was_there_before_we_began() {
    let (mut ours, mut peer) = pair();
    peer.write_all(b"the end").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    reset(peer);
    wait_for_hangup(&mut ours);
    let report = close_one(patient(), ours, Vec::new());
    let (phase, after_fin) = (Phase::HalfClose, true);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!((report.received_bytes, report.fin), (7, Fin::NotSent));
    assert!(report.peer_fin && report.error.is_some());
}

#[test]
fn a_socket_that_was_reset_before_we_began_ends_at_once() {
    let (mut ours, mut peer) = pair();
    peer.write_all(b"half a sen").unwrap();
    reset(peer);
    wait_for_hangup(&mut ours);
    let report = close_one(patient(), ours, Vec::new());
    let (phase, after_fin) = (Phase::HalfClose, false);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!(report.error.unwrap().kind(), ErrorKind::ConnectionReset);
    assert_eq!((report.received_bytes, report.peer_fin), (10, false));
}

#[test]
fn a_socket_whose_error_somebody_else_has_taken_was_already_closed() {
    let (mut ours, peer) = pair();
    reset(peer);
    wait_for_hangup(&mut ours);
    assert_eq!(
        ours.take_error().unwrap().unwrap().kind(),
        ErrorKind::ConnectionReset
    );
    // From here on the kernel shows what looks like an orderly end.
    let report = close_one(patient(), ours, Vec::new());
    assert_eq!(report.ending, Ending::AlreadyClosed);
    assert_eq!((report.peer_fin, report.error), (false, None));
    assert_ne!(report.delivered(), Delivered::Yes);
}

#[test]
fn an_early_answer_is_delivered_although_the_upload_was_reset() {
    let (ours, mut peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.finish(ours, pattern(TOO_MUCH));
    for _ in 0..3 {
        driver.turn();
    }
    // It answers, and closes over our unread bytes: an RST.
    peer.write_all(b"413").unwrap();
    drop(peer);
    let report = driver.report(key);
    let (phase, after_fin) = (Phase::Flush, false);
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!(driver.received[&key], b"413");
}

#[test]
fn an_aborted_teardown_shows_the_peer_an_rst() {
    let (ours, mut peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.close(ours, pattern(STUCK));
    driver.turn();
    assert!(driver.closer.abort(key, Instant::now()));
    let report = driver.report(key);
    assert_eq!((report.ending, report.aborted), (Ending::Aborted, true));
    assert_ne!(report.delivered(), Delivered::Yes);
    let error = common::read_all(&mut peer).1.unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(!driver.closer.abort(key, Instant::now()), "it is over");
}
