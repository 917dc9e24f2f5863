//! What a report says, held against what happened.

use std::io;
use std::time::Duration;

use finwait::{
    Acknowledged, Clock, Delivered, Ending, Event, Fin, FinishOn, OnDeadline, OnLimit, Operation,
    Phase, Receive, Report,
};

use crate::facts::confirm_wait;
use crate::policies::{
    ACKED_GRACE, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_STALL, FLUSH_TOTAL, LIMIT_GRACE,
};
use crate::{Node, Walk};

type OfAReport = fn(&Walk, &Node, &Report) -> bool;

pub(crate) const OF_A_REPORT: &[(&str, OfAReport)] = named![
    self::s5_a_report_never_changes,
    self::s6_a_zero_after_an_error_is_no_peer_fin,
    self::s7_an_error_is_never_dropped,
    self::s7_an_end_in_order_has_no_error_behind_its_zero,
    self::s8_graceful_if_and_only_if_it_was_told_all_of_it,
    self::s9_delivered_only_by_evidence_taken_after_the_half_close,
    self::delivered_no_only_of_bytes_that_were_lost,
    self::unwritten_bytes_are_those_that_no_write_took,
    self::received_bytes_are_those_that_reads_gave,
    self::unacknowledged_bytes_are_those_that_were_told_last,
    self::unread_bytes_are_those_that_were_told,
    self::the_fin_is_what_was_told_of_it,
    self::the_times_add_up,
    self::the_ending_has_its_cause,
    self::no_clock_ends_it_early,
    self::an_error_that_ended_it_is_the_ending,
    self::already_closed_means_that_nothing_was_told,
    self::an_rst_where_it_was_wanted_and_only_there,
];

fn s5_a_report_never_changes(walk: &Walk, node: &Node, report: &Report) -> bool {
    let acked = Event::Ack {
        fin: Acknowledged::Yes,
        unacknowledged: Some(0),
    };
    [
        Event::Readable,
        Event::Received { bytes: 1 },
        Event::ReceivedFin,
        Event::PendingError(report.error),
        acked,
        Event::Closed,
        Event::Abort,
        Event::Evict,
        Event::Stop(walk.start),
    ]
    .into_iter()
    .all(|event| {
        let mut later = node.teardown;
        later.handle(event, walk.at(node.now + 1));
        later.report().as_ref() == Some(report)
    })
}

fn s6_a_zero_after_an_error_is_no_peer_fin(_: &Walk, node: &Node, report: &Report) -> bool {
    let vouched = report.ending != Ending::AlreadyClosed;
    let eof = node.facts.eof_at.is_some() && vouched;
    let named = match report.ending {
        Ending::Reset { after_fin, .. } => after_fin == eof,
        _ => true,
    };
    report.peer_fin == eof && named
}

fn s7_an_error_is_never_dropped(_: &Walk, node: &Node, report: &Report) -> bool {
    report.error.map(|error| error.kind()) == node.facts.first_error
}

/// An RST behind the peer's FIN shows nowhere but in SO_ERROR.
fn s7_an_end_in_order_has_no_error_behind_its_zero(_: &Walk, node: &Node, report: &Report) -> bool {
    let in_order = matches!(report.ending, Ending::Graceful | Ending::PeerFin);
    !in_order || node.facts.no_error_behind_zero
}

/// Only if it was told all of it; and if it was told so before anything else ended it.
fn s8_graceful_if_and_only_if_it_was_told_all_of_it(
    _: &Walk,
    node: &Node,
    report: &Report,
) -> bool {
    let facts = &node.facts;
    let both = facts.eof_at.is_some() && facts.first_error.is_none();
    if report.is_graceful() {
        both && facts.acked_at.is_some()
            && facts.unwritten == 0
            && report.fin == Fin::Acked
            && report.unread_bytes == Some(0)
            && report.unacknowledged_bytes == Some(0)
            && report.delivered() == Delivered::Yes
    } else {
        !both || !facts.acked_in_time || facts.abort_wanted || facts.evict_wanted
    }
}

