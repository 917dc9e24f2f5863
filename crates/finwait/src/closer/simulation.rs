//! The `Closer`'s logic in virtual time: thousands of imagined connections, a network that delays,
//! peers that stall, reset, flood and drip, a loop that comes late, hints that are lost, doubled,
//! early or stale, and slots that are used again. No socket, no sleep, no clock.
//!
//! A run is decided by its seed. What does not hold is told with the seed, which repeats it:
//! `FINWAIT_SEEDS=8151..8152 cargo test -p finwait --lib simulation`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one Instant to count from"
)]

mod conn;
mod dice;
mod elsewhere;
mod invariants;
mod net;
mod outcome;
mod peer;
mod run;
mod share;
mod socket;
mod truth;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use outcome::Outcome;
use run::Run;

/// Those of the ordinary test run.
const SEEDS: Range<u64> = 0..1_000;
/// A longer run, by `--ignored`.
const MORE_SEEDS: Range<u64> = 0..100_000;

/// `FINWAIT_SEEDS=A..B`, or a number of them from 0 on; otherwise those given.
fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("FINWAIT_SEEDS") else {
        return usual;
    };
    let number = |text: &str| {
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        digits.parse().unwrap_or_else(|_| {
            panic!("FINWAIT_SEEDS={text}: expected a number of seeds, or a range A..B")
        })
    };
    let seeds = match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&text),
    };
    assert!(
        !seeds.is_empty(),
        "FINWAIT_SEEDS={text}: there is no seed in it"
    );
    seeds
}

/// Every seed on a thread that is free.
fn run_all(seeds: Range<u64>) -> Outcome {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one_by_one = || {
        let mut all = Outcome::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return all;
            }
            let ran = std::panic::catch_unwind(|| Run::new(seed).finish());
            match ran {
                Ok(outcome) => all.add(outcome),
                Err(panic) => {
                    println!("this was seed {seed}: FINWAIT_SEEDS={seed}..{}", seed + 1);
                    std::panic::resume_unwind(panic);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let runners: Vec<_> = (0..threads).map(|_| scope.spawn(one_by_one)).collect();
        let mut all = Outcome::default();
        for runner in runners {
            match runner.join() {
                Ok(outcome) => all.add(outcome),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

fn show(seeds: &Range<u64>, outcome: &Outcome) {
    println!(
        "seeds {}..{}: {} connections, {} turns, {} calls, {} events on the wire",
        seeds.start, seeds.end, outcome.connections, outcome.turns, outcome.calls, outcome.events
    );
    println!(
        "low-water marks: {}, bytes came below one {} times",
        outcome.marks, outcome.kept_quiet
    );
    println!("hints: {:?}", outcome.hints);
    println!("endings: {:#?}", outcome.endings);
}

#[test]
fn a_fixed_set_of_seeds() {
    let seeds = seeds(SEEDS);
    let outcome = run_all(seeds.clone());
    show(&seeds, &outcome);
    if seeds == SEEDS {
        // Where nothing happens nothing is shown.
        let seen = |part: &str| outcome.endings.keys().any(|ending| ending.contains(part));
        for part in [
            "Graceful",
            "PeerFin",
            "Acked",
            "phase: Flush, clock: Idle",
            "phase: Flush, clock: Total",
            "phase: Drain, clock: Idle",
            "phase: Drain, clock: Total",
            "phase: Confirm, clock: Confirm",
            "clock: Stop",
            "ByteLimit",
            "Reset { phase: Flush",
            "Reset { phase: Drain",
            "after_fin: true",
            "Lost",
            "Aborted",
            "Evicted",
        ] {
            assert!(seen(part), "no ending was {part}");
        }
        assert!(outcome.marks > 0 && outcome.kept_quiet > 0, "no marks");
        let hints: BTreeMap<_, _> = outcome.hints.iter().collect();
        assert!(hints.values().all(|&&times| times > 0), "{hints:?}");
    }
}

#[test]
#[ignore = "takes minutes: FINWAIT_SEEDS says how many"]
fn more_seeds() {
    let seeds = seeds(MORE_SEEDS);
    show(&seeds, &run_all(seeds.clone()));
}

/// The same seed is the same run: what was found once is found again.
#[test]
fn a_seed_repeats_its_run() {
    for seed in (0..40).chain([77]) {
        let [one, two] = [(); 2].map(|()| Run::new(seed).finish());
        assert_eq!(one, two);
    }
}
