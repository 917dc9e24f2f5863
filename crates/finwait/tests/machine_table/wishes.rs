//! The caller's wishes: stop, abort, evict, in each phase.
//!
//! `Event::Stop` holds an `Instant`, which a table cannot know before it runs: those are tests of
//! their own below the rows.

use std::io::ErrorKind::{ConnectionReset, PermissionDenied};

use finwait::{Action, Clock, Ending, Event, Limits, OnLimit, Operation, Phase, Receive};

use crate::Expect::{Aborts, Ends};
use crate::{
    ACKED, CANNOT_TELL, Driven, NO_ERROR, Row, abort_on_deadline, failed, got, limits, ms, pending,
    proof_policy, row, unacked, wrote,
};

type History = Vec<(u64, Event)>;

/// A history for each phase in which a wish can come.
fn phases() -> Vec<(&'static str, Limits, u64, History)> {
    use Event::{HalfClosed, NotConnected, ReceiveBlocked, ReceivedFin, WriteBlocked};
    vec![
        (
            "flush",
            limits(),
            10,
            vec![(0, WriteBlocked), (0, ReceiveBlocked)],
        ),
        ("half-close", limits(), 10, vec![(0, wrote(10))]),
        (
            "drain",
            limits(),
            0,
            vec![(0, HalfClosed), (0, ReceiveBlocked)],
        ),
        (
            "pause",
            limits(),
            0,
            vec![
                (0, HalfClosed),
                (0, got(1_000)),
                (0, NO_ERROR),
                (0, unacked(9)),
            ],
        ),
        ("EOF", limits(), 0, vec![(0, HalfClosed), (0, ReceivedFin)]),
        (
            "confirm",
            proof_policy(),
            0,
            vec![
                (0, HalfClosed),
                (0, ReceivedFin),
                (0, NO_ERROR),
                (0, unacked(9)),
                (0, NO_ERROR),
            ],
        ),
        ("gone", limits(), 0, vec![(0, NotConnected)]),
    ]
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (_, limits, unwritten, history) in phases() {
        let wish = |name, event, expect| {
            let history = [&history[..], &[(0, event)]].concat();
            row(name, limits, unwritten, &history, 0, expect)
        };
        rows.push(wish(
            "abort in any phase is an RST",
            Event::Abort,
            Aborts(Ending::Aborted),
        ));
        rows.push(wish(
            "evict in any phase is a close",
            Event::Evict,
            Ends(Ending::Evicted),
        ));
    }
    rows.push(row(
        "an abort of a connection that the peer has reset is no RST",
        limits(),
        10,
        &[(0, Event::Abort), (0, pending(ConnectionReset))],
        0,
        Ends(Ending::Aborted),
    ));
    rows.push(row(
        "an eviction finds that the peer was faster",
        limits(),
        10,
        &[(0, Event::Evict), (0, pending(ConnectionReset))],
        0,
        Ends(Ending::Reset {
            phase: Phase::Flush,
            after_fin: false,
        }),
    ));
    rows.push(row(
        "an RST that cannot be armed becomes a plain close",
        limits(),
        0,
        &[
            (0, Event::Abort),
            (0, NO_ERROR),
            (0, CANNOT_TELL),
            (0, Event::Unread(None)),
            (0, failed(Operation::Abort, PermissionDenied)),
        ],
        0,
        Ends(Ending::Aborted),
    ));
    rows
}

fn stopped(phase: Phase) -> Ending {
    Ending::TimedOut {
        phase,
        clock: Clock::Stop,
    }
}

fn after(limits: &Limits, unwritten: u64, history: &[(u64, Event)]) -> Driven {
    let mut driven = Driven::new(limits, Receive::Discard, unwritten);
    for &(millis, event) in history {
        driven.handle(millis, event, "before the stop");
    }
    driven
}

/// Runs a history, wants a stop at `deadline`, and says what it does at `at`.
fn with_stop(
    limits: &Limits,
    unwritten: u64,
    history: &[(u64, Event)],
    deadline: u64,
    at: u64,
) -> (Driven, Action) {
    let mut driven = after(limits, unwritten, history);
    driven.handle(0, Event::Stop(driven.at(deadline)), "stop");
    let action = driven.poll(at);
    (driven, action)
}

