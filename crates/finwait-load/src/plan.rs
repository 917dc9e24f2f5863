//! What a run is to do.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use finwait::{FinishOn, Limits};

use crate::reception::Expect;

/// What a run is to do: where to connect, how many times, what to send, how to close.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to connect.
    pub target: SocketAddr,
    /// Addresses to connect from, in turn; none: the system chooses.
    pub sources: Vec<IpAddr>,
    /// How many connections are open at once.
    pub connections: usize,
    /// How many are started in all; `None`: as many as fit into the duration.
    pub total: Option<u64>,
    /// When to stop starting new ones; `None`: when all are started.
    pub duration: Option<Duration>,
    /// In which order connections are opened and closed.
    pub mode: Mode,
    /// What is sent on each connection.
    pub request: Arc<[u8]>,
    /// What makes a response complete.
    pub expect: Expect,
    /// How each connection is closed.
    pub close: CloseMode,
    /// How many workers; each has its own event loop and shares nothing with the others.
    pub threads: usize,
    /// The longest time for a connection to be established.
    pub connect_timeout: Duration,
    /// What bounds each teardown.
    pub limits: Limits,
    /// How long open connections may go on once the run is stopped.
    pub stop_within: Duration,
}

impl Plan {
    /// A plan with a closed loop of one connection that sends nothing and half-closes.
    #[must_use]
    pub fn new(target: SocketAddr) -> Self {
        Self {
            target,
            sources: Vec::new(),
            connections: 1,
            total: Some(1),
            duration: None,
            mode: Mode::ClosedLoop,
            request: Arc::from([]),
            expect: Expect::UntilFin,
            close: CloseMode::Half,
            threads: 1,
            connect_timeout: Duration::from_secs(5),
            limits: default_limits(),
            stop_within: Duration::from_secs(10),
        }
    }

    /// How many bytes each connection sends.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        self.request.len() as u64
    }
}

/// Limits for a client that wants proof: it waits for the peer's FIN and for the acknowledgement
/// of its own, up to a minute in all.
#[must_use]
pub fn default_limits() -> Limits {
    Limits {
        drain_idle: Duration::from_secs(5),
        drain_total: Some(Duration::from_secs(60)),
        finish_on: FinishOn::PeerFinAndAcked {
            confirm: Duration::from_secs(2),
        },
        ..Limits::for_response()
    }
}

/// In which order connections are opened and closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A connection that is over is followed by the next.
    ClosedLoop,
    /// All are opened, then all are closed at once; again while there are more to start.
    Storm,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedLoop => "closed-loop",
            Self::Storm => "storm",
        })
    }
}

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// Half-close as soon as the request is written, then receive until the peer's FIN.
    Half,
    /// Receive the response, then close without waiting for the peer's FIN.
    Fin,
    /// Receive the response, then abort: RST.
    Rst,
}

impl fmt::Display for CloseMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Half => "half",
            Self::Fin => "fin",
            Self::Rst => "rst",
        })
    }
}
