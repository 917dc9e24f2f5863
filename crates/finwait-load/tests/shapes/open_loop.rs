//! Open loop: starts are on schedule whatever the server does, and what it does shows.

use std::io::Read;
use std::thread;
use std::time::Duration;

use finwait_load::{Late, Mode, Phase, Plan, Record, Verdict};

use crate::support::{Scripted, Seen, plan, run, run_longer, send, serve, time};

/// The schedule is the one that a rate says, and what was late is counted as that.
#[track_caller]
fn follows(seen: &Seen, due: impl Fn(u64) -> f64) {
    let late = |record: &&Record| record.started - record.intended > Late::TOLERANCE;
    for record in &seen.records {
        assert_eq!(record.intended, Duration::from_secs_f64(due(record.id)));
    }
    let counted = &seen.outcome.tally.late;
    assert_eq!(
        counted.starts,
        seen.records.iter().filter(late).count() as u64
    );
    let by = seen.records.iter().map(|r| r.started - r.intended);
    assert_eq!(counted.most, by.max().unwrap_or_default());
}

fn at_rate(plan: &mut Plan, rate: f64) {
    plan.mode = Mode::OpenLoop { rate };
    plan.connections = 200;
}

#[test]
fn a_number_is_started_on_schedule_and_all_times_count_from_when_it_was_due() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    at_rate(&mut plan, 200.0);
    plan.total = Some(100);
    plan.threads = 2;
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 100);
    follows(&seen, |id| id as f64 / 200.0);
    for record in &seen.records {
        let late = record.started - record.intended;
        let [connect, first, last, total] = [
            Phase::Connect,
            Phase::FirstByte,
            Phase::LastByte,
            Phase::Total,
        ]
        .map(|phase| time(record, phase));
        let times = [late, connect, first, last, total];
        assert!(times.is_sorted(), "{times:?}");
    }
    assert!(seen.outcome.elapsed >= Duration::from_secs_f64(99.0 / 200.0));
}

#[test]
fn a_duration_starts_what_is_due_in_it() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    at_rate(&mut plan, 100.0);
    plan.total = None;
    plan.duration = Some(Duration::from_millis(300));
    plan.threads = 3;
    let seen = run(&plan);
    // What is due at the very end is not in it.
    seen.all_are(Verdict::Graceful, 30);
    assert_eq!(seen.outcome.tally.late.unstarted, 0);
    follows(&seen, |id| id as f64 / 100.0);
}

#[test]
fn a_ramp_raises_the_rate_from_nothing() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    at_rate(&mut plan, 100.0);
    plan.total = Some(60);
    plan.ramp = Duration::from_secs(1);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 60);
    follows(&seen, |id| match id as f64 {
        n if n < 50.0 => (2.0 * n / 100.0).sqrt(),
        n => n / 100.0 + 0.5,
    });
}

#[test]
fn starts_that_wait_for_room_are_late_and_the_result_says_so() {
    let delay = Duration::from_millis(200);
    let server = serve("late-fin=200ms");
    let mut plan = plan(server.addr());
    at_rate(&mut plan, 100.0);
    plan.connections = 2;
    plan.total = Some(10);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 10);
    follows(&seen, |id| id as f64 / 100.0);
    for record in &seen.records {
        // Two at a time: each pair waits for the one before.
        let waited = delay * (record.id as u32 / 2);
        assert!(record.started >= waited);
        assert!(time(record, Phase::Connect) >= waited.saturating_sub(record.intended));
    }
    let late = seen.outcome.tally.late;
    assert!(late.starts >= 8, "{late:?}");
    assert!(late.starts_for_room > 0, "{late:?}");
    let limited = seen.outcome.limited.join("\n");
    assert!(limited.contains("raise -c"), "{limited}");
}

#[test]
fn what_was_due_and_never_started_is_counted() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    at_rate(&mut plan, 100.0);
    plan.connections = 3;
    plan.total = None;
    plan.duration = Some(Duration::from_millis(200));
    plan.limits.drain_idle = Duration::from_secs(60);
    // What was due in time may start in half of this.
    let longer = |plan: &mut Plan, times| plan.stop_within = Duration::from_millis(300) * times;
    let three = |seen: &Seen| seen.outcome.tally.started == 3;
    let seen = run_longer(&mut plan, longer, three);
    let tally = &seen.outcome.tally;
    assert_eq!((tally.started, tally.open), (3, 3));
    assert_eq!(tally.late.unstarted, 17);
    let limited = seen.outcome.limited.join("\n");
    assert!(limited.contains("raise -c"), "{limited}");

    // Of a number, too.
    plan.total = Some(10);
    let seen = run_longer(&mut plan, longer, three);
    assert_eq!(seen.outcome.tally.late.unstarted, 7);
}

/// The honesty test. A server that serves nobody for a second is felt by all who came in that
/// second, not by the one connection that it kept waiting.
#[test]
fn a_stall_shows_in_the_times_of_all_that_were_due_in_it() {
    const STALL: Duration = Duration::from_secs(1);
    const BEFORE: u64 = 30;
    let mut accepted = 0;
    // The length of the answer says when it was given: before the stall, in it, or after it.
    let server = Scripted::accepting(move |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
        let answer: &[u8] = match accepted {
            n if n < BEFORE => b"1",
            BEFORE => b"22",
            _ => b"333",
        };
        if accepted == BEFORE {
            thread::sleep(STALL);
        }
        accepted += 1;
        send(&mut stream, answer);
    });
    let mut plan = plan(server.addr);
    at_rate(&mut plan, 50.0);
    plan.total = Some(120);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 120);
    follows(&seen, |id| id as f64 / 50.0);

    let served = |bytes| move |record: &&Record| record.received_bytes == bytes;
    let stalled = seen.records.iter().find(served(2)).unwrap();
    // The server cannot have stalled before this, nor have gone on before a second later.
    let until = stalled.started + STALL;
    let mut latencies: Vec<_> = seen
        .records
        .iter()
        .filter(|record| (stalled.intended..until).contains(&record.intended))
        .map(|record| {
            let first_byte = time(record, Phase::FirstByte);
            if record.received_bytes == 3 {
                assert!(record.intended + first_byte >= until, "{record:?}");
            }
            first_byte
        })
        .collect();
    assert!(latencies.len() >= 50, "the generator waited for the server");
    latencies.sort_unstable();
    let p99 = latencies[latencies.len() * 99 / 100];
    let median = latencies[latencies.len() / 2];
    assert!(p99 >= STALL * 9 / 10, "{p99:?}");
    assert!(median >= STALL * 4 / 10, "{median:?}");
    let all = seen.outcome.tally.phases.of(Phase::FirstByte);
    assert!(all.value_at_quantile(0.99) >= 900_000);
}
