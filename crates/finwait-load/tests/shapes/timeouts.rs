//! A server that is too slow, or says nothing, or never stops, ends in bounded time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use finwait_load::{CloseMode, Drip, Ending, Expect, Phase, Plan, Verdict};

use crate::support::{
    HANG, MODES, Scripted, Seen, closing, plan, read_bytes, run_all, send, serve, time,
};

const LIMIT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(3_600);

/// Plain, with a request that drips, with a response that is read slowly, with both.
fn ways(plan: &Plan) -> Vec<Plan> {
    let drip = Drip {
        bytes: plan.request.len().div_ceil(3),
        period: Duration::from_millis(10),
    };
    let mut plans = Vec::new();
    for close in MODES {
        for (drip, read_rate) in [
            (None, None),
            (Some(drip), None),
            (None, Some(10_000_000)),
            (Some(drip), Some(10_000_000)),
        ] {
            plans.push(Plan {
                close: closing(close),
                drip,
                read_rate,
                ..plan.clone()
            });
        }
    }
    plans
}

#[track_caller]
fn times_out(seen: &Seen, at_least: Duration) {
    assert!(seen.outcome.elapsed < HANG);
    assert_eq!(
        seen.outcome.tally.endings().into_keys().collect::<Vec<_>>(),
        [Ending::Timeout]
    );
    for record in &seen.records {
        assert_eq!(record.verdict(), Verdict::TimedOut, "{record:?}");
        let took = time(record, Phase::Total) - time(record, Phase::Connect);
        assert!(took >= at_least, "{took:?} {record:?}");
    }
}

#[test]
fn a_server_that_says_nothing_is_waited_for_as_long_as_idle_says() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    plan.limits.drain_idle = LIMIT;
    plan.limits.drain_total = None;
    plan.expect = Expect::Echo;
    // Of an earlier request, too.
    for requests in [1, 3] {
        plan.requests = requests;
        for (_, seen) in run_all(ways(&plan)) {
            times_out(&seen, LIMIT);
        }
    }
}

#[test]
fn a_server_that_never_stops_is_listened_to_as_long_as_total_says() {
    for behaviour in ["drip=1/5ms", "flood"] {
        let server = serve(behaviour);
        let mut plan = plan(server.addr());
        plan.limits.drain_idle = LONG;
        plan.limits.drain_total = Some(LIMIT);
        plan.expect = Expect::Bytes(u64::MAX);
        plan.connections = 4;
        plan.total = Some(4);
        let mut plans = ways(&plan);
        // One that reads slowly what comes fast makes it last itself.
        plans.retain(|plan| plan.read_rate.is_none() || behaviour != "flood");
        for plan in &mut plans {
            // It needs no more than the first byte, but that may take the server its time.
            if plan.close.has(CloseMode::Abandon) {
                plan.limits.drain_total = None;
            }
        }
        for (plan, seen) in run_all(plans) {
            if plan.close.has(CloseMode::Abandon) {
                seen.all_are(Verdict::Abandoned, 4);
            } else {
                times_out(&seen, LIMIT);
            }
        }
    }
}

#[test]
fn a_server_that_takes_nothing_is_waited_for_as_long_as_stall_says() {
    // Keeps the connections, and never reads.
    let mut kept = Vec::new();
    let server = Scripted::accepting(move |stream| kept.push(stream));
    let mut plan = plan(server.addr);
    plan.limits.flush_stall = LIMIT * 2;
    plan.limits.drain_idle = LONG;
    plan.limits.drain_total = None;
    // More than all buffers on the way hold.
    plan.request = Arc::from(vec![b'x'; 64 << 20]);
    plan.connections = 2;
    plan.total = Some(2);
    // Not all at once, since the system has buffers for so many only.
    for plans in ways(&plan).chunks(4) {
        for (_, seen) in run_all(plans.to_vec()) {
            times_out(&seen, LIMIT * 2);
            // Waiting for room takes no CPU.
            assert!(seen.outcome.busy < 0.9, "{}", seen.outcome.busy);
        }
    }
}

#[test]
fn a_server_that_stops_in_the_middle_of_a_response_is_waited_for_as_long_as_idle_says() {
    // Keeps the connections, whatever the client does.
    let kept = Mutex::new(Vec::new());
    let server = Scripted::new(move |mut stream| {
        if read_bytes(&mut stream, 5).is_some() {
            send(&mut stream, b"hel");
            kept.lock().unwrap().push(stream);
        }
    });
    let mut plan = plan(server.addr);
    plan.request = (*b"hello").into();
    plan.expect = Expect::Echo;
    plan.limits.drain_total = None;
    // The server must come to its answer in that time: on a busy machine it gets more.
    for idle in [LIMIT * 10, LIMIT * 40, LIMIT * 160] {
        plan.limits.drain_idle = idle;
        let mut plans = ways(&plan);
        plans.retain(|plan| !plan.close.has(CloseMode::Abandon));
        let mut received = Vec::new();
        for (_, seen) in run_all(plans) {
            times_out(&seen, idle);
            received.push(seen.outcome.tally.received_bytes);
        }
        if received.iter().all(|&bytes| bytes == 30) {
            return;
        }
        println!("not all was answered within {idle:?}: {received:?}");
    }
    panic!("some answers never arrive");
}
