//! The invariants of the design, one function each, by their names there, as far as one teardown
//! and its socket can show them. S10, S11 and L3 are the driver's (`simulation`).
//!
//! What is true is in `World::kernel`, which the machine cannot see.

use finwait::{Action, Ending, FinishOn, Phase, Receive};

use crate::Walk;
use crate::kernel::Tells;
use crate::policies::{
    ACKED_GRACE, CONFIRM, DRAIN_BYTES, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_TOTAL, LIMIT_GRACE,
};
use crate::world::{LATE, Move, World};

type OfAState = fn(&Walk, &World, Action) -> bool;

pub(crate) const OF_A_STATE: &[(&str, OfAState)] = named![
    s1_half_close_at_most_once_and_only_when_all_is_written,
    s2_no_write_after_the_half_close,
    s3_what_arrives_after_the_half_close_is_still_read,
    s4_released_exactly_once,
    s5_a_report_at_the_end_and_not_before,
    s12_nothing_waits_without_a_deadline_that_is_still_to_come,
    s13_no_wait_passes_a_deadline_once_set,
    l1_it_ends_by_its_bound,
    l2_peer_fin_and_ack_end_it_without_a_timer,
    l5_an_empty_payload_an_eof_and_a_reset_are_not_waited_on,
];

/// Of a state without a report.
pub(crate) fn s12_every_state_goes_on_or_is_finished(moves: &[Move]) -> bool {
    !moves.is_empty()
}

fn s1_half_close_at_most_once_and_only_when_all_is_written(
    _: &Walk,
    world: &World,
    _: Action,
) -> bool {
    let kernel = &world.kernel;
    match kernel.half_closes {
        0 => true,
        1 => kernel.written == world.payload,
        _ => false,
    }
}

fn s2_no_write_after_the_half_close(_: &Walk, world: &World, _: Action) -> bool {
    world.kernel.writes_after_fin == 0
}

/// Never SHUT_RD: of what comes once our FIN is out, nothing is kept from the reader, up to the
/// limit and to the end of the drain.
fn s3_what_arrives_after_the_half_close_is_still_read(
    walk: &Walk,
    world: &World,
    _: Action,
) -> bool {
    let kernel = &world.kernel;
    let excused = reaches_the_limit(walk, world)
        || world.lost_an_edge(walk)
        || world.now >= cap(world)
        || world.settled_at.is_some();
    if !kernel.fin || kernel.unread() == 0 || excused {
        return true;
    }
    let after = world.told(walk).left_alone(walk);
    after.kernel.unread() == 0
}

fn s4_released_exactly_once(_: &Walk, world: &World, action: Action) -> bool {
    world.kernel.released.is_some() == (action == Action::Finished)
}

fn s5_a_report_at_the_end_and_not_before(_: &Walk, world: &World, action: Action) -> bool {
    world.teardown.report().is_some() == (action == Action::Finished)
}

fn s12_nothing_waits_without_a_deadline_that_is_still_to_come(
    walk: &Walk,
    world: &World,
    action: Action,
) -> bool {
    match action {
        Action::Wait { until } => until.is_some_and(|until| until > walk.at(world.now)),
        _ => true,
    }
}

/// By when the present phase ends, whatever happens.
pub(crate) fn cap(world: &World) -> u64 {
    let total = match world.fin_at {
        None => FLUSH_TOTAL,
        Some(fin_at) => fin_at + DRAIN_TOTAL,
    };
    world.stop_at.map_or(total, |stop| stop.min(total))
}

/// For the acknowledgement of our FIN, where both FINs are out.
pub(crate) fn confirm_wait(walk: &Walk) -> u64 {
    match walk.limits.finish_on {
        FinishOn::PeerFinAndAcked { .. } => CONFIRM,
        FinishOn::PeerFin | FinishOn::Acked { .. } => DRAIN_IDLE,
    }
}

fn reaches_the_limit(walk: &Walk, world: &World) -> bool {
    walk.receive == Receive::Discard && u64::from(world.kernel.arrived) >= DRAIN_BYTES
}

