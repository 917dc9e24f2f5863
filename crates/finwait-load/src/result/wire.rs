//! The JSON object, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Config, Segments};

/// The object; all but what is marked as given follows from the rest, and is checked when it is
/// read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    pub(super) schema: String,
    pub(super) target: String,
    pub(super) mode: String,
    pub(super) close: String,
    /// Given.
    pub(super) elapsed_s: f64,
    /// Given.
    pub(super) interrupted: bool,
    pub(super) connections: Connections,
    pub(super) verdicts: BTreeMap<String, u64>,
    pub(super) endings: BTreeMap<String, u64>,
    /// Given.
    pub(super) cells: Vec<Cell>,
    /// Given.
    pub(super) bytes: Bytes,
    /// Given.
    pub(super) responses: u64,
    pub(super) rate: Rate,
    /// Given.
    pub(super) late: LateCounts,
    pub(super) phases: BTreeMap<String, PhaseTimes>,
    /// Given.
    pub(super) torn_down: TornDown,
    /// Given.
    pub(super) errors: Vec<ErrorCount>,
    /// Given.
    pub(super) generator: GeneratorFields,
    /// Given.
    pub(super) environment: EnvironmentFields,
    /// Given.
    pub(super) config: Config,
    /// Given.
    pub(super) segments: Segments,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connections {
    pub(super) started: u64,
    pub(super) finished: u64,
    pub(super) open: u64,
    pub(super) most_open: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cell {
    pub(super) progress: String,
    pub(super) ending: String,
    pub(super) verdict: String,
    pub(super) count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bytes {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) discarded: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    pub(super) finished_per_s: f64,
    pub(super) teardown_per_s: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LateCounts {
    pub(super) starts: u64,
    pub(super) starts_for_room: u64,
    pub(super) unstarted: u64,
    pub(super) closes: u64,
    pub(super) most_us: u64,
}

/// Without a value there is no smallest one either: all but `count` are null then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseTimes {
    #[serde(flatten)]
    pub(super) of_all: Quantiles,
    pub(super) endings: BTreeMap<String, EndingTimes>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Quantiles {
    pub(super) count: u64,
    pub(super) min_us: Option<u64>,
    pub(super) mean_us: Option<f64>,
    pub(super) p50_us: Option<u64>,
    pub(super) p90_us: Option<u64>,
    pub(super) p99_us: Option<u64>,
    pub(super) p999_us: Option<u64>,
    pub(super) max_us: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndingTimes {
    #[serde(flatten)]
    pub(super) times: Quantiles,
    /// Given: HdrHistogram V2, deflated, in base64.
    pub(super) histogram: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TornDown {
    pub(super) count: u64,
    /// By wave: from the first half-close to the last close, from the run's start.
    pub(super) windows_us: Vec<Window>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    pub(super) wave: usize,
    pub(super) first: u64,
    pub(super) last: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorCount {
    pub(super) operation: String,
    pub(super) name: String,
    pub(super) code: Option<i32>,
    pub(super) count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GeneratorFields {
    pub(super) began_first_unix_us: u64,
    pub(super) began_last_unix_us: u64,
    pub(super) cpu_user_s: Option<f64>,
    pub(super) cpu_system_s: Option<f64>,
    pub(super) threads: u64,
    pub(super) processes: u64,
    pub(super) nofile: Option<u64>,
    pub(super) busy: f64,
    pub(super) limited: bool,
    pub(super) reasons: Vec<String>,
    pub(super) embedded_server: bool,
}

/// Of several parts the names are joined by a comma.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentFields {
    pub(super) os: String,
    pub(super) kernel: Option<String>,
    pub(super) cpus: u64,
    pub(super) finwait: String,
}

const JOINT: &str = ", ";

pub(super) fn joined(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(JOINT)
}

pub(super) fn parted(names: &str) -> BTreeSet<String> {
    names.split(JOINT).map(str::to_owned).collect()
}
