//! The types of the contract: the same on every system.

use std::fmt;
use std::time::Duration;

/// A state of a TCP connection, named as in RFC 9293 section 3.3.2.
///
/// The kernel's state, not an opinion: [`FinWait1`](Self::FinWait1) means that a FIN stands in
/// the send queue, perhaps behind megabytes of data, not that it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TcpState {
    /// No connection: never opened, over, or reset.
    Closed,
    /// Waiting for connections.
    Listen,
    /// Our SYN is out.
    SynSent,
    /// The peer's SYN has come, its ACK has not.
    SynReceived,
    /// Both sides may send.
    Established,
    /// We have half-closed; our FIN is not acknowledged.
    FinWait1,
    /// Our FIN is acknowledged; the peer may still send.
    FinWait2,
    /// The peer has half-closed; we may still send.
    CloseWait,
    /// Both have half-closed, ours first or at once; our FIN is not acknowledged.
    Closing,
    /// Both have half-closed, the peer first; our FIN is not acknowledged.
    LastAck,
    /// Over and acknowledged; waits for stray segments. On Linux and Windows an open socket is
    /// detached from the connection then, and Linux reports [`Closed`](Self::Closed).
    TimeWait,
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

/// Which of this crate's modules was compiled: what decides what can be told; see
/// [`backend`](crate::backend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Linux and Android.
    Linux,
    /// macOS, FreeBSD, NetBSD and OpenBSD.
    Bsd,
    /// Windows, and Wine: see [`wine_version`](crate::wine_version).
    Windows,
    /// Anything else: socket2 alone.
    Fallback,
}

/// What the kernel tells about a TCP connection; see [`tcp_info`](crate::tcp_info).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// The state of the connection.
    pub state: TcpState,
    /// Sequence numbers that the peer has acknowledged: a mark that only grows, to measure the
    /// peer's progress by differences.
    ///
    /// It counts what has a sequence number: each byte of payload, our SYN if we were the one who
    /// connected (an accepted socket starts at 0), and our FIN once it is acknowledged. `None`
    /// where the kernel does not count; filled on Linux since 4.1. Not on Windows: whether its
    /// `BytesOut` counts bytes again that are sent again is not documented.
    pub acked_bytes: Option<u64>,
    /// The smoothed round-trip time. `None` where unknown or not yet measured.
    pub rtt: Option<Duration>,
}

/// Whether the peer's TCP has acknowledged our FIN, and with it every byte before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinAck {
    /// It has: all that was written is in the peer's stack (not: read by its application).
    Yes,
    /// It has not, or not yet.
    No,
    /// This system, or this kind of socket, cannot tell.
    Unknown,
}

impl FinAck {
    /// What the connection's state alone tells. A clean end and a reset both lead to CLOSED, and whether a send queue
    /// outlives a reset is known of Linux alone.
    #[cfg_attr(
        finwait_force_fallback,
        expect(dead_code, reason = "the fallback asks for no state")
    )]
    pub(crate) fn of_state(state: TcpState) -> Self {
        match state {
            TcpState::FinWait2 | TcpState::TimeWait => Self::Yes,
            TcpState::FinWait1
            | TcpState::Closing
            | TcpState::LastAck
            | TcpState::Established
            | TcpState::CloseWait
            | TcpState::SynSent
            | TcpState::SynReceived
            | TcpState::Listen => Self::No,
            TcpState::Closed => Self::Unknown,
        }
    }
}

/// A limit of the process on open files, and so on sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimit {
    /// The limit in force; [`u64::MAX`] if there is none.
    pub soft: u64,
    /// What the soft limit may be raised to without privilege; [`u64::MAX`] if there is no bound.
    pub hard: u64,
}

/// For which new outgoing connections a port still in TIME-WAIT is taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeWaitReuse {
    /// None.
    Off,
    /// All, where TCP timestamps make it safe.
    Global,
    /// Those over the loopback interface.
    LoopbackOnly,
}

/// How full the firewall's table of connections is; see [`conntrack_use`](crate::conntrack_use).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConntrackUse {
    /// Entries now. 0 usually means that no rule asks for connections to be tracked.
    pub used: u64,
    /// The most there may be: segments of one more are dropped. [`u64::MAX`] if there is no bound.
    pub cap: u64,
}

/// CPU time that the process has used so far, all threads together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTime {
    /// In the program's own code.
    pub user: Duration,
    /// In the kernel on behalf of the program.
    pub system: Duration,
}

/// What to do after `accept` has failed; see [`classify_accept_error`](crate::classify_accept_error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcceptError {
    /// One connection died in the queue and is gone from it: accept the next one at once.
    NextConnection,
    /// Descriptors or memory have run out and the connection is still queued: wait before the
    /// next try, or it fails the same way in a busy loop.
    OutOfResources,
    /// The listener itself is unusable.
    Fatal,
}

/// What a failed name lookup says of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupError {
    /// There is no such name, or it has no address.
    NotFound,
    /// Nothing: no name server gave an answer. Asked again it may.
    Temporary,
    /// Something else failed, or what failed is not known.
    Other,
}

/// Who ended a connection that failed; see [`classify_end`](crate::classify_end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndCause {
    /// The peer: an RST came.
    Reset,
    /// The local stack gave up: no answer in time, no route, or an administrator's order.
    Lost,
    /// Neither: the error says nothing about the connection.
    Other,
}
