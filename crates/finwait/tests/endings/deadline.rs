//! Endings by a clock.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use finwait::{Clock, Delivered, Ending, Limits, OnDeadline, Phase};

use crate::common::{BOUND, Driver, Peer, fill, if_told, ms, pair, patient, read_all, tells};

const fn timed_out(phase: Phase, clock: Clock) -> Ending {
    Ending::TimedOut { phase, clock }
}

#[test]
fn a_silent_peer_ends_by_the_idle_clock() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(Limits {
        drain_idle: ms(40),
        ..patient()
    });
    driver.close(ours, *b"response");
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Drain, Clock::Idle),
        "{report:?}"
    );
    assert!(report.drain >= ms(40), "not before its time: {report:?}");
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
    assert!(!report.peer_fin && report.error.is_none());
    drop(theirs);
}

#[test]
fn a_deadline_closes_and_leaves_the_rest_to_the_kernel() {
    let (ours, mut theirs) = pair();
    let written = fill(&ours);
    let mut driver = Driver::new(Limits {
        drain_idle: ms(20),
        ..patient()
    });
    driver.close(ours, []);
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Drain, Clock::Idle),
        "{report:?}"
    );
    assert_eq!(report.delivered(), Delivered::Unknown, "still under way");
    let mut bytes = Vec::new();
    theirs.read_to_end(&mut bytes).expect("a clean EOF");
    assert_eq!(bytes.len() as u64, written);
}

#[test]
fn a_deadline_aborts_if_that_is_wanted() {
    let (ours, theirs) = pair();
    let written = fill(&ours);
    let mut driver = Driver::new(Limits {
        drain_idle: ms(20),
        on_deadline: OnDeadline::Abort,
        ..patient()
    });
    driver.close(ours, []);
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Drain, Clock::Idle),
        "{report:?}"
    );
    let (bytes, error) = read_all(&theirs);
    assert_eq!(error, Some(std::io::ErrorKind::ConnectionReset));
    assert!((bytes as u64) < written, "what was queued is dropped");
}

#[test]
fn a_dripping_peer_ends_by_the_total() {
    let (ours, mut theirs) = pair();
    theirs.write_all(b"!").expect("a connection");
    ours.peek(&mut [0; 1]).expect("the first drop is here");
    let theirs = Peer::plays(move || {
        // Until the RST that our close with unread bytes, or its drip after it, draws.
        while theirs.write_all(b".").is_ok() {
            std::thread::sleep(ms(2));
        }
    });
    let mut driver = Driver::new(Limits {
        drain_total: Some(ms(60)),
        ..patient()
    });
    driver.close(ours, *b"response");
    let report = driver.finished().report;
    theirs.done();
    assert_eq!(
        report.ending,
        timed_out(Phase::Drain, Clock::Total),
        "{report:?}"
    );
    assert!(report.drain >= ms(60), "{report:?}");
    assert!(report.discarded_bytes > 0);
}

#[test]
fn a_peer_that_takes_nothing_ends_as_a_flush_stall() {
    const UNSENT: usize = 32 << 20;
    let (ours, theirs) = pair();
    let mut driver = Driver::new(Limits {
        flush_stall: ms(60),
        ..patient()
    });
    driver.close(ours, vec![7; UNSENT]);
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Flush, Clock::Idle),
        "{report:?}"
    );
    assert!((1..UNSENT as u64).contains(&report.unwritten_bytes));
    assert_eq!(report.delivered(), Delivered::No);
    assert!(report.flush >= ms(60), "{report:?}");
    drop(theirs);
}

#[test]
fn a_flush_has_a_total_if_that_is_wanted() {
    let (ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        let mut buffer = vec![0; 16_384];
        while theirs.read(&mut buffer).is_ok_and(|n| n > 0) {
            std::thread::sleep(ms(1));
        }
    });
    let mut driver = Driver::new(Limits {
        flush_total: Some(ms(60)),
        ..patient()
    });
    driver.close(ours, vec![7; 512 << 20]);
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Flush, Clock::Total),
        "{report:?}"
    );
    assert!(report.flush >= ms(60), "{report:?}");
    theirs.done();
}

