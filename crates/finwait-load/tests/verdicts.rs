//! Each behaviour of the reference server gets the verdict that it deserves, and every connection
//! gets exactly one.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use finwait_load::{
    CloseMix, CloseMode, Control, Ending, Expect, Mode, Outcome, Phase, Plan, Progress, Tally,
    Verdict, run,
};
use finwait_peer::{Options, Running, Server};

fn serve(behaviour: &str) -> Running {
    let behaviour = behaviour.parse().unwrap();
    let options = Options {
        behaviour,
        ..Options::default()
    };
    Server::bind(([127, 0, 0, 1], 0).into(), options)
        .unwrap()
        .spawn()
        .unwrap()
}

fn plan(target: SocketAddr) -> Plan {
    let mut plan = Plan::new(target);
    plan.connections = 10;
    plan.total = Some(50);
    plan.request = Arc::from(&b"hello, are you there?"[..]);
    plan
}

/// Runs it; whatever comes of it adds up.
fn outcome_of(plan: &Plan) -> Outcome {
    let control = Control::new();
    let outcome = run(plan, &control).unwrap();
    let tally = &outcome.tally;
    assert!(tally.adds_up(), "{tally:?}");
    assert_eq!(tally.finished(), tally.verdicts().values().sum::<u64>());
    assert_eq!(tally.finished(), tally.endings().values().sum::<u64>());
    let live = control.live();
    assert_eq!(
        (live.started, live.finished, live.open),
        (tally.started, tally.finished(), 0)
    );
    outcome
}

/// The same of a duration, which becomes longer until it was enough: a busy machine comes to nothing
/// in a time that is plenty elsewhere.
#[track_caller]
fn outcome_in_time(plan: &mut Plan, enough: impl Fn(&Tally) -> bool) -> Outcome {
    for millis in [20, 500, 10_000] {
        plan.duration = Some(Duration::from_millis(millis));
        let outcome = outcome_of(plan);
        if enough(&outcome.tally) {
            return outcome;
        }
        println!("not enough, {millis} ms: {:?}", outcome.tally);
    }
    panic!("it comes to nothing, however long it takes");
}

fn only(verdict: Verdict, count: u64) -> BTreeMap<Verdict, u64> {
    BTreeMap::from([(verdict, count)])
}

#[test]
fn an_echo_server_is_graceful_and_every_byte_is_counted() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Echo;
    plan.threads = 2;
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.tally.verdicts(), only(Verdict::Graceful, 50));
    assert_eq!(
        outcome.tally.endings(),
        BTreeMap::from([(Ending::FinClean, 50)])
    );
    assert_eq!(outcome.tally.sent_bytes, 50 * plan.request_bytes());
    assert_eq!(outcome.tally.received_bytes, 50 * plan.request_bytes());
    assert_eq!(outcome.tally.phases.of(Phase::Connect).len(), 50);
    assert_eq!(outcome.tally.phases.of(Phase::Teardown).len(), 50);
    assert!(outcome.limited.is_empty());
}

#[test]
fn a_large_request_is_echoed_whole() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.request = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    plan.expect = Expect::Echo;
    plan.total = Some(6);
    plan.connections = 3;
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Graceful, 6)
    );
}

#[test]
fn an_http_response_is_complete_by_its_own_framing() {
    let server = serve("http=100k");
    let mut plan = plan(server.addr());
    plan.request = Arc::from(&b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..]);
    plan.expect = Expect::Http;
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Graceful, 50)
    );
}

#[test]
fn a_reset_instead_of_an_answer_is_a_lost_request() {
    let server = serve("rst");
    let outcome = outcome_of(&plan(server.addr()));
    assert_eq!(outcome.tally.endings(), BTreeMap::from([(Ending::Rst, 50)]));
    // Whether the kernel can vouch that no byte was taken is the system's to say.
    for verdict in outcome.tally.verdicts().keys() {
        assert!(
            matches!(verdict, Verdict::ResetLost | Verdict::RetrySafeLoss),
            "{verdict}"
        );
    }
    assert_eq!(outcome.tally.errors.values().sum::<u64>(), 50);
}

/// Windows keeps no error of most of these, and the socket looks as if it still connected.
#[test]
fn a_reset_as_soon_as_it_is_connected_is_no_timeout() {
    let server = serve("drop-backlog");
    let outcome = outcome_of(&plan(server.addr()));
    assert_eq!(outcome.tally.endings(), BTreeMap::from([(Ending::Rst, 50)]));
    assert_eq!(outcome.tally.errors.values().sum::<u64>(), 50);
}

#[test]
fn a_server_that_closes_over_unread_bytes_is_never_called_graceful() {
    let server = serve("unread-close=8m");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Bytes(8 << 20);
    plan.total = Some(8);
    plan.connections = 2;
    for verdict in outcome_of(&plan).tally.verdicts().keys() {
        assert!(
            matches!(verdict, Verdict::Truncated | Verdict::UncleanComplete),
            "{verdict}"
        );
    }
}

#[test]
fn a_server_that_never_closes_times_out() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    plan.total = Some(4);
    plan.limits.drain_idle = Duration::from_millis(50);
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.tally.verdicts(), only(Verdict::TimedOut, 4));
    let cell = (Progress::RequestAcked, Ending::Timeout);
    assert_eq!(outcome.tally.cells, BTreeMap::from([(cell, 4)]));
}

