//! How a teardown ended.

use std::fmt;
use std::io;
use std::time::Duration;

/// How one teardown ended: one [`Ending`], and the facts beside it.
///
/// A report claims nothing that the OS did not say. Where the OS cannot tell, a fact is `None` or
/// `Unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Which of the possible endings it was.
    pub ending: Ending,
    /// What became of our FIN.
    pub fin: Fin,
    /// Whether the peer's FIN was read: a read returned 0 and no error had been seen before.
    pub peer_fin: bool,
    /// The first error that the OS reported, if any. On Windows one of kind
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset) without a number stands for an abort that
    /// the system signalled without an error.
    pub error: Option<OsError>,
    /// Whether the socket was released by an RST of ours, which drops what was not acknowledged.
    pub aborted: bool,
    /// Bytes that the OS never took from us.
    pub unwritten_bytes: u64,
    /// Bytes that the OS took and the peer's TCP had not acknowledged at the end, our FIN not
    /// counted. After a reset this is the most that can be lost, not what was lost: see
    /// [`Delivered::Unknown`]. `None` where the OS cannot tell.
    pub unacknowledged_bytes: Option<u64>,
    /// Bytes received during the teardown, delivered or discarded.
    pub received_bytes: u64,
    /// The part of `received_bytes` that was discarded.
    pub discarded_bytes: u64,
    /// Bytes that were received by the kernel and left unread at the close. `None` where the OS
    /// cannot tell.
    pub unread_bytes: Option<u64>,
    /// From the start to our FIN, or to the end if no FIN was sent.
    pub flush: Duration,
    /// From our FIN to the peer's FIN, or to the end if none came.
    pub drain: Duration,
    /// From the peer's FIN (or ours, if later) to the end.
    pub confirm: Duration,
    /// From our FIN to the moment its acknowledgement was *seen*, if that was asked for and came.
    /// Contains the peer's delayed ACK (about 40 ms when it has nothing to send): not a round trip.
    pub fin_to_ack: Option<Duration>,
}

impl Report {
    /// From the start to the close.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.flush + self.drain + self.confirm
    }

    /// Whether the peer's TCP acknowledged every byte we wrote.
    ///
    /// `Yes` only from evidence taken after our half-close. Never whether the peer's application
    /// read the bytes: no transport can tell that. On a Unix-domain socket, which has no wire, the
    /// bytes are in the peer's receive queue as soon as a write returns, and that counts.
    #[must_use]
    pub fn delivered(&self) -> Delivered {
        match (self.fin, self.unacknowledged_bytes) {
            _ if self.unwritten_bytes > 0 => Delivered::No,
            (Fin::Acked, _) | (Fin::Queued, Some(0)) => Delivered::Yes,
            _ => Delivered::Unknown,
        }
    }

    /// Whether the connection ended in full agreement: see [`Ending::Graceful`].
    #[must_use]
    pub fn is_graceful(&self) -> bool {
        self.ending == Ending::Graceful
    }
}

/// How a teardown ended; exactly one per socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Both FINs were seen and ours was acknowledged; everything written, no error, nothing unread.
    Graceful,
    /// The peer's FIN was read without an error; the acknowledgement of ours was still pending, or
    /// the OS cannot tell. Pending it is where the peer closed before our FIN had come to it: a peer
    /// that closes at its end of file acknowledges ours with its own.
    PeerFin,
    /// Our FIN was acknowledged, and the policy [`FinishOn::Acked`](crate::FinishOn::Acked) did
    /// not wait for the peer's.
    Acked,
    /// A clock ran out.
    TimedOut {
        /// What was being done.
        phase: Phase,
        /// Which clock it was.
        clock: Clock,
    },
    /// The limit of discarded bytes was reached.
    ByteLimit,
    /// The peer sent RST.
    Reset {
        /// What was being done when it was seen.
        phase: Phase,
        /// Whether the peer's FIN had been *read* before: the hidden reset, which `read` never shows.
        after_fin: bool,
    },
    /// The local stack gave up: no answer (ETIMEDOUT), no route (EHOSTUNREACH), WSAECONNABORTED.
    Lost {
        /// What was being done when it was seen.
        phase: Phase,
    },
    /// The connection was gone before we began, and no error was left to tell why.
    AlreadyClosed,
    /// The caller asked for an RST.
    Aborted,
    /// Others needed the room: this one had been idle for the longest time.
    Evicted,
    /// An operation failed in a way that says nothing about the peer.
    Failed {
        /// Which one; the error is in [`Report::error`].
        operation: Operation,
    },
}

/// A stage of a teardown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Unsent bytes are written.
    Flush,
    /// `shutdown` of the write side.
    HalfClose,
    /// Receiving until the peer's FIN.
    Drain,
    /// The peer's FIN was read; the acknowledgement of ours is asked for.
    Confirm,
    /// The last questions are asked, and the descriptor is released.
    Close,
    /// Over.
    Finished,
}

