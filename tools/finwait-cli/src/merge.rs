//! `finwait merge`: the results of the parts of one run, added up.

use std::fs;

use anyhow::Context;
use finwait_load::{RunResult, Threshold};

use crate::exit::{Exit, Failure};
use crate::output::{self, Table};
use crate::{judge, note};

/// What `merge` is to do.
#[derive(Debug)]
pub(crate) struct Job {
    /// The results, as `finwait load --json` has written them.
    pub(crate) files: Vec<String>,
    /// Whether parts may be missing.
    pub(crate) partial: bool,
    pub(crate) json: bool,
    /// Beside those that the parts were given.
    pub(crate) fail_if: Vec<Threshold>,
}

/// Nobody has a result of this size; everything is held in memory.
const MOST_BYTES: u64 = 1 << 30;

pub(crate) fn run(job: &Job) -> anyhow::Result<Exit> {
    let results = job
        .files
        .iter()
        .map(|name| read(name))
        .collect::<Result<Vec<_>, _>>()?;
    let result = RunResult::merge(&results, job.partial)
        .map_err(|error| Failure::usage(format!("cannot be merged: {error}")))?;
    let mut thresholds = Vec::new();
    for text in &result.config.fail_if {
        let threshold: Threshold = text
            .parse()
            .with_context(|| format!("a result has a --fail-if that cannot be read: '{text}'"))?;
        thresholds.push(threshold);
    }
    thresholds.extend(job.fail_if.iter().cloned());
    if job.json {
        output::show(&result.to_json())?;
    } else {
        output::show(&Table::new(&result).to_text())?;
    }
    if !result.segments.is_whole() {
        let (have, of) = (result.segments.have.len(), result.segments.of);
        note::say(format_args!(
            "{have} of {of} parts: the sum is not that of the whole run"
        ));
    }
    if result.interrupted {
        note::say("a part was interrupted: the sum is not that of the whole run");
    }
    judge::say_limits(&result);
    let failed = judge::thresholds(&thresholds, &result);
    Ok(match () {
        () if !result.generator.reasons.is_empty() => Exit::GeneratorLimited,
        () if !result.tally.tested_anything() => {
            note::say("nothing was tested: of all parts no connection was established");
            Exit::NothingTested
        }
        () if failed => Exit::ThresholdFailed,
        () => Exit::Ok,
    })
}

fn read(name: &str) -> Result<RunResult, Failure> {
    let failed = |why: String| Failure::usage(format!("'{name}': {why}"));
    let unreadable = |error: std::io::Error| {
        let why = finwait_platform::describe_error(&error);
        failed(format!("cannot be read: {why}"))
    };
    let size = fs::metadata(name).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(failed(format!("is {size} bytes long, and no result is")));
    }
    let bytes = fs::read(name).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| failed("is not UTF-8".to_owned()))?;
    RunResult::from_json(&text).map_err(|error| failed(error.to_string()))
}
