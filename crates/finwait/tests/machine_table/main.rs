//! The machine as one table of transitions: given these limits and this history, it does that.
//!
//! Each row is a sentence. Times are milliseconds since the start. The harness also checks, at
//! every step of every row, that the event was an answer to what was asked, and that answers which
//! the phase never asks for change nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one Instant to count from"
)]

use std::io;
use std::time::{Duration, Instant};

use finwait::{
    Acknowledged, Action, Ending, Event, FinishOn, Limits, OnDeadline, OnLimit, Operation, OsError,
    Phase, Receive, Report, Teardown,
};

mod confirm;
mod drain;
mod flush;
mod limit;
mod reports;
mod slow_reader;
mod wishes;

/// What must be true after the history of a row.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// This is the next action.
    Does(Action),
    /// It waits, until this time at the latest.
    WaitsUntil(u64),
    /// Answering the last questions with "nothing known" leads to this ending, by `close`.
    Ends(Ending),
    /// The same, by RST.
    Aborts(Ending),
}

struct Row {
    name: &'static str,
    limits: Limits,
    receive: Receive,
    unwritten: u64,
    history: Vec<(u64, Event)>,
    at: u64,
    expect: Expect,
}

/// A row that discards.
fn row(
    name: &'static str,
    limits: Limits,
    unwritten: u64,
    history: &[(u64, Event)],
    at: u64,
    expect: Expect,
) -> Row {
    Row {
        name,
        limits,
        receive: Receive::Discard,
        unwritten,
        history: history.to_vec(),
        at,
        expect,
    }
}

impl Row {
    fn delivering(mut self) -> Self {
        self.receive = Receive::Deliver;
        self
    }

    /// The caller has read the peer's FIN.
    fn after_the_peers_fin(mut self) -> Self {
        self.receive = Receive::Nothing;
        self
    }
}

/// Round numbers that cannot be mistaken for each other.
fn limits() -> Limits {
    Limits {
        flush_stall: ms(100),
        flush_total: None,
        drain_idle: ms(100),
        drain_total: Some(ms(400)),
        drain_bytes: Some(1_000),
        on_limit: OnLimit::PauseAndConfirm { grace: ms(50) },
        on_deadline: OnDeadline::Close,
        finish_on: FinishOn::PeerFin,
    }
}

fn finish_on(finish_on: FinishOn) -> Limits {
    Limits {
        finish_on,
        ..limits()
    }
}

fn acked_policy() -> Limits {
    finish_on(FinishOn::Acked { grace: ms(30) })
}

fn proof_policy() -> Limits {
    finish_on(FinishOn::PeerFinAndAcked { confirm: ms(60) })
}

fn abort_on_deadline() -> Limits {
    Limits {
        on_deadline: OnDeadline::Abort,
        ..limits()
    }
}

