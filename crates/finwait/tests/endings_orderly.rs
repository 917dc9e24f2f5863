//! Endings without an error, over real sockets.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use common::{BOUND, Loop, close_one, ms, orderly, pair, patient, pattern, read_all, tells_acks};
use finwait::{Clock, Delivered, Ending, Fin, FinishOn, Limits, Phase};

/// More than the peer's kernel takes without its application reading, less than ours takes.
const STUCK: usize = 1 << 20;

fn proof(confirm: Duration) -> Limits {
    Limits {
        finish_on: FinishOn::PeerFinAndAcked { confirm },
        ..patient()
    }
}

#[test]
fn we_half_close_first_and_the_peer_follows() {
    let (ours, mut peer) = pair();
    let peer = thread::spawn(move || read_all(&mut peer));
    let report = close_one(patient(), ours, b"goodbye".to_vec());
    assert_eq!(report.ending, orderly());
    assert_eq!(
        (report.peer_fin, report.error, report.unwritten_bytes),
        (true, None, 0)
    );
    assert_eq!(report.delivered() == Delivered::Yes, tells_acks());
    let (bytes, error) = peer.join().unwrap();
    assert_eq!((bytes.as_slice(), error.is_none()), (&b"goodbye"[..], true));
}

#[test]
fn the_peer_half_closes_first() {
    let (ours, mut peer) = pair();
    peer.write_all(b"the last word").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let report = close_one(proof(BOUND), ours, b"goodbye".to_vec());
    assert_eq!(report.ending, orderly());
    assert_eq!((report.received_bytes, report.discarded_bytes), (13, 13));
    let (bytes, error) = read_all(&mut peer);
    assert_eq!((bytes.as_slice(), error.is_none()), (&b"goodbye"[..], true));
}

#[test]
fn both_half_close_at_once() {
    let (ours, mut peer) = pair();
    let (peer_first, our_turn) = (
        thread::spawn(move || {
            peer.shutdown(Shutdown::Write).unwrap();
            read_all(&mut peer)
        }),
        close_one(proof(BOUND), ours, Vec::new()),
    );
    assert_eq!(our_turn.ending, orderly());
    assert!(peer_first.join().unwrap().1.is_none());
}

