//! Slow clients: requests that drip, responses that are read slowly.

use std::io::Read;
use std::time::Duration;

use finwait_load::{CloseMode, Drip, Expect, Phase, Verdict};

use crate::support::{
    HANG, MODES, Scripted, closing, plan, read_bytes, run, run_all, send, serve, time,
};

const PERIOD: Duration = Duration::from_millis(30);
const DRIP: Drip = Drip {
    bytes: 2,
    period: PERIOD,
};

#[test]
fn a_request_that_drips_arrives_whole_and_takes_its_time() {
    let (sender, requests) = std::sync::mpsc::channel();
    let server = Scripted::new(move |mut stream| {
        while let Some(request) = read_bytes(&mut stream, 10) {
            send(&mut stream, &request);
            let _ = sender.send(request);
        }
    });
    for close in MODES {
        for repeat in [1, 2] {
            let mut plan = plan(server.addr);
            plan.request = (*b"0123456789").into();
            plan.expect = Expect::Echo;
            plan.drip = Some(DRIP);
            plan.requests = repeat;
            plan.close = closing(close);
            let seen = run(&plan);
            assert!(seen.verdicts().keys().all(|verdict| verdict.is_good()));
            for record in &seen.records {
                assert_eq!(record.sent_bytes, plan.request_bytes());
                let sending = time(record, Phase::Send);
                assert!(sending >= PERIOD * (5 * repeat - 1), "{record:?}");
            }
            for _ in 0..10 * repeat {
                assert_eq!(requests.recv_timeout(HANG).unwrap(), b"0123456789");
            }
        }
    }
}

#[test]
fn the_fin_follows_the_last_drop_although_the_server_says_nothing() {
    let server = Scripted::new(|mut stream| {
        let mut request = Vec::new();
        let _ = stream.read_to_end(&mut request);
        send(&mut stream, &request);
    });
    for (drip, read_rate) in [
        (Some(DRIP), None),
        (None, Some(1_000)),
        (Some(DRIP), Some(1_000)),
    ] {
        let mut plan = plan(server.addr);
        plan.request = (*b"0123456789").into();
        plan.expect = Expect::Echo;
        plan.drip = drip;
        plan.read_rate = read_rate;
        let seen = run(&plan);
        assert!(seen.outcome.elapsed < HANG);
        seen.all_are(Verdict::Graceful, 10);
    }
}

#[test]
fn a_response_that_is_read_slowly_comes_whole_and_takes_its_time() {
    const BYTES: u64 = 200_000;
    const RATE: u64 = 400_000;
    let server = serve("respond=200000");
    // While the response is read, a FIN behind it would come, and its peer be the first to close.
    let patient = serve("no-close?size=200000");
    // A reader takes what it may in a twentieth of a second at once, and the first at once.
    let least = Duration::from_secs_f64((BYTES - RATE / 20) as f64 / RATE as f64);
    for (close, expect, verdict) in [
        (CloseMode::Half, Expect::UntilFin, Verdict::Graceful),
        (CloseMode::Half, Expect::Bytes(BYTES), Verdict::Graceful),
        (CloseMode::Fin, Expect::UntilFin, Verdict::Graceful),
        (CloseMode::Fin, Expect::Bytes(BYTES), Verdict::Closed),
        (CloseMode::Rst, Expect::Bytes(BYTES), Verdict::Aborted),
    ] {
        let closes_first = verdict == Verdict::Closed;
        let mut plan = plan(if closes_first { &patient } else { &server }.addr());
        plan.close = closing(close);
        plan.expect = expect;
        plan.read_rate = Some(RATE);
        plan.threads = 2;
        let seen = run(&plan);
        seen.all_are(verdict, 10);
        for record in &seen.records {
            assert_eq!(record.received_bytes, BYTES);
            let took = time(record, Phase::LastByte) - time(record, Phase::FirstByte);
            assert!(took >= least, "{took:?} {record:?}");
        }
    }
}

#[test]
fn the_pauses_of_a_slow_client_are_not_the_servers_fault() {
    let server = serve("echo");
    let second = Duration::from_secs(1);
    let drips = Drip {
        bytes: 1,
        period: second,
    };
    let mut plans = Vec::new();
    for close in [CloseMode::Half, CloseMode::Fin, CloseMode::Rst] {
        for (drip, read_rate) in [(Some(drips), None), (None, Some(1))] {
            let mut plan = plan(server.addr());
            plan.request = (*b"abc").into();
            plan.expect = Expect::Echo;
            plan.close = closing(close);
            plan.limits.drain_idle = second * 9 / 10;
            plan.limits.flush_stall = second * 9 / 10;
            plan.limits.drain_total = Some(second * 9 / 10);
            plan.drip = drip;
            plan.read_rate = read_rate;
            plans.push(plan);
        }
    }
    for (plan, seen) in run_all(plans) {
        let verdicts = seen.verdicts();
        assert!(
            verdicts.keys().all(|verdict| verdict.is_good()),
            "{} {:?} {verdicts:?}",
            plan.close,
            plan.drip
        );
        for record in &seen.records {
            assert!(time(record, Phase::LastByte) >= second * 2);
        }
    }
}
