//! An exhaustive walk through the machine: every legal answer to every action, hints, wishes and
//! the passing of time in between, for every combination of policies; the invariants S1-S15 and
//! L1-L5, where they speak of the machine, are checked in every state and on every step.
//!
//! What belongs to the driver is not here: S10, S11 and L3; nor is S3, of which a machine without a
//! socket shows nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one Instant to count from"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use finwait::{Action, Ending, Limits, Phase, Receive, Teardown};

/// Functions with their names.
macro_rules! named {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((stringify!($name), $module::$name)),*]
    };
}

mod answers;
#[path = "../common/combinations.rs"]
mod combinations;
mod facts;
mod found;
mod invariants;
mod liveness;
#[path = "../common/mixer.rs"]
mod mixer;
mod policies;
mod reporting;

use facts::Facts;
use found::{Found, walk_all};
use mixer::Mixer;
use policies::{every_policy, every_second_policy};

/// What may still happen on a path besides answers: this is what makes the walk finite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Budget {
    hints: u8,
    times: u8,
    reads: u8,
    wishes: u8,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    teardown: Teardown,
    facts: Facts,
    budget: Budget,
    /// Milliseconds since the start.
    now: u64,
    /// It is closing in a way that was followed with every answer before: see `Walk::settled`.
    seen: bool,
}

struct Walk {
    start: Instant,
    limits: Limits,
    receive: Receive,
    /// With answers that only odd systems give.
    every_ack: bool,
    /// The machines from which it was seen that they come to an end.
    machines: HashSet<u64>,
    settled: HashSet<u64>,
    /// Paths from each state that was visited to an end.
    paths: HashMap<u64, u64>,
    steps: u64,
    phases: BTreeSet<String>,
    endings: BTreeSet<String>,
    /// What was taken from the beginning to here.
    trail: Vec<(Action, answers::Step)>,
    violations: RefCell<BTreeMap<&'static str, Violation>>,
    key: String,
}

/// Of one invariant: in how many places it does not hold, and the first of them.
#[derive(Debug, Clone)]
struct Violation {
    times: u64,
    example: String,
}

impl Walk {
    fn new(start: Instant, limits: Limits, receive: Receive) -> Self {
        Self {
            start,
            limits,
            receive,
            every_ack: true,
            machines: HashSet::new(),
            settled: HashSet::new(),
            paths: HashMap::new(),
            steps: 0,
            phases: BTreeSet::new(),
            endings: BTreeSet::new(),
            trail: Vec::new(),
            violations: RefCell::default(),
            key: String::new(),
        }
    }