#[test]
fn the_peer_has_closed_with_our_data_unacknowledged() {
    let (ours, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let report = close_one(patient(), ours, pattern(STUCK));
    assert_eq!(report.ending, Ending::PeerFin);
    assert_eq!((report.peer_fin, report.unwritten_bytes), (true, 0));
    // End of file is not delivery.
    assert_eq!(report.delivered(), Delivered::Unknown);
    if tells_acks() {
        assert_eq!(report.fin, Fin::Queued);
        let unacked = report.unacknowledged_bytes.unwrap();
        assert!(unacked > 0 && unacked < STUCK as u64, "{unacked}");
    }
    // Closing at EOF does no harm to what is under way: the kernel goes on.
    let mut peer = peer;
    let (bytes, error) = read_all(&mut peer);
    assert_eq!((bytes.len(), error.is_none()), (STUCK, true));
}

#[test]
fn proof_of_delivery_is_waited_for() {
    let (ours, mut peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut driver = Loop::new(proof(BOUND));
    let key = driver.close(ours, pattern(STUCK));
    if tells_acks() {
        for _ in 0..5 {
            driver.turn();
            assert!(
                driver.reports.is_empty(),
                "nothing proves it while the peer does not read"
            );
        }
    }
    let peer = thread::spawn(move || read_all(&mut peer));
    let report = driver.report(key);
    assert_eq!(report.ending, orderly());
    assert_eq!(report.delivered() == Delivered::Yes, tells_acks());
    assert_eq!(report.fin_to_ack.is_some(), tells_acks());
    assert_eq!(peer.join().unwrap().0, pattern(STUCK));
}

#[test]
fn proof_that_does_not_come_is_a_timeout_of_the_confirmation() {
    let (ours, peer) = pair();
    peer.shutdown(Shutdown::Write).unwrap();
    let report = close_one(proof(ms(50)), ours, pattern(STUCK));
    if tells_acks() {
        let (phase, clock) = (Phase::Confirm, Clock::Confirm);
        assert_eq!(report.ending, Ending::TimedOut { phase, clock });
        assert!(report.confirm >= ms(50), "{report:?}");
    } else {
        assert_eq!(report.ending, Ending::PeerFin);
    }
    assert_eq!(report.delivered(), Delivered::Unknown);
}

#[test]
fn the_policy_of_acknowledgement_does_not_wait_for_the_peers_fin() {
    let (ours, mut peer) = pair();
    let finish_on = FinishOn::Acked { grace: ms(20) };
    let drain_idle = if tells_acks() { BOUND * 2 } else { ms(50) };
    let limits = Limits {
        finish_on,
        drain_idle,
        ..patient()
    };
    let mut driver = Loop::new(limits);
    let key = driver.close(ours, b"all of it".to_vec());
    let report = driver.report(key);
    if tells_acks() {
        assert_eq!((report.ending, report.fin), (Ending::Acked, Fin::Acked));
        assert_eq!(report.delivered(), Delivered::Yes);
    } else {
        let (phase, clock) = (Phase::Drain, Clock::Idle);
        assert_eq!(report.ending, Ending::TimedOut { phase, clock });
    }
    assert!(!report.peer_fin);
    let mut bytes = [0; 9];
    peer.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"all of it");
}

#[test]
fn a_peer_that_closes_within_the_grace_is_graceful() {
    let (ours, mut peer) = pair();
    let limits = Limits {
        finish_on: FinishOn::Acked { grace: BOUND * 2 },
        ..patient()
    };
    let mut driver = Loop::new(limits);
    let key = driver.close(ours, b"all of it".to_vec());
    let peer = thread::spawn(move || read_all(&mut peer));
    assert_eq!(driver.report(key).ending, orderly());
    peer.join().unwrap();
}

#[test]
fn a_socket_that_is_registered_already_under_another_token_is_taken_over() {
    let (mut ours, mut peer) = pair();
    let mut driver = Loop::new(patient());
    driver
        .poll
        .registry()
        .register(&mut ours, mio::Token(3), mio::Interest::READABLE)
        .unwrap();
    let key = driver.close(ours, b"x".to_vec());
    driver.turn();
    let peer = thread::spawn(move || read_all(&mut peer));
    assert_eq!(driver.report(key).ending, orderly());
    peer.join().unwrap();
}

#[test]
fn many_at_once_each_get_one_report() {
    let mut driver = Loop::new(patient());
    let mut keys = Vec::new();
    let mut peers = Vec::new();
    for i in 0..200 {
        let (ours, peer) = pair();
        keys.push(driver.close(ours, pattern(i)));
        peers.push(peer);
    }
    let peers = thread::spawn(move || {
        peers
            .iter_mut()
            .map(|peer| read_all(peer).0.len())
            .collect::<Vec<_>>()
    });
    for key in keys {
        assert_eq!(driver.report(key).ending, orderly());
    }
    assert!(driver.closer.is_empty());
    assert_eq!(driver.closer.poll_timeout(Instant::now()), None);
    assert_eq!(peers.join().unwrap(), (0..200).collect::<Vec<_>>());
}

#[test]
fn the_blocking_forms_do_the_same() {
    let (ours, mut peer) = pair();
    let server = thread::spawn(move || {
        let (request, _) = read_all(&mut peer);
        peer.write_all(&request).unwrap();
        finwait::close(peer, &patient()).unwrap()
    });
    let ours = std::net::TcpStream::from(ours);
    let mut echoed = Vec::new();
    let limits = Limits { ..patient() };
    let report = finwait::finish(ours, &pattern(3 << 20), &limits, |chunk| {
        echoed.extend_from_slice(chunk);
    })
    .unwrap();
    assert_eq!(report.ending, orderly());
    assert!(echoed == pattern(3 << 20));
    assert!(server.join().unwrap().peer_fin);
}