/// A clock that can end a teardown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clock {
    /// Time without progress: `flush_stall` or `drain_idle`.
    Idle,
    /// Time in all: `flush_total` or `drain_total`.
    Total,
    /// The wait for the acknowledgement of our FIN.
    Confirm,
    /// The deadline that was given when the caller asked everything to stop.
    Stop,
}

/// An operation of the teardown that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Registering the socket for readiness.
    Register,
    /// Writing unsent bytes.
    Write,
    /// `shutdown` of the write side.
    HalfClose,
    /// Receiving.
    Receive,
    /// Asking for the pending error (SO_ERROR).
    TakeError,
    /// Asking what was acknowledged, or what is unread.
    Query,
    /// Arming the RST.
    Abort,
}

/// What became of our FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fin {
    /// `shutdown` was never called, or failed.
    NotSent,
    /// Handed to the kernel; at the end it had not been acknowledged.
    Queued,
    /// The peer's TCP acknowledged it, and with it everything before it.
    Acked,
    /// Handed to the kernel, which cannot tell what became of it.
    Unknown,
}

/// Whether the peer's TCP acknowledged every byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivered {
    /// It did; seen after our half-close.
    Yes,
    /// It did not, and will not: some were never handed to the kernel.
    No,
    /// Not known: still under way at the close, the OS cannot tell, or an RST came before the
    /// acknowledgement. The peer may have had the bytes by then: Linux drops the connection before
    /// it looks at what the RST itself acknowledges.
    Unknown,
}

/// An error of the OS, kept as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OsError {
    raw: i32,
    kind: io::ErrorKind,
    cause: Cause,
}

/// Whose doing an error was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The peer sent RST.
    Reset,
    /// The local stack gave the connection up.
    Lost,
    /// Neither: a local failure.
    Other,
}

impl OsError {
    /// The portable kind.
    #[must_use]
    pub fn kind(self) -> io::ErrorKind {
        self.kind
    }

    /// The number that the OS gave (errno, or WSAGetLastError), if it came from the OS.
    #[must_use]
    pub fn raw_os_error(self) -> Option<i32> {
        (self.raw != 0).then_some(self.raw)
    }

    /// Whose doing it was.
    #[must_use]
    pub fn cause(self) -> Cause {
        self.cause
    }

    /// The same error with the cause that a driver knows better: not every error of an OS has an
    /// [`io::ErrorKind`] of its own.
    #[must_use]
    pub fn with_cause(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }
}

impl From<&io::Error> for OsError {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown,
            NetworkUnreachable, TimedOut,
        };
        let cause = match error.kind() {
            // EPIPE before we half-closed, or from SO_ERROR after the peer's FIN: Linux says
            // EPIPE instead of ECONNRESET when the RST finds the socket in CLOSE-WAIT.
            ConnectionReset | BrokenPipe => Cause::Reset,
            ConnectionAborted | HostUnreachable | NetworkDown | NetworkUnreachable | TimedOut => {
                Cause::Lost
            }
            _ => Cause::Other,
        };
        Self {
            raw: error.raw_os_error().unwrap_or(0),
            kind: error.kind(),
            cause,
        }
    }
}

impl From<OsError> for io::Error {
    fn from(error: OsError) -> Self {
        error
            .raw_os_error()
            .map_or_else(|| error.kind.into(), Self::from_raw_os_error)
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl std::error::Error for OsError {}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flush => "flush",
            Self::HalfClose => "half-close",
            Self::Drain => "drain",
            Self::Confirm => "confirm",
            Self::Close => "close",
            Self::Finished => "finished",
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graceful => f.write_str("graceful"),
            Self::PeerFin => f.write_str("peer FIN, acknowledgement of ours not seen"),
            Self::Acked => f.write_str("our FIN acknowledged"),
            Self::TimedOut { phase, clock } => {
                let clock = match clock {
                    Clock::Idle => "no progress",
                    Clock::Total => "out of time",
                    Clock::Confirm => "no acknowledgement in time",
                    Clock::Stop => "stopped",
                };
                write!(f, "timed out in {phase}: {clock}")
            }
            Self::ByteLimit => f.write_str("byte limit"),
            Self::Reset {
                phase,
                after_fin: false,
            } => write!(f, "reset in {phase}"),
            Self::Reset {
                phase,
                after_fin: true,
            } => {
                write!(f, "reset in {phase}, after the peer's FIN")
            }
            Self::Lost { phase } => write!(f, "lost in {phase}"),
            Self::AlreadyClosed => f.write_str("already closed"),
            Self::Aborted => f.write_str("aborted"),
            Self::Evicted => f.write_str("evicted"),
            Self::Failed { operation } => write!(f, "failed: {}", operation.name()),
        }
    }
}

impl Operation {
    /// What it is called in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Write => "write",
            Self::HalfClose => "half-close",
            Self::Receive => "receive",
            Self::TakeError => "take the pending error",
            Self::Query => "query",
            Self::Abort => "abort",
        }
    }
}