/// A send buffer of megabytes takes several stalls to make room for one more write: only
/// acknowledged bytes show that this peer lives.
#[test]
fn a_slow_reader_is_not_cut_while_it_reads() {
    const STALL: Duration = ms(400);
    if !tells().unacknowledged {
        println!("not asserted: without acknowledgements only writes show progress");
        return;
    }
    let (ours, mut theirs) = pair();
    // The buffers are full before the flush begins, and the peer takes its time with each part.
    let queued = fill(&ours);
    let unsent = 100_000;
    let whole = queued + unsent;
    let mut driver = Driver::new(Limits {
        flush_stall: STALL,
        ..patient()
    });
    driver.close(ours, vec![7; unsent as usize]);
    let theirs = Peer::plays(move || {
        let mut part = vec![0; 65_536];
        let (mut bytes, mut begun) = (0, None::<Instant>);
        loop {
            match theirs.read(&mut part).expect("no reset") {
                0 => return bytes,
                n => bytes += n as u64,
            }
            // Slow for several stalls; then the test may end.
            if begun.get_or_insert_with(Instant::now).elapsed() < STALL * 3 {
                std::thread::sleep(ms(20));
            }
        }
    });
    let report = driver.finished().report;
    assert_eq!(theirs.done(), whole, "{report:?}");
    assert_eq!(report.unwritten_bytes, 0);
    assert!(report.peer_fin, "{report:?}");
}

#[test]
fn a_stop_ends_every_phase_by_its_deadline() {
    let (draining, peer_of_draining) = pair();
    let (flushing, peer_of_flushing) = pair();
    let mut driver = Driver::new(patient());
    let draining = driver.close(draining, []);
    let flushing = driver.close(flushing, vec![7; 32 << 20]);
    driver.turn();
    assert_eq!(driver.closer.len(), 2);
    let now = Instant::now();
    driver.closer.stop(now + ms(30), now);
    for _ in 0..2 {
        let finished = driver.finished();
        assert!(Instant::now() >= now + ms(30), "not before the deadline");
        let phase = if finished.key == draining {
            Phase::Drain
        } else {
            assert_eq!(finished.key, flushing);
            Phase::Flush
        };
        assert_eq!(finished.report.ending, timed_out(phase, Clock::Stop));
    }
    assert!(driver.closer.is_empty());
    drop((peer_of_draining, peer_of_flushing));
}

#[test]
fn a_later_stop_does_not_make_an_earlier_one_longer() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(patient());
    driver.close(ours, []);
    let now = Instant::now();
    driver.closer.stop(now + ms(20), now);
    driver.closer.stop(now + BOUND * 4, now);
    let report = driver.finished().report;
    assert_eq!(report.ending, timed_out(Phase::Drain, Clock::Stop));
    drop(theirs);
}

#[test]
fn what_is_closed_after_a_stop_is_bounded_by_it_too() {
    let mut driver = Driver::new(patient());
    let now = Instant::now();
    driver.closer.stop(now + ms(20), now);
    // A later one changes nothing, for those to come either.
    driver.closer.stop(now + BOUND * 3, now);
    let (ours, theirs) = pair();
    // Without a response, which would not be written any more by a turn that comes too late.
    driver.close(ours, []);
    let report = driver.finished().report;
    assert_eq!(
        report.ending,
        timed_out(Phase::Drain, Clock::Stop),
        "{report:?}"
    );
    // Nor is the FIN skipped by one whose deadline is over already.
    let (ours, mut later) = pair();
    driver.close(ours, *b"response");
    driver.finished();
    let mut response = Vec::new();
    later.read_to_end(&mut response).expect("a clean EOF");
    assert!(response.is_empty() || response == b"response");
    drop(theirs);
}

#[test]
fn a_stop_does_not_disturb_what_ends_in_time() {
    let (ours, mut theirs) = pair();
    let mut driver = Driver::new(patient());
    driver.close(ours, *b"response");
    let now = Instant::now();
    driver.closer.stop(now + BOUND * 4, now);
    let theirs = Peer::plays(move || {
        let mut response = Vec::new();
        theirs.read_to_end(&mut response).expect("a clean EOF");
        response
    });
    let report = driver.finished().report;
    assert_eq!(theirs.done(), b"response");
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
}
