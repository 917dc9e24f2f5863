//! The walks of all policies, on as many threads as there are, and what they found together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use finwait::{Limits, Receive};

use crate::policies::UNWRITTEN;
use crate::{Budget, Violation, Walk};

/// For one policy: what was reached, and what did not hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) steps: u64,
    pub(crate) paths: u64,
    pub(crate) phases: BTreeSet<String>,
    pub(crate) endings: BTreeSet<String>,
    pub(crate) violations: BTreeMap<&'static str, Violation>,
}

impl Found {
    fn by(walk: Walk, paths: u64) -> Self {
        Self {
            states: walk.paths.len(),
            steps: walk.steps,
            paths,
            phases: walk.phases,
            endings: walk.endings,
            violations: walk.violations.into_inner(),
        }
    }

    pub(crate) fn add(mut self, mut other: Self) -> Self {
        self.states += other.states;
        self.steps += other.steps;
        self.paths = self.paths.saturating_add(other.paths);
        self.phases.append(&mut other.phases);
        self.endings.append(&mut other.endings);
        for (invariant, found) in other.violations {
            self.violations
                .entry(invariant)
                .and_modify(|all| all.times += found.times)
                .or_insert(found);
        }
        self
    }
}

/// Each policy on a thread that is free; in their order.
pub(crate) fn walk_all(policies: &[(Limits, Receive)], budget: Budget) -> Vec<Found> {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one_by_one = || {
        let mut all = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(limits, receive)) = policies.get(index) else {
                return all;
            };
            let mut walk = Walk::new(start, limits, receive);
            walk.every_ack = budget.hints + budget.wishes == 0;
            let mut paths = 0_u64;
            for unwritten in [0, UNWRITTEN] {
                let node = walk.begin(unwritten, budget);
                paths = paths.saturating_add(walk.visit(&node));
            }
            all.push((index, Found::by(walk, paths)));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let walkers: Vec<_> = (0..threads).map(|_| scope.spawn(one_by_one)).collect();
        walkers
            .into_iter()
            .flat_map(|walker| walker.join().expect("a walker panicked"))
            .collect()
    });
    all.sort_by_key(|&(index, _)| index);
    all.into_iter().map(|(_, found)| found).collect()
}
