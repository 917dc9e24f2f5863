//! From which port a connection starts.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::TcpStream;

use finwait_platform::{self as platform, PortWalk};

use crate::plan::Plan;

/// One worker's source ports: those of each pair of a target and a source in turn, so that nobody has to search for one
/// that is not in TIME-WAIT.
#[derive(Debug, Clone)]
pub(crate) struct SourcePorts {
    /// By the number of the pair; none where the system chooses.
    walks: Vec<PortWalk>,
}

impl SourcePorts {
    /// Those of worker `worker` of `workers`. Each begins elsewhere, and so does each run: what it took last is in TIME-WAIT
    /// for the next.
    pub(crate) fn new(plan: &Plan, run: RunsOwn, worker: usize, workers: usize) -> Self {
        let range = platform::local_port_range().filter(|_| PortWalk::is_supported());
        let walks = range.map_or_else(Vec::new, |range| {
            let part = range.len() * worker / workers.max(1);
            let begin = (usize::from(run.0) + part) % range.len().max(1);
            vec![PortWalk::new(range, begin as u16); plan.pairs()]
        });
        Self { walks }
    }

    /// Starts connection `id`.
    pub(crate) fn connect(&mut self, plan: &Plan, id: u64) -> io::Result<TcpStream> {
        let (target, source) = plan.pair(id);
        match self.walks.get_mut(plan.pair_number(id)) {
            Some(walk) => walk.connect(target, source),
            None => platform::connect_from(target, source),
        }
    }
}

/// A number of this run's own, the same for all its workers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunsOwn(u16);

impl RunsOwn {
    pub(crate) fn draw() -> Self {
        // The standard library's keys are drawn anew for each.
        Self(RandomState::new().build_hasher().finish() as u16)
    }
}
