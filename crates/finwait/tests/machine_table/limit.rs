//! The limit of discarded bytes.

use std::io::ErrorKind::ConnectionReset;

use finwait::Event::HalfClosed;
use finwait::{Action, Ending, Event, Limits, OnLimit, Phase, Receive};

use crate::Expect::{Aborts, Does, Ends, WaitsUntil};
use crate::{
    ACKED, CANNOT_TELL, Driven, NO_ERROR, Row, abort_on_limit, got, limits, ms, pending, row,
    unacked, wrote,
};

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    use Event::{ReceiveBlocked, Writable, WriteBlocked};
    let full = [(0, HalfClosed), (0, got(600)), (0, got(400))];
    let then = |more: &[(u64, Event)]| [&full[..], more].concat();
    let paused = |more: &[(u64, Event)]| [&full[..], &[(0, NO_ERROR)], more].concat();
    let ends = Ends(Ending::ByteLimit);
    vec![
        row("below the limit it reads on", limits(), 0, &[(0, HalfClosed), (0, got(999))], 0, Does(Action::Receive)),
        row("delivered bytes do not count", limits(), 0, &[(0, HalfClosed), (0, got(5_000))], 0, Does(Action::Receive)).delivering(),
        row("without a limit it reads on", Limits { drain_bytes: None, ..limits() }, 0, &[(0, HalfClosed), (0, got(5_000_000))], 0, Does(Action::Receive)),

        // Abort.
        row("at the limit, an RST if that is wanted", abort_on_limit(), 0, &full, 0, Aborts(Ending::ByteLimit)),
        row("in the flush as well", abort_on_limit(), 10, &[(0, WriteBlocked), (0, got(1_000))], 0, Aborts(Ending::ByteLimit)),
        row("no RST on a connection that the peer has reset", abort_on_limit(), 0, &then(&[(0, pending(ConnectionReset))]), 0,
            Ends(Ending::Reset { phase: Phase::Drain, after_fin: false })),

        // Pause and confirm.
        row("at the limit it stops reading, and asks for an RST that came with the bytes", limits(), 0, &full, 0, Does(Action::AskError)),
        row("whose edge was theirs", limits(), 0, &then(&[(0, pending(ConnectionReset))]), 0,
            Ends(Ending::Reset { phase: Phase::Drain, after_fin: false })),
        row("and then for the acknowledgement", limits(), 0, &paused(&[]), 0, Does(Action::AskAck)),
        row("and then waits, reading no more", limits(), 0, &paused(&[(0, unacked(9))]), 0, WaitsUntil(1)),
        row("it asks again and again", limits(), 0, &paused(&[(0, unacked(9)), (1, unacked(9)), (2, unacked(9)), (4, unacked(9))]), 4, WaitsUntil(8)),
        row("no less often than the clock on progress is asked", limits(), 0, &paused(&[(0, unacked(9)), (40, unacked(9))]), 40, WaitsUntil(65)),
        row("acknowledged: a grace for the peer's application", limits(), 0, &paused(&[(0, unacked(9)), (1, ACKED)]), 1, WaitsUntil(51)),
        row("the grace over, it closes", limits(), 0, &paused(&[(0, ACKED), (50, ACKED)]), 50, ends),
        row("never acknowledged: the idle time bounds the pause", limits(), 0, &paused(&[(0, unacked(9)), (100, unacked(9))]), 100, ends),
        row("an acknowledged byte is progress", limits(), 0, &paused(&[(0, unacked(9)), (99, unacked(5)), (198, unacked(5))]), 198, WaitsUntil(199)),
        row("the total bounds the pause", limits(), 0, &paused(&[(0, unacked(9)), (99, unacked(8)), (198, unacked(7)), (298, unacked(6)), (398, unacked(5)), (400, unacked(4))]), 400, ends),
        row("where the OS cannot tell, the pause is the idle time", limits(), 0, &paused(&[(0, CANNOT_TELL)]), 0, WaitsUntil(100)),
        row("an error found at the end of the pause is told", limits(), 0, &paused(&[(0, ACKED), (50, ACKED), (50, pending(ConnectionReset))]), 50,
            Ends(Ending::Reset { phase: Phase::Drain, after_fin: false })),
        row("a limit reached in the flush: the writing goes on, the reading stops", limits(), 10, &[(0, WriteBlocked), (0, got(1_000))], 0, WaitsUntil(25)),
        row("and the drain begins with the pause", limits(), 10, &[(0, WriteBlocked), (0, got(1_000)), (1, Writable), (1, wrote(10)), (1, HalfClosed)], 1, Does(Action::AskError)),
        row("a limit not yet reached in the flush is reached in the drain: the bytes add up", limits(), 10,
            &[(0, WriteBlocked), (0, got(999)), (0, ReceiveBlocked), (1, Writable), (1, wrote(10)), (1, HalfClosed), (1, got(1))], 1, Does(Action::AskError)),
    ]
}

/// Nothing can move during a grace, so no idle clock may cut it short.
#[test]
fn a_grace_longer_than_the_idle_time_is_still_kept() {
    let limits = Limits {
        on_limit: OnLimit::PauseAndConfirm { grace: ms(250) },
        ..limits()
    };
    let history = [(0, HalfClosed), (0, got(1_000)), (0, NO_ERROR), (0, ACKED)];
    let row = row("pause", limits, 0, &history, 0, WaitsUntil(250));
    crate::check(&row);
}

/// What it asks after these hints until it waits again, if the answer is always "nothing new".
fn asks_after(hints: &[Event], acked: bool) -> Vec<Action> {
    let mut driven = Driven::new(&limits(), Receive::Discard, 0);
    for event in [
        HalfClosed,
        got(1_000),
        NO_ERROR,
        if acked { ACKED } else { unacked(9) },
    ] {
        driven.handle(0, event, "pause");
    }
    for &hint in hints {
        driven.handle(0, hint, "pause");
    }
    let mut asked = Vec::new();
    loop {
        let event = match driven.poll(0) {
            Action::AskError => NO_ERROR,
            Action::AskAck if acked => ACKED,
            Action::AskAck => unacked(9),
            Action::Wait { until } => {
                let latest = if acked { driven.at(50) } else { driven.at(1) };
                assert!(until <= Some(latest), "{hints:?} make it wait longer");
                return asked;
            }
            other => panic!("{other:?} after {hints:?}"),
        };
        asked.push(driven.poll(0));
        assert!(asked.len() < 8, "it goes on asking: {asked:?}");
        driven.handle(0, event, "pause");
    }
}

#[test]
fn a_hint_during_the_pause_may_be_the_acknowledgement() {
    for hint in [Event::Readable, Event::Writable] {
        assert!(asks_after(&[hint], false).contains(&Action::AskAck));
    }
    assert_eq!(asks_after(&[], false), []);
}

/// Nothing is read any more, so that nothing but SO_ERROR can tell of it.
#[test]
fn a_hint_during_the_pause_may_be_a_reset() {
    for hints in [&[Event::Readable][..], &[Event::Readable, Event::Writable]] {
        for acked in [false, true] {
            let asked = asks_after(hints, acked);
            assert!(asked.contains(&Action::AskError), "only {asked:?}");
        }
    }
}
