//! What a run is to do.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use finwait::{FinishOn, Limits};

use crate::close::{CloseMix, CloseMode, mixed};
use crate::reception::Expect;
use crate::schedule::Segment;

/// What a run is to do: where to connect, how many times, what to send, how to close.
///
/// All numbers are those of the whole run, of which [`segment`](Self::segment) is the part that
/// this process makes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where to connect, in turn; at least one.
    pub targets: Vec<SocketAddr>,
    /// Addresses to connect from, in turn; none: the system chooses.
    pub sources: Vec<IpAddr>,
    /// How many connections are open at once, at most.
    pub connections: usize,
    /// How many are started in all; `None`: as many as fit into the duration.
    pub total: Option<u64>,
    /// When to stop starting new ones; `None`: when all are started.
    pub duration: Option<Duration>,
    /// When connections are started and closed.
    pub mode: Mode,
    /// How long the number of open connections, or the rate, takes to rise to what it is to be.
    pub ramp: Duration,
    /// How long a connection stays established before it is closed.
    pub hold: Duration,
    /// Requests on each connection; each but the first waits for the response before it.
    pub requests: u32,
    /// What is sent on each connection, as its only or last request.
    pub request: Arc<[u8]>,
    /// What is sent for each request before the last; `None`: the same.
    pub earlier_request: Option<Arc<[u8]>>,
    /// What makes a response complete.
    pub expect: Expect,
    /// How connections are closed.
    pub close: CloseMix,
    /// How many connections are closed per second, of those that are ready for it; `None`: each
    /// as soon as it is ready.
    pub close_rate: Option<f64>,
    /// How slowly a request is sent; `None`: as fast as the peer takes it.
    pub drip: Option<Drip>,
    /// How many bytes per second each connection receives; `None`: as fast as they come.
    pub read_rate: Option<u64>,
    /// Chooses how each connection of a mixture is closed.
    pub seed: u64,
    /// The part of the run that this process makes.
    pub segment: Segment,
    /// How many workers; each has its own event loop and shares nothing with the others.
    pub threads: usize,
    /// The longest time for a connection to be established.
    pub connect_timeout: Duration,
    /// What bounds each exchange and each teardown: `flush_stall` and `drain_idle` also hold for
    /// requests and responses before the close, and `drain_total` for each response from the end
    /// of its request. The pauses of a slow client, by `drip` or `read_rate`, are not counted.
    pub limits: Limits,
    /// How long open connections may go on once the run is stopped.
    pub stop_within: Duration,
}

impl Plan {
    /// A plan with a closed loop of one connection that sends nothing and half-closes.
    #[must_use]
    pub fn new(target: SocketAddr) -> Self {
        Self {
            targets: vec![target],
            sources: Vec::new(),
            connections: 1,
            total: Some(1),
            duration: None,
            mode: Mode::ClosedLoop,
            ramp: Duration::ZERO,
            hold: Duration::ZERO,
            requests: 1,
            request: Arc::from([]),
            earlier_request: None,
            expect: Expect::UntilFin,
            close: CloseMix::only(CloseMode::Half),
            close_rate: None,
            drip: None,
            read_rate: None,
            seed: 1,
            segment: Segment::WHOLE,
            threads: 1,
            connect_timeout: Duration::from_secs(5),
            limits: default_limits(),
            stop_within: Duration::from_secs(10),
        }
    }

    /// How many bytes each connection sends in all.
    #[must_use]
    pub fn request_bytes(&self) -> u64 {
        let earlier = u64::from(self.requests.saturating_sub(1));
        (self.request.len() as u64).saturating_add(earlier * self.earlier().len() as u64)
    }

    /// How many workers a run of this plan has: no more than connections at once.
    #[must_use]
    pub fn workers(&self) -> usize {
        let at_once = self.segment.share(self.connections as u64) as usize;
        self.threads.clamp(1, at_once.max(1))
    }

    /// A request before the last.
    pub(crate) fn earlier(&self) -> &Arc<[u8]> {
        self.earlier_request.as_ref().unwrap_or(&self.request)
    }

    /// Where connection `id` goes, and from where.
    pub(crate) fn pair(&self, id: u64) -> (SocketAddr, Option<IpAddr>) {
        let (pair, targets) = (self.pair_number(id), self.targets.len());
        let source = (!self.sources.is_empty()).then(|| self.sources[pair / targets]);
        (self.targets[pair % targets], source)
    }

    /// Which pair of a target and a source connection `id` has: each is used once among as many connections in a row
    /// as there are pairs.
    pub(crate) fn pair_number(&self, id: u64) -> usize {
        spread(id, self.pairs() as u64) as usize
    }

    /// How many pairs of a target and a source there are.
    pub(crate) fn pairs(&self) -> usize {
        self.targets.len() * self.sources.len().max(1)
    }
}

/// One of `n`: each once in any `n` numbers that begin at a multiple of `n`, in an order that begins
/// elsewhere in each such block. So every second or fourth number, which are those of one worker or
/// of one part of a run, come to all of them as well.
fn spread(id: u64, n: u64) -> u64 {
    if n <= 1 {
        return 0;
    }
    (id % n + mixed(id / n) % n) % n
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

/// When connections are started and closed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// A connection that is over is followed by the next.
    ClosedLoop,
    /// Connections start when they are due, whatever has become of those before. One that cannot
    /// start because all that may be open are open starts late, and all its times count from the
    /// moment at which it was due.
    OpenLoop {
        /// Starts per second.
        rate: f64,
    },
    /// All are opened, then all are closed at once; again while there are more to start.
    Storm,
}

impl Mode {
    /// The name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClosedLoop => "closed-loop",
            Self::OpenLoop { .. } => "open-loop",
            Self::Storm => "storm",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A request that is sent a little at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drip {
    /// How much each time; at least 1.
    pub bytes: usize,
    /// The time from one to the next.
    pub period: Duration,
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn all_pairs_are_used_as_often_whichever_part_of_the_numbers_it_is() {
        for n in [1_u64, 2, 3, 4, 16, 64] {
            for block in 0..20 {
                let mut used: Vec<_> = (0..n).map(|i| spread(block * n + i, n)).collect();
                used.sort_unstable();
                assert_eq!(used, (0..n).collect::<Vec<_>>());
            }
            for step in 1..9 {
                for first in 0..step {
                    let mut used = vec![0_u64; n as usize];
                    let each = 4_096;
                    for k in 0..each {
                        used[spread(first + k * step, n) as usize] += 1;
                    }
                    let even = each / n;
                    let near = even / 2..=even * 3 / 2;
                    assert!(
                        used.iter().all(|used| near.contains(used)),
                        "{n} {step} {used:?}"
                    );
                }
            }
        }
    }
}