#[test]
fn a_stop_ends_every_phase_that_waits_by_its_deadline() {
    let ends = [
        ("flush", stopped(Phase::Flush)),
        ("drain", stopped(Phase::Drain)),
        ("pause", Ending::ByteLimit),
        ("confirm", stopped(Phase::Confirm)),
    ];
    for (name, limits, unwritten, history) in phases() {
        let Some(&(_, ending)) = ends.iter().find(|&&(n, _)| n == name) else {
            continue;
        };
        let (mut driven, action) = with_stop(&limits, unwritten, &history, 20, 20);
        assert_eq!(action, Action::AskAck, "{name}");
        driven.handle(20, unacked(9), name);
        let (how, report) = driven.close(20, name);
        assert_eq!((how, report.ending), (Action::Close, ending), "{name}");
    }
}

#[test]
fn a_stop_never_makes_a_wait_longer() {
    for (name, limits, unwritten, history) in phases() {
        let without = after(&limits, unwritten, &history);
        for deadline in [0, 1, 20, 5_000] {
            let mut driven = without;
            driven.handle(0, Event::Stop(driven.at(deadline)), name);
            match (without.poll(0), driven.poll(0)) {
                (Action::Wait { until: Some(a) }, Action::Wait { until: Some(b) }) => {
                    assert!(b <= a && b <= driven.at(deadline), "{name} {deadline}");
                }
                (Action::Wait { .. }, other) => {
                    assert_eq!((other, deadline), (Action::AskAck, 0), "{name}");
                }
                (a, b) => assert_eq!(a, b, "{name} {deadline}: no FIN and no answer is skipped"),
            }
        }
    }
}

#[test]
fn a_later_stop_changes_nothing_and_an_earlier_one_does() {
    let (mut driven, _) = with_stop(&limits(), 0, &[(0, Event::HalfClosed)], 20, 0);
    driven.handle(0, Event::ReceiveBlocked, "stop");
    driven.handle(0, Event::Stop(driven.at(300)), "later");
    let until = |driven: &Driven, millis| Action::Wait {
        until: Some(driven.at(millis)),
    };
    assert_eq!(driven.poll(0), until(&driven, 20));
    driven.handle(0, Event::Stop(driven.at(10)), "earlier");
    assert_eq!(driven.poll(0), until(&driven, 10));
}

#[test]
fn a_stop_in_the_past_lets_the_fin_out_and_ends() {
    let mut driven = Driven::new(&limits(), Receive::Discard, 0);
    let past = driven.start.checked_sub(ms(1)).unwrap_or(driven.start);
    driven.handle(0, Event::Stop(past), "past");
    assert_eq!(driven.poll(0), Action::HalfClose);
    driven.handle(0, Event::HalfClosed, "past");
    assert_eq!(driven.poll(0), Action::AskAck);
    driven.handle(0, ACKED, "past");
    // What is there already takes no time.
    assert_eq!(driven.poll(0), Action::Receive);
    driven.handle(0, Event::ReceiveBlocked, "past");
    let (how, report) = driven.close(0, "past");
    assert_eq!((how, report.ending), (Action::Close, stopped(Phase::Drain)));
}

#[test]
fn a_stop_with_an_rst_is_an_rst() {
    let history = [(0, Event::HalfClosed), (0, Event::ReceiveBlocked)];
    let (mut driven, _) = with_stop(&abort_on_deadline(), 0, &history, 20, 20);
    driven.handle(20, unacked(0), "stop");
    let (how, report) = driven.close(20, "stop");
    assert_eq!((how, report.ending), (Action::Abort, stopped(Phase::Drain)));
}

#[test]
fn a_stop_during_the_grace_ends_it() {
    let limits = Limits {
        on_limit: OnLimit::PauseAndConfirm { grace: ms(50) },
        ..limits()
    };
    let history = [
        (0, Event::HalfClosed),
        (0, got(1_000)),
        (0, NO_ERROR),
        (0, ACKED),
    ];
    let (mut driven, action) = with_stop(&limits, 0, &history, 20, 19);
    let until = Some(driven.at(20));
    assert_eq!(action, Action::Wait { until });
    driven.handle(20, ACKED, "stop");
    assert_eq!(driven.close(20, "stop").1.ending, Ending::ByteLimit);
}
