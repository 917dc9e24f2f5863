//! When the loop was elsewhere: what it then does late is no fault of the driver's.

/// Until when each time, for how long, and how long all before it.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(Vec<(u64, u64, u64)>);

impl Elsewhere {
    pub(super) fn add(&mut self, until: u64, long: u64) {
        let before = self.0.last().map_or(0, |&(_, long, before)| before + long);
        if long > 0 {
            self.0.push((until, long, before));
        }
    }

    /// How much of it was after `at`.
    pub(super) fn since(&self, at: u64) -> u64 {
        let first = self.0.partition_point(|&(until, ..)| until <= at);
        let all = self.0.last().map_or(0, |&(_, long, before)| before + long);
        self.0.get(first).map_or(0, |&(until, long, before)| {
            (all - before - long) + long.min(until - at)
        })
    }
}
