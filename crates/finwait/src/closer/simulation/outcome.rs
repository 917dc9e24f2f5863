//! What came of the runs, counted.

use std::collections::BTreeMap;

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) connections: u64,
    pub(super) turns: u64,
    pub(super) calls: u64,
    pub(super) events: u64,
    /// How often a mark went up, and how often bytes came below one.
    pub(super) marks: u64,
    pub(super) kept_quiet: u64,
    pub(super) hints: BTreeMap<&'static str, u64>,
    pub(super) endings: BTreeMap<String, u64>,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.turns += other.turns;
        self.calls += other.calls;
        self.events += other.events;
        self.marks += other.marks;
        self.kept_quiet += other.kept_quiet;
        for (name, times) in other.hints {
            *self.hints.entry(name).or_default() += times;
        }
        for (ending, times) in other.endings {
            *self.endings.entry(ending).or_default() += times;
        }
    }
}
