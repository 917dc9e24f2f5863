//! A run's result as a value that describes itself, can be written, read back and added up.

use std::collections::BTreeSet;
use std::time::Duration;

use finwait::FinishOn;
use serde::{Deserialize, Serialize};

use crate::plan::{Mode, Plan};
use crate::run::{Outcome, per_second};
use crate::tally::Tally;

mod merge;
mod read;
mod wire;
mod write;

pub use merge::MergeError;
pub use read::ReadError;

/// What the JSON object of a result is called, with the version of its form.
pub const SCHEMA: &str = "finwait/load/1";

/// A run's result: what was counted, what it was a run of, and who made it.
///
/// Results of the parts of one run add up to the result of the whole with
/// [`merge`](Self::merge): counts and histograms exactly, in any order.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// What the run was to do, the same for all of its parts.
    pub config: Config,
    /// Which parts are in it.
    pub segments: Segments,
    /// What was counted.
    pub tally: Tally,
    /// From the first attempt to the last close; of several parts the longest.
    pub elapsed: Duration,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
    /// The load generator's own account of itself.
    pub generator: Generator,
    /// Where it ran.
    pub environment: Environment,
}

/// What a run was to do. Results with different ones do not belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The target, as it was given.
    pub target: String,
    /// The name of the [`Mode`].
    pub mode: String,
    /// Starts per second, in an open loop.
    pub rate_per_s: Option<f64>,
    /// Connections open at once, at most.
    pub connections: u64,
    /// Connections in all.
    pub total: Option<u64>,
    /// When to stop starting connections.
    pub duration_s: Option<f64>,
    /// How long the load takes to rise.
    pub ramp_s: f64,
    /// How long a connection stays established before its close.
    pub hold_s: f64,
    /// Requests on each connection.
    pub requests: u32,
    /// Bytes of all requests of a connection.
    pub request_bytes: u64,
    /// A fingerprint of what is sent, so that different requests of one size do not mix.
    pub request_digest: String,
    /// What makes a response complete.
    pub expect: String,
    /// How connections are closed.
    pub close: String,
    /// Closes per second.
    pub close_rate_per_s: Option<f64>,
    /// A request that drips: how many bytes each time.
    pub drip_bytes: Option<u64>,
    /// A request that drips: how often.
    pub drip_period_s: Option<f64>,
    /// Bytes per second that each connection receives.
    pub read_rate_bytes_per_s: Option<u64>,
    /// What chooses the close of each connection of a mixture.
    pub seed: u64,
    /// The longest time to an established connection.
    pub connect_timeout_s: f64,
    /// Without progress while a request is sent.
    pub flush_stall_s: f64,
    /// Without progress while a response or a FIN is awaited.
    pub drain_idle_s: f64,
    /// From our FIN to the end.
    pub drain_total_s: Option<f64>,
    /// From the peer's FIN to the acknowledgement of ours, where that is waited for.
    pub confirm_s: Option<f64>,
    /// How long open connections may go on once the run is over.
    pub stop_within_s: f64,
    /// Expressions that make the run fail.
    pub fail_if: Vec<String>,
}

