//! `finwait load --json`: one object, whose field names stay as they are.

use std::collections::BTreeMap;

use finwait_platform as platform;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::Results;
use crate::serve::cpus;

/// The object; its name and version are in `schema`.
#[derive(Debug, Serialize)]
pub(crate) struct Json {
    schema: &'static str,
    target: String,
    mode: String,
    close: String,
    elapsed_s: f64,
    connections: Connections,
    verdicts: BTreeMap<&'static str, u64>,
    endings: BTreeMap<&'static str, u64>,
    bytes: Bytes,
    rate: Rate,
    phases: Phases,
    errors: Vec<Error>,
    generator: Generator,
    environment: Environment,
}

#[derive(Debug, Serialize)]
struct Connections {
    started: u64,
    finished: u64,
    open: u64,
    most_open: u64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    sent: u64,
    received: u64,
    discarded: u64,
}

#[derive(Debug, Serialize)]
struct Rate {
    finished_per_s: f64,
    teardown_per_s: f64,
}

#[derive(Debug, Serialize)]
struct Phases {
    connect: Phase,
    send: Phase,
    fin_to_peer_fin: Phase,
    teardown: Phase,
}

/// Without a value there is no smallest one either: all but `count` are null then.
#[derive(Debug, Serialize)]
struct Phase {
    count: u64,
    min_us: Option<u64>,
    p50_us: Option<u64>,
    p90_us: Option<u64>,
    p99_us: Option<u64>,
    p999_us: Option<u64>,
    max_us: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Error {
    operation: String,
    name: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Generator {
    cpu_user_s: Option<f64>,
    cpu_system_s: Option<f64>,
    threads: usize,
    nofile: Option<u64>,
    limited: bool,
    reasons: Vec<String>,
    /// Whether the CPU time contains that of the server.
    embedded_server: bool,
}

#[derive(Debug, Serialize)]
struct Environment {
    os: &'static str,
    kernel: Option<String>,
    cpus: usize,
    finwait: &'static str,
}

impl Json {
    pub(crate) fn new(results: &Results<'_>) -> Self {
        let Results {
            job,
            prepared,
            outcome,
        } = results;
        let tally = &outcome.tally;
        Self {
            schema: "finwait/load/1",
            target: prepared.name.clone(),
            mode: job.mode.to_string(),
            close: job.close.to_string(),
            elapsed_s: round(outcome.elapsed.as_secs_f64()),
            connections: Connections {
                started: tally.started,
                finished: tally.finished(),
                open: tally.open,
                most_open: tally.most_open,
            },
            verdicts: tally
                .verdicts()
                .into_iter()
                .map(|(v, n)| (v.name(), n))
                .collect(),
            endings: tally
                .endings()
                .into_iter()
                .map(|(e, n)| (e.name(), n))
                .collect(),
            bytes: Bytes {
                sent: tally.sent_bytes,
                received: tally.received_bytes,
                discarded: tally.discarded_bytes,
            },
            rate: Rate {
                finished_per_s: round(outcome.finished_per_s()),
                teardown_per_s: round(outcome.teardown_per_s()),
            },
            phases: Phases {
                connect: Phase::new(&tally.phases.of(finwait_load::Phase::Connect)),
                send: Phase::new(&tally.phases.of(finwait_load::Phase::Send)),
                fin_to_peer_fin: Phase::new(&tally.phases.of(finwait_load::Phase::FinToPeerFin)),
                teardown: Phase::new(&tally.phases.of(finwait_load::Phase::Teardown)),
            },
            errors: errors(results),
            generator: Generator {
                cpu_user_s: outcome.cpu.map(|cpu| round(cpu.user.as_secs_f64())),
                cpu_system_s: outcome.cpu.map(|cpu| round(cpu.system.as_secs_f64())),
                threads: outcome.threads,
                nofile: prepared.nofile,
                limited: !outcome.limited.is_empty(),
                reasons: outcome.limited.clone(),
                embedded_server: prepared.embedded,
            },
            environment: Environment {
                os: std::env::consts::OS,
                kernel: platform::kernel_release(),
                cpus: cpus(),
                finwait: env!("CARGO_PKG_VERSION"),
            },
        }
    }

    pub(crate) fn to_text(&self) -> anyhow::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

fn errors(results: &Results<'_>) -> Vec<Error> {
    let errors = &results.outcome.tally.errors;
    let row = |(key, &count): (&finwait_load::ErrorKey, &u64)| Error {
        operation: key.operation.to_string(),
        name: key.name.to_string(),
        count,
    };
    errors.iter().map(row).collect()
}

impl Phase {
    fn new(times: &Histogram<u64>) -> Self {
        let value = |value: u64| (!times.is_empty()).then_some(value);
        let quantile = |q: f64| value(times.value_at_quantile(q));
        Self {
            count: times.len(),
            min_us: value(times.min()),
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: value(times.max()),
        }
    }
}

/// To the microsecond, which is as exact as the measurement.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
