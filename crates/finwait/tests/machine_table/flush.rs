//! The flush, and the half-close that follows it.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset, PermissionDenied, TimedOut};

use finwait::{Action, Clock, Ending, Event, Limits, Operation, Phase};

use crate::Expect::{Does, Ends, WaitsUntil};
use crate::{CANNOT_TELL, Row, failed, got, limits, ms, pending, row, unacked, wrote};

const IDLE: Ending = Ending::TimedOut {
    phase: Phase::Flush,
    clock: Clock::Idle,
};
const TOTAL: Ending = Ending::TimedOut {
    phase: Phase::Flush,
    clock: Clock::Total,
};
const RESET: Ending = Ending::Reset {
    phase: Phase::Flush,
    after_fin: false,
};
const RESET_AFTER_FIN: Ending = Ending::Reset {
    phase: Phase::Flush,
    after_fin: true,
};

fn total_30() -> Limits {
    Limits {
        flush_total: Some(ms(30)),
        ..limits()
    }
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    use Event::{HalfClosed, NotConnected, Readable, ReceiveBlocked, ReceivedFin, Writable, WriteBlocked};
    let blocked = [(0, WriteBlocked), (0, ReceiveBlocked)];
    let then = |more: &[(u64, Event)]| [&blocked[..], more].concat();
    vec![
        // The beginning.
        row("with nothing unsent the half-close comes at once", limits(), 0, &[], 0, Does(Action::HalfClose)),
        row("unsent bytes are written first", limits(), 10, &[], 0, Does(Action::Write)),
        row("what is left after a short write is written next", limits(), 10, &[(0, wrote(4))], 0, Does(Action::Write)),
        row("the FIN follows the last byte at once", limits(), 10, &[(0, wrote(4)), (0, wrote(6))], 0, Does(Action::HalfClose)),
        row("the last byte written late is followed by the FIN, not by a deadline", total_30(), 10, &[(29, wrote(10))], 500, Does(Action::HalfClose)),

        // Receiving meanwhile.
        row("a write that blocks makes room for receiving", limits(), 10, &[(0, WriteBlocked)], 0, Does(Action::Receive)),
        row("receiving goes on while there is something", limits(), 10, &[(0, WriteBlocked), (0, got(7))], 0, Does(Action::Receive)),
        row("writing comes before receiving once it may succeed", limits(), 10, &[(0, WriteBlocked), (0, got(7)), (0, Writable)], 0, Does(Action::Write)),
        row("with both blocked it waits, for a quarter of the stall at most", limits(), 10, &blocked, 0, WaitsUntil(25)),
        row("a writable hint ends the wait", limits(), 10, &then(&[(3, Writable)]), 3, Does(Action::Write)),
        row("a readable hint ends the wait", limits(), 10, &then(&[(3, Readable)]), 3, Does(Action::Receive)),
        row("a hint moves no deadline", limits(), 10, &then(&[(3, Readable), (3, ReceiveBlocked), (4, Writable), (4, WriteBlocked)]), 4, WaitsUntil(25)),
        row("received bytes are not progress of the flush", limits(), 10, &then(&[(20, Readable), (20, got(5)), (20, ReceiveBlocked), (25, CANNOT_TELL)]), 26, WaitsUntil(100)),
        row("delivering has no limit on bytes", limits(), 10, &[(0, WriteBlocked), (0, got(5_000))], 0, Does(Action::Receive)).delivering(),

        // The peer's FIN.
        row("the peer's FIN does not end the flush: it may still read", limits(), 10, &[(0, WriteBlocked), (0, ReceivedFin)], 0, WaitsUntil(25)),
        row("after the peer's FIN writing goes on", limits(), 10, &[(0, WriteBlocked), (0, ReceivedFin), (1, Writable)], 1, Does(Action::Write)),
        row("after the peer's FIN nothing is read any more", limits(), 10, &[(0, WriteBlocked), (0, ReceivedFin), (1, Readable)], 1, WaitsUntil(25)),
        row("an EOF before the last byte was written leads from the half-close straight to SO_ERROR", limits(), 10,
            &[(0, WriteBlocked), (0, ReceivedFin), (1, Writable), (1, wrote(10)), (1, HalfClosed)], 1, Does(Action::AskError)),

        // The clocks.
        row("a quarter into the stall it asks what was acknowledged", limits(), 10, &blocked, 25, Does(Action::AskAck)),
        row("and again a quarter later where the OS tells", limits(), 10, &then(&[(25, unacked(9))]), 49, WaitsUntil(50)),
        row("where the OS cannot tell it is not asked again before the end", limits(), 10, &then(&[(25, CANNOT_TELL)]), 99, WaitsUntil(100)),
        row("the last question comes when the stall is over", limits(), 10, &then(&[(25, CANNOT_TELL)]), 100, Does(Action::AskAck)),
        row("no written and no acknowledged byte for the whole stall ends the flush", limits(), 10, &then(&[(25, CANNOT_TELL), (100, CANNOT_TELL)]), 100, Ends(IDLE)),
        row("a written byte begins the stall anew where the OS cannot tell", limits(), 10,
            &then(&[(25, CANNOT_TELL), (90, Writable), (90, wrote(1)), (90, WriteBlocked)]), 100, WaitsUntil(190)),
        row("an acknowledged byte begins the stall anew", limits(), 10, &then(&[(25, unacked(9)), (50, unacked(9)), (75, unacked(8)), (100, unacked(8))]), 100, WaitsUntil(125)),
        row("a written byte is not taken for an acknowledged one that was lost again", limits(), 10,
            &then(&[(25, unacked(9)), (30, Writable), (30, wrote(3)), (30, WriteBlocked), (50, unacked(12)), (75, unacked(12)), (100, unacked(12)), (125, unacked(12)), (130, unacked(12))]), 130, Ends(IDLE)),
        row("readable and writable hints at the very end still let it try before it gives up", limits(), 10, &then(&[(25, CANNOT_TELL), (99, Writable)]), 100, Does(Action::Write)),
        row("a flooding peer does not keep the stall clock from being read", limits(), 10, &[(0, WriteBlocked), (24, got(1))], 25, Does(Action::AskAck)),
        row("the total ends a flush that makes progress", total_30(), 10, &[(29, wrote(1))], 30, Does(Action::AskAck)),
        row("and says so", total_30(), 10, &[(29, wrote(1)), (30, unacked(1))], 30, Ends(TOTAL)),
        row("a stall of nothing ends at the first block", Limits { flush_stall: ms(0), ..limits() }, 10, &[(0, WriteBlocked), (0, unacked(10))], 0, Ends(IDLE)),

        // Errors.
        row("a reset while writing ends it when discarding", limits(), 10, &[(0, failed(Operation::Write, ConnectionReset))], 0, Ends(RESET)),
        row("EPIPE from a write is the peer's reset too", limits(), 10, &[(0, failed(Operation::Write, BrokenPipe))], 0, Ends(RESET)),
        row("an error while receiving during the flush ends it", limits(), 10, &[(0, WriteBlocked), (0, failed(Operation::Receive, ConnectionReset))], 0, Ends(RESET)),
        row("a write that fails after the peer's FIN is a reset after the FIN", limits(), 10,
            &[(0, WriteBlocked), (0, ReceivedFin), (1, Writable), (1, failed(Operation::Write, BrokenPipe))], 1, Ends(RESET_AFTER_FIN)),
        row("a kernel that gave up is not a reset", limits(), 10, &[(0, failed(Operation::Write, TimedOut))], 0, Ends(Ending::Lost { phase: Phase::Flush })),
        row("a local failure says which operation", limits(), 10, &[(0, failed(Operation::Write, PermissionDenied))], 0, Ends(Ending::Failed { operation: Operation::Write })),
        row("a socket that cannot be registered fails", limits(), 10, &[(0, failed(Operation::Register, PermissionDenied))], 0, Ends(Ending::Failed { operation: Operation::Register })),

        // The early answer: queued before the RST that made our write fail.
        row("when delivering, a failed write is followed by reading what came before", limits(), 10, &[(0, failed(Operation::Write, ConnectionReset))], 0, Does(Action::Receive)).delivering(),
        row("an early answer is read to its end", limits(), 10, &[(0, failed(Operation::Write, ConnectionReset)), (0, got(400))], 0, Does(Action::Receive)).delivering(),
        row("a 0 after the error that the write took is no FIN", limits(), 10, &[(0, failed(Operation::Write, ConnectionReset)), (0, got(400)), (0, ReceivedFin)], 0, Ends(RESET)).delivering(),
        row("nor does the error's echo make it another ending", limits(), 10, &[(0, failed(Operation::Write, BrokenPipe)), (0, failed(Operation::Receive, TimedOut))], 0, Ends(RESET)).delivering(),
        row("nothing there after the failed write ends it as well", limits(), 10, &[(0, failed(Operation::Write, ConnectionReset)), (0, ReceiveBlocked)], 0, Ends(RESET)).delivering(),
        row("after its FIN there is nothing to read", limits(), 10, &[(0, WriteBlocked), (0, ReceivedFin), (1, Writable), (1, failed(Operation::Write, BrokenPipe))], 1, Ends(RESET_AFTER_FIN)).delivering(),

        // The half-close itself.
        row("ENOTCONN: one more read tells why", limits(), 0, &[(0, NotConnected)], 0, Does(Action::Receive)),
        row("ENOTCONN, bytes, and then the reset that was kept", limits(), 0, &[(0, NotConnected), (0, got(5)), (0, failed(Operation::Receive, ConnectionReset))], 0,
            Ends(Ending::Reset { phase: Phase::HalfClose, after_fin: false })),
        row("ENOTCONN and EOF: SO_ERROR is asked before a word is said", limits(), 0, &[(0, NotConnected), (0, ReceivedFin)], 0, Does(Action::AskError)),
        row("ENOTCONN, EOF and no error: already closed", limits(), 0, &[(0, NotConnected), (0, ReceivedFin)], 0, Ends(Ending::AlreadyClosed)),
        row("ENOTCONN, EOF and an error behind it: reset after its FIN", limits(), 0, &[(0, NotConnected), (0, ReceivedFin), (0, pending(BrokenPipe))], 0,
            Ends(Ending::Reset { phase: Phase::HalfClose, after_fin: true })),
        row("ENOTCONN and nothing to read: already closed", limits(), 0, &[(0, NotConnected), (0, ReceiveBlocked)], 0, Ends(Ending::AlreadyClosed)),
        row("ENOTCONN and the kernel's word that it gave up", limits(), 0, &[(0, NotConnected), (0, failed(Operation::Receive, TimedOut))], 0, Ends(Ending::Lost { phase: Phase::HalfClose })),
        row("ENOTCONN with more bytes than the limit ends at the limit", limits(), 0, &[(0, NotConnected), (0, got(1_000))], 0, Ends(Ending::AlreadyClosed)),
        row("a half-close that fails otherwise says so", limits(), 0, &[(0, failed(Operation::HalfClose, PermissionDenied))], 0, Ends(Ending::Failed { operation: Operation::HalfClose })),
        row("after the half-close the socket is read at once: no edge is owed", limits(), 10, &[(0, WriteBlocked), (0, ReceiveBlocked), (1, Writable), (1, wrote(10)), (1, HalfClosed)], 1, Does(Action::Receive)),
    ]
}