    /// Takes note of whether an invariant holds here.
    fn check(&self, invariant: &'static str, holds: bool, node: &Node) {
        if !holds {
            self.violations
                .borrow_mut()
                .entry(invariant)
                .or_insert_with(|| Violation {
                    times: 0,
                    example: format!(
                        "{:?}\n    {:?}\n    {node:?}",
                        (self.limits, self.receive),
                        self.trail
                    ),
                })
                .times += 1;
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn begin(&self, unwritten: u64, budget: Budget) -> Node {
        Node {
            teardown: Teardown::new(&self.limits, self.receive, unwritten, self.start),
            facts: Facts::new(unwritten, self.receive),
            budget,
            now: 0,
            seen: false,
        }
    }

    fn poll(&self, node: &Node) -> Action {
        node.teardown.poll(self.at(node.now))
    }

    /// Every path from here; how many there are.
    fn visit(&mut self, node: &Node) -> u64 {
        let keys = self.keys_of(node);
        if let Some(&paths) = self.paths.get(&keys.node) {
            return paths;
        }
        let action = self.poll(node);
        self.phases.insert(node.teardown.phase().to_string());
        invariants::of_a_state(self, node, action);
        if self.machines.insert(keys.machine) {
            liveness::from_a_state(self, node);
        }
        let paths = if let Some(report) = node.teardown.report() {
            self.endings.insert(format!("{:?}", report.ending));
            1
        } else {
            let mut paths = 0_u64;
            for step in answers::steps(self, node, action) {
                self.steps += 1;
                self.trail.push((action, step));
                let mut after = step.take(self, node, action);
                if node.teardown.phase() != Phase::Close && after.teardown.phase() == Phase::Close {
                    after.seen = self.was_settled_so_before(&after);
                }
                invariants::of_a_step(self, node, &after);
                paths = paths.saturating_add(self.visit(&after));
                self.trail.pop();
            }
            self.check(
                "s12_every_state_goes_on_or_is_finished",
                invariants::s12_every_state_goes_on_or_is_finished(paths),
                node,
            );
            paths
        };
        self.paths.insert(keys.node, paths);
        paths
    }

    /// Once the ending is settled, time plays no part: each settled ending, with all that was told
    /// before it, is followed with every answer once, and then with one answer for other times.
    fn was_settled_so_before(&mut self, node: &Node) -> bool {
        let machine = format!("{:?}", node.teardown);
        let state = machine.find("state:").expect("a field of that name");
        let mut hasher = Mixer::default();
        hasher.write(&machine.as_bytes()[state..]);
        node.facts.timeless().hash(&mut hasher);
        !self.settled.insert(hasher.finish())
    }

    /// `Teardown` has no equality of its own, and its `Debug` shows every field.
    fn keys_of(&mut self, node: &Node) -> Keys {
        self.key.clear();
        write!(self.key, "{:?}", node.teardown).expect("a String takes all");
        let mut hasher = Mixer::default();
        hasher.write(self.key.as_bytes());
        hasher.write_u64(node.now);
        let machine = hasher.finish();
        node.facts.hash(&mut hasher);
        (node.budget, node.seen).hash(&mut hasher);
        Keys {
            machine,
            node: hasher.finish(),
        }
    }
}

struct Keys {
    /// Of the machine and the time: all that decides how it goes on.
    machine: u64,
    /// Of the path so far as well.
    node: u64,
}

/// What a walk is worth: it fails on what does not hold, and if it has become smaller.
fn judge(what: &str, all: Vec<Found>, least_states: usize) -> Found {
    let found = all.into_iter().fold(Found::default(), Found::add);
    println!(
        "{what}: {} states, {} steps between them, {} paths",
        found.states, found.steps, found.paths
    );
    for (invariant, Violation { times, example }) in &found.violations {
        println!("{invariant} does not hold {times} times, first here:\n{example}");
    }
    let broken: Vec<_> = found.violations.keys().collect();
    assert!(broken.is_empty(), "these do not hold: {broken:#?}");
    assert!(found.states >= least_states, "it has become smaller");
    found
}

#[test]
fn every_answer_to_every_action_keeps_every_invariant() {
    let budget = Budget {
        hints: 0,
        times: 1,
        reads: 2,
        wishes: 0,
    };
    judge("answers", walk_all(&every_policy(), budget), 360_000);
}

#[test]
fn hints_at_any_time_keep_every_invariant() {
    let budget = Budget {
        hints: 1,
        times: 1,
        reads: 1,
        wishes: 0,
    };
    let all = walk_all(&every_second_policy(), budget);
    let found = judge("answers and hints", all, 565_000);
    reaches_every_phase_and(&found, |ending| !reporting::is_by_wish(ending));
}

/// Not against none at all: without any hint nothing that comes late is ever seen.
#[test]
fn s15_one_hint_or_two_lead_to_the_same_set_of_endings() {
    // One of each kind of finish: the walk with two hints is long.
    let policies: Vec<_> = every_second_policy().into_iter().step_by(4).collect();
    let walks = [("one hint", 1, 55_000), ("two hints", 2, 175_000)];
    let endings = walks.map(|(what, hints, least_states)| {
        let budget = Budget {
            hints,
            times: 0,
            reads: 0,
            wishes: 0,
        };
        let all = walk_all(&policies, budget);
        let endings: Vec<_> = all.iter().map(|found| found.endings.clone()).collect();
        judge(what, all, least_states);
        endings
    });
    for ((one, two), policy) in endings[0].iter().zip(&endings[1]).zip(&policies) {
        let differ: Vec<_> = one.symmetric_difference(two).collect();
        assert!(differ.is_empty(), "only once: {differ:?} with {policy:?}");
    }
}

#[test]
fn stop_abort_and_evict_at_any_time_keep_every_invariant() {
    let budget = Budget {
        hints: 0,
        times: 1,
        reads: 1,
        wishes: 1,
    };
    let all = walk_all(&every_second_policy(), budget);
    let found = judge("answers and wishes", all, 670_000);
    reaches_every_phase_and(&found, |_| true);
}

/// All phases, and exactly those endings: the two walks that say this add up to all there are.
fn reaches_every_phase_and(found: &Found, which: impl Fn(Ending) -> bool) {
    let every_phase = [
        Phase::Flush,
        Phase::HalfClose,
        Phase::Drain,
        Phase::Confirm,
        Phase::Close,
        Phase::Finished,
    ];
    assert_eq!(
        found.phases,
        every_phase.map(|phase| phase.to_string()).into(),
        "every phase is reached"
    );
    let expected: BTreeSet<_> = reporting::every_ending()
        .into_iter()
        .filter(|&ending| which(ending))
        .map(|ending| format!("{ending:?}"))
        .collect();
    let missing: Vec<_> = expected.difference(&found.endings).collect();
    let surprising: Vec<_> = found.endings.difference(&expected).collect();
    assert!(missing.is_empty(), "never reached: {missing:#?}");
    assert!(surprising.is_empty(), "not foreseen: {surprising:#?}");
}
