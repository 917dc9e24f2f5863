//! How many connections there may be: the open-file limit.

use finwait_load::Mode;
use finwait_platform as platform;

use super::{Job, Target};
use crate::exit::Failure;

/// What was decided before the run.
#[derive(Debug)]
pub(crate) struct Size {
    pub(crate) connections: usize,
    /// The limit in force; `None` where there is none, or the OS does not tell.
    pub(crate) nofile: Option<u64>,
}

/// Against a server of somebody else's: enough to show something, and not an attack.
const REMOTE: usize = 100;
/// Enough to keep a loop busy; more only makes each connection wait for longer.
const CLOSED_LOOP: usize = 1_000;
/// Standard streams, listeners, event loops, the resolver's and others' files.
const RESERVE: u64 = 64;
/// An event loop and its waker, on both sides.
const PER_THREAD: u64 = 4;

/// Chooses or checks the number of connections, and raises the limit to what they need.
pub(super) fn size(job: &Job, threads: usize, sources: usize) -> Result<Size, Failure> {
    let embedded = matches!(job.target, Target::Embedded(_));
    // Both ends of an embedded server's connections are in this process.
    let per_connection = if embedded { 2 } else { 1 };
    let reserve = RESERVE + PER_THREAD * threads as u64;
    let limit = platform::open_file_limit().ok().flatten();
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
    let wanted = connections as u64;
    if wanted > allowed {
        return Err(too_many(wanted, wanted * per_connection + reserve, limit));
    }
    let needed = wanted * per_connection + reserve;
    let soft = limit.map(|limit| limit.soft);
    let nofile = match limit {
        Some(limit) if limit.soft < needed => {
            // It cannot be refused below the hard limit; if it is, the run tells how far it got.
            platform::raise_open_file_limit(needed)
                .ok()
                .flatten()
                .map(|now| now.soft)
                .or(soft)
        }
        _ => soft,
    };
    Ok(Size {
        connections,
        nofile,
    })
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

fn too_many(connections: u64, needed: u64, limit: Option<platform::FileLimit>) -> Failure {
    let (soft, hard) = limit.map_or((0, 0), |limit| (limit.soft, limit.hard));
    Failure::usage(format!(
        "-c {connections}: needs {needed} open files, and the limit is {hard} (soft {soft}); raise \
         it with 'ulimit -Hn {needed}' as root and then 'ulimit -n {needed}', or lower -c"
    ))
}
