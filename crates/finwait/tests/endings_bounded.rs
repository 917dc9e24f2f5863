//! Endings by a bound: deadlines, the byte limit, eviction, the end of the process.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use common::{BOUND, Loop, close_one, ms, orderly, pair, patient, pattern, read_all, tells_acks};
use finwait::{Clock, Closer, Delivered, Ending, Fin, Limits, OnDeadline, OnLimit, Phase};

const TOO_MUCH: usize = 32 << 20;

fn timed_out(phase: Phase, clock: Clock) -> Ending {
    Ending::TimedOut { phase, clock }
}

/// Sends as fast as it is taken until the other side is gone.
fn flood(mut peer: TcpStream) {
    while peer.write_all(&[b'!'; 64 << 10]).is_ok() {}
}

#[test]
fn a_silent_peer_ends_by_the_idle_clock() {
    let (ours, mut peer) = pair();
    let report = close_one(
        Limits {
            drain_idle: ms(50),
            ..patient()
        },
        ours,
        b"bye".to_vec(),
    );
    assert_eq!(report.ending, timed_out(Phase::Drain, Clock::Idle));
    assert!(report.drain >= ms(50), "{report:?}");
    assert_eq!(
        (report.peer_fin, report.unread_bytes.unwrap_or(0)),
        (false, 0)
    );
    assert_eq!(report.delivered() == Delivered::Yes, tells_acks());
    let (bytes, error) = read_all(&mut peer);
    assert_eq!((bytes.as_slice(), error.is_none()), (&b"bye"[..], true));
}

#[test]
fn a_deadline_may_be_made_to_abort() {
    let (ours, mut peer) = pair();
    let limits = Limits {
        drain_idle: ms(50),
        on_deadline: OnDeadline::Abort,
        ..patient()
    };
    let report = close_one(limits, ours, Vec::new());
    assert_eq!(report.ending, timed_out(Phase::Drain, Clock::Idle));
    assert!(report.aborted);
    let mut bytes = Vec::new();
    // Our FIN came first, so this is an end, or an RST if it was quick.
    let _ = peer.read_to_end(&mut bytes);
    let mut write = Ok(());
    let give_up = Instant::now() + BOUND;
    while write.is_ok() && Instant::now() < give_up {
        write = peer.write_all(b"?");
    }
    let kind = write.unwrap_err().kind();
    assert!(
        matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{kind}"
    );
}

#[test]
fn a_dripping_peer_ends_by_the_total_and_not_before() {
    let (ours, mut peer) = pair();
    let dripping = thread::spawn(move || {
        while peer.write_all(b".").is_ok() {
            thread::yield_now();
        }
    });
    let limits = Limits {
        drain_total: Some(ms(100)),
        drain_bytes: None,
        ..patient()
    };
    let report = close_one(limits, ours, Vec::new());
    assert_eq!(report.ending, timed_out(Phase::Drain, Clock::Total));
    assert!(report.drain >= ms(100), "{report:?}");
    assert!(report.discarded_bytes > 0);
    dripping.join().unwrap();
}

#[test]
fn a_peer_that_takes_nothing_ends_as_a_flush_stall() {
    let (ours, _peer) = pair();
    let report = close_one(
        Limits {
            flush_stall: ms(60),
            ..patient()
        },
        ours,
        pattern(TOO_MUCH),
    );
    assert_eq!(report.ending, timed_out(Phase::Flush, Clock::Idle));
    assert!(report.flush >= ms(60), "{report:?}");
    assert_eq!(
        (report.fin, report.delivered()),
        (Fin::NotSent, Delivered::No)
    );
    assert!(report.unwritten_bytes > 0);
}

#[test]
fn the_flush_has_a_total_if_it_is_asked_for() {
    let (ours, mut peer) = pair();
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while peer.read(&mut buffer).is_ok_and(|n| n > 0) {
            thread::yield_now();
        }
    });
    let limits = Limits {
        flush_total: Some(ms(20)),
        ..patient()
    };
    let report = close_one(limits, ours, vec![b'x'; 512 << 20]);
    assert_eq!(report.ending, timed_out(Phase::Flush, Clock::Total));
    reader.join().unwrap();
}

#[test]
fn two_full_windows_do_not_wait_for_each_other() {
    let (ours, peer) = pair();
    let mut writer = peer.try_clone().unwrap();
    // It writes all of its own before it reads anything of ours.
    let peer = thread::spawn(move || {
        writer.write_all(&pattern(TOO_MUCH)).unwrap();
        let mut peer = peer;
        let bytes = read_all(&mut peer).0;
        drop((peer, writer));
        bytes
    });
    let mut driver = Loop::new(patient());
    let key = driver.finish(ours, pattern(TOO_MUCH));
    assert_eq!(driver.report(key).ending, orderly());
    assert!(driver.received[&key] == pattern(TOO_MUCH));
    assert!(peer.join().unwrap() == pattern(TOO_MUCH));
}

