//! The invariants of the design, one function each, by their names there, as far as one teardown
//! and its socket can show them. S3 has no action that could break it (`machine_walk`); S10, S11
//! and L3 are the driver's (`simulation`).
//!
//! What is true is in `World::kernel`, which the machine cannot see.

use finwait::{Action, Clock, Delivered, Ending, Event, Fin, FinishOn, Phase, Receive, Report};

use crate::Walk;
use crate::kernel::{Death, Release, Tells};
use crate::policies::{DRAIN_BYTES, DRAIN_TOTAL, FLUSH_TOTAL};
use crate::world::{Hints, LATE, Wish, World};

type OfAState = fn(&Walk, &World, Action) -> bool;
type OfAReport = fn(&Walk, &World, &Report) -> bool;

pub(crate) const OF_A_STATE: &[(&str, OfAState)] = named![
    s1_half_close_at_most_once_and_only_when_all_is_written,
    s2_no_write_after_the_half_close,
    s4_released_exactly_once,
    s5_a_report_at_the_end_and_not_before,
    s12_nothing_waits_without_a_deadline_that_is_still_to_come,
    s13_no_wait_passes_the_total_or_the_stop,
    l1_it_ends_by_its_bound,
    l2_peer_fin_and_ack_end_it_without_a_timer,
    l5_nothing_waits_on_a_connection_that_died_and_was_told,
];

pub(crate) const OF_A_REPORT: &[(&str, OfAReport)] = named![
    s5_a_report_never_changes,
    s6_a_peer_fin_is_one_that_arrived,
    s7_the_first_error_that_was_told_is_in_the_report,
    s7_a_death_before_the_end_was_settled_is_told,
    s8_graceful_if_and_only_if_all_of_it_is_true,
    s9_delivered_yes_only_of_what_the_peer_acknowledged,
    s9_delivered_no_only_of_what_was_never_written,
    s14_discarded_less_than_the_limit_and_one_read,
    l4_a_peer_that_takes_nothing_ends_as_a_flush_stall,
    the_counts_are_true,
    the_fin_is_what_became_of_it,
    a_reset_was_one,
    a_loss_was_one,
    acked_means_acked,
    a_clock_that_ended_it_had_run_out,
    a_clock_ends_no_drain_whose_fin_had_arrived,
    an_end_at_wish_was_wished,
    an_rst_of_ours_is_in_the_report,
];

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
fn cap(world: &World) -> u64 {
    let total = match world.fin_at {
        None => FLUSH_TOTAL,
        Some(fin_at) => fin_at + DRAIN_TOTAL,
    };
    world.stop_at.map_or(total, |stop| stop.min(total))
}

fn s13_no_wait_passes_the_total_or_the_stop(walk: &Walk, world: &World, action: Action) -> bool {
    match action {
        Action::Wait { until: Some(until) } => until <= walk.at(cap(world)),
        _ => true,
    }
}

/// But for how late the driver came.
fn l1_it_ends_by_its_bound(walk: &Walk, world: &World, _: Action) -> bool {
    let late = u64::from(walk.late - world.late) * (LATE + 1);
    world.now <= cap(world).max(world.settled_at.unwrap_or(0)) + late
        && world
            .settled_at
            .is_none_or(|settled| settled <= cap(world) + late)
}

/// With every edge that came, and none lost.
fn l2_peer_fin_and_ack_end_it_without_a_timer(walk: &Walk, world: &World, _: Action) -> bool {
    let limit = walk.receive == Receive::Discard && u64::from(world.kernel.arrived) >= DRAIN_BYTES;
    let lost = match (walk.hints, world.hints) {
        (Hints::Loose { lost, .. }, Hints::Loose { lost: left, .. }) => lost != left,
        _ => false,
    };
    // Past its time it is owed one read, which may bring bytes instead of the FIN.
    let too_late = world.now >= cap(world);
    if !world.kernel.is_over() || limit || lost || too_late || world.settled_at.is_some() {
        return true;
    }
    let mut told = *world;
    for (pending, hint) in [
        (told.readable, Event::Readable),
        (told.writable, Event::Writable),
    ] {
        if pending {
            told.teardown.handle(hint, walk.at(told.now));
        }
    }
    let Some(report) = told.left_alone(walk).teardown.report() else {
        return false;
    };
    match walk.tells {
        Tells::All => report.is_graceful(),
        Tells::Nothing => report.ending == Ending::PeerFin,
    }
}

fn l5_nothing_waits_on_a_connection_that_died_and_was_told(
    _: &Walk,
    world: &World,
    action: Action,
) -> bool {
    let over = world.kernel.told.is_some() || world.teardown.phase() == Phase::Close;
    !(over && matches!(action, Action::Wait { .. }))
}

fn s5_a_report_never_changes(walk: &Walk, world: &World, report: &Report) -> bool {
    [
        Event::Readable,
        Event::ReceivedFin,
        Event::PendingError(report.error),
        Event::Closed,
        Event::Abort,
        Event::Stop(walk.start),
    ]
    .into_iter()
    .all(|event| {
        let mut later = world.teardown;
        later.handle(event, walk.at(world.now + 1));
        later.report().as_ref() == Some(report)
    })
}

fn s6_a_peer_fin_is_one_that_arrived(_: &Walk, world: &World, report: &Report) -> bool {
    let claimed = match report.ending {
        Ending::Reset { after_fin, .. } => after_fin,
        _ => report.peer_fin,
    };
    !(claimed || report.peer_fin) || world.kernel.peer_fin
}

fn s7_the_first_error_that_was_told_is_in_the_report(
    _: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    report.error.map(|error| error.kind()) == world.kernel.told
}