#[test]
fn a_server_that_drips_for_ever_is_cut_by_the_total() {
    let server = serve("drip=1/5ms");
    let mut plan = plan(server.addr());
    plan.total = Some(4);
    plan.limits.drain_total = Some(Duration::from_millis(100));
    plan.expect = Expect::Bytes(1 << 30);
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::TimedOut, 4)
    );
}

#[test]
fn a_response_shorter_than_expected_is_truncated_although_the_end_is_orderly() {
    let server = serve("respond=1000");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Bytes(1001);
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.tally.verdicts(), only(Verdict::Truncated, 50));
    assert_eq!(
        outcome.tally.endings(),
        BTreeMap::from([(Ending::FinClean, 50)])
    );
}

#[test]
fn nobody_listening_is_refused_and_nothing_was_tested() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    drop(listener);
    let outcome = outcome_of(&plan(target));
    assert_eq!(outcome.tally.verdicts(), only(Verdict::Refused, 50));
    assert!(!outcome.tally.tested_anything());
}

#[test]
fn closing_first_is_called_what_it_is() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Echo;
    plan.close = CloseMix::only(CloseMode::Fin);
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Closed, 50)
    );
    plan.close = CloseMix::only(CloseMode::Rst);
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Aborted, 50)
    );
}

#[test]
fn an_abort_that_was_planned_does_not_hide_that_the_response_was_short() {
    let server = serve("respond=10");
    let mut plan = plan(server.addr());
    plan.expect = Expect::Bytes(1_000);
    plan.close = CloseMix::only(CloseMode::Rst);
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.tally.verdicts(), only(Verdict::Truncated, 50));
}

#[test]
fn what_the_end_of_the_run_cuts_was_tested_but_has_no_times() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    plan.total = Some(5);
    plan.stop_within = Duration::from_millis(20);
    plan.limits.drain_idle = Duration::from_secs(60);
    let outcome = outcome_in_time(&mut plan, |tally| {
        tally.started == 5 && tally.tested_anything()
    });
    let tally = &outcome.tally;
    assert_eq!((tally.started, tally.open, tally.finished()), (5, 5, 0));
    assert!(tally.tested_anything());
    assert_eq!(
        (tally.torn_down, tally.phases.of(Phase::Teardown).len()),
        (0, 0)
    );
}

#[test]
fn a_client_that_waits_for_the_server_to_close_first_sees_its_fin() {
    let server = serve("respond=5000");
    let mut plan = plan(server.addr());
    plan.close = CloseMix::only(CloseMode::Fin);
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Graceful, 50)
    );
}

#[test]
fn a_storm_opens_all_before_it_closes_the_first() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::Storm;
    plan.expect = Expect::Echo;
    plan.connections = 400;
    plan.total = Some(1_000);
    plan.threads = 2;
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.tally.verdicts(), only(Verdict::Graceful, 1_000));
    assert_eq!(outcome.tally.most_open, 400);
    assert_eq!(outcome.tally.torn_down, 1_000);
    assert!(outcome.teardown_per_s() > 0.0);
}

#[test]
fn a_storm_of_aborts_is_that_too() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.mode = Mode::Storm;
    plan.close = CloseMix::only(CloseMode::Rst);
    plan.expect = Expect::Echo;
    plan.connections = 100;
    plan.total = Some(100);
    assert_eq!(
        outcome_of(&plan).tally.verdicts(),
        only(Verdict::Aborted, 100)
    );
}

#[test]
fn a_run_that_is_stopped_counts_what_it_cut_as_open() {
    let server = serve("silent");
    let mut plan = plan(server.addr());
    plan.total = None;
    plan.connections = 20;
    plan.stop_within = Duration::from_millis(20);
    plan.limits.drain_idle = Duration::from_secs(60);
    let control = Control::new();
    let outcome = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&plan, &control).unwrap());
        while control.live().open < 20 {
            std::thread::yield_now();
        }
        control.stop();
        running.join().unwrap()
    });
    assert!(outcome.stopped);
    assert!(outcome.tally.adds_up());
    assert_eq!((outcome.tally.started, outcome.tally.open), (20, 20));
}

#[test]
fn the_duration_ends_a_closed_loop() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    plan.total = None;
    plan.expect = Expect::Echo;
    let outcome = outcome_in_time(&mut plan, |tally| tally.started > 0);
    assert!(Some(outcome.elapsed) >= plan.duration);
    assert_eq!(outcome.tally.open, 0);
    let verdicts = outcome.tally.verdicts();
    assert_eq!(verdicts, only(Verdict::Graceful, outcome.tally.started));
}

#[test]
fn every_cell_has_one_name_and_only_complete_ones_are_good() {
    for progress in Progress::ALL {
        for ending in Ending::ALL {
            let verdict = Verdict::of(progress, ending);
            let orderly = matches!(ending, Ending::FinClean | Ending::Closed | Ending::Aborted);
            // One that leaves the response unread cannot know whether it was complete.
            let good =
                (progress == Progress::ResponseComplete && orderly) || ending == Ending::Abandoned;
            assert_eq!(
                verdict.is_good(),
                good,
                "{progress:?} x {ending}: {verdict}"
            );
        }
    }
}
