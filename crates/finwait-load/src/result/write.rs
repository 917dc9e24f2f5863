//! Results as JSON.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::wire::{
    Bytes, Cell, Connections, EndingTimes, EnvironmentFields, ErrorCount, GeneratorFields,
    LateCounts, PhaseTimes, Quantiles, Rate, TornDown, Window, Wire, joined,
};
use super::{RunResult, SCHEMA};
use crate::record::Phase;
use crate::verdict::{Ending, Verdict};

impl RunResult {
    /// One JSON object, with a line break at its end. The same result gives the same bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text, numbers and lists: nothing in it can fail to be written.
        let mut text = serde_json::to_string_pretty(&self.to_wire()).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(super) fn to_wire(&self) -> Wire {
        let tally = &self.tally;
        Wire {
            schema: SCHEMA.to_owned(),
            target: self.config.target.clone(),
            mode: self.config.mode.clone(),
            close: self.config.close.clone(),
            elapsed_s: seconds(self.elapsed),
            interrupted: self.interrupted,
            connections: Connections {
                started: tally.started,
                finished: tally.finished(),
                open: tally.open,
                most_open: tally.most_open,
            },
            verdicts: named(tally.verdicts().iter().map(|(v, n)| (v.name(), *n))),
            endings: named(tally.endings().iter().map(|(e, n)| (e.name(), *n))),
            cells: self.cells(),
            bytes: Bytes {
                sent: tally.sent_bytes,
                received: tally.received_bytes,
                discarded: tally.discarded_bytes,
            },
            responses: tally.responses,
            rate: Rate {
                finished_per_s: rounded(self.finished_per_s()),
                teardown_per_s: rounded(self.teardown_per_s()),
            },
            late: LateCounts {
                starts: tally.late.starts,
                starts_for_room: tally.late.starts_for_room,
                unstarted: tally.late.unstarted,
                closes: tally.late.closes,
                most_us: micros(tally.late.most),
            },
            phases: Phase::ALL
                .into_iter()
                .map(|phase| (phase.name().to_owned(), self.phase(phase)))
                .collect(),
            torn_down: TornDown {
                count: tally.torn_down,
                windows_us: self.windows(),
            },
            errors: self.errors(),
            generator: self.generator_fields(),
            environment: EnvironmentFields {
                os: joined(&self.environment.os),
                kernel: (!self.environment.kernel.is_empty())
                    .then(|| joined(&self.environment.kernel)),
                cpus: self.environment.cpus,
                finwait: joined(&self.environment.finwait),
            },
            config: self.config.clone(),
            segments: self.segments.clone(),
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let cells = self.tally.cells.iter();
        cells
            .map(|(&(progress, ending), &count)| Cell {
                progress: progress.name().to_owned(),
                ending: ending.name().to_owned(),
                verdict: Verdict::of(progress, ending).name().to_owned(),
                count,
            })
            .collect()
    }

    fn phase(&self, phase: Phase) -> PhaseTimes {
        let phases = &self.tally.phases;
        PhaseTimes {
            of_all: quantiles(&phases.of(phase)),
            endings: Ending::ALL
                .into_iter()
                .filter_map(|ending| {
                    let times = phases.of_ending(phase, ending)?;
                    let of_ending = EndingTimes {
                        times: quantiles(times),
                        histogram: encoded(times),
                    };
                    Some((ending.name().to_owned(), of_ending))
                })
                .collect(),
        }
    }

    fn windows(&self) -> Vec<Window> {
        let windows = self.tally.windows.iter();
        windows
            .map(|(wave, (first, last))| Window {
                wave,
                first: micros(first),
                last: micros(last),
            })
            .collect()
    }

    fn errors(&self) -> Vec<ErrorCount> {
        let errors = self.tally.errors.iter();
        errors
            .map(|(error, &count)| ErrorCount {
                operation: error.operation.to_string(),
                name: error.name.to_string(),
                code: error.code,
                count,
            })
            .collect()
    }

    fn generator_fields(&self) -> GeneratorFields {
        let generator = &self.generator;
        GeneratorFields {
            began_first_unix_us: micros(generator.began_first),
            began_last_unix_us: micros(generator.began_last),
            cpu_user_s: generator.cpu_user.map(seconds),
            cpu_system_s: generator.cpu_system.map(seconds),
            threads: generator.threads,
            processes: generator.processes,
            nofile: generator.nofile,
            busy: generator.busy,
            limited: !generator.reasons.is_empty(),
            reasons: generator.reasons.clone(),
            embedded_server: generator.embedded_server,
        }
    }
}

fn named<'a>(
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> std::collections::BTreeMap<String, u64> {
    counts
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

fn quantiles(times: &Histogram<u64>) -> Quantiles {
    let value = |value: u64| (!times.is_empty()).then_some(value);
    let quantile = |q: f64| value(times.value_at_quantile(q));
    Quantiles {
        count: times.len(),
        min_us: value(times.min()),
        mean_us: (!times.is_empty()).then(|| rounded(times.mean())),
        p50_us: quantile(0.5),
        p90_us: quantile(0.9),
        p99_us: quantile(0.99),
        p999_us: quantile(0.999),
        max_us: value(times.max()),
    }
}

fn encoded(times: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory; the counts of a histogram always fit its own format.
    let written = V2DeflateSerializer::new().serialize(times, &mut bytes);
    debug_assert!(written.is_ok(), "{written:?}");
    STANDARD.encode(bytes)
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Exact to the microsecond, and so the same after it was read back.
fn seconds(time: Duration) -> f64 {
    micros(time) as f64 / 1e6
}

/// To the microsecond, which is as exact as the measurement.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
