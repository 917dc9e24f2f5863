//! After the peer's FIN: is an error hidden behind it, and was our FIN acknowledged?

use std::io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut};

use finwait::{Action, Clock, Ending, Event, Limits, Phase};

use crate::Expect::{Aborts, Does, Ends, WaitsUntil};
use crate::{
    ACKED, CANNOT_TELL, NO_ERROR, Row, acked_policy, limits, ms, pending, proof_policy, row,
    unacked,
};

const HIDDEN_RESET: Ending = Ending::Reset {
    phase: Phase::Confirm,
    after_fin: true,
};

const fn timed_out(clock: Clock) -> Ending {
    Ending::TimedOut {
        phase: Phase::Confirm,
        clock,
    }
}

#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    use Event::{HalfClosed, Readable, ReceivedFin, Writable};
    let eof = [(0, HalfClosed), (0, ReceivedFin)];
    let then = |more: &[(u64, Event)]| [&eof[..], more].concat();
    let late = Limits { drain_total: Some(ms(40)), ..proof_policy() };
    let aborting = Limits { on_deadline: finwait::OnDeadline::Abort, ..proof_policy() };
    vec![
        row("EOF is not delivery: SO_ERROR is asked first", limits(), 0, &eof, 0, Does(Action::AskError)),
        row("a reset hidden behind the FIN", limits(), 0, &then(&[(0, pending(ConnectionReset))]), 0, Ends(HIDDEN_RESET)),
        row("EPIPE is what Linux makes of it in CLOSE-WAIT", limits(), 0, &then(&[(0, pending(BrokenPipe))]), 0, Ends(HIDDEN_RESET)),
        row("a kernel that gave up behind the FIN", limits(), 0, &then(&[(0, pending(TimedOut))]), 0, Ends(Ending::Lost { phase: Phase::Confirm })),
        row("then whether our FIN was acknowledged", limits(), 0, &then(&[(0, NO_ERROR)]), 0, Does(Action::AskAck)),
        row("hints in between change nothing", limits(), 0, &then(&[(0, Readable), (0, Writable), (0, NO_ERROR), (0, Readable)]), 0, Does(Action::AskAck)),
        row("it was: graceful, without waiting", limits(), 0, &then(&[(0, NO_ERROR), (0, ACKED)]), 0, Ends(Ending::Graceful)),
        row("graceful ends with the close: nothing is left to ask", limits(), 0, &then(&[(0, NO_ERROR), (0, ACKED)]), 0, Does(Action::Close)),
        row("it was not, and the policy does not wait", limits(), 0, &then(&[(0, NO_ERROR), (0, unacked(0))]), 0, Ends(Ending::PeerFin)),
        row("the OS cannot tell, and no policy waits for what cannot be told", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, CANNOT_TELL)]), 0, Ends(Ending::PeerFin)),
        row("nor does this one", acked_policy(), 0, &then(&[(0, NO_ERROR), (0, CANNOT_TELL)]), 0, Ends(Ending::PeerFin)),

        // The caller has read the peer's FIN.
        row("nothing is read where the caller has read the peer's FIN", limits(), 0, &[], 0, Does(Action::HalfClose)).after_the_peers_fin(),
        row("then SO_ERROR is asked at once", limits(), 0, &[(0, HalfClosed)], 0, Does(Action::AskError)).after_the_peers_fin(),
        row("an RST behind that FIN is one after it", limits(), 0, &[(0, HalfClosed), (0, pending(BrokenPipe))], 0, Ends(HIDDEN_RESET)).after_the_peers_fin(),
        row("both FINs, and ours acknowledged", limits(), 0, &[(0, HalfClosed), (0, NO_ERROR), (0, ACKED)], 0, Ends(Ending::Graceful)).after_the_peers_fin(),
        row("its wait for the acknowledgement counts from our FIN", proof_policy(), 0, &[(5, HalfClosed), (5, NO_ERROR), (5, unacked(0)), (5, NO_ERROR), (64, unacked(0)), (64, NO_ERROR)], 64, WaitsUntil(65)).after_the_peers_fin(),
        row("what is unsent is written first, and nothing read beside it", limits(), 10, &[(0, Event::WriteBlocked), (0, Readable)], 0, WaitsUntil(25)).after_the_peers_fin(),
        row("one that is gone by then is asked why", limits(), 0, &[(0, Event::NotConnected), (0, ReceivedFin)], 0, Does(Action::AskError)).after_the_peers_fin(),

        // Waiting for the acknowledgement.
        row("proof: it is asked again soon", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(0)), (0, NO_ERROR)]), 0, WaitsUntil(1)),
        row("an RST ends the wait, so SO_ERROR is asked in turn", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(0))]), 0, Does(Action::AskError)),
        row("and is a reset after the FIN", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(3)), (0, pending(ConnectionReset))]), 0, Ends(HIDDEN_RESET)),
        row("a hint is the moment to ask", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(0)), (0, NO_ERROR), (0, Writable)]), 0, Does(Action::AskAck)),
        row("acknowledged in the end: graceful", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (1, unacked(1)), (1, NO_ERROR), (2, ACKED)]), 2, Ends(Ending::Graceful)),
        row("the wait has its bound", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (60, unacked(9))]), 60, Ends(timed_out(Clock::Confirm))),
        row("an acknowledgement at the bound still counts", proof_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (60, ACKED)]), 60, Ends(Ending::Graceful)),
        row("the total bounds it too", late, 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (40, unacked(9))]), 40, Ends(timed_out(Clock::Total))),
        row("with an RST if that is wanted", aborting, 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (60, unacked(9))]), 60, Aborts(timed_out(Clock::Confirm))),
        row("the bound counts from our FIN where that was last", proof_policy(), 10,
            &[(0, Event::WriteBlocked), (0, ReceivedFin), (50, Writable), (50, crate::wrote(10)), (50, HalfClosed), (50, NO_ERROR), (50, unacked(9)), (50, NO_ERROR), (51, unacked(9)), (51, NO_ERROR)],
            51, WaitsUntil(52)),
        row("policy Acked waits for it as long as a drain may be idle", acked_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (99, unacked(9)), (99, NO_ERROR)]), 99, WaitsUntil(100)),
        row("and then says that it never came", acked_policy(), 0, &then(&[(0, NO_ERROR), (0, unacked(9)), (0, NO_ERROR), (100, unacked(9))]), 100, Ends(timed_out(Clock::Confirm))),
    ]
}
