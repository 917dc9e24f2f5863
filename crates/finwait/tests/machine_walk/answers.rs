//! The environment: every legal answer to an action, and all else that may happen meanwhile.

use std::io;

use finwait::{Acknowledged, Action, Event, Operation, OsError, Phase};

use crate::policies::{DRAIN_BYTES, DRAIN_IDLE, FLUSH_STALL, UNWRITTEN};
use crate::{Budget, Node, Walk};

/// One of them is the limit; two of them pass it.
const READS: [usize; 2] = [6, DRAIN_BYTES as usize];

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    budget: Budget,
    now: u64,
    event: Option<Event>,
    stop_at: Option<u64>,
}

impl Step {
    pub(crate) fn take(&self, walk: &Walk, node: &Node, action: Action) -> Node {
        let mut after = Node {
            budget: self.budget,
            now: self.now,
            ..*node
        };
        if let Some(at) = self.stop_at {
            after.facts.stop(at);
        }
        if let Some(event) = self.event {
            let asked = (action, node.teardown.phase());
            after.facts.note(asked, event, self.now);
            after.teardown.handle(event, walk.at(self.now));
        }
        if after.teardown.phase() == Phase::Close {
            // Neither time nor hints nor wishes matter any more, which `settled` checks.
            after.budget = Budget::default();
        }
        after
    }
}

pub(crate) fn steps(walk: &Walk, node: &Node, action: Action) -> Vec<Step> {
    let plain = Step {
        budget: node.budget,
        now: node.now,
        event: None,
        stop_at: None,
    };
    let mut steps: Vec<_> = answers(walk, node, action)
        .into_iter()
        .take(if node.seen { 1 } else { usize::MAX })
        .map(|event| {
            let mut step = Step {
                event: Some(event),
                ..plain
            };
            if let Event::Received { .. } = event {
                step.budget.reads -= 1;
            }
            step
        })
        .collect();
    if node.budget.hints > 0 {
        for event in [Event::Readable, Event::Writable] {
            let mut step = Step {
                event: Some(event),
                ..plain
            };
            step.budget.hints -= 1;
            steps.push(step);
        }
    }
    if node.budget.wishes > 0 {
        // A stop that is over, one that comes before the other clocks, and one after them all.
        let stops =
            [0, node.now + 5, node.now + 1_000].map(|at| (Event::Stop(walk.at(at)), Some(at)));
        for (event, stop_at) in [(Event::Abort, None), (Event::Evict, None)]
            .into_iter()
            .chain(stops)
        {
            let mut step = Step {
                event: Some(event),
                stop_at,
                ..plain
            };
            step.budget.wishes -= 1;
            steps.push(step);
        }
    }
    steps.extend(
        times(walk, node, action)
            .into_iter()
            .map(|now| Step { now, ..plain })
            .map(|mut step| {
                step.budget.times = step.budget.times.saturating_sub(1);
                step
            }),
    );
    steps
}

/// To the next deadline; past the idle clocks; past every clock. A machine that waits can always
/// be given its deadline, so that no path is cut off in the middle.
fn times(walk: &Walk, node: &Node, action: Action) -> Vec<u64> {
    let mut times = Vec::new();
    if let Action::Wait { until: Some(until) } = action {
        let until = until.duration_since(walk.start);
        times.push(u64::try_from(until.as_micros().div_ceil(1_000)).expect("a short time"));
    }
    let may_take_long = matches!(
        action,
        Action::Wait { .. } | Action::Write | Action::Receive
    );
    if node.budget.times > 0 && may_take_long {
        if let Action::Wait { .. } = action {
            times.push(node.now + DRAIN_IDLE.max(FLUSH_STALL) + 1);
        }
        times.push(node.now + 1_000);
    }
    times
}

fn answers(walk: &Walk, node: &Node, action: Action) -> Vec<Event> {
    match action {
        Action::Write => {
            let left = node.facts.unwritten;
            let mut all: Vec<_> = [1, left]
                .into_iter()
                .filter(|&n| n == left || left == UNWRITTEN)
                .map(|n| Event::Written { bytes: n as usize })
                .collect();
            all.dedup();
            all.push(Event::WriteBlocked);
            all.extend(failures(Operation::Write));
            all
        }
        Action::HalfClose => {
            let mut all = vec![Event::HalfClosed, Event::NotConnected];
            all.extend(failures(Operation::HalfClose));
            all
        }
        Action::Receive => {
            let mut all = vec![Event::ReceivedFin, Event::ReceiveBlocked];
            if node.budget.reads > 0 {
                all.extend(READS.map(|bytes| Event::Received { bytes }));
            }
            all.extend(failures(Operation::Receive));
            all
        }
        Action::AskError => {
            let mut all = vec![Event::PendingError(None)];
            all.extend(errors().map(|error| Event::PendingError(Some(error))));
            all.push(Event::Failed(Operation::TakeError, refused()));
            all
        }
        Action::AskAck => acks(walk, node),
        Action::AskUnread => vec![Event::Unread(None), Event::Unread(Some(7))],
        Action::Close => vec![Event::Closed],
        Action::Abort => {
            let mut all = vec![Event::Closed];
            // macOS, once both directions are shut down.
            all.push(Event::Failed(Operation::Abort, refused()));
            all
        }
        Action::Wait { .. } | Action::Finished => Vec::new(),
    }
}

/// What an honest OS can say: nothing of a FIN that was not sent, an acknowledgement is never taken
/// back, and what is not acknowledged does not grow by itself.
fn acks(walk: &Walk, node: &Node) -> Vec<Event> {
    use Acknowledged::{No, Unknown, Yes};
    let facts = &node.facts;
    let kinds: &[(Acknowledged, Option<u64>)] = if facts.fin_at.is_none() {
        &[(No, None), (No, Some(0)), (No, Some(5))]
    } else if facts.acked_at.is_some() {
        // macOS says "unknown" once the socket is closed.
        &[(Yes, Some(0)), (Unknown, None)]
    } else if node.teardown.phase() == Phase::Close {
        // What comes of it is only written down.
        &[
            (Yes, Some(0)),
            (No, Some(0)),
            (No, Some(5)),
            (Unknown, None),
        ]
    } else {
        &[
            (Yes, Some(0)),
            (No, Some(0)),
            (No, Some(5)),
            (Unknown, None),
            (No, None),
            (Unknown, Some(3)),
        ][..if walk.every_ack { 6 } else { 4 }]
    };
    let possible = |&&(_, unacked): &&(Acknowledged, Option<u64>)| match (unacked, facts.unacked) {
        (Some(now), Some(before)) => now <= before,
        _ => true,
    };
    kinds
        .iter()
        .filter(possible)
        .map(|&(fin, unacknowledged)| Event::Ack {
            fin,
            unacknowledged,
        })
        .collect()
}

fn refused() -> OsError {
    OsError::from(&io::Error::from(io::ErrorKind::PermissionDenied))
}

/// One of each cause.
fn errors() -> [OsError; 3] {
    [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::TimedOut,
        io::ErrorKind::PermissionDenied,
    ]
    .map(|kind| OsError::from(&io::Error::from(kind)))
}

fn failures(operation: Operation) -> Vec<Event> {
    errors()
        .map(|error| Event::Failed(operation, error))
        .to_vec()
}