fn abort_on_limit() -> Limits {
    Limits {
        on_limit: OnLimit::Abort,
        ..limits()
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn wrote(bytes: usize) -> Event {
    Event::Written { bytes }
}

const fn got(bytes: usize) -> Event {
    Event::Received { bytes }
}

/// Our FIN is not acknowledged, and this many bytes are not.
const fn unacked(bytes: u64) -> Event {
    Event::Ack {
        fin: Acknowledged::No,
        unacknowledged: Some(bytes),
    }
}

const ACKED: Event = Event::Ack {
    fin: Acknowledged::Yes,
    unacknowledged: Some(0),
};
const CANNOT_TELL: Event = Event::Ack {
    fin: Acknowledged::Unknown,
    unacknowledged: None,
};
const NO_ERROR: Event = Event::PendingError(None);

fn error(kind: io::ErrorKind) -> OsError {
    OsError::from(&io::Error::from(kind))
}

fn reset() -> OsError {
    error(io::ErrorKind::ConnectionReset)
}

fn failed(operation: Operation, kind: io::ErrorKind) -> Event {
    Event::Failed(operation, error(kind))
}

fn pending(kind: io::ErrorKind) -> Event {
    Event::PendingError(Some(error(kind)))
}

/// Whether `event` is an answer to `action`, or comes by itself.
fn may_come(action: Action, event: Event) -> bool {
    use Event as E;
    match event {
        E::Readable | E::Writable | E::Stop(_) | E::Abort | E::Evict => true,
        E::Written { .. } | E::WriteBlocked => action == Action::Write,
        E::HalfClosed | E::NotConnected => action == Action::HalfClose,
        E::Received { .. } | E::ReceivedFin | E::ReceiveBlocked => action == Action::Receive,
        E::PendingError(_) => action == Action::AskError,
        E::Ack { .. } => action == Action::AskAck,
        E::Unread(_) => action == Action::AskUnread,
        E::Failed(operation, _) => match operation {
            Operation::Write => action == Action::Write,
            Operation::HalfClose => action == Action::HalfClose,
            Operation::Receive => action == Action::Receive,
            Operation::TakeError => action == Action::AskError,
            Operation::Abort => action == Action::Abort,
            Operation::Register => true,
            Operation::Query => false,
        },
        E::Closed => matches!(action, Action::Close | Action::Abort),
    }
}

/// One of each kind, and each wish and hint.
fn answers() -> [Event; 16] {
    [
        wrote(1),
        Event::WriteBlocked,
        Event::HalfClosed,
        Event::NotConnected,
        got(1),
        Event::ReceivedFin,
        Event::ReceiveBlocked,
        NO_ERROR,
        pending(io::ErrorKind::ConnectionReset),
        ACKED,
        Event::Unread(Some(1)),
        failed(Operation::Receive, io::ErrorKind::ConnectionReset),
        Event::Closed,
        Event::Readable,
        Event::Abort,
        Event::Evict,
    ]
}

/// The table in the documentation of [`Event`]: of a phase, the answers that it takes at most.
fn may_be_taken(phase: Phase, action: Action, event: Event) -> bool {
    use Action as A;
    let of = |actions: &[Action]| actions.iter().any(|&action| may_come(action, event));
    match event {
        Event::Failed(..) => return phase != Phase::Finished,
        Event::Readable | Event::Abort | Event::Evict => {
            return !matches!(phase, Phase::Close | Phase::Finished);
        }
        _ => {}
    }
    match (phase, action) {
        (Phase::Flush, _) => of(&[A::Write, A::Receive, A::AskAck]),
        (Phase::Drain, A::Receive) => of(&[A::Receive, A::AskAck]),
        (Phase::Drain, A::AskError) => of(&[A::AskError, A::AskAck]),
        // Whether the byte limit is reached does not show.
        (Phase::Drain, _) => of(&[A::Receive, A::AskError, A::AskAck]),
        (Phase::Confirm, _) => of(&[A::AskError, A::AskAck]),
        (Phase::HalfClose | Phase::Close, _) => of(&[action]),
        (Phase::Finished, _) => false,
    }
}

#[derive(Debug, Clone, Copy)]
struct Driven {
    start: Instant,
    teardown: Teardown,
}

impl Driven {
    fn new(limits: &Limits, receive: Receive, unwritten: u64) -> Self {
        let start = Instant::now();
        Self {
            start,
            teardown: Teardown::new(limits, receive, unwritten, start),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + ms(millis)
    }

    fn poll(&self, millis: u64) -> Action {
        self.teardown.poll(self.at(millis))
    }

    /// A stop deadline in a table is an `Instant` that the row cannot know: see `stop_at`.
    fn handle(&mut self, millis: u64, event: Event, context: &str) {
        let now = self.at(millis);
        let action = self.teardown.poll(now);
        assert!(
            may_come(action, event),
            "{context}: at {millis} it asks for {action:?}, and is told {event:?}"
        );
        self.ignores_what_it_never_asks(now, context);
        self.teardown.handle(event, now);
    }

    /// Answers that this phase never asks for, given anyway.
    fn ignores_what_it_never_asks(&self, now: Instant, context: &str) {
        let before = format!("{:?}", self.teardown);
        let (phase, action) = (self.teardown.phase(), self.teardown.poll(now));
        for event in answers() {
            if may_be_taken(phase, action, event) {
                continue;
            }
            let mut told = self.teardown;
            told.handle(event, now);
            assert_eq!(
                format!("{told:?}"),
                before,
                "{context}: in {phase:?}, asking for {action:?}, it was told {event:?}"
            );
        }
    }

    /// Answers the last questions with "nothing known"; says how the descriptor was released.
    fn close(&mut self, millis: u64, context: &str) -> (Action, Report) {
        for _ in 0..8 {
            let action = self.poll(millis);
            let event = match action {
                Action::AskError => NO_ERROR,
                Action::AskAck => CANNOT_TELL,
                Action::AskUnread => Event::Unread(None),
                Action::Close | Action::Abort => {
                    self.handle(millis, Event::Closed, context);
                    assert_eq!(self.poll(millis), Action::Finished, "{context}");
                    self.ignores_what_it_never_asks(self.at(millis), context);
                    let report = self.teardown.report().expect("a report");
                    return (action, report);
                }
                other => panic!("{context}: it is not ending but asks for {other:?}"),
            };
            self.handle(millis, event, context);
        }
        panic!("{context}: it goes on asking: {:?}", self.teardown);
    }
}

fn check(row: &Row) {
    let mut driven = Driven::new(&row.limits, row.receive, row.unwritten);
    for &(millis, event) in &row.history {
        driven.handle(millis, event, row.name);
    }
    let action = driven.poll(row.at);
    driven.ignores_what_it_never_asks(driven.at(row.at), row.name);
    match row.expect {
        Expect::Does(expected) => assert_eq!(action, expected, "{}", row.name),
        Expect::WaitsUntil(millis) => {
            let until = Some(driven.at(millis));
            assert_eq!(action, Action::Wait { until }, "{}", row.name);
        }
        Expect::Ends(ending) => {
            let (how, report) = driven.close(row.at, row.name);
            assert_eq!(
                (report.ending, how),
                (ending, Action::Close),
                "{}",
                row.name
            );
        }
        Expect::Aborts(ending) => {
            let (how, report) = driven.close(row.at, row.name);
            assert_eq!(
                (report.ending, how),
                (ending, Action::Abort),
                "{}",
                row.name
            );
        }
    }
}

#[test]
fn every_row_of_the_table_holds() {
    let rows: Vec<Row> = [
        flush::rows(),
        drain::rows(),
        confirm::rows(),
        limit::rows(),
        wishes::rows(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let failures: Vec<_> = rows
        .iter()
        .filter(|row| std::panic::catch_unwind(|| check(row)).is_err())
        .map(|row| row.name)
        .collect();
    println!("{} rows", rows.len());
    assert!(failures.is_empty(), "these rows fail: {failures:#?}");
}
