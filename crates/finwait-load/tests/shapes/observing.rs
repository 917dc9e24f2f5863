//! What an observer is shown. That records and seconds add up is checked for every run here; these
//! are the runs in which it is not a matter of course.

use std::collections::BTreeMap;
use std::time::Duration;

use finwait_load::{Ending, Expect, Mode, Phase, Plan, Progress, Verdict};
use finwait_peer::{Options, Server};

use crate::support::{Seen, plan, run, run_longer, serve};

#[test]
fn seconds_without_a_count_are_told_too() {
    let server = serve("late-fin=2200ms");
    let mut plan = plan(server.addr());
    plan.threads = 2;
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 10);
    for told in seen.seconds.values() {
        // Started in one, ended in another.
        assert!(told.len() >= 3);
        let (_, last) = told.last().unwrap();
        let started: u64 = told.iter().map(|(_, second)| second.started).sum();
        assert_eq!(started, 5);
        assert!(last.finished() > 0);
        for (_, second) in told {
            // No times that are those of another second.
            let counted = second.phases.of(Phase::Total).len();
            assert_eq!(counted, second.finished());
            let occurred = second.phases.of_ending(Phase::Total, Ending::FinClean);
            assert_eq!(occurred.is_some(), counted > 0);
        }
    }
}

#[test]
fn the_waves_of_a_storm_are_told_in_order_although_workers_wait_for_each_other() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::Storm;
    plan.total = Some(31);
    plan.threads = 3;
    plan.hold = Duration::from_millis(300);
    plan.expect = Expect::Echo;
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 31);
    assert_eq!(seen.seconds.len(), 3);
}

fn half_seconds(plan: &mut Plan, times: u32) {
    plan.duration = Some(Duration::from_millis(500) * times);
}

#[test]
fn what_the_end_of_the_run_cuts_is_shown_as_open() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    plan.stop_within = Duration::from_millis(50);
    plan.limits.drain_idle = Duration::from_secs(60);
    plan.threads = 2;
    let (ten, bytes) = (plan.connections, plan.request_bytes());
    let all_sent = |seen: &Seen| {
        seen.records.len() == ten && seen.records.iter().all(|r| r.sent_bytes == bytes)
    };
    let seen = run_longer(&mut plan, half_seconds, all_sent);
    assert_eq!(seen.outcome.tally.open, 10);
    assert_eq!(seen.records.len(), 10);
    for record in &seen.records {
        assert_eq!(record.verdict(), Verdict::StillOpen);
        assert_eq!(record.sent_bytes, plan.request_bytes());
    }
}

#[test]
fn attempts_that_the_end_of_the_run_cuts_are_shown_too() {
    // Nobody accepts, and there is hardly room to wait for that.
    let options = Options {
        backlog: 1,
        ..Options::default()
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
    let mut plan = plan(server.local_addr());
    plan.stop_within = Duration::from_millis(100);
    let seen = run_longer(&mut plan, half_seconds, |seen| seen.records.len() == 10);
    assert_eq!(seen.records.len(), 10);
    assert_eq!(seen.outcome.tally.open, 10);
    let mut progress = BTreeMap::new();
    for record in &seen.records {
        *progress.entry(record.progress).or_insert(0) += 1;
        let established = record.times.get(Phase::Connect).is_some();
        assert_eq!(established, record.progress != Progress::NoConnection);
    }
    if cfg!(target_os = "linux") {
        assert!(progress[&Progress::NoConnection] >= 5, "{progress:?}");
    }
}