fn s9_delivered_only_by_evidence_taken_after_the_half_close(
    _: &Walk,
    node: &Node,
    report: &Report,
) -> bool {
    let facts = &node.facts;
    let queue_empty = facts.told_after_fin && facts.unacked == Some(0);
    report.delivered() != Delivered::Yes
        || (facts.fin_at.is_some()
            && facts.unwritten == 0
            && (facts.acked_at.is_some() || queue_empty))
}

fn delivered_no_only_of_bytes_that_were_lost(_: &Walk, node: &Node, report: &Report) -> bool {
    let facts = &node.facts;
    let lost = facts.unacked.is_some_and(|n| n > 0) && facts.acked_at.is_none();
    report.delivered() != Delivered::No || facts.unwritten > 0 || lost
}

fn unwritten_bytes_are_those_that_no_write_took(_: &Walk, node: &Node, report: &Report) -> bool {
    report.unwritten_bytes == node.facts.unwritten
}

fn received_bytes_are_those_that_reads_gave(walk: &Walk, node: &Node, report: &Report) -> bool {
    let discarded = match walk.receive {
        Receive::Discard => node.facts.received,
        Receive::Deliver | Receive::Nothing => 0,
    };
    (report.received_bytes, report.discarded_bytes) == (node.facts.received, discarded)
}

fn unacknowledged_bytes_are_those_that_were_told_last(
    _: &Walk,
    node: &Node,
    report: &Report,
) -> bool {
    report.unacknowledged_bytes == node.facts.unacked
}

/// A connection whose EOF was read and which had no error has nothing left to read.
fn unread_bytes_are_those_that_were_told(_: &Walk, node: &Node, report: &Report) -> bool {
    let emptied = matches!(report.ending, Ending::Graceful | Ending::PeerFin);
    report.unread_bytes == if emptied { Some(0) } else { node.facts.unread }
}

fn the_fin_is_what_was_told_of_it(_: &Walk, node: &Node, report: &Report) -> bool {
    let facts = &node.facts;
    let (sent, acked) = (facts.fin_at.is_some(), facts.acked_at.is_some());
    match report.fin {
        Fin::NotSent => !sent,
        Fin::Queued => sent && !acked,
        Fin::Acked => acked,
        Fin::Unknown => facts.ack_unknown && !acked,
    }
}

fn the_times_add_up(_: &Walk, node: &Node, report: &Report) -> bool {
    let facts = &node.facts;
    let millis = Duration::from_millis;
    let Some((end, _)) = facts.released else {
        return false;
    };
    let fin = facts.fin_at.unwrap_or(end);
    let eof = match report.ending {
        Ending::AlreadyClosed => end,
        _ => facts.eof_at.unwrap_or(end).max(fin),
    };
    report.total() == millis(end)
        && report.flush == millis(fin)
        && report.drain == millis(eof - fin)
        && report.fin_to_ack == facts.acked_at.map(|at| millis(at - fin))
}

fn an_rst_where_it_was_wanted_and_only_there(walk: &Walk, node: &Node, report: &Report) -> bool {
    let wanted = match report.ending {
        Ending::Aborted => true,
        Ending::TimedOut { .. } => walk.limits.on_deadline == OnDeadline::Abort,
        Ending::ByteLimit => walk.limits.on_limit == OnLimit::Abort,
        _ => false,
    };
    match node.facts.released {
        // On a connection that has failed there is nobody to send one to.
        Some((_, by_rst)) if report.error.is_some() => wanted || !by_rst,
        Some((_, by_rst)) => by_rst == wanted,
        None => false,
    }
}

fn the_ending_has_its_cause(walk: &Walk, node: &Node, report: &Report) -> bool {
    let facts = &node.facts;
    let kind = facts.first_error;
    match report.ending {
        Ending::Graceful => facts.eof_at.is_some(),
        Ending::PeerFin => facts.eof_at.is_some() && facts.acked_at.is_none() && kind.is_none(),
        Ending::Acked => {
            let policy = matches!(walk.limits.finish_on, FinishOn::Acked { .. });
            policy && facts.acked_at.is_some()
        }
        Ending::TimedOut { .. } => true,
        Ending::ByteLimit => facts.limit_reached(walk),
        Ending::Reset { .. } => kind == Some(io::ErrorKind::ConnectionReset),
        Ending::Lost { .. } => kind == Some(io::ErrorKind::TimedOut),
        Ending::AlreadyClosed => facts.not_connected,
        Ending::Aborted => facts.abort_wanted,
        Ending::Evicted => facts.evict_wanted,
        Ending::Failed { .. } => kind == Some(io::ErrorKind::PermissionDenied),
    }
}