/// The total and a stop, the wait for an acknowledgement, and the graces after one: what was fixed
/// by something that happened once stays where it is, whatever is asked or told. Only the idle
/// clocks begin again.
fn s13_no_wait_passes_a_deadline_once_set(walk: &Walk, world: &World, action: Action) -> bool {
    let Action::Wait { until: Some(until) } = action else {
        return true;
    };
    let paused = walk.receive == Receive::Discard && u64::from(world.kernel.read) >= DRAIN_BYTES;
    let fixed = match (world.teardown.phase(), world.told_at, walk.limits.finish_on) {
        (Phase::Confirm, ..) => {
            let both = world.eof_at.max(world.fin_at);
            both.map(|both| both + confirm_wait(walk))
        }
        (Phase::Drain, Some(told_at), _) if paused => Some(told_at + LIMIT_GRACE),
        (Phase::Drain, Some(told_at), FinishOn::Acked { .. }) => Some(told_at + ACKED_GRACE),
        _ => None,
    };
    until <= walk.at(fixed.map_or(cap(world), |fixed| fixed.min(cap(world))))
}

/// But for how late the driver came; and at no instant is there always something more to ask, which
/// would let no time go by.
fn l1_it_ends_by_its_bound(walk: &Walk, world: &World, action: Action) -> bool {
    let late = u64::from(walk.late - world.late) * (LATE + 1);
    let rests = match action {
        Action::Wait { .. } | Action::Finished => true,
        _ => matches!(
            world.left_alone(walk).action(walk),
            Action::Wait { .. } | Action::Finished
        ),
    };
    rests
        && world.now <= cap(world).max(world.settled_at.unwrap_or(0)) + late
        && world
            .settled_at
            .is_none_or(|settled| settled <= cap(world) + late)
}

/// With every edge that came, and none lost.
fn l2_peer_fin_and_ack_end_it_without_a_timer(walk: &Walk, world: &World, _: Action) -> bool {
    let limit = reaches_the_limit(walk, world);
    // Past its time it is owed one read, which may bring bytes instead of the FIN.
    let too_late = world.now >= cap(world);
    let excused = limit || world.lost_an_edge(walk) || too_late || world.settled_at.is_some();
    if !world.kernel.is_over() || excused {
        return true;
    }
    let told = world.told(walk);
    let Some(report) = told.left_alone(walk).teardown.report() else {
        return false;
    };
    match walk.tells {
        Tells::All => report.is_graceful(),
        Tells::Nothing => report.ending == Ending::PeerFin,
    }
}

/// With every edge that came, and none lost: nothing to write, nothing to wait for before the
/// half-close; a dead connection is left at once; one whose peer's FIN is there waits for nothing but
/// the acknowledgement of ours, if that is wanted and can be told.
fn l5_an_empty_payload_an_eof_and_a_reset_are_not_waited_on(
    walk: &Walk,
    world: &World,
    action: Action,
) -> bool {
    let kernel = &world.kernel;
    let waits = matches!(action, Action::Wait { .. });
    let told = kernel.told.is_some() || world.teardown.phase() == Phase::Close;
    let nothing_to_write = kernel.written == world.payload && !kernel.fin;
    if (waits && (told || nothing_to_write)) || (action == Action::Write && nothing_to_write) {
        return false;
    }
    if world.lost_an_edge(walk) {
        return true;
    }
    let after = world.told(walk).left_alone(walk);
    let finished = after.teardown.phase() == Phase::Finished;
    if kernel.death.is_some() {
        return finished;
    }
    let eof = kernel.peer_fin && after.kernel.fin && !reaches_the_limit(walk, world);
    let for_the_ack = after.teardown.phase() == Phase::Confirm
        && walk.limits.finish_on != FinishOn::PeerFin
        && walk.tells == Tells::All
        && !kernel.fin_acked;
    !eof || finished || for_the_ack
}
