//! Every state has an end, soon, whatever the driver answers for ever.

use std::io::ErrorKind;

use finwait::{Acknowledged, Action, Clock, Ending, Event, Phase};

use crate::policies::{DRAIN_TOTAL, FLUSH_STALL, FLUSH_TOTAL};
use crate::{Node, Walk};

/// What a driver answers for ever.
#[derive(Debug, Clone, Copy)]
struct Always {
    /// How many bytes there are to be read at each read; none: blocked.
    read: usize,
    /// Whether a write takes a byte.
    writes: bool,
    fin: Acknowledged,
    unacked: Option<u64>,
}

const NOTHING: Always = Always {
    read: 0,
    writes: false,
    fin: Acknowledged::Unknown,
    unacked: None,
};
const NEVER_ACKED: Always = Always {
    fin: Acknowledged::No,
    unacked: Some(5),
    ..NOTHING
};
const FLOOD: Always = Always {
    read: 1,
    writes: true,
    ..NEVER_ACKED
};

/// How a teardown went on with such a driver.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// None: it was still at it past every bound.
    ending: Option<Ending>,
    ended_at: u64,
    /// The longest row of questions while the clock stood still.
    in_a_row: u32,
}

/// More questions than any state has for one instant.
const A_ROW: u32 = 12;

impl Always {
    fn answer(self, action: Action, unwritten: u64) -> Event {
        match action {
            Action::Write if self.writes && unwritten > 1 => Event::Written { bytes: 1 },
            Action::Write => Event::WriteBlocked,
            Action::HalfClose => Event::HalfClosed,
            Action::Receive if self.read > 0 => Event::Received { bytes: self.read },
            Action::Receive => Event::ReceiveBlocked,
            Action::AskError => Event::PendingError(None),
            Action::AskAck => Event::Ack {
                fin: self.fin,
                unacknowledged: self.unacked,
            },
            Action::AskUnread => Event::Unread(None),
            Action::Close | Action::Abort => Event::Closed,
            Action::Wait { .. } | Action::Finished => unreachable!("nothing was asked"),
        }
    }

    fn course(self, walk: &Walk, node: &Node) -> Course {
        let mut teardown = node.teardown;
        let (mut now, mut row, mut in_a_row) = (node.now, 0, 0);
        // The flush has one bound and the drain another; a grace or a confirmation is inside them.
        let bound = match node.facts.fin_at {
            Some(fin_at) => now.max(fin_at + DRAIN_TOTAL),
            None => now.max(FLUSH_TOTAL) + DRAIN_TOTAL,
        };
        while now <= bound + 1 && row <= A_ROW {
            match teardown.poll(walk.at(now)) {
                Action::Finished => {
                    let ending = teardown.report().map(|report| report.ending);
                    return Course {
                        ending,
                        ended_at: now,
                        in_a_row,
                    };
                }
                Action::Wait { until } => {
                    let Some(until) = until else { break };
                    let until = until.duration_since(walk.start).as_micros();
                    now = u64::try_from(until.div_ceil(1_000)).unwrap_or(u64::MAX);
                    row = 0;
                }
                action => {
                    let event = self.answer(action, teardown.unwritten_bytes());
                    // A flood takes its time as well.
                    if let Event::Received { .. } | Event::Written { .. } = event {
                        now += 1;
                        row = 0;
                    }
                    teardown.handle(event, walk.at(now));
                    row += 1;
                    in_a_row = in_a_row.max(row);
                }
            }
        }
        Course {
            ending: None,
            ended_at: now,
            in_a_row,
        }
    }
}

