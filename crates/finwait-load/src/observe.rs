//! Who wants to see a run while it goes on.

use crate::record::Record;
use crate::tally::Tally;

/// What a run tells while it goes on. Called on the workers' threads: what takes long here delays
/// connections, so hand it on to a thread of your own.
pub trait Observer: Sync {
    /// Whether [`records`](Self::records) is wanted; asked once for each worker.
    fn wants_records(&self) -> bool {
        false
    }

    /// Some connections that are over. Each is shown once; what the end of the run cuts, too.
    fn records(&self, _records: Vec<Record>) {}

    /// Whether [`second`](Self::second) is wanted; asked once for each worker.
    fn wants_seconds(&self) -> bool {
        false
    }

    /// What worker `worker` counted in second `second` of the run, from 0; each worker tells its
    /// seconds in order, those without a count too, and nothing after its last.
    fn second(&self, _worker: usize, _second: u64, _tally: Tally) {}

    /// This worker is done.
    fn done(&self, _worker: usize) {}
}

/// Nobody.
impl Observer for () {}
