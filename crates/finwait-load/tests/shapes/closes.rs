//! Mixtures of closes, and closes at a rate.

use std::collections::BTreeMap;
use std::time::Duration;

use finwait_load::{CloseMix, CloseMode, Expect, Verdict};

use crate::support::{
    Counter, HANG, Scripted, closing, ends_by_reset, plan, read_bytes, run, send, serve,
};

fn mix() -> CloseMix {
    let weights = [
        (CloseMode::Half, 80),
        (CloseMode::Rst, 15),
        (CloseMode::Abandon, 5),
    ];
    CloseMix::new(&weights).unwrap()
}

#[test]
fn a_mixture_has_exact_counts_and_a_seed_decides_which_is_which() {
    let server = serve("echo");
    for (seed, threads) in [(1, 1), (1, 3), (2, 2)] {
        let mut plan = plan(server.addr());
        plan.connections = 20;
        plan.total = Some(1_000);
        plan.expect = Expect::Echo;
        plan.close = mix();
        plan.seed = seed;
        plan.threads = threads;
        let seen = run(&plan);
        let expected = [
            (Verdict::Graceful, 800),
            (Verdict::Aborted, 150),
            (Verdict::Abandoned, 50),
        ];
        assert_eq!(seen.verdicts(), BTreeMap::from(expected));
        for record in &seen.records {
            // Of the number and the seed alone, so that it does not matter who does it.
            assert_eq!(record.close, plan.close.mode(seed, record.id));
        }
    }
}

#[test]
fn the_server_sees_an_rst_of_those_that_abort_or_leave_bytes_unread_and_of_no_other() {
    let (resets, orderly) = (Counter::default(), Counter::default());
    let counters = (resets.clone(), orderly.clone());
    let server = Scripted::new(move |mut stream| {
        if read_bytes(&mut stream, 5).is_some() {
            send(&mut stream, b"hello");
            let (resets, orderly) = &counters;
            let counter = if ends_by_reset(&stream) {
                resets
            } else {
                orderly
            };
            counter.add(1);
        }
    });
    let mut plan = plan(server.addr);
    plan.request = (*b"hello").into();
    plan.expect = Expect::Echo;
    plan.total = Some(40);
    plan.close = closing(CloseMode::Abandon);
    run(&plan).all_are(Verdict::Abandoned, 40);
    resets.reaches(40);
    assert_eq!(orderly.value(), 0);

    plan.total = Some(100);
    plan.close = mix();
    run(&plan);
    orderly.reaches(80);
    resets.reaches(40 + 20);
    assert_eq!((orderly.value(), resets.value()), (80, 60));

    plan.close = closing(CloseMode::Fin);
    run(&plan).all_are(Verdict::Closed, 100);
    orderly.reaches(180);
    assert_eq!((orderly.value(), resets.value()), (180, 60));
}

#[test]
fn a_rate_of_closes_is_never_exceeded() {
    let server = serve("echo");
    for (close, threads) in [
        (closing(CloseMode::Half), 1),
        (closing(CloseMode::Fin), 2),
        (mix(), 3),
    ] {
        let mut plan = plan(server.addr());
        plan.connections = 20;
        plan.total = Some(60);
        plan.expect = Expect::Echo;
        plan.close = close;
        plan.close_rate = Some(200.0);
        plan.threads = threads;
        let seen = run(&plan);
        assert!(seen.verdicts().keys().all(|verdict| verdict.is_good()));
        for (k, ended) in (0..).zip(seen.ended()) {
            // By t not more than rate * t + 1.
            assert!(ended >= Duration::from_secs(1) * k / 200, "{k}: {ended:?}");
        }
    }
}

#[test]
fn a_rate_of_closes_beyond_what_is_ready_is_late_and_the_result_says_so() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.connections = 5;
    plan.expect = Expect::Echo;
    // The first five are ready when the rate begins; the others are held for as long again, and
    // were due in its first ten milliseconds.
    plan.hold = Duration::from_millis(100);
    plan.close_rate = Some(1_000.0);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 10);
    let late = seen.outcome.tally.late.closes;
    assert!((5..=10).contains(&late), "{late}");
    let limited = seen.outcome.limited.join("\n");
    assert!(limited.contains("--close-rate"), "{limited}");
}

#[test]
fn a_peer_that_closes_first_does_not_wait_for_the_rate() {
    let server = serve("respond=100");
    for close in [CloseMode::Half, CloseMode::Fin] {
        let mut plan = plan(server.addr());
        plan.close = closing(close);
        // One in three hours; the first of them at once.
        plan.close_rate = Some(0.000_1);
        let seen = run(&plan);
        assert!(seen.outcome.elapsed < HANG);
        seen.all_are(Verdict::Graceful, 10);
    }
}
