//! The machine against a model of the kernel, the network and the peer, explored completely:
//! whatever can happen on the wire happens in any order, at any time, between any two calls; every
//! edge comes at once, late, not at all or for nothing; the driver comes late; the caller changes
//! its mind. For every policy. Each report is held against what is true.
//!
//! `machine_walk` asks whether the machine draws the right conclusions from whatever it is told;
//! this asks whether what it then says is so.
//!
//! The bounds of the model: at most two bytes to flush, three to receive; one lost edge, or one spurious
//! one, or one late turn and one wish.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one Instant to count from, and says how long it took"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use finwait::{FinishOn, Limits, OnDeadline, OnLimit, Receive};

/// Functions with their names.
macro_rules! named {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name)),*]
    };
}

#[path = "../common/combinations.rs"]
mod combinations;
mod invariants;
mod kernel;
#[path = "../common/mixer.rs"]
mod mixer;
mod policies;
mod reports;
mod world;

use kernel::{PAYLOAD, Tells};
use mixer::Mixer;
use policies::every_policy;
use world::{Hints, Move, World};

/// One policy on one kind of system, and what has been found out about it.
struct Walk {
    start: Instant,
    limits: Limits,
    receive: Receive,
    tells: Tells,
    hints: Hints,
    wishes: u8,
    late: u8,
    visited: HashSet<u64>,
    trail: Vec<Move>,
    found: Found,
    key: String,
}

/// What an exploration has found.
#[derive(Debug, Default)]
struct Found {
    states: usize,
    steps: u64,
    deepest: usize,
    endings: BTreeSet<String>,
    /// By invariant: in how many places it does not hold, and the first of them.
    violations: BTreeMap<&'static str, (u64, String)>,
}

/// What may happen besides what happens on the wire.
#[derive(Debug, Clone, Copy)]
struct Besides {
    hints: Hints,
    wishes: u8,
    late: u8,
}