/// An RST between the last question for an error and the close is as one after the close. Only an
/// ending that itself says that the acknowledgement was pending may be settled by another question.
fn s7_a_death_before_the_end_was_settled_is_told(_: &Walk, world: &World, report: &Report) -> bool {
    let before = world
        .died_in
        .is_some_and(|phase| !matches!(phase, Phase::Close | Phase::Finished));
    !before || report.error.is_some() || report.ending == Ending::PeerFin
}

fn s8_graceful_if_and_only_if_all_of_it_is_true(_: &Walk, world: &World, report: &Report) -> bool {
    let kernel = &world.kernel;
    let all = kernel.acked == world.payload
        && kernel.fin_acked
        && kernel.peer_fin
        && kernel.unread() == 0
        && kernel.death.is_none();
    !report.is_graceful() || all
}

fn s9_delivered_yes_only_of_what_the_peer_acknowledged(
    _: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    report.delivered() != Delivered::Yes || world.kernel.acked == world.payload
}

fn s9_delivered_no_only_of_what_was_never_written(
    _: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    report.delivered() != Delivered::No || world.kernel.written < world.payload
}

fn s14_discarded_less_than_the_limit_and_one_read(
    walk: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    walk.receive == Receive::Deliver
        || report.discarded_bytes < DRAIN_BYTES + u64::from(world.largest_read.max(1))
}

fn l4_a_peer_that_takes_nothing_ends_as_a_flush_stall(
    _: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    let kernel = &world.kernel;
    let takes_nothing = world.payload > 0 && kernel.acked == 0 && !kernel.fin;
    if !takes_nothing || kernel.death.is_some() || world.wished.is_some() {
        return true;
    }
    match report.ending {
        Ending::TimedOut { phase, clock } => {
            phase == Phase::Flush && matches!(clock, Clock::Idle | Clock::Total)
        }
        // While it takes nothing it may still send too much.
        ending => ending == Ending::ByteLimit,
    }
}

fn the_counts_are_true(_: &Walk, world: &World, report: &Report) -> bool {
    let kernel = &world.kernel;
    let pending = u64::from(kernel.written - kernel.acked);
    // What was told may be older than what is true now.
    let unacked = report
        .unacknowledged_bytes
        .is_none_or(|told| (pending..=u64::from(kernel.written)).contains(&told));
    let unread = report
        .unread_bytes
        .is_none_or(|told| told <= u64::from(kernel.unread()));
    report.received_bytes == u64::from(kernel.read)
        && report.unwritten_bytes == u64::from(world.payload - kernel.written)
        && unacked
        && unread
}

fn the_fin_is_what_became_of_it(_: &Walk, world: &World, report: &Report) -> bool {
    match report.fin {
        Fin::NotSent => !world.kernel.fin,
        Fin::Queued | Fin::Unknown => world.kernel.fin,
        Fin::Acked => world.kernel.fin_acked,
    }
}

fn a_reset_was_one(_: &Walk, world: &World, report: &Report) -> bool {
    !matches!(report.ending, Ending::Reset { .. }) || world.kernel.death == Some(Death::Reset)
}

/// On the other hand, what is already closed had no error left to say why.
fn a_loss_was_one(_: &Walk, world: &World, report: &Report) -> bool {
    let kernel = &world.kernel;
    match report.ending {
        Ending::Lost { .. } => kernel.death == Some(Death::GivenUp),
        Ending::AlreadyClosed => kernel.death.is_some() && kernel.told.is_none(),
        _ => true,
    }
}

fn acked_means_acked(walk: &Walk, world: &World, report: &Report) -> bool {
    let wanted = matches!(walk.limits.finish_on, FinishOn::Acked { .. });
    report.ending != Ending::Acked || (wanted && world.kernel.fin_acked)
}

fn a_clock_that_ended_it_had_run_out(_: &Walk, world: &World, report: &Report) -> bool {
    let Some(settled) = world.settled_at else {
        return false;
    };
    match report.ending {
        Ending::TimedOut {
            phase,
            clock: Clock::Total,
        } => match (phase, world.fin_at) {
            (Phase::Flush, _) => settled >= FLUSH_TOTAL,
            (_, Some(fin_at)) => settled >= fin_at + DRAIN_TOTAL,
            (_, None) => false,
        },
        Ending::TimedOut {
            clock: Clock::Stop, ..
        } => world.stop_at.is_some_and(|stop| settled >= stop),
        _ => true,
    }
}

/// Where every edge is told: what had arrived when the clock ran out was there to be read.
fn a_clock_ends_no_drain_whose_fin_had_arrived(
    walk: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    let drained = matches!(
        report.ending,
        Ending::TimedOut {
            phase: Phase::Drain,
            ..
        }
    );
    let told = walk.hints == Hints::Prompt;
    // One read is what a connection is owed whose time is up, and bytes come before the FIN.
    let fin_was_next = world.fin_before_the_end && !world.read_at_the_end;
    !(drained && told && fin_was_next) || report.peer_fin
}

fn an_end_at_wish_was_wished(_: &Walk, world: &World, report: &Report) -> bool {
    match report.ending {
        Ending::Aborted => world.wished == Some(Wish::Abort),
        Ending::Evicted => world.wished == Some(Wish::Evict),
        Ending::TimedOut {
            clock: Clock::Stop, ..
        } => world.wished == Some(Wish::Stop),
        _ => true,
    }
}

fn an_rst_of_ours_is_in_the_report(_: &Walk, world: &World, report: &Report) -> bool {
    report.aborted == (world.kernel.released == Some(Release::Abort))
}
