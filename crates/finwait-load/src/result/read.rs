//! Results read back, with nothing taken on trust.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use serde_json::Value;

use super::wire::{Wire, parted};
use super::{Environment, Generator, RunResult, SCHEMA};
use crate::phases::Phases;
use crate::record::{ErrorKey, Phase};
use crate::tally::{Late, Tally, Windows};
use crate::verdict::{Ending, Progress};

/// Why a text is not a result.
#[derive(Debug)]
pub enum ReadError {
    /// It is not JSON, or not an object of this form.
    Form(serde_json::Error),
    /// There is nothing in it.
    Empty,
    /// It is one of another kind or version; without a name if it has none.
    Schema(Option<String>),
    /// A part of it is not what it should be.
    Field {
        /// Which one.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Waves of a storm beyond this number can only be a slip.
const MOST_WAVES: usize = 10_000_000;
/// A histogram takes some KB.
const MOST_HISTOGRAM: usize = 1 << 20;

impl RunResult {
    /// Reads what [`to_json`](Self::to_json) has written, and checks that it adds up.
    ///
    /// # Errors
    ///
    /// If it is not a result of this version, was cut off, or its numbers contradict each other.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        if text.trim().is_empty() {
            return Err(ReadError::Empty);
        }
        let value: Value = serde_json::from_str(text).map_err(ReadError::Form)?;
        match value.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            other => return Err(ReadError::Schema(other.map(str::to_owned))),
        }
        let wire: Wire = serde_json::from_str(text).map_err(ReadError::Form)?;
        let result = from_wire(&wire)?;
        // All that follows from the rest is made again: a result that was edited, or whose parts
        // do not belong together, differs.
        let again = serde_json::to_value(result.to_wire()).map_err(ReadError::Form)?;
        let given = serde_json::to_value(&wire).map_err(ReadError::Form)?;
        match difference("", &given, &again) {
            None => Ok(result),
            Some(name) => Err(field(
                &name,
                "does not follow from the rest; was it edited?",
            )),
        }
    }
}

fn field(name: &str, why: impl Into<String>) -> ReadError {
    let (name, why) = (name.to_owned(), why.into());
    ReadError::Field { name, why }
}

fn from_wire(wire: &Wire) -> Result<RunResult, ReadError> {
    let segments = &wire.segments;
    let known = |part: &u64| (1..=segments.of).contains(part);
    if segments.have.is_empty() || !segments.have.iter().all(known) {
        return Err(field("segments", "names no part of 1 to 'of', or another"));
    }
    let generator = &wire.generator;
    let cpu =
        |name: &str, seconds: Option<f64>| seconds.map(|seconds| time(name, seconds)).transpose();
    let environment = &wire.environment;
    Ok(RunResult {
        config: wire.config.clone(),
        segments: segments.clone(),
        tally: tally(wire)?,
        elapsed: time("elapsed_s", wire.elapsed_s)?,
        interrupted: wire.interrupted,
        generator: Generator {
            began_first: Duration::from_micros(generator.began_first_unix_us),
            began_last: Duration::from_micros(generator.began_last_unix_us),
            cpu_user: cpu("generator.cpu_user_s", generator.cpu_user_s)?,
            cpu_system: cpu("generator.cpu_system_s", generator.cpu_system_s)?,
            threads: generator.threads,
            processes: generator.processes,
            nofile: generator.nofile,
            busy: generator.busy,
            reasons: generator.reasons.clone(),
            embedded_server: generator.embedded_server,
        },
        environment: Environment {
            os: parted(&environment.os),
            kernel: environment
                .kernel
                .as_deref()
                .map(parted)
                .unwrap_or_default(),
            cpus: environment.cpus,
            finwait: parted(&environment.finwait),
        },
    })
}

