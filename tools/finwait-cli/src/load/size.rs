//! How many connections there may be: the open-file limit.

use finwait_load::Mode;
use finwait_platform as platform;

use super::{Job, Target};

/// What was decided before the run.
#[derive(Debug)]
pub(crate) struct Size {
    /// Of all parts of the run together.
    pub(crate) connections: usize,
    /// Open files that this process needs.
    pub(crate) needed: u64,
    /// The limit on them; `None` where there is none, or the OS does not tell.
    pub(crate) limit: Option<platform::FileLimit>,
}

impl Size {
    /// Raises the limit to what is needed, as far as it may be; the limit then in force.
    pub(super) fn raise(&self) -> Option<u64> {
        let limit = self.limit?;
        let wanted = self.needed.min(limit.hard);
        if limit.soft >= wanted {
            return Some(limit.soft);
        }
        // It cannot be refused below the hard limit; if it is, the run tells how far it got.
        let raised = platform::raise_open_file_limit(wanted).ok().flatten();
        Some(raised.map_or(limit.soft, |now| now.soft))
    }
}

/// Against a server of somebody else's: enough to show something, and not an attack.
const REMOTE: usize = 100;
/// Enough to keep a loop busy; more only makes each connection wait for longer.
const CLOSED_LOOP: usize = 1_000;
/// Standard streams, listeners, event loops, the resolver's and others' files.
const RESERVE: u64 = 24;
/// An event loop and its waker, on both sides.
const PER_THREAD: u64 = 4;

/// Chooses the number of connections, if nobody else has, so that they fit.
pub(super) fn size(job: &Job, threads: usize, sources: usize) -> Size {
    let embedded = matches!(job.target, Target::Embedded(_));
    // Both ends of an embedded server's connections are in this process.
    let per_connection = if embedded { 2 } else { 1 };
    let limit = platform::open_file_limit().ok().flatten();
    let reserve = RESERVE + PER_THREAD * threads as u64;
    // Not above the hard limit, even where we could: somebody has set it.
    let allowed = limit.map_or(u64::MAX, |limit| {
        limit.hard.saturating_sub(reserve) / per_connection
    });
    let total = job
        .total
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let connections = match job.connections {
        // More than there will ever be need no descriptors.
        Some(connections) => connections.min(total),
        None => default_connections(job, embedded, allowed, total.min(ports(sources))),
    };
    let here = job.segment.share(connections as u64);
    Size {
        connections,
        needed: here.saturating_mul(per_connection).saturating_add(reserve),
        limit,
    }
}

fn default_connections(job: &Job, embedded: bool, allowed: u64, total: usize) -> usize {
    let most = match (job.mode, embedded) {
        // All at once, if that many fit.
        (Mode::Storm, _) if job.total.is_some() => total,
        (Mode::Storm, true) => CLOSED_LOOP * 10,
        (Mode::ClosedLoop, true) => CLOSED_LOOP,
        (Mode::OpenLoop { .. }, _) => CLOSED_LOOP * 10,
        (_, false) => REMOTE,
    };
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    most.min(total).min(allowed).max(1)
}

/// How many connections to one target there are local ports for, with some left for others.
fn ports(sources: usize) -> usize {
    let ports = platform::local_port_range().map_or(usize::MAX, |range| range.len() * 3 / 4);
    ports.saturating_mul(sources.max(1))
}