impl Config {
    /// That of a plan, whose target people call `target`.
    #[must_use]
    pub fn new(plan: &Plan, target: String, fail_if: Vec<String>) -> Self {
        let seconds = |time: Duration| time.as_secs_f64();
        let (drip_bytes, drip_period_s) = plan
            .drip
            .map(|drip| (drip.bytes as u64, seconds(drip.period)))
            .unzip();
        Self {
            target,
            mode: plan.mode.name().to_owned(),
            rate_per_s: match plan.mode {
                Mode::OpenLoop { rate } => Some(rate),
                Mode::ClosedLoop | Mode::Storm => None,
            },
            connections: plan.connections as u64,
            total: plan.total,
            duration_s: plan.duration.map(seconds),
            ramp_s: seconds(plan.ramp),
            hold_s: seconds(plan.hold),
            requests: plan.requests,
            request_bytes: plan.request_bytes(),
            request_digest: digest(plan),
            expect: plan.expect.to_string(),
            close: plan.close.to_string(),
            close_rate_per_s: plan.close_rate,
            drip_bytes,
            drip_period_s,
            read_rate_bytes_per_s: plan.read_rate,
            seed: plan.seed,
            connect_timeout_s: seconds(plan.connect_timeout),
            flush_stall_s: seconds(plan.limits.flush_stall),
            drain_idle_s: seconds(plan.limits.drain_idle),
            drain_total_s: plan.limits.drain_total.map(seconds),
            confirm_s: match plan.limits.finish_on {
                FinishOn::PeerFinAndAcked { confirm } => Some(seconds(confirm)),
                FinishOn::PeerFin | FinishOn::Acked { .. } => None,
            },
            stop_within_s: seconds(plan.stop_within),
            fail_if,
        }
    }
}

/// FNV-1a of all that a connection sends: no secret, only a difference that is seen.
fn digest(plan: &Plan) -> String {
    let bytes = plan.earlier().iter().chain(plan.request.iter());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Which parts of a run a result is the sum of. Parts are numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segments {
    /// How many parts the run has.
    pub of: u64,
    /// Those that are in it.
    pub have: BTreeSet<u64>,
}

impl Segments {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.have.len() as u64 == self.of
    }

    /// The first parts that are missing, for a message.
    #[must_use]
    pub fn missing(&self, most: usize) -> Vec<u64> {
        let missing = (1..=self.of).filter(|part| !self.have.contains(part));
        missing.take(most).collect()
    }
}

/// The load generator's own account of itself; of several parts the sum.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Generator {
    /// CPU time in the program's own code, where the OS tells.
    pub cpu_user: Option<Duration>,
    /// CPU time in the kernel on its behalf, where the OS tells.
    pub cpu_system: Option<Duration>,
    /// When the first of its parts began, since the Unix epoch, by the clock of its machine.
    pub began_first: Duration,
    /// When the last of its parts began.
    pub began_last: Duration,
    /// Workers.
    pub threads: u64,
    /// Processes that made the parts.
    pub processes: u64,
    /// The open-file limit in force; of several parts the lowest.
    pub nofile: Option<u64>,
    /// How much of its time the busiest worker did not wait, from 0 to 1.
    pub busy: f64,
    /// Why the generator, and not the server, was the limit; empty if it was not.
    pub reasons: Vec<String>,
    /// Whether the CPU time contains that of the server.
    pub embedded_server: bool,
}

/// Where a run was made; of several parts everything that occurs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Environment {
    /// The operating system.
    pub os: BTreeSet<String>,
    /// Its kernel's release.
    pub kernel: BTreeSet<String>,
    /// CPUs that a process may use, the most of all parts.
    pub cpus: u64,
    /// The version of finwait.
    pub finwait: BTreeSet<String>,
}

impl RunResult {
    /// The result of one process.
    #[must_use]
    pub fn new(
        plan: &Plan,
        config: Config,
        outcome: &Outcome,
        generator: Generator,
        environment: Environment,
    ) -> Self {
        // Results are exact to the microsecond, so that they can be written and read back.
        let whole = |time: Duration| Duration::from_micros(time.as_micros() as u64);
        let cpu = outcome.cpu;
        Self {
            config,
            segments: Segments {
                of: plan.segment.of,
                have: BTreeSet::from([plan.segment.index + 1]),
            },
            tally: outcome.tally.clone(),
            elapsed: whole(outcome.elapsed),
            interrupted: outcome.stopped,
            generator: Generator {
                cpu_user: cpu.map(|cpu| whole(cpu.user)),
                cpu_system: cpu.map(|cpu| whole(cpu.system)),
                threads: outcome.threads as u64,
                processes: 1,
                busy: (outcome.busy * 1e3).round() / 1e3,
                reasons: outcome.limited.clone(),
                ..generator
            },
            environment,
        }
    }

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
