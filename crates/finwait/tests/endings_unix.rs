//! Unix-domain sockets end like the others.

#![cfg(unix)]

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread;

use common::{Loop, close_one, ms, patient, pattern};
use finwait::{Clock, Delivered, Ending, Fin, Limits, Phase};

fn pair() -> (mio::net::UnixStream, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_read_timeout(Some(common::BOUND)).unwrap();
    (mio::net::UnixStream::from_std(ours), peer)
}

#[test]
fn an_orderly_end_is_graceful_everywhere() {
    let (ours, mut peer) = pair();
    let peer = thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut peer, &mut bytes).unwrap();
        peer.write_all(&bytes).unwrap();
    });
    let mut driver = Loop::new(patient());
    let key = driver.finish(ours, pattern(1 << 20));
    let report = driver.report(key);
    assert_eq!((report.ending, report.fin), (Ending::Graceful, Fin::Acked));
    assert_eq!(report.delivered(), Delivered::Yes);
    assert!(driver.received[&key] == pattern(1 << 20));
    peer.join().unwrap();
}

#[test]
fn bytes_are_discarded_too() {
    let (ours, mut peer) = pair();
    peer.write_all(&pattern(100_000)).unwrap();
    drop(peer);
    let report = close_one(patient(), ours, Vec::new());
    assert_eq!(
        (report.ending, report.discarded_bytes),
        (Ending::Graceful, 100_000)
    );
}

#[test]
fn a_peer_that_closes_over_our_unread_bytes_is_a_reset() {
    let (ours, peer) = pair();
    let mut driver = Loop::new(patient());
    let key = driver.close(ours, b"unread".to_vec());
    driver.turn();
    drop(peer);
    let report = driver.report(key);
    assert!(matches!(report.ending, Ending::Reset { .. }), "{report:?}");
}

#[test]
fn a_silent_peer_ends_by_the_idle_clock() {
    let (ours, _peer) = pair();
    let report = close_one(
        Limits {
            drain_idle: ms(50),
            ..patient()
        },
        ours,
        Vec::new(),
    );
    let (phase, clock) = (Phase::Drain, Clock::Idle);
    assert_eq!(report.ending, Ending::TimedOut { phase, clock });
}

#[test]
fn a_peer_that_takes_nothing_is_a_flush_stall() {
    let (ours, _peer) = pair();
    let limits = Limits {
        flush_stall: ms(50),
        ..patient()
    };
    let report = close_one(limits, ours, pattern(8 << 20));
    let (phase, clock) = (Phase::Flush, Clock::Idle);
    assert_eq!(report.ending, Ending::TimedOut { phase, clock });
    assert!(report.unwritten_bytes > 0);
}