impl Walk {
    fn new(start: Instant, job: &Job) -> Self {
        Self {
            start,
            limits: job.limits,
            receive: job.receive,
            tells: job.tells,
            hints: job.besides.hints,
            wishes: job.besides.wishes,
            late: job.besides.late,
            visited: HashSet::new(),
            trail: Vec::new(),
            found: Found::default(),
            key: String::new(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Everything that can follow.
    fn visit(&mut self, world: &World) {
        let key = self.key_of(world);
        if !self.visited.insert(key) {
            return;
        }
        self.found.deepest = self.found.deepest.max(self.trail.len());
        let action = world.action(self);
        for (name, holds) in invariants::OF_A_STATE {
            if !holds(self, world, action) {
                self.violated(name, world);
            }
        }
        if let Some(report) = world.teardown.report() {
            for (name, holds) in reports::OF_A_REPORT {
                if !holds(self, world, &report) {
                    self.violated(name, world);
                }
            }
            self.found.endings.insert(format!("{:?}", report.ending));
            return;
        }
        let moves = world.moves(self);
        if !invariants::s12_every_state_goes_on_or_is_finished(&moves) {
            self.violated("s12_every_state_goes_on_or_is_finished", world);
        }
        for step in moves {
            self.found.steps += 1;
            self.trail.push(step);
            let after = world.take(self, step);
            self.visit(&after);
            self.trail.pop();
        }
    }

    fn violated(&mut self, name: &'static str, world: &World) {
        let (limits, receive, tells, trail) = (&self.limits, self.receive, self.tells, &self.trail);
        self.found
            .violations
            .entry(name)
            .or_insert_with(|| {
                let report = world.teardown.report();
                let text = format!(
                    "{limits:?} {receive:?} {tells:?}\n    {trail:?}\n    {world:?}\n    {report:?}"
                );
                (0, text)
            })
            .0 += 1;
    }

    /// `Teardown` has no equality of its own, and its `Debug` shows every field.
    fn key_of(&mut self, world: &World) -> u64 {
        self.key.clear();
        write!(self.key, "{:?}", world.teardown).expect("a String takes all");
        let mut hasher = Mixer::default();
        hasher.write(self.key.as_bytes());
        world.rest().hash(&mut hasher);
        hasher.finish()
    }
}

struct Job {
    limits: Limits,
    receive: Receive,
    tells: Tells,
    payload: u8,
    besides: Besides,
}

fn jobs(besides: Besides) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (limits, receive) in every_policy() {
        for tells in [Tells::All, Tells::Nothing] {
            for payload in [0, PAYLOAD] {
                jobs.push(Job {
                    limits,
                    receive,
                    tells,
                    payload,
                    besides,
                });
            }
        }
    }
    jobs
}

/// Each job on a thread that is free; in their order.
fn explore(jobs: &[Job]) -> Vec<Found> {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one_by_one = || {
        let mut all = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else {
                return all;
            };
            let mut walk = Walk::new(start, job);
            let world = World::new(&walk, job.payload);
            walk.visit(&world);
            walk.found.states = walk.visited.len();
            all.push((index, walk.found));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let walkers: Vec<_> = (0..threads)
            .map(|_| {
                // A path has as many frames as moves.
                std::thread::Builder::new()
                    .stack_size(256 << 20)
                    .spawn_scoped(scope, one_by_one)
                    .expect("a thread")
            })
            .collect();
        walkers
            .into_iter()
            .flat_map(|walker| walker.join().expect("a walker panicked"))
            .collect()
    });
    all.sort_by_key(|&(index, _)| index);
    all.into_iter().map(|(_, found)| found).collect()
}

/// What an exploration is worth: it fails on what does not hold, and if it has become smaller.
fn judge(what: &str, jobs: &[Job], least_states: usize) -> Vec<Found> {
    let began = Instant::now();
    let all = explore(jobs);
    let states: usize = all.iter().map(|found| found.states).sum();
    let steps: u64 = all.iter().map(|found| found.steps).sum();
    let deepest = all.iter().map(|found| found.deepest).max().unwrap_or(0);
    println!(
        "{what}: {states} states, {steps} steps between them, the longest path {deepest}, {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let mut broken = BTreeSet::new();
    for (name, (times, example)) in all.iter().flat_map(|found| &found.violations) {
        if broken.insert(*name) {
            println!("{name} does not hold, {times} times for one policy, first here:\n{example}");
        }
    }
    assert!(broken.is_empty(), "these do not hold: {broken:#?}");
    assert!(states >= least_states, "it has become smaller: {states}");
    all
}

const PROMPT: Besides = Besides {
    hints: Hints::Prompt,
    wishes: 0,
    late: 0,
};
const LOST: Besides = Besides {
    hints: Hints::Loose {
        lost: 1,
        spurious: 0,
    },
    ..PROMPT
};
const SPURIOUS: Besides = Besides {
    hints: Hints::Loose {
        lost: 0,
        spurious: 1,
    },
    ..PROMPT
};
const LATE: Besides = Besides { late: 1, ..PROMPT };
const WISHES: Besides = Besides {
    wishes: 1,
    ..PROMPT
};

/// Each policy on one kind of system: the two ways to end at a deadline, which come in pairs, are
/// one action apart.
fn half(besides: Besides) -> Vec<Job> {
    let all = jobs(besides).into_iter().enumerate();
    let kept = |&(index, _): &(usize, Job)| [0, 1, 6, 7].contains(&(index % 8));
    all.filter(kept).map(|(_, job)| job).collect()
}

#[test]
fn whatever_happens_on_the_wire_the_report_is_true() {
    judge("the wire", &half(PROMPT), 2_100_000);
}

/// One policy, that with the most waits, on a system that tells what is acknowledged, with a byte to
/// flush.
fn one(besides: Besides) -> Vec<Job> {
    let chosen = |job: &Job| {
        job.tells == Tells::All
            && job.payload == 0
            && job.receive == Receive::Discard
            && job.limits.on_deadline == OnDeadline::Close
            && matches!(job.limits.on_limit, OnLimit::PauseAndConfirm { .. })
            && matches!(job.limits.finish_on, FinishOn::PeerFinAndAcked { .. })
    };
    let mut jobs: Vec<_> = jobs(besides).into_iter().filter(chosen).collect();
    assert_eq!(jobs.len(), 1, "one policy");
    jobs[0].payload = 1;
    jobs
}

/// What `whole` does with every policy and more to flush.
#[test]
fn of_one_policy_whoever_comes_late_and_whatever_is_wished_the_report_is_true() {
    judge("one policy, a late driver", &one(LATE), 170_000);
    judge("one policy, wishes", &one(WISHES), 305_000);
}

#[test]
fn s15_of_one_policy_whatever_edge_is_late_lost_or_spurious_the_endings_are_the_same() {
    the_endings_are_the_same("one policy", one, 35_000, 350_000);
}

/// Which edges come, and when, changes nothing but when it ends, and so which of two clocks is first.
fn the_endings_are_the_same(
    which: &str,
    jobs: fn(Besides) -> Vec<Job>,
    least_prompt: usize,
    least_loose: usize,
) {
    let prompt = judge(&format!("{which}: the wire"), &jobs(PROMPT), least_prompt);
    for (what, besides) in [("lost", LOST), ("spurious", SPURIOUS)] {
        let what = format!("{which}: the wire, and edges late or {what}");
        let loose = judge(&what, &jobs(besides), least_loose);
        for ((prompt, loose), job) in prompt.iter().zip(&loose).zip(jobs(besides)) {
            let [prompt, loose] = [prompt, loose].map(|found| but_for_clocks(&found.endings));
            assert_eq!(prompt, loose, "with {:?}", job.limits);
        }
    }
}

fn but_for_clocks(endings: &BTreeSet<String>) -> BTreeSet<&str> {
    let clock = ", clock: ";
    endings
        .iter()
        .map(|ending| {
            ending
                .split_once(clock)
                .map_or(ending.as_str(), |(ending, _)| ending)
        })
        .collect()
}

/// All of it: minutes.
mod whole {
    use super::*;

    #[test]
    #[ignore = "takes minutes: see CONTRIBUTING"]
    fn whatever_happens_on_the_wire_the_report_is_true() {
        judge("all: the wire", &jobs(PROMPT), 4_200_000);
    }

    #[test]
    #[ignore = "takes minutes: see CONTRIBUTING"]
    fn however_late_the_driver_comes_the_report_is_true() {
        judge("all: the wire and a late driver", &jobs(LATE), 20_000_000);
    }

    #[test]
    #[ignore = "takes minutes: see CONTRIBUTING"]
    fn whatever_the_caller_wishes_the_report_is_true() {
        judge("all: the wire and wishes", &jobs(WISHES), 40_000_000);
    }

    /// A stop whose deadline passes while the driver is elsewhere, and an abort that comes too late.
    #[test]
    #[ignore = "takes minutes: see CONTRIBUTING"]
    fn whatever_the_caller_wishes_of_a_late_driver_the_report_is_true() {
        let besides = Besides { wishes: 1, ..LATE };
        judge(
            "all: the wire, a late driver and wishes",
            &jobs(besides),
            178_000_000,
        );
    }

    #[test]
    #[ignore = "takes minutes: see CONTRIBUTING"]
    fn s15_whatever_edge_is_late_lost_or_spurious_the_endings_are_the_same() {
        the_endings_are_the_same("all", jobs, 4_200_000, 61_000_000);
    }
}