fn no_clock_ends_it_early(walk: &Walk, node: &Node, report: &Report) -> bool {
    let facts = &node.facts;
    let fin_at = facts.fin_at.unwrap_or(u64::MAX / 2);
    let due = match report.ending {
        Ending::Acked => facts.acked_at.map(|at| at + ACKED_GRACE),
        Ending::TimedOut { phase, clock } => match (phase, clock) {
            (_, Clock::Stop) => facts.stop_at,
            (Phase::Flush, Clock::Idle) => Some(facts.progress_at + FLUSH_STALL),
            (Phase::Flush, Clock::Total) => Some(FLUSH_TOTAL),
            (Phase::Drain, Clock::Idle) => Some(facts.progress_at + DRAIN_IDLE),
            (_, Clock::Total) => Some(fin_at + DRAIN_TOTAL),
            (_, Clock::Confirm) => facts.eof_at.map(|at| at.max(fin_at) + confirm_wait(walk)),
            (_, Clock::Idle) => None,
        },
        Ending::ByteLimit if walk.limits.on_limit != OnLimit::Abort => {
            let pause = match facts.acked_at {
                Some(at) if facts.acked_in_time => at + LIMIT_GRACE,
                _ => facts.progress_at + DRAIN_IDLE,
            };
            Some(pause.min(facts.cap()))
        }
        _ => Some(0),
    };
    matches!((due, facts.released), (Some(due), Some((end, _))) if end >= due)
}

/// Unless the caller had wanted it aborted already.
fn an_error_that_ended_it_is_the_ending(_: &Walk, node: &Node, report: &Report) -> bool {
    let kind = node.facts.first_error;
    let ended_it = matches!(
        kind,
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut)
    );
    let named = matches!(
        report.ending,
        Ending::Reset { .. } | Ending::Lost { .. } | Ending::Aborted
    );
    !ended_it || named
}

fn already_closed_means_that_nothing_was_told(_: &Walk, _: &Node, report: &Report) -> bool {
    report.ending != Ending::AlreadyClosed || (report.error.is_none() && !report.peer_fin)
}

/// Every ending there is.
pub(crate) fn every_ending() -> Vec<Ending> {
    use Phase::{Confirm, Drain, Flush, HalfClose};
    let timed_out = |phase, clock| Ending::TimedOut { phase, clock };
    let reset = |phase, after_fin| Ending::Reset { phase, after_fin };
    let mut all = vec![
        Ending::Graceful,
        Ending::PeerFin,
        Ending::Acked,
        Ending::ByteLimit,
        Ending::AlreadyClosed,
        Ending::Aborted,
        Ending::Evicted,
        timed_out(Flush, Clock::Idle),
        timed_out(Flush, Clock::Total),
        timed_out(Flush, Clock::Stop),
        timed_out(Drain, Clock::Idle),
        timed_out(Drain, Clock::Total),
        timed_out(Drain, Clock::Stop),
        timed_out(Confirm, Clock::Confirm),
        timed_out(Confirm, Clock::Total),
        timed_out(Confirm, Clock::Stop),
        reset(Flush, false),
        reset(Flush, true),
        reset(HalfClose, false),
        reset(HalfClose, true),
        reset(Drain, false),
        // The hidden one.
        reset(Confirm, true),
    ];
    all.extend([Flush, HalfClose, Drain, Confirm].map(|phase| Ending::Lost { phase }));
    all.extend(
        [
            Operation::Write,
            Operation::HalfClose,
            Operation::Receive,
            Operation::TakeError,
        ]
        .map(|operation| Ending::Failed { operation }),
    );
    all
}

/// Those that only the caller's wishes bring about.
pub(crate) fn is_by_wish(ending: Ending) -> bool {
    matches!(
        ending,
        Ending::Aborted
            | Ending::Evicted
            | Ending::TimedOut {
                clock: Clock::Stop,
                ..
            }
    )
}
