//! The invariants of the design, one function each, by their names there. Each says whether it
//! holds in a state, where the machine asks for `action`, or on a step from one state to another.

use finwait::{Action, Event, FinishOn, Phase, Receive};

use crate::policies::DRAIN_BYTES;
use crate::{Node, Walk, reporting};

type OfAState = fn(&Walk, &Node, Action) -> bool;
type OfAStep = fn(&Walk, &Node, &Node) -> bool;

const OF_A_STATE: &[(&str, OfAState)] = named![
    state::s1_half_close_at_most_once_and_only_when_all_is_written,
    state::s2_no_write_after_the_half_close,
    state::s4_released_exactly_once,
    state::s5_a_report_at_the_end_and_not_before,
    state::s7_so_error_is_asked_only_after_a_zero_or_at_the_end,
    state::s12_nothing_waits_without_a_deadline_that_is_still_to_come,
    state::s13_no_wait_passes_a_deadline_once_set,
    state::s13_past_the_total_at_most_one_read_and_no_write,
    state::s14_no_read_once_the_limit_is_reached,
    state::l5_an_empty_payload_an_eof_and_a_reset_are_not_waited_on,
    state::asking_twice_gives_the_same_answer,
    state::once_settled_neither_time_nor_hints_nor_wishes_change_the_next_action,
];

const OF_A_STEP: &[(&str, OfAStep)] = named![
    step::s4_an_ending_once_chosen_leads_to_the_close,
    step::s14_discarded_at_most_the_limit_and_one_read,
    step::phases_go_forward_only,
];

pub(crate) fn of_a_state(walk: &Walk, node: &Node, action: Action) {
    for (name, holds) in OF_A_STATE {
        walk.check(name, holds(walk, node, action), node);
    }
    if let Some(report) = node.teardown.report() {
        for (name, holds) in reporting::OF_A_REPORT {
            walk.check(name, holds(walk, node, &report), node);
        }
    }
}

pub(crate) fn of_a_step(walk: &Walk, before: &Node, after: &Node) {
    for (name, holds) in OF_A_STEP {
        walk.check(name, holds(walk, before, after), after);
    }
}

/// Of a state without a report, from which so many paths lead to one.
pub(crate) fn s12_every_state_goes_on_or_is_finished(paths: u64) -> bool {
    paths > 0
}

mod state {
    use super::*;

    pub(super) fn s1_half_close_at_most_once_and_only_when_all_is_written(
        _: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        action != Action::HalfClose
            || (node.facts.half_close_asked == 0 && node.facts.unwritten == 0)
    }

    pub(super) fn s2_no_write_after_the_half_close(_: &Walk, node: &Node, action: Action) -> bool {
        let facts = &node.facts;
        action != Action::Write
            || (facts.half_close_asked == 0 && facts.unwritten > 0 && facts.first_error.is_none())
    }

    pub(super) fn s4_released_exactly_once(_: &Walk, node: &Node, action: Action) -> bool {
        node.facts.releases == u8::from(action == Action::Finished)
    }

    pub(super) fn s5_a_report_at_the_end_and_not_before(
        _: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        let finished = action == Action::Finished;
        node.teardown.report().is_some() == finished
            && (node.teardown.phase() == Phase::Finished) == finished
    }

    /// Or at the byte limit, where no read follows that it could deceive.
    pub(super) fn s7_so_error_is_asked_only_after_a_zero_or_at_the_end(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        let at_the_end = node.teardown.phase() == Phase::Close;
        action != Action::AskError
            || node.facts.zero
            || at_the_end
            || node.facts.limit_reached(walk)
    }

    pub(super) fn s12_nothing_waits_without_a_deadline_that_is_still_to_come(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        match action {
            Action::Wait { until } => until.is_some_and(|until| until > walk.at(node.now)),
            _ => true,
        }
    }

    /// Only the idle clocks begin again; and no wait is longer for it than the total allows.
    pub(super) fn s13_no_wait_passes_a_deadline_once_set(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        let deadline = node.facts.deadline(walk, node.teardown.phase());
        match action {
            Action::Wait { until: Some(until) } => until <= walk.at(deadline),
            _ => true,
        }
    }

    /// But for one read, of what may have come in time, and for what is left in the receive queue of
    /// a connection that is gone.
    pub(super) fn s13_past_the_total_at_most_one_read_and_no_write(
        _: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        let gone = node.facts.not_connected || node.facts.first_error.is_some();
        let moves = matches!(
            action,
            Action::Write | Action::Receive | Action::Wait { .. }
        );
        let last_read = action == Action::Receive && node.facts.late_reads == 0;
        gone || !moves || node.now < node.facts.cap() || last_read
    }

    pub(super) fn s14_no_read_once_the_limit_is_reached(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        action != Action::Receive || !node.facts.limit_reached(walk)
    }

    /// Nothing to write: the half-close comes at once. An error or an end that was told: nothing more
    /// is waited for. The peer's FIN read, and ours out: only for the acknowledgement of ours, if that
    /// is wanted and can be told.
    pub(super) fn l5_an_empty_payload_an_eof_and_a_reset_are_not_waited_on(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        let facts = &node.facts;
        let empty = facts.unwritten == 0 && facts.half_close_asked == 0;
        let over = facts.first_error.is_some()
            || facts.not_connected
            || node.teardown.phase() == Phase::Close;
        let for_the_ack = node.teardown.phase() == Phase::Confirm
            && walk.limits.finish_on != FinishOn::PeerFin
            && facts.acked_at.is_none()
            && !facts.ack_unknown;
        let eof = facts.eof_at.is_some() && facts.unwritten == 0 && !for_the_ack;
        !matches!(action, Action::Wait { .. }) || !(empty || over || eof)
    }

    pub(super) fn once_settled_neither_time_nor_hints_nor_wishes_change_the_next_action(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        if node.teardown.phase() != Phase::Close {
            return true;
        }
        let later = walk.at(node.now + 1_000);
        let mut told = node.teardown;
        for event in [
            Event::Readable,
            Event::Writable,
            Event::Stop(walk.start),
            Event::Evict,
            Event::Abort,
        ] {
            told.handle(event, later);
        }
        told.poll(later) == action
    }

    pub(super) fn asking_twice_gives_the_same_answer(
        walk: &Walk,
        node: &Node,
        action: Action,
    ) -> bool {
        walk.poll(node) == action
    }
}

mod step {
    use super::*;

    fn rank(node: &Node) -> u8 {
        match node.teardown.phase() {
            Phase::Flush => 0,
            Phase::HalfClose => 1,
            Phase::Drain => 2,
            Phase::Confirm => 3,
            Phase::Close => 4,
            Phase::Finished => 5,
        }
    }

    pub(super) fn s4_an_ending_once_chosen_leads_to_the_close(
        _: &Walk,
        before: &Node,
        after: &Node,
    ) -> bool {
        before.teardown.phase() != Phase::Close
            || matches!(after.teardown.phase(), Phase::Close | Phase::Finished)
    }

    pub(super) fn s14_discarded_at_most_the_limit_and_one_read(
        walk: &Walk,
        _: &Node,
        after: &Node,
    ) -> bool {
        let facts = &after.facts;
        walk.receive == Receive::Deliver || facts.received <= DRAIN_BYTES + facts.largest_read
    }

    pub(super) fn phases_go_forward_only(_: &Walk, before: &Node, after: &Node) -> bool {
        rank(before) <= rank(after)
    }
}
