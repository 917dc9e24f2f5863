//! What a test says of a connection: how far it got, times how it ended.

use std::fmt;

use finwait::{Clock, Delivered, Report};
use std::io::{self, ErrorKind};

use finwait_platform as platform;

/// How far the exchange got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// The connection was never established.
    NoConnection,
    /// Established; no byte of the request was taken by the kernel.
    Connected,
    /// No acknowledgement of any byte of the request was seen. No proof that the peer's TCP took
    /// none: an RST hides what it acknowledges.
    RequestUnacked,
    /// The peer's TCP acknowledged some of the request, or the OS cannot tell.
    RequestAcked,
    /// A part of the response came.
    ResponsePartial,
    /// The whole response came.
    ResponseComplete,
}

/// How the connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// The peer's FIN was read, and no error came before or after it.
    FinClean,
    /// The peer's FIN, and an RST after it.
    FinThenRst,
    /// RST, and no FIN was read before it.
    Rst,
    /// Nothing more came within the limits, or the local stack gave up waiting.
    Timeout,
    /// Nobody listens there.
    Refused,
    /// The local stack found no way to the peer.
    Unreachable,
    /// A local failure that says nothing about the peer.
    LocalError,
    /// We closed first (`--close fin`), without waiting for the peer's FIN; what came after that
    /// nobody saw.
    Closed,
    /// We sent the RST ourselves (`--close rst`).
    Aborted,
    /// We closed with the response unread (`--close abandon`), on which the kernel sends RST.
    Abandoned,
    /// The run was stopped before it ended.
    StillOpen,
}

/// The name that people read: one for each pair of [`Progress`] and [`Ending`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything came, and both sides closed in order.
    Graceful,
    /// What was expected came, then we closed first, as we were told to.
    Closed,
    /// Everything that was waited for came, then we aborted, as we were told to.
    Aborted,
    /// A response came, and we closed with it unread, as we were told to.
    Abandoned,
    /// Everything came, and then an RST.
    UncleanComplete,
    /// Everything came, but the connection did not come to its end: no FIN of the peer (it leaks
    /// connections), or no acknowledgement of ours.
    Leaked,
    /// The response broke off, or is not the one that was expected.
    Truncated,
    /// Reset with nothing of the response received; the peer's TCP may have taken the request.
    ResetLost,
    /// Lost before any byte of the request was handed to the kernel.
    RetrySafeLoss,
    /// The connection was established, but the answer did not come whole in time.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// No answer to the connection attempt.
    SynTimeout,
    /// No way to the peer.
    Unreachable,
    /// This machine could not even start it: ports, files or memory ran out, or it was not
    /// allowed. It says nothing about the peer.
    GeneratorLimited,
    /// A local failure.
    LocalError,
    /// The run was stopped before it ended.
    StillOpen,
}

impl Verdict {
    /// The one verdict of this cell.
    #[must_use]
    pub fn of(progress: Progress, ending: Ending) -> Self {
        use Progress::{
            Connected, NoConnection, RequestAcked, RequestUnacked, ResponseComplete,
            ResponsePartial,
        };
        match (ending, progress) {
            (Ending::StillOpen, _) => Self::StillOpen,
            (Ending::LocalError, NoConnection) => Self::GeneratorLimited,
            (Ending::LocalError, _) => Self::LocalError,
            (Ending::Abandoned, _) => Self::Abandoned,
            (Ending::Aborted, ResponseComplete) => Self::Aborted,
            (Ending::Refused, _) => Self::Refused,
            (Ending::FinClean, ResponseComplete) => Self::Graceful,
            (Ending::Closed, ResponseComplete) => Self::Closed,
            (Ending::FinThenRst | Ending::Rst, ResponseComplete) => Self::UncleanComplete,
            (Ending::Timeout | Ending::Unreachable, ResponseComplete) => Self::Leaked,
            (Ending::Timeout, NoConnection) => Self::SynTimeout,
            (Ending::Unreachable, NoConnection) => Self::Unreachable,
            (Ending::Timeout | Ending::Unreachable, _) => Self::TimedOut,
            (Ending::FinClean | Ending::Closed | Ending::Aborted, _) | (_, ResponsePartial) => {
                Self::Truncated
            }
            (Ending::FinThenRst | Ending::Rst, RequestUnacked | RequestAcked) => Self::ResetLost,
            (Ending::FinThenRst | Ending::Rst, NoConnection | Connected) => Self::RetrySafeLoss,
        }
    }