/// Checked once for every state of the machine, by whatever path it was reached.
pub(crate) fn from_a_state(walk: &Walk, node: &Node) {
    let nothing = NOTHING.course(walk, node);
    let never_acked = NEVER_ACKED.course(walk, node);
    let flood = FLOOD.course(walk, node);
    let check = |name, holds| walk.check(name, holds, node);
    check(
        "l1_it_ends_by_its_bound_if_nothing_ever_comes",
        l1_it_ends_by_its_bound_if_nothing_ever_comes(nothing),
    );
    check(
        "l1_it_ends_by_its_bound_if_nothing_is_acknowledged",
        l1_it_ends_by_its_bound_if_nothing_is_acknowledged(never_acked),
    );
    check(
        "l1_it_ends_by_its_bound_under_a_flood",
        l1_it_ends_by_its_bound_under_a_flood(node, flood),
    );
    check(
        "nothing_is_asked_for_ever_at_one_instant",
        nothing_is_asked_for_ever_at_one_instant([nothing, never_acked, flood]),
    );
    check(
        "l2_peer_fin_and_ack_end_it_without_a_timer",
        l2_peer_fin_and_ack_end_it_without_a_timer(walk, node),
    );
    check(
        "l4_a_peer_that_takes_nothing_ends_as_a_flush_stall",
        l4_a_peer_that_takes_nothing_ends_as_a_flush_stall(node, nothing),
    );
    check(
        "s15_a_hint_changes_only_when_it_looks",
        s15_a_hint_changes_only_when_it_looks(walk, node, nothing),
    );
}

fn l1_it_ends_by_its_bound_if_nothing_ever_comes(nothing: Course) -> bool {
    nothing.ending.is_some()
}

fn l1_it_ends_by_its_bound_if_nothing_is_acknowledged(never_acked: Course) -> bool {
    never_acked.ending.is_some()
}

/// What a dead connection has left to be read is no flood: it comes to an end by itself.
fn l1_it_ends_by_its_bound_under_a_flood(node: &Node, flood: Course) -> bool {
    let dead = node.facts.not_connected
        || matches!(
            node.facts.first_error,
            Some(ErrorKind::ConnectionReset | ErrorKind::TimedOut)
        );
    dead || flood.ending.is_some()
}

fn nothing_is_asked_for_ever_at_one_instant(courses: [Course; 3]) -> bool {
    courses.iter().all(|course| course.in_a_row < A_ROW)
}

/// From the EOF on, no clock is needed where the OS says that our FIN has arrived.
fn l2_peer_fin_and_ack_end_it_without_a_timer(walk: &Walk, node: &Node) -> bool {
    if node.teardown.phase() != Phase::Confirm {
        return true;
    }
    let now = walk.at(node.now);
    let mut teardown = node.teardown;
    // It may be waiting; the acknowledgement comes with an edge.
    teardown.handle(Event::Writable, now);
    let acked = Always {
        fin: Acknowledged::Yes,
        unacked: Some(0),
        ..NOTHING
    };
    for _ in 0..4 {
        match teardown.poll(now) {
            Action::Finished => {
                return teardown.report().is_some_and(|report| report.is_graceful());
            }
            Action::Wait { .. } => return false,
            action => teardown.handle(acked.answer(action, 0), now),
        }
    }
    false
}

fn l4_a_peer_that_takes_nothing_ends_as_a_flush_stall(node: &Node, nothing: Course) -> bool {
    let facts = &node.facts;
    if node.teardown.phase() != Phase::Flush
        || facts.stop_at.is_some()
        || facts.first_error.is_some()
    {
        return true;
    }
    // By the stall clock, and by no other where that is the first to run out.
    let stalled_at = node.now.max(facts.idle_from + FLUSH_STALL);
    let Some(Ending::TimedOut {
        phase: Phase::Flush,
        clock,
    }) = nothing.ending
    else {
        return false;
    };
    if stalled_at < FLUSH_TOTAL {
        clock == Clock::Idle && nothing.ended_at <= stalled_at
    } else {
        matches!(clock, Clock::Idle | Clock::Total)
    }
}

fn s15_a_hint_changes_only_when_it_looks(walk: &Walk, node: &Node, nothing: Course) -> bool {
    [
        &[Event::Readable][..],
        &[Event::Writable],
        &[Event::Writable, Event::Readable, Event::Writable],
    ]
    .iter()
    .all(|hints| {
        let mut hinted = *node;
        for &hint in *hints {
            hinted.teardown.handle(hint, walk.at(node.now));
        }
        NOTHING.course(walk, &hinted).ending == nothing.ending
    })
}
