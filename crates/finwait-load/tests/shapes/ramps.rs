//! The number of open connections rises as a ramp says.

use std::time::Duration;

use finwait_load::{Mode, Verdict};

use crate::support::{plan, run, serve};

const RAMP: Duration = Duration::from_millis(400);

#[test]
fn a_closed_loop_opens_one_connection_after_the_other() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.connections = 20;
    plan.total = Some(20);
    plan.ramp = RAMP;
    // None makes room for another before all are open.
    plan.hold = RAMP * 2;
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 20);
    for (k, record) in (0..).zip(&seen.records) {
        assert!(record.started >= RAMP * k / 20, "{record:?}");
    }
}

#[test]
fn a_closed_loop_never_has_more_open_than_its_ramp_allows() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.connections = 20;
    plan.total = Some(400);
    plan.hold = Duration::from_millis(5);
    plan.ramp = RAMP;
    plan.threads = 2;
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 400);
    for record in &seen.records {
        let at = record.started;
        let open = seen
            .records
            .iter()
            .filter(|other| other.started <= at && at < other.ended)
            .count();
        // Each of two workers rounds up.
        let allowed = (20.0 * at.as_secs_f64() / RAMP.as_secs_f64()).ceil() as usize + 1;
        assert!(open <= allowed.min(20), "{open} of {allowed} at {at:?}");
    }
}

#[test]
fn each_wave_of_a_storm_rises_and_breaks_at_once() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::Storm;
    plan.connections = 10;
    plan.total = Some(20);
    plan.ramp = RAMP;
    plan.hold = Duration::from_millis(50);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 20);
    assert_eq!(seen.outcome.tally.most_open, 10);
    let mut began = Duration::ZERO;
    for wave in 0..2 {
        let of_wave: Vec<_> = seen.records.iter().filter(|r| r.wave == wave).collect();
        assert_eq!(of_wave.len(), 10);
        for (k, record) in (0..).zip(&of_wave) {
            assert!(record.started >= began + RAMP * k / 10, "{record:?}");
        }
        let last_start = of_wave.iter().map(|record| record.started).max().unwrap();
        let first_end = of_wave.iter().map(|record| record.ended).min().unwrap();
        assert!(first_end >= last_start + plan.hold);
        began = of_wave.iter().map(|record| record.ended).max().unwrap();
    }
}