    /// Whether this is what a test of a well-behaved server wants to see.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(
            self,
            Self::Graceful | Self::Closed | Self::Aborted | Self::Abandoned
        )
    }

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Closed => "closed",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::UncleanComplete => "unclean-complete",
            Self::Leaked => "leaked",
            Self::Truncated => "truncated",
            Self::ResetLost => "reset-lost",
            Self::RetrySafeLoss => "retry-safe-loss",
            Self::TimedOut => "timed-out",
            Self::Refused => "refused",
            Self::SynTimeout => "syn-timeout",
            Self::Unreachable => "unreachable",
            Self::GeneratorLimited => "generator-limited",
            Self::LocalError => "local-error",
            Self::StillOpen => "still-open",
        }
    }

    /// Every verdict, the good ones first.
    pub const ALL: [Self; 16] = [
        Self::Graceful,
        Self::Closed,
        Self::Aborted,
        Self::Abandoned,
        Self::UncleanComplete,
        Self::Leaked,
        Self::Truncated,
        Self::ResetLost,
        Self::RetrySafeLoss,
        Self::TimedOut,
        Self::Refused,
        Self::SynTimeout,
        Self::Unreachable,
        Self::GeneratorLimited,
        Self::LocalError,
        Self::StillOpen,
    ];
}

impl Progress {
    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoConnection => "no-connection",
            Self::Connected => "connected",
            Self::RequestUnacked => "request-unacked",
            Self::RequestAcked => "request-acked",
            Self::ResponsePartial => "response-partial",
            Self::ResponseComplete => "response-complete",
        }
    }

    /// Every one, from none to all.
    pub const ALL: [Self; 6] = [
        Self::NoConnection,
        Self::Connected,
        Self::RequestUnacked,
        Self::RequestAcked,
        Self::ResponsePartial,
        Self::ResponseComplete,
    ];
}

impl Ending {
    /// Every one, in the order of results.
    pub const ALL: [Self; 11] = [
        Self::FinClean,
        Self::FinThenRst,
        Self::Rst,
        Self::Timeout,
        Self::Refused,
        Self::Unreachable,
        Self::LocalError,
        Self::Closed,
        Self::Aborted,
        Self::Abandoned,
        Self::StillOpen,
    ];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FinClean => "fin-clean",
            Self::FinThenRst => "fin-then-rst",
            Self::Rst => "rst",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::LocalError => "local-error",
            Self::Closed => "closed",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::StillOpen => "still-open",
        }
    }

    /// How a connection ended whose teardown ended so.
    #[must_use]
    pub fn of_report(report: &Report) -> Self {
        use finwait::Ending as E;
        match report.ending {
            E::Graceful | E::PeerFin | E::Acked => Self::FinClean,
            E::Reset {
                after_fin: true, ..
            } => Self::FinThenRst,
            E::Reset {
                after_fin: false, ..
            } => report
                .error
                .map_or(Self::Rst, |error| Self::of_error(&error.into())),
            E::TimedOut {
                clock: Clock::Stop, ..
            }
            | E::Evicted => Self::StillOpen,
            E::TimedOut { .. } | E::ByteLimit => Self::Timeout,
            E::Lost { .. } => match report.error.map(finwait::OsError::kind) {
                Some(ErrorKind::TimedOut) => Self::Timeout,
                _ => Self::Unreachable,
            },
            E::Aborted => Self::Aborted,
            E::AlreadyClosed | E::Failed { .. } => Self::LocalError,
        }
    }

    /// How an established connection ended that failed with this error, its first, before we
    /// half-closed it or read the peer's FIN.
    #[must_use]
    pub fn of_error(error: &io::Error) -> Self {
        if platform::is_reset_behind_fin(error) {
            Self::FinThenRst
        } else {
            Self::of_connect_error(error)
        }
    }

    /// How an attempt to connect ended that failed with this error.
    #[must_use]
    pub fn of_connect_error(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Rst,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::ConnectionAborted => Self::Unreachable,
            // Not every error has a kind of its own.
            _ => match platform::classify_end(error) {
                platform::EndCause::Reset => Self::Rst,
                platform::EndCause::Lost => Self::Unreachable,
                platform::EndCause::Other => Self::LocalError,
            },
        }
    }
}

/// How far a request got of which `written` bytes were handed to the kernel, when no byte of a
/// response came.
#[must_use]
pub(crate) fn request_progress(written: u64, report: &Report) -> Progress {
    if written == 0 {
        return Progress::Connected;
    }
    match (report.delivered(), report.unacknowledged_bytes) {
        (Delivered::No | Delivered::Unknown, Some(unacked)) if unacked >= written => {
            Progress::RequestUnacked
        }
        _ => Progress::RequestAcked,
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
