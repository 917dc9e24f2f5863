//! The drain: receiving until the peer's FIN.

use std::io::ErrorKind::{ConnectionReset, HostUnreachable, PermissionDenied};

use finwait::{Action, Clock, Ending, Event, FinishOn, Limits, Operation, Phase};

use crate::Expect::{Aborts, Does, Ends, WaitsUntil};
use crate::{
    ACKED, CANNOT_TELL, Row, abort_on_deadline, acked_policy, failed, finish_on, got, limits, ms,
    pending, proof_policy, row, unacked,
};

const IDLE: Ending = Ending::TimedOut {
    phase: Phase::Drain,
    clock: Clock::Idle,
};
const TOTAL: Ending = Ending::TimedOut {
    phase: Phase::Drain,
    clock: Clock::Total,
};
const RESET: Ending = Ending::Reset {
    phase: Phase::Drain,
    after_fin: false,
};

fn half_an_hour() -> Limits {
    Limits {
        drain_idle: ms(30 * 60 * 1_000),
        drain_total: None,
        ..limits()
    }
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    use Event::{HalfClosed, Readable, ReceiveBlocked, ReceivedFin, Writable};
    let drained = [(0, HalfClosed), (0, ReceiveBlocked)];
    let then = |more: &[(u64, Event)]| [&drained[..], more].concat();
    vec![
        // Reading.
        row("after the FIN it reads at once", limits(), 0, &[(0, HalfClosed)], 0, Does(Action::Receive)),
        row("it reads until nothing is there", limits(), 0, &[(0, HalfClosed), (0, got(9))], 0, Does(Action::Receive)),
        row("then it waits, for a quarter of the idle time at most", limits(), 0, &drained, 0, WaitsUntil(25)),
        row("a readable hint lets it read", limits(), 0, &then(&[(7, Readable)]), 7, Does(Action::Receive)),
        row("a writable hint says nothing that this policy needs", limits(), 0, &then(&[(7, Writable)]), 7, WaitsUntil(25)),
        row("an empty hint moves no deadline", limits(), 0, &then(&[(7, Readable), (7, ReceiveBlocked)]), 7, WaitsUntil(25)),
        row("EOF leads to SO_ERROR, whatever the policy", acked_policy(), 0, &[(0, HalfClosed), (0, ReceivedFin)], 0, Does(Action::AskError)),

        // The idle clock.
        row("it asks whether the peer still takes our bytes", limits(), 0, &drained, 25, Does(Action::AskAck)),
        row("where the OS cannot tell only received bytes count", limits(), 0, &then(&[(25, CANNOT_TELL)]), 25, WaitsUntil(100)),
        row("it goes on asking while our bytes are under way", limits(), 0, &then(&[(25, unacked(500))]), 25, WaitsUntil(50)),
        row("a slow reader of our last bytes is not idle", limits(), 0, &then(&[(25, unacked(500)), (50, unacked(500)), (75, unacked(400)), (100, unacked(400))]), 100, WaitsUntil(125)),
        row("our FIN's acknowledgement is progress", limits(), 0, &then(&[(25, unacked(0)), (50, ACKED)]), 50, WaitsUntil(150)),
        row("after it there is nothing to ask but at the end", limits(), 0, &then(&[(25, ACKED)]), 124, WaitsUntil(125)),
        row("a received byte begins the idle time anew", limits(), 0, &then(&[(25, CANNOT_TELL), (90, Readable), (90, got(1)), (90, ReceiveBlocked)]), 100, WaitsUntil(190)),
        row("idle for the whole time ends it", limits(), 0, &then(&[(25, CANNOT_TELL), (100, CANNOT_TELL)]), 100, Ends(IDLE)),
        row("with an RST if that is wanted", abort_on_deadline(), 0, &then(&[(25, CANNOT_TELL), (100, CANNOT_TELL)]), 100, Aborts(IDLE)),
        row("but not on a connection that has failed", abort_on_deadline(), 0, &then(&[(25, CANNOT_TELL), (100, CANNOT_TELL), (100, pending(ConnectionReset))]), 100, Ends(RESET)),
        row("a byte that came at the last moment is read before it is called idle", limits(), 0, &then(&[(25, CANNOT_TELL), (99, Readable)]), 100, Does(Action::Receive)),
        row("an acknowledgement at the last moment keeps it alive", limits(), 0, &then(&[(25, unacked(9)), (50, unacked(9)), (75, unacked(9)), (100, unacked(1))]), 100, WaitsUntil(125)),
        // A moment is in microseconds up to 35 minutes, and in milliseconds after them.
        row("an idle time that begins in microseconds ends in milliseconds", half_an_hour(), 0, &[(1_200_000, HalfClosed), (1_200_000, ReceiveBlocked), (1_650_000, CANNOT_TELL)], 1_650_000, WaitsUntil(3_000_000)),
        row("and when it is over", half_an_hour(), 0, &[(1_200_000, HalfClosed), (1_200_000, ReceiveBlocked), (1_650_000, CANNOT_TELL), (3_000_000, CANNOT_TELL)], 3_000_000, Ends(IDLE)),

        // The total.
        row("the total ends a drip", limits(), 0, &[(0, HalfClosed), (24, got(1)), (25, unacked(0)), (49, got(1)), (50, CANNOT_TELL), (390, got(1))], 400, Does(Action::AskAck)),
        row("but not before one last read", limits(), 0, &then(&[(25, CANNOT_TELL), (390, Readable), (400, CANNOT_TELL)]), 400, Does(Action::Receive)),
        row("which only a drip or a flood has bytes for", limits(), 0, &then(&[(25, CANNOT_TELL), (390, Readable), (400, CANNOT_TELL), (400, got(1))]), 400, Ends(TOTAL)),
        row("or nothing", limits(), 0, &then(&[(25, CANNOT_TELL), (390, Readable), (400, CANNOT_TELL), (400, ReceiveBlocked)]), 400, Ends(TOTAL)),
        row("and a reader that came late does not overlook a FIN", limits(), 0, &then(&[(25, CANNOT_TELL), (390, Readable), (400, CANNOT_TELL), (400, ReceivedFin)]), 400, Does(Action::AskError)),
        row("nor an RST", limits(), 0, &then(&[(25, CANNOT_TELL), (390, Readable), (400, CANNOT_TELL), (400, failed(Operation::Receive, ConnectionReset))]), 400, Ends(RESET)),
        row("without anything to read the total ends it at once", limits(), 0, &then(&[(25, CANNOT_TELL), (400, CANNOT_TELL)]), 400, Ends(TOTAL)),
        row("idle never passes the total", limits(), 0, &[(0, HalfClosed), (24, got(1)), (25, CANNOT_TELL), (390, got(1)), (390, ReceiveBlocked)], 390, WaitsUntil(400)),
        row("without a total a drip may go on", Limits { drain_total: None, ..limits() }, 0, &[(0, HalfClosed), (25, CANNOT_TELL), (9_000, got(1)), (9_000, ReceiveBlocked)], 9_000, WaitsUntil(9_100)),
        row("the total counts from our FIN, not from the start", limits(), 10,
            &[(200, crate::wrote(10)), (200, HalfClosed), (200, ReceiveBlocked), (225, CANNOT_TELL), (299, Readable), (299, got(1)), (390, got(1)), (480, got(1)), (570, got(1)), (570, ReceiveBlocked)], 570, WaitsUntil(600)),

        // Errors.
        row("a reset in the drain", limits(), 0, &[(0, HalfClosed), (0, failed(Operation::Receive, ConnectionReset))], 0, Ends(RESET)),
        row("a lost peer in the drain", limits(), 0, &[(0, HalfClosed), (0, failed(Operation::Receive, HostUnreachable))], 0, Ends(Ending::Lost { phase: Phase::Drain })),
        row("a local failure in the drain", limits(), 0, &[(0, HalfClosed), (0, failed(Operation::Receive, PermissionDenied))], 0, Ends(Ending::Failed { operation: Operation::Receive })),
        row("an idle end finds the reset that no read has shown", limits(), 0, &then(&[(25, CANNOT_TELL), (100, CANNOT_TELL), (100, pending(ConnectionReset))]), 100, Ends(RESET)),

        // Ending by our own acknowledgement.
        row("policy Acked asks soon whether our FIN has arrived", acked_policy(), 0, &drained, 0, WaitsUntil(1)),
        row("and less and less often", acked_policy(), 0, &then(&[(1, unacked(0)), (2, unacked(0)), (4, unacked(0)), (8, unacked(0))]), 8, WaitsUntil(16)),
        row("a writable edge is the moment to ask where proof is wanted", proof_policy(), 0, &then(&[(7, Writable)]), 7, Does(Action::AskAck)),
        row("but no less often than its clock on progress is asked", acked_policy(), 0, &then(&[(1, unacked(9)), (40, unacked(9))]), 40, WaitsUntil(65)),
        row("a writable edge is the moment to ask", acked_policy(), 0, &then(&[(1, unacked(0)), (2, unacked(0)), (3, Writable)]), 3, Does(Action::AskAck)),
        row("it receives for a grace after the acknowledgement", acked_policy(), 0, &then(&[(1, ACKED)]), 1, WaitsUntil(31)),
        row("the grace over, it is finished", acked_policy(), 0, &then(&[(1, ACKED), (31, ACKED)]), 31, Ends(Ending::Acked)),
        row("without a grace it is finished at once", finish_on(FinishOn::Acked { grace: ms(0) }), 0, &then(&[(1, ACKED)]), 1, Ends(Ending::Acked)),
        row("not while bytes wait to be read", acked_policy(), 0, &then(&[(1, ACKED), (30, Readable)]), 31, Does(Action::Receive)),
        row("a reset that came meanwhile is not passed over", acked_policy(), 0, &then(&[(1, ACKED), (31, ACKED), (31, pending(ConnectionReset))]), 31, Ends(RESET)),
        row("where the OS cannot tell it waits for the peer's FIN", acked_policy(), 0, &then(&[(1, CANNOT_TELL)]), 1, WaitsUntil(100)),
        row("and its hints do not make it ask for ever", acked_policy(), 0, &then(&[(1, CANNOT_TELL), (5, Writable), (5, CANNOT_TELL)]), 5, WaitsUntil(100)),
        row("the other policies do not end by an acknowledgement", proof_policy(), 0, &then(&[(25, ACKED)]), 25, WaitsUntil(125)),
    ]
}

#[test]
fn a_grace_longer_than_the_idle_time_is_still_kept() {
    let limits = finish_on(FinishOn::Acked { grace: ms(250) });
    let history = [
        (0, Event::HalfClosed),
        (0, Event::ReceiveBlocked),
        (1, ACKED),
    ];
    crate::check(&row("acked", limits, 0, &history, 1, WaitsUntil(251)));
}
