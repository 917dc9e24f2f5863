//! A whole run: its workers, and the sum of what they counted.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use finwait_platform as platform;

use crate::control::Control;
use crate::limited::limits_met;
use crate::observe::Observer;
use crate::plan::{Mode, Plan};
use crate::ports::{RunsOwn, SourcePorts};
use crate::schedule::{Numbers, strided};
use crate::shapes::Waves;
use crate::tally::Tally;
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
    /// How much of its time the busiest worker did not wait, from 0 to 1.
    pub busy: f64,
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
        per_second(self.tally.torn_down, self.tally.windows.total())
    }
}

/// A count by a time; 0 if there was no time.
#[must_use]
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
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
/// If a worker cannot have an event loop (EMFILE), or its event loop fails; or if the plan makes
/// no sense: no target, no request that could be followed by another. What becomes of a connection
/// is never an error but a count.
pub fn run(plan: &Plan, control: &Control) -> io::Result<Outcome> {
    run_observed(plan, control, &())
}

/// [`run`], with somebody who sees each connection, or each second, meanwhile.
///
/// # Errors
///
/// As [`run`].
pub fn run_observed(
    plan: &Plan,
    control: &Control,
    observer: &dyn Observer,
) -> io::Result<Outcome> {
    check(plan)?;
    let at_once = plan.segment.share(plan.connections as u64) as usize;
    let threads = plan.workers();
    let run = RunsOwn::draw();
    let mut workers = (0..threads)
        .map(|i| {
            let share = share(plan, run, at_once, (i, threads));
            Worker::new(plan, control, observer, share)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let waves = Waves::new(threads);
    let cpu_before = platform::process_cpu_time();
    let started = Instant::now();
    for worker in &mut workers {
        worker.begin(started);
    }
    let results = thread::scope(|scope| {
        let handles: Vec<_> = workers
            .into_iter()
            .map(|worker| scope.spawn(|| work(worker, &waves)))
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
    let (mut tally, mut busy) = (Tally::default(), 0.0_f64);
    for result in results {
        let (worker_tally, worker_busy) =
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        tally.add(&worker_tally);
        busy = busy.max(worker_busy);
    }
    tally.most_open = control.most_open();
    let limited = limits_met(plan, &tally, busy);
    Ok(Outcome {
        tally,
        elapsed,
        cpu,
        threads,
        busy,
        limited,
        stopped: control.is_stopped(),
    })
}

fn check(plan: &Plan) -> io::Result<()> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let positive = |rate: f64| rate.is_finite() && rate > 0.0;
    if plan.targets.is_empty() {
        return refused("a plan without a target");
    }
    if plan.requests > 1 && !plan.expect.is_delimited() {
        return refused("several requests on a connection need responses with an end of their own");
    }
    if (plan.connections as u64) < plan.segment.of {
        // A part that may have none open would wait for one for ever.
        return refused("fewer connections than parts of the run");
    }
    if plan.segment.index >= plan.segment.of {
        return refused("a segment beyond the last");
    }
    if let Mode::OpenLoop { rate } = plan.mode
        && !positive(rate)
    {
        return refused("a rate that is not above zero");
    }
    if plan.close_rate.is_some_and(|rate| !positive(rate)) || plan.read_rate == Some(0) {
        return refused("a rate that is not above zero");
    }
    Ok(())
}

/// Worker `i` of `n` takes its part of everything; the parts add up to this process's share.
fn share(plan: &Plan, run: RunsOwn, at_once: usize, (i, n): (usize, usize)) -> Share {
    let (worker, workers) = (i as u64, n as u64);
    let of_total = |total| strided(plan.segment.share(total), worker, workers);
    // Both are shared out in the same way: where there are as many at once as in all, no worker
    // has more to start than it may have open.
    Share {
        worker: i,
        connections: strided(at_once as u64, worker, workers) as usize,
        total: plan.total.map(of_total),
        numbers: Numbers::new(plan.segment, worker, workers),
        ports: SourcePorts::new(plan, run, i, n),
    }
}

fn work(mut worker: Worker<'_>, waves: &Waves) -> io::Result<(Tally, f64)> {
    let result = worker.run(waves);
    let elapsed = worker.since_start(Instant::now());
    let waited = worker.waited.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
    worker.cut();
    worker.tell_rest();
    result.map(|()| (worker.tally, (1.0 - waited).clamp(0.0, 1.0)))
}
