//! What is known of one connection when it is over. All counts and histograms are sums of these.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use finwait_platform as platform;

use crate::close::CloseMode;
use crate::verdict::{Ending, Progress, Verdict};

/// One connection, from the moment at which it was due to its end.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number in the whole run, from 0.
    pub id: u64,
    /// Our address, of an attempt that failed too; `None` if there never was one, the OS does not
    /// tell, or nobody wanted to know it.
    pub local: Option<SocketAddr>,
    /// The address that was connected to.
    pub peer: SocketAddr,
    /// When it was due, from the run's start.
    pub intended: Duration,
    /// When it was started, from the run's start: not before it was due.
    pub started: Duration,
    /// When it was over, from the run's start.
    pub ended: Duration,
    /// How it was to be closed.
    pub close: CloseMode,
    /// How far it got.
    pub progress: Progress,
    /// How it ended.
    pub ending: Ending,
    /// Whole responses that came.
    pub responses: u64,
    /// Request bytes that the kernel took.
    pub sent_bytes: u64,
    /// Response bytes received.
    pub received_bytes: u64,
    /// The part of them that was thrown away unseen.
    pub discarded_bytes: u64,
    /// Request bytes that the peer's TCP had acknowledged when last asked; `None` where that was
    /// not asked, or the OS cannot tell. After a reset the peer may have had more.
    pub acked_bytes: Option<u64>,
    /// The error of the OS that ended it, or that came with its end.
    pub error: Option<ErrorKey>,
    /// How long each phase took.
    pub times: Times,
    /// The wave of a storm that it belonged to; else 0.
    pub wave: usize,
}

impl Record {
    /// The one verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.progress, self.ending)
    }
}

/// An error of the OS, and what met it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorKey {
    /// What was being done: `connect`, `write`, `read`, `close`, `abort`.
    pub operation: Cow<'static, str>,
    /// The OS's name for it, such as `ECONNRESET`; where it has none, the portable kind in words. A
    /// reset that Windows shows as an event alone, and not by an error of a call, says so.
    pub name: Cow<'static, str>,
    /// The OS's number, if the error has one.
    pub code: Option<i32>,
}

/// A reset for which the OS gave no error: see [`finwait::PeerEnd`].
const RESET_BY_EVENT: &str = "connection reset, without a number";

impl ErrorKey {
    pub(crate) fn new(operation: &'static str, error: &io::Error) -> Self {
        Self::of(operation, error.raw_os_error(), error.kind())
    }

    pub(crate) fn of(operation: &'static str, code: Option<i32>, kind: io::ErrorKind) -> Self {
        let name = match (code.and_then(platform::error_name), code, kind) {
            (Some(name), _, _) => name.into(),
            // An event has told it, and no call: it is not counted as the number that a call would give.
            (None, None, io::ErrorKind::ConnectionReset) => RESET_BY_EVENT.into(),
            (None, _, kind) => kind.to_string().into(),
        };
        Self {
            operation: operation.into(),
            name,
            code,
        }
    }

    /// In a few words: `ECONNREFUSED (111): nobody listens there`. Of an error of another system
    /// the name alone.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.code {
            Some(code) if platform::error_name(code) == Some(&*self.name) => {
                platform::describe_error(&io::Error::from_raw_os_error(code))
            }
            _ => self.name.to_string(),
        }
    }
}

/// A part of a connection's life that is timed.
///
/// Where a connection was started late, the phases that begin with its start begin with the moment
/// at which it was *due*: a stall of the server shows in them and is not waited out unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// From the intended start to the established connection.
    Connect,
    /// From the established connection to our FIN, or to the last request byte that the kernel
    /// took if we sent no FIN.
    Send,
    /// From the intended start to the first byte of a response.
    FirstByte,
    /// From the intended start to the last byte that came.
    LastByte,
    /// From our FIN to the moment at which its acknowledgement was *seen*, where that was asked
    /// for and the OS tells. Contains the peer's delayed ACK (about 40 ms when it has nothing to
    /// send): not a round trip.
    FinToAck,
    /// From our FIN to the peer's; zero if the peer's came first.
    FinToPeerFin,
    /// From the last byte that came to the peer's FIN.
    LastByteToPeerFin,
    /// From our FIN, close or abort to the release of the socket.
    Teardown,
    /// From the intended start to the RST.
    Reset,
    /// From the intended start to the end.
    Total,
}

impl Phase {
    /// Every phase, in the order of results.
    pub const ALL: [Self; 10] = [
        Self::Connect,
        Self::Send,
        Self::FirstByte,
        Self::LastByte,
        Self::FinToAck,
        Self::FinToPeerFin,
        Self::LastByteToPeerFin,
        Self::Teardown,
        Self::Reset,
        Self::Total,
    ];

    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Send => "send",
            Self::FirstByte => "first_byte",
            Self::LastByte => "last_byte",
            Self::FinToAck => "fin_to_ack",
            Self::FinToPeerFin => "fin_to_peer_fin",
            Self::LastByteToPeerFin => "last_byte_to_peer_fin",
            Self::Teardown => "teardown",
            Self::Reset => "reset",
            Self::Total => "total",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How long each phase of one connection took, if it came to that phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times([Option<Duration>; Phase::ALL.len()]);

impl Times {
    /// How long this phase took.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.0[phase as usize]
    }

    /// Notes how long this phase took.
    pub fn set(&mut self, phase: Phase, time: Duration) {
        self.0[phase as usize] = Some(time);
    }

    /// The phases that it came to.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> {
        let times = self.0;
        Phase::ALL
            .into_iter()
            .filter_map(move |phase| times[phase as usize].map(|time| (phase, time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_without_a_number_is_told_from_one_that_has_one() {
        let kind = io::ErrorKind::ConnectionReset;
        let by_event = ErrorKey::new("read", &kind.into());
        assert_eq!(by_event.name, RESET_BY_EVENT);
        assert_eq!(by_event.describe(), RESET_BY_EVENT);
        // Any number that is a reset somewhere: Linux, macOS and the BSDs, Windows.
        for code in [104, 54, 10054] {
            let by_call = ErrorKey::new("read", &io::Error::from_raw_os_error(code));
            assert_eq!(by_call.code, Some(code));
            assert_ne!(by_call.name, by_event.name);
        }
        // Of other kinds the words are enough.
        let late = ErrorKey::new("read", &io::ErrorKind::TimedOut.into());
        assert_eq!(late.name, "timed out");
    }
}
