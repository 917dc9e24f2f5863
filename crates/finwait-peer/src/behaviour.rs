//! The named ways to treat a connection.

mod catalogue;
mod text;

use std::time::Duration;

pub use catalogue::{Entry, Kind};
pub(crate) use text::{whole, within};

/// How the server treats its connections, and how it closes them.
///
/// Read and written as on a command line; [`catalogue`](Self::catalogue) lists them all. With
/// parameters it is a [`Treatment`](crate::Treatment), several by weight are a
/// [`Mix`](crate::Mix).
///
/// What is said here is said of [`Protocol::Raw`](crate::Protocol::Raw), where the answer is
/// filler, begun at the first byte or the peer's FIN. With
/// [`Protocol::Http`](crate::Protocol::Http) it is a response to each request, and a behaviour
/// that only closes well, or reads slowly, or is idle, keeps the connection for the next one.
///
/// ```
/// use finwait_peer::Behaviour;
///
/// let behaviour: Behaviour = "respond=4m".parse()?;
/// assert_eq!(behaviour, Behaviour::Respond { bytes: 4 << 20 });
/// assert_eq!(behaviour.to_string(), "respond=4m");
/// # Ok::<(), finwait_peer::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends back what it receives, as it comes. At the peer's FIN it flushes and closes through
    /// finwait. It holds at most 64 KiB for a connection and receives no more until the peer has
    /// taken them: a client that writes megabytes must read meanwhile.
    #[default]
    Echo,
    /// At the first byte, or the peer's FIN, answers with filler and closes through finwait: FIN,
    /// drain, close. The answer is held in memory, once for all connections.
    Respond {
        /// The size of the answer, at most [`Behaviour::MOST_ANSWERED`].
        bytes: u64,
    },
    /// Reads one HTTP request head, answers `200` with a body of filler and `Connection: close`,
    /// and closes through finwait, which drains the request's body, if there is one.
    Http {
        /// The size of the body, at most [`Behaviour::MOST_ANSWERED`].
        bytes: u64,
    },
    /// Half-closes as soon as a connection is there, and drains it.
    Fin,
    /// Echoes, but its FIN comes late: the peer has to wait for it.
    LateFin {
        /// How long after the peer's FIN.
        delay: Duration,
    },
    /// Receives and ignores everything, the peer's FIN too, and never closes.
    Silent,
    /// Aborts at the first byte, or the peer's FIN.
    Rst,
    /// The classic mistake: waits until request bytes are there, answers without reading them,
    /// and closes plainly. The bytes left unread make the kernel send an RST, which overtakes
    /// whatever part of the answer is still queued.
    UnreadClose {
        /// The size of the answer.
        bytes: u64,
    },
    /// Sends a little again and again without end, and ignores the peer's FIN.
    Drip {
        /// How much each time.
        bytes: u64,
        /// The time from one to the next; at least a microsecond is taken.
        period: Duration,
    },
    /// Sends as fast as the peer takes, without end, and ignores the peer's FIN.
    Flood,
    /// Answers, sends its FIN, and receives and discards until the peer's FIN, with no bound but
    /// this one; closes through finwait.
    Linger {
        /// For how long at most.
        most: Duration,
    },
    /// Sends the whole answer, waits until it is acknowledged (5 s at most), and aborts: a client
    /// that still reads may lose what it has not read.
    RstAfterResponse,
    /// Sends half of the answer, and aborts.
    RstMidResponse,
    /// Sends a part of the answer, and closes as if it were all. Over HTTP the head announces the
    /// whole, and of a chunked body the last chunk is missing.
    Trunc {
        /// How much of the answer, 0 to 100.
        percent: u8,
    },
    /// Sends the whole answer and a FIN, and an RST as soon as that FIN is acknowledged, or after
    /// 20 ms. If the client's FIN has come by then, the connection is over and there is no RST.
    FinThenRst,
    /// Answers, and never closes: after the client's FIN it stays in CLOSE-WAIT. Over HTTP it goes
    /// on to answer, whatever `Connection: close` or HTTP/1.0 ask for.
    NoClose,
    /// Takes the client's FIN for a client that has gone: it waits (50 ms, or the parameter
    /// `delay`) before it answers, and if the FIN has come by then it closes without an answer.
    HalfCloseDeaf,
    /// Cancels an answer that is not finished (it is begun after 50 ms, or the parameter `delay`)
    /// when the client's FIN comes: aborts.
    HalfCloseAbort,
    /// Receives slowly, and is healthy otherwise. Without HTTP it echoes.
    SlowRead {
        /// How much at once.
        bytes: u64,
        /// The time from one receive to the next.
        period: Duration,
    },
    /// Never accepts: when connections wait in the queue, it replaces its listener, and the kernel
    /// resets them. For a whole server, not for a request or a part of a mix. Where the system has
    /// no `SO_REUSEPORT` it accepts and aborts, which looks the same to a client.
    DropBacklog,
    /// Healthy, with an idle timeout that ends in a FIN and a drain. Without HTTP it echoes.
    IdleClose {
        /// How long without a byte.
        after: Duration,
    },
    /// The same, but the idle timeout ends in an RST.
    IdleRst {
        /// How long without a byte.
        after: Duration,
    },
    /// Healthy until a connection ends badly for it: reset by the client, closed by it without a
    /// byte, or in the middle of a request. From then on it aborts new connections and requests.
    Brittle {
        /// For how long.
        period: Duration,
    },
    /// HTTP only: answers at the end of the head, and takes the body for the next request.
    SkipBody,
    /// HTTP only: answers requests that follow one with `Connection: close`, and then closes.
    ServeAfterClose,
    /// HTTP only: takes a request that the client's FIN has cut short for a complete one.
    EofCompletes,
    /// HTTP only: closes after so many requests, without having announced it.
    QuietLimit {
        /// How many, at least 1.
        requests: u32,
    },
    /// HTTP only: healthy, but a refusal before the body was received is followed by a plain
    /// `close()`: the bytes left unread make the kernel send an RST, which overtakes the refusal.
    /// For there to be such bytes, it waits for them for 20 ms.
    EarlyClose,
}

impl Behaviour {
    /// The largest answer of [`Respond`](Self::Respond) and [`Http`](Self::Http): 1 GiB, because
    /// it is held in memory.
    pub const MOST_ANSWERED: u64 = 1 << 30;

    /// `linger` as it is without an argument: what is healthy over HTTP.
    pub const LINGER: Self = Self::Linger { most: LINGER };

    /// Whether it is a way to treat HTTP requests, and nothing without them.
    #[must_use]
    pub fn needs_http(self) -> bool {
        matches!(
            self,
            Self::SkipBody
                | Self::ServeAfterClose
                | Self::EofCompletes
                | Self::QuietLimit { .. }
                | Self::EarlyClose
        )
    }

    /// How long it waits before an answer, if no parameter says it.
    pub(crate) fn own_delay(self) -> Duration {
        match self {
            Self::HalfCloseDeaf | Self::HalfCloseAbort => Duration::from_millis(50),
            _ => Duration::ZERO,
        }
    }

    /// The size of its answer, if no parameter says it.
    pub(crate) fn own_size(self) -> u64 {
        match self {
            Self::Respond { bytes } | Self::Http { bytes } | Self::UnreadClose { bytes } => bytes,
            _ => DEFAULT_BYTES,
        }
    }
}

/// Of an answer whose size nobody has said.
pub(crate) const DEFAULT_BYTES: u64 = 64;
/// How long `linger` drains at most, and everything healthy that says nothing about it.
pub(crate) const LINGER: Duration = Duration::from_secs(30);
