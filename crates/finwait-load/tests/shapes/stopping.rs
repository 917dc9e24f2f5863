//! A stop is bounded in every shape; what is held is closed at once, and in order.

use std::time::Duration;

use finwait_load::{CloseMode, Drip, Expect, Mode, Verdict};

use crate::support::{HANG, MODES, Seen, closing, plan, serve, start};

const FOR_EVER: Duration = Duration::from_secs(3_600);

#[track_caller]
fn good(seen: &Seen) {
    assert!(seen.outcome.elapsed < HANG);
    let verdicts = seen.verdicts();
    assert!(
        verdicts.keys().all(|verdict| verdict.is_good()),
        "{verdicts:?}"
    );
    assert_eq!(seen.outcome.tally.open, 0);
}

#[test]
fn what_is_held_is_closed_in_its_own_way() {
    let server = serve("echo");
    for mode in [
        Mode::ClosedLoop,
        Mode::OpenLoop { rate: 1_000.0 },
        Mode::Storm,
    ] {
        for close in MODES {
            let mut plan = plan(server.addr());
            plan.mode = mode;
            plan.hold = FOR_EVER;
            plan.expect = Expect::Echo;
            plan.close = closing(close);
            plan.threads = 2;
            plan.stop_within = HANG;
            let seen = start(&plan).stop_when(|live| live.open == 10);
            good(&seen);
            assert_eq!(seen.outcome.tally.started, 10);
        }
    }
}

#[test]
fn a_storm_that_is_still_opening_closes_what_it_has() {
    let server = serve("echo");
    for threads in [1, 3] {
        let mut plan = plan(server.addr());
        plan.mode = Mode::Storm;
        plan.connections = 100;
        plan.total = Some(1_000);
        // A minute and a half from one to the next, but for the first of each worker.
        plan.ramp = FOR_EVER;
        plan.expect = Expect::Echo;
        plan.threads = threads;
        let seen = start(&plan).stop_when(|live| live.open == threads as u64);
        good(&seen);
        assert!(seen.outcome.tally.started < 1_000);
    }
}

#[test]
fn a_storm_of_which_one_worker_waits_for_the_other_closes_all() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::Storm;
    plan.connections = 3;
    plan.total = Some(1_000);
    // One worker has one connection to open and is done; the other has two.
    plan.ramp = FOR_EVER;
    plan.expect = Expect::Echo;
    plan.threads = 2;
    let seen = start(&plan).stop_when(|live| live.open == 2);
    good(&seen);
}

#[test]
fn an_open_loop_does_not_count_what_nobody_wanted_any_more() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::OpenLoop { rate: 100.0 };
    plan.connections = 1_000;
    plan.total = None;
    plan.duration = Some(FOR_EVER);
    plan.expect = Expect::Echo;
    plan.threads = 2;
    let seen = start(&plan).stop_when(|live| live.finished >= 10);
    good(&seen);
    // Whatever was due when it was stopped; not what would have been due within the hour.
    assert!(seen.outcome.tally.late.unstarted < 3_000);
}

#[test]
fn what_waits_for_a_rate_of_closes_is_closed_at_once() {
    let server = serve("echo");
    for close in MODES {
        let mut plan = plan(server.addr());
        plan.expect = Expect::Echo;
        plan.close = closing(close);
        // One in three hours; the first of them at once.
        plan.close_rate = Some(0.000_1);
        plan.threads = 2;
        let seen = start(&plan).stop_when(|live| live.started == 10);
        good(&seen);
    }
}

#[test]
fn waiting_for_the_last_fin_after_a_rate_of_closes_takes_no_cpu() {
    let server = serve("late-fin=1s");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Echo;
    plan.total = None;
    plan.duration = Some(Duration::from_millis(100));
    // The next close is due while the last FINs are waited for, and takes nobody.
    plan.close_rate = Some(5.0);
    let seen = start(&plan).finish();
    good(&seen);
    assert!(seen.outcome.busy < 0.8, "{}", seen.outcome.busy);
}

#[test]
fn a_flood_does_not_keep_a_stop_from_being_heard() {
    let server = serve("flood");
    for close in [CloseMode::Half, CloseMode::Fin] {
        let mut plan = plan(server.addr());
        plan.close = closing(close);
        plan.limits.drain_total = Some(FOR_EVER);
        plan.stop_within = Duration::from_millis(200);
        let seen = start(&plan).stop_when(|live| live.open == 10);
        assert!(seen.outcome.elapsed < HANG);
        let tally = &seen.outcome.tally;
        assert_eq!((tally.open, tally.finished()), (10, 0));
    }
}

#[test]
fn a_request_that_drips_without_end_is_cut() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.drip = Some(Drip {
        bytes: 1,
        period: FOR_EVER,
    });
    plan.stop_within = Duration::from_millis(100);
    let seen = start(&plan).stop_when(|live| live.open == 10);
    let records = &seen.records;
    assert!(records.iter().all(|r| r.verdict() == Verdict::StillOpen));
}