#[test]
fn a_response_of_megabytes_is_delivered_after_the_half_close() {
    let (ours, mut peer) = pair();
    let server = thread::spawn(move || {
        // Answers only when it has seen our FIN.
        let (request, error) = read_all(&mut peer);
        assert!(error.is_none());
        peer.write_all(&pattern(8 << 20)).unwrap();
        request
    });
    let mut driver = Loop::new(Limits {
        drain_bytes: Some(1),
        ..patient()
    });
    let key = driver.finish(ours, b"GET".to_vec());
    let report = driver.report(key);
    assert_eq!(report.ending, orderly());
    assert_eq!(
        (report.received_bytes, report.discarded_bytes),
        (8 << 20, 0)
    );
    assert!(driver.received[&key] == pattern(8 << 20));
    assert_eq!(server.join().unwrap(), b"GET");
}

#[test]
fn at_the_byte_limit_the_peer_still_gets_all_of_ours() {
    let (ours, mut peer) = pair();
    let grace = ms(50);
    let on_limit = OnLimit::PauseAndConfirm { grace };
    let drain_idle = if tells_acks() {
        patient().drain_idle
    } else {
        ms(500)
    };
    let limits = Limits {
        drain_bytes: Some(100_000),
        on_limit,
        drain_idle,
        ..patient()
    };
    let flooding = thread::spawn({
        let peer = peer.try_clone().unwrap();
        move || flood(peer)
    });
    let answer = thread::spawn(move || {
        let mut answer = vec![0; 2 << 20];
        peer.read_exact(&mut answer).unwrap();
        (answer, peer)
    });
    let report = close_one(limits, ours, pattern(2 << 20));
    assert_eq!(report.ending, Ending::ByteLimit);
    assert!(report.discarded_bytes >= 100_000);
    assert!(
        report.discarded_bytes <= 100_000 + (1 << 20),
        "limit plus one read"
    );
    assert!(
        report.unread_bytes.is_none_or(|unread| unread > 0),
        "{report:?}"
    );
    assert_eq!(report.delivered() == Delivered::Yes, tells_acks());
    let (answer, _peer) = answer.join().unwrap();
    assert!(answer == pattern(2 << 20));
    flooding.join().unwrap();
}

#[test]
fn the_byte_limit_may_be_made_to_abort() {
    let (ours, peer) = pair();
    let flooding = thread::spawn(move || flood(peer));
    let limits = Limits {
        drain_bytes: Some(100_000),
        on_limit: OnLimit::Abort,
        ..patient()
    };
    let report = close_one(limits, ours, Vec::new());
    assert_eq!((report.ending, report.aborted), (Ending::ByteLimit, true));
    flooding.join().unwrap();
}

#[test]
fn one_too_many_evicts_the_longest_idle() {
    let closer = Closer::new(mio::Token(100), patient(), Instant::now()).max_draining(3);
    let mut driver = Loop::of(closer);
    let mut peers = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let (ours, peer) = pair();
        keys.push(driver.finish(ours, Vec::new()));
        peers.push(peer);
        driver.turn();
    }
    // The first one makes progress, so the second is the longest idle.
    let first = keys[0];
    peers[0].write_all(b"still here").unwrap();
    driver.turn_until("the first one's bytes", |driver| {
        driver.received.contains_key(&first)
    });
    let (ours, _peer) = pair();
    driver.close(ours, Vec::new());
    let report = driver.report(keys[1]);
    assert_eq!(report.ending, Ending::Evicted);
    assert_eq!(driver.closer.len(), 3);
    assert!(!driver.reports.contains_key(&first));
}

#[test]
fn a_stop_ends_what_is_there_and_what_comes_later() {
    let mut driver = Loop::new(patient());
    let (ours, _drained) = pair();
    let draining = driver.close(ours, Vec::new());
    let (ours, _flushed) = pair();
    let flushing = driver.close(ours, pattern(TOO_MUCH));
    for _ in 0..3 {
        driver.turn();
    }
    let deadline = Instant::now() + ms(80);
    driver.closer.stop(deadline, Instant::now());
    // A later deadline extends nothing.
    driver.closer.stop(deadline + BOUND * 4, Instant::now());
    let (ours, _late) = pair();
    let late = driver.close(ours, Vec::new());
    for (key, phase) in [
        (draining, Phase::Drain),
        (flushing, Phase::Flush),
        (late, Phase::Drain),
    ] {
        let report = driver.report(key);
        assert_eq!(report.ending, timed_out(phase, Clock::Stop));
        // No FIN is skipped.
        assert_eq!(report.fin == Fin::NotSent, phase == Phase::Flush);
    }
    assert!(Instant::now() >= deadline);
    assert!(driver.closer.is_empty());
}

#[test]
fn a_flooding_peer_does_not_keep_an_honest_one_waiting() {
    let mut driver = Loop::new(Limits {
        drain_bytes: None,
        ..patient()
    });
    let mut floods = Vec::new();
    for _ in 0..4 {
        let (ours, peer) = pair();
        driver.close(ours, Vec::new());
        floods.push(thread::spawn(move || flood(peer)));
    }
    for _ in 0..10 {
        driver.turn();
    }
    let (ours, mut peer) = pair();
    let honest = driver.close(ours, b"bye".to_vec());
    let reader = thread::spawn(move || read_all(&mut peer));
    assert_eq!(driver.report(honest).ending, orderly());
    reader.join().unwrap();
    assert_eq!(driver.closer.len(), 4, "the floods are still being drained");
    driver.closer.stop(Instant::now(), Instant::now());
    driver.turn_until("the floods are cut", |driver| driver.closer.is_empty());
    floods.into_iter().for_each(|flood| flood.join().unwrap());
}
