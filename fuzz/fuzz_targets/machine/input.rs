//! What is tried: limits, and what happens.

use std::io;
use std::time::Duration;

use arbitrary::Arbitrary;
use finwait::{Acknowledged, Event, FinishOn, Limits, OnDeadline, OnLimit, Operation, OsError};

/// In hundredths of a second; the highest is as long as can be.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) struct Bound(u8);

impl Bound {
    fn duration(self) -> Duration {
        match self.0 {
            u8::MAX => Duration::MAX,
            hundredths => Duration::from_millis(u64::from(hundredths) * 10),
        }
    }
}

#[derive(Debug, Arbitrary)]
pub(crate) struct Input {
    flush_stall: Bound,
    flush_total: Option<Bound>,
    drain_idle: Bound,
    drain_total: Option<Bound>,
    drain_bytes: Option<u16>,
    pause: Option<Bound>,
    abort_on_deadline: bool,
    finish: Finish,
    /// Odd: deliver.
    pub(crate) receive: u8,
    pub(crate) unwritten: u16,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Finish {
    PeerFin,
    Acked(Bound),
    Both(Bound),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Step {
    /// What was asked for is answered.
    Answer(Answer),
    /// The time that it waits for comes.
    Due,
    /// So many milliseconds pass.
    Later(u16),
    Readable,
    Writable,
    Abort,
    Evict,
    Stop(u16),
    /// Something else happens.
    Unasked(Anything),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Answer {
    Some(u16),
    None,
    Fails(Kind),
    Acked,
    CannotTell,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Anything {
    Written(u16),
    WriteBlocked,
    HalfClosed,
    NotConnected,
    Received(u16),
    ReceivedFin,
    ReceiveBlocked,
    PendingError(Option<Kind>),
    Ack(Answer),
    Unread(Option<u16>),
    Failed(u8, Kind),
    Closed,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) enum Kind {
    Reset,
    Lost,
    Other,
}

impl Kind {
    pub(crate) fn error(self) -> OsError {
        OsError::from(&io::Error::from(match self {
            Self::Reset => io::ErrorKind::ConnectionReset,
            Self::Lost => io::ErrorKind::TimedOut,
            Self::Other => io::ErrorKind::PermissionDenied,
        }))
    }
}

impl Input {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            flush_stall: self.flush_stall.duration(),
            flush_total: self.flush_total.map(Bound::duration),
            drain_idle: self.drain_idle.duration(),
            drain_total: self.drain_total.map(Bound::duration),
            drain_bytes: self.drain_bytes.map(u64::from),
            on_limit: match self.pause {
                Some(grace) => OnLimit::PauseAndConfirm {
                    grace: grace.duration(),
                },
                None => OnLimit::Abort,
            },
            on_deadline: if self.abort_on_deadline {
                OnDeadline::Abort
            } else {
                OnDeadline::Close
            },
            finish_on: match self.finish {
                Finish::PeerFin => FinishOn::PeerFin,
                Finish::Acked(grace) => FinishOn::Acked {
                    grace: grace.duration(),
                },
                Finish::Both(confirm) => FinishOn::PeerFinAndAcked {
                    confirm: confirm.duration(),
                },
            },
        }
    }
}

impl Anything {
    pub(crate) fn event(self) -> Event {
        match self {
            Self::Written(bytes) => Event::Written {
                bytes: bytes.into(),
            },
            Self::WriteBlocked => Event::WriteBlocked,
            Self::HalfClosed => Event::HalfClosed,
            Self::NotConnected => Event::NotConnected,
            Self::Received(bytes) => Event::Received {
                bytes: bytes.into(),
            },
            Self::ReceivedFin => Event::ReceivedFin,
            Self::ReceiveBlocked => Event::ReceiveBlocked,
            Self::PendingError(kind) => Event::PendingError(kind.map(Kind::error)),
            Self::Ack(answer) => acknowledgement(answer),
            Self::Unread(bytes) => Event::Unread(bytes.map(u64::from)),
            Self::Failed(operation, kind) => {
                let operations = [
                    Operation::Register,
                    Operation::Write,
                    Operation::HalfClose,
                    Operation::Receive,
                    Operation::TakeError,
                    Operation::Query,
                    Operation::Abort,
                ];
                let operation = operations[usize::from(operation) % operations.len()];
                Event::Failed(operation, kind.error())
            }
            Self::Closed => Event::Closed,
        }
    }
}

pub(crate) fn acknowledgement(answer: Answer) -> Event {
    let (fin, unacknowledged) = match answer {
        Answer::Some(bytes) => (Acknowledged::No, Some(bytes.into())),
        Answer::None => (Acknowledged::No, None),
        Answer::Fails(_) | Answer::CannotTell => (Acknowledged::Unknown, None),
        Answer::Acked => (Acknowledged::Yes, Some(0)),
    };
    Event::Ack {
        fin,
        unacknowledged,
    }
}
