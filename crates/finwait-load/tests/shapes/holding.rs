//! What is held stays established for that long, and is watched meanwhile.

use std::time::Duration;

use finwait_load::{CloseMode, Ending, Expect, Mode, Phase, Plan, Progress, Verdict};

use crate::support::{
    HANG, MODES, Scripted, closing, plan, read_bytes, reset, run, run_longer, send, serve, time,
};

const HOLD: Duration = Duration::from_millis(200);
const FOR_EVER: Duration = Duration::from_secs(3_600);

fn good(mode: CloseMode) -> Verdict {
    match mode {
        CloseMode::Half => Verdict::Graceful,
        CloseMode::Fin => Verdict::Closed,
        CloseMode::Rst => Verdict::Aborted,
        CloseMode::Abandon => Verdict::Abandoned,
    }
}

#[test]
fn a_connection_stays_established_for_its_hold_in_every_shape_and_way_to_close() {
    let server = serve("echo");
    for shape in [
        Mode::ClosedLoop,
        Mode::OpenLoop { rate: 1_000.0 },
        Mode::Storm,
    ] {
        for close in MODES {
            let mut plan = plan(server.addr());
            plan.mode = shape;
            plan.close = closing(close);
            plan.expect = Expect::Echo;
            plan.hold = HOLD;
            plan.threads = 2;
            let seen = run(&plan);
            seen.all_are(good(close), 10);
            for record in &seen.records {
                let held = time(record, Phase::Total) - time(record, Phase::Connect);
                assert!(held >= HOLD, "{held:?} {record:?}");
            }
        }
    }
}

#[test]
fn a_peer_that_closes_meanwhile_is_noticed_at_once() {
    let server = serve("fin");
    for close in MODES {
        let mut plan = plan(server.addr());
        plan.close = closing(close);
        plan.hold = FOR_EVER;
        let seen = run(&plan);
        assert!(seen.outcome.elapsed < HANG);
        // Its FIN is the whole response, and one that is to abort then aborts.
        let verdict = match close {
            CloseMode::Rst => Verdict::Aborted,
            _ => Verdict::Graceful,
        };
        seen.all_are(verdict, 10);
    }
}

#[test]
fn a_peer_that_resets_meanwhile_is_noticed_at_once() {
    let server = Scripted::new(|mut stream| {
        if read_bytes(&mut stream, 5).is_some() {
            send(&mut stream, b"hello");
            reset(stream);
        }
    });
    for close in MODES {
        let mut plan = plan(server.addr);
        plan.request = (*b"hello").into();
        plan.expect = Expect::Echo;
        plan.close = closing(close);
        plan.hold = FOR_EVER;
        let seen = run(&plan);
        assert!(seen.outcome.elapsed < HANG);
        for record in &seen.records {
            assert_eq!(record.ending, Ending::Rst, "{record:?}");
            // An RST may take bytes with it that nobody has read yet, but not on every system.
            if cfg!(target_os = "linux") {
                let progress = match close {
                    CloseMode::Abandon => Progress::ResponsePartial,
                    _ => Progress::ResponseComplete,
                };
                assert_eq!(record.progress, progress, "{record:?}");
            }
        }
    }
}

#[test]
fn the_end_of_the_duration_leaves_what_is_held_its_time() {
    let server = serve("echo");
    for close_rate in [None, Some(0.1)] {
        let mut plan = plan(server.addr());
        plan.expect = Expect::Echo;
        plan.total = None;
        // Of those that a rate would have kept for ever, too.
        plan.close_rate = close_rate;
        let longer = |plan: &mut Plan, times| {
            plan.duration = Some(Duration::from_millis(500) * times);
            // None makes room for another.
            plan.hold = HOLD * 4 * times;
        };
        let seen = run_longer(&mut plan, longer, |seen| seen.outcome.tally.started == 10);
        seen.all_are(Verdict::Graceful, 10);
        for record in &seen.records {
            let held = time(record, Phase::Total) - time(record, Phase::Connect);
            assert!(held >= plan.hold, "{held:?} {record:?}");
        }
    }
}
