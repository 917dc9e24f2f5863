//! A whole run: workers, waves, and the sum of what they counted.

use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use finwait_platform as platform;

use crate::connecting::is_local_shortage;
use crate::control::Control;
use crate::plan::{Mode, Plan};
use crate::tally::{Tally, Windows};
use crate::worker::{Share, Worker};

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was counted.
    pub tally: Tally,
    /// From the first attempt to the last close.
    pub elapsed: Duration,
    /// CPU time of the whole process meanwhile, where the OS tells.
    pub cpu: Option<platform::CpuTime>,
    /// How many workers there were.
    pub threads: usize,
    /// Why the generator, and not the server, was the limit; empty if it was not.
    pub limited: Vec<String>,
    /// Whether the run was stopped before its time.
    pub stopped: bool,
}

impl Outcome {
    /// Connections that ended, per second of the whole run.
    #[must_use]
    pub fn finished_per_s(&self) -> f64 {
        per_second(self.tally.finished(), self.elapsed)
    }

    /// Teardowns per second: in a storm from the first half-close to the last close.
    #[must_use]
    pub fn teardown_per_s(&self) -> f64 {
        per_second(self.tally.torn_down, self.tally.teardown_window)
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        0.0
    } else {
        count as f64 / time.as_secs_f64()
    }
}

/// Runs the plan to its end, or until `control` is stopped.
///
/// # Errors
///
/// If a worker cannot have an event loop (EMFILE), or its event loop fails. What becomes of a
/// connection is never an error but a count.
pub fn run(plan: &Plan, control: &Control) -> io::Result<Outcome> {
    let threads = plan.threads.clamp(1, plan.connections.max(1));
    let workers = (0..threads)
        .map(|i| Worker::new(plan, control, share(plan, i, threads)))
        .collect::<io::Result<Vec<_>>>()?;
    let cpu_before = platform::process_cpu_time();
    let started = Instant::now();
    let until = plan
        .duration
        .and_then(|duration| started.checked_add(duration));
    let waves = Waves {
        barrier: Barrier::new(threads),
        again: AtomicBool::new(true),
    };
    let results = thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(|| work(worker, until, &waves)))
            .collect();
        handles
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect::<Vec<_>>()
    });
    let elapsed = started.elapsed();
    let cpu = cpu_before
        .zip(platform::process_cpu_time())
        .map(|(before, after)| {
            let mut used = after;
            used.user = after.user.saturating_sub(before.user);
            used.system = after.system.saturating_sub(before.system);
            used
        });
    let (mut tally, mut windows) = (Tally::default(), Windows::default());
    for result in results {
        let (worker_tally, worker_windows) =
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        tally.add(&worker_tally);
        windows.add(&worker_windows);
    }
    tally.teardown_window = windows.total();
    tally.most_open = control.most_open();
    let limited = limits_met(&tally);
    Ok(Outcome {
        tally,
        elapsed,
        cpu,
        threads,
        limited,
        stopped: control.is_stopped(),
    })
}

/// Worker `i` of `n` takes its part of everything; the parts add up to the whole.
fn share(plan: &Plan, i: usize, n: usize) -> Share {
    let part = |whole: u64| {
        let (i, n) = (i as u128, n as u128);
        let upto = |k: u128| (u128::from(whole) * k / n) as u64;
        upto(i + 1) - upto(i)
    };
    Share {
        connections: part(plan.connections as u64) as usize,
        total: plan.total.map(part),
        first_source: i,
    }
}

/// What the workers of a storm share: the moments at which all of them are at the same point.
struct Waves {
    barrier: Barrier,
    again: AtomicBool,
}

fn work(
    mut worker: Worker<'_>,
    until: Option<Instant>,
    waves: &Waves,
) -> io::Result<(Tally, Windows)> {
    let mut result = Ok(());
    match worker.plan.mode {
        Mode::ClosedLoop => result = worker.run_closed_loop(until),
        Mode::Storm => loop {
            // A worker that failed still comes to the barriers, or the others would wait for ever.
            result = result.and_then(|()| worker.open_all(until));
            waves.barrier.wait();
            result = result.and_then(|()| worker.close_all());
            if waves.barrier.wait().is_leader() {
                waves.again.store(false, Ordering::SeqCst);
            }
            waves.barrier.wait();
            if result.is_ok() && worker.may_start(Instant::now()) {
                waves.again.store(true, Ordering::SeqCst);
            }
            waves.barrier.wait();
            if !waves.again.load(Ordering::SeqCst) {
                break;
            }
        },
    }
    worker.cut();
    result.map(|()| (worker.tally, worker.windows))
}

/// Errors that are the generator's own, in words that say what to do.
fn limits_met(tally: &Tally) -> Vec<String> {
    let mut reasons = Vec::new();
    for (error, count) in &tally.errors {
        let os_error = match error.raw {
            Some(raw) => io::Error::from_raw_os_error(raw),
            None => error.kind.into(),
        };
        if error.operation != "connect" || !is_local_shortage(&os_error) {
            continue;
        }
        let name = platform::describe_error(&os_error);
        let mend = match error.kind {
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
                "source ports ran out, or the source address is not this host's: \
                 add --source-ip addresses, or lower the rate"
            }
            _ => "descriptors or memory ran out: raise the limit (ulimit -n), or lower -c",
        };
        reasons.push(format!("{count} connects failed with {name}; {mend}"));
    }
    reasons
}