fn tally(wire: &Wire) -> Result<Tally, ReadError> {
    let mut tally = Tally {
        started: wire.connections.started,
        open: wire.connections.open,
        most_open: wire.connections.most_open,
        responses: wire.responses,
        sent_bytes: wire.bytes.sent,
        received_bytes: wire.bytes.received,
        discarded_bytes: wire.bytes.discarded,
        torn_down: wire.torn_down.count,
        late: Late {
            starts: wire.late.starts,
            starts_for_room: wire.late.starts_for_room,
            unstarted: wire.late.unstarted,
            closes: wire.late.closes,
            most: Duration::from_micros(wire.late.most_us),
        },
        phases: phases(wire)?,
        windows: windows(wire)?,
        ..Tally::default()
    };
    let mut finished = 0_u64;
    for cell in &wire.cells {
        let progress = named("cells.progress", &cell.progress, &Progress::ALL, |p| {
            p.name()
        })?;
        let ending = named("cells.ending", &cell.ending, &Ending::ALL, |e| e.name())?;
        finished = finished.saturating_add(cell.count);
        if tally.cells.insert((progress, ending), cell.count).is_some() {
            return Err(field("cells", "has a cell twice"));
        }
    }
    if finished.checked_add(tally.open) != Some(tally.started) {
        return Err(field("cells", "do not add up to the connections started"));
    }
    for error in &wire.errors {
        let key = ErrorKey {
            operation: error.operation.clone().into(),
            name: error.name.clone().into(),
            code: error.code,
        };
        if tally.errors.insert(key, error.count).is_some() {
            return Err(field("errors", "has an error twice"));
        }
    }
    Ok(tally)
}

fn phases(wire: &Wire) -> Result<Phases, ReadError> {
    let mut phases = Phases::default();
    for (name, times) in &wire.phases {
        let phase = named("phases", name, &Phase::ALL, |phase| phase.name())?;
        for (ending, times) in &times.endings {
            let path = format!("phases.{name}.endings.{ending}.histogram");
            let ending = named("phases.endings", ending, &Ending::ALL, |e| e.name())?;
            let histogram = decoded(&times.histogram).map_err(|why| field(&path, why))?;
            phases.put(phase, ending, histogram);
        }
    }
    Ok(phases)
}

fn decoded(text: &str) -> Result<Histogram<u64>, String> {
    if text.len() > MOST_HISTOGRAM {
        return Err("is too long for a histogram".to_owned());
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("is not base64: {error}"))?;
    let histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| format!("is not an HdrHistogram: {error}"))?;
    let bounds = (histogram.low(), histogram.high(), histogram.sigfig());
    if bounds != (1, Phases::HIGHEST_US, Phases::DIGITS) {
        let (low, high, digits) = bounds;
        return Err(format!(
            "has the range {low} to {high} with {digits} digits, not that of all"
        ));
    }
    Ok(histogram)
}

fn windows(wire: &Wire) -> Result<Windows, ReadError> {
    let mut windows = Windows::default();
    for window in &wire.torn_down.windows_us {
        if window.wave > MOST_WAVES || window.first > window.last {
            return Err(field("torn_down.windows_us", "has an impossible window"));
        }
        let (first, last) = (window.first, window.last);
        windows.note(
            window.wave,
            Duration::from_micros(first),
            Duration::from_micros(last),
        );
    }
    Ok(windows)
}

fn time(name: &str, seconds: f64) -> Result<Duration, ReadError> {
    // Exact to the microsecond, as it was written.
    let micros = (seconds * 1e6).round();
    if (0.0..=9e15).contains(&micros) {
        Ok(Duration::from_micros(micros as u64))
    } else {
        Err(field(name, "is not a time"))
    }
}

fn named<T: Copy>(
    path: &str,
    name: &str,
    all: &[T],
    name_of: impl Fn(&T) -> &'static str,
) -> Result<T, ReadError> {
    let found = all.iter().find(|one| name_of(one) == name);
    found.copied().ok_or_else(|| {
        field(
            path,
            format!("has an unknown name, '{}'", name.escape_debug()),
        )
    })
}

/// The first place at which two JSON values differ.
pub(super) fn difference(path: &str, a: &Value, b: &Value) -> Option<String> {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys());
            let null = Value::Null;
            keys.into_iter().find_map(|key| {
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                difference(&below(key), a, b)
            })
        }
        _ => (a != b).then(|| path.to_owned()),
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) if error.is_eof() => {
                write!(f, "is cut off: {error}")
            }
            Self::Form(error) => write!(f, "is not a result of finwait load --json: {error}"),
            Self::Empty => f.write_str("is empty"),
            Self::Schema(None) => write!(f, "has no schema, and {SCHEMA} is wanted"),
            Self::Schema(Some(found)) => {
                let found = found.escape_debug();
                write!(f, "has the schema '{found}', and {SCHEMA} is wanted")
            }
            Self::Field { name, why } => write!(f, "{name} {why}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Form(error) => Some(error),
            Self::Empty | Self::Schema(_) | Self::Field { .. } => None,
        }
    }
}
