//! The invariants of a report, one function each, by their names in the design: it is held against
//! `World::kernel`, which the machine cannot see.

use finwait::{Clock, Delivered, Ending, Event, Fin, FinishOn, OnLimit, Phase, Receive, Report};

use crate::Walk;
use crate::invariants::{cap, confirm_wait};
use crate::kernel::{Death, Release};
use crate::policies::{
    ACKED_GRACE, DRAIN_BYTES, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_STALL, FLUSH_TOTAL, LIMIT_GRACE,
    QUARTER,
};
use crate::world::{Hints, Wish, World};

type OfAReport = fn(&Walk, &World, &Report) -> bool;

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
    let told = match world.died_in {
        None | Some(Phase::Close | Phase::Finished) => true,
        Some(Phase::Confirm) => report.ending == Ending::PeerFin,
        Some(Phase::Flush | Phase::HalfClose | Phase::Drain) => false,
    };
    told || report.error.is_some()
}

/// Only if it is true; and if the machine was told so before anything else ended it.
fn s8_graceful_if_and_only_if_all_of_it_is_true(_: &Walk, world: &World, report: &Report) -> bool {
    let kernel = &world.kernel;
    let all = kernel.acked == world.payload
        && kernel.fin_acked
        && kernel.peer_fin
        && kernel.unread() == 0
        && kernel.death.is_none();
    let told = world.eof_at.is_some()
        && world.told_at.is_some()
        && kernel.told.is_none()
        && !matches!(world.wished, Some(Wish::Abort | Wish::Evict));
    if report.is_graceful() { all } else { !told }
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
    walk: &Walk,
    world: &World,
    report: &Report,
) -> bool {
    let kernel = &world.kernel;
    let takes_nothing = world.payload > 0 && kernel.acked == 0 && !kernel.fin;
    if !takes_nothing || kernel.death.is_some() || world.wished.is_some() {
        return true;
    }
    // The bound on the whole is later, unless the driver was.
    let late = world.late != walk.late;
    let in_time = world
        .settled_at
        .is_some_and(|at| at <= world.written_at + FLUSH_STALL + QUARTER);
    match report.ending {
        Ending::TimedOut {
            phase: Phase::Flush,
            clock: Clock::Idle,
        } => late || in_time,
        Ending::TimedOut {
            phase: Phase::Flush,
            clock: Clock::Total,
        } => late,
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

fn a_clock_that_ended_it_had_run_out(walk: &Walk, world: &World, report: &Report) -> bool {
    let Some(settled) = world.settled_at else {
        return false;
    };
    let is_past = |from: Option<u64>, wait| from.is_some_and(|from| settled >= from + wait);
    match report.ending {
        Ending::TimedOut {
            phase: Phase::Flush,
            clock: Clock::Idle,
        } => is_past(Some(world.written_at), FLUSH_STALL),
        Ending::TimedOut {
            clock: Clock::Idle, ..
        } => is_past(world.fin_at, DRAIN_IDLE),
        Ending::TimedOut {
            clock: Clock::Confirm,
            ..
        } => is_past(world.eof_at.max(world.fin_at), confirm_wait(walk)),
        Ending::Acked => is_past(world.told_at, ACKED_GRACE),
        Ending::ByteLimit if walk.limits.on_limit != OnLimit::Abort => {
            let pause = match world.told_at {
                Some(_) => is_past(world.told_at, LIMIT_GRACE),
                None => is_past(world.fin_at, DRAIN_IDLE),
            };
            pause || settled >= cap(world)
        }
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
