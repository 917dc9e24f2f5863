//! `finwait merge`: the results of the parts of one run, added up.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use finwait_load::{MergeError, RunResult, Threshold};
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::output::{self, Table};
use crate::{judge, note};

/// What `merge` is to do.
#[derive(Debug)]
pub(crate) struct Job {
    /// The results, as `finwait load --json` has written them.
    pub(crate) files: Vec<String>,
    /// Whether parts may be missing, or cut short.
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
    if !job.partial {
        check_interrupted(&job.files, &results)?;
    }
    let result = RunResult::merge(&results, job.partial)
        .map_err(|error| Failure::usage(explained(&error, &job.files, &results)))?;
    let thresholds = thresholds(job, &result)?;
    if job.json {
        output::show(&result.to_json())?;
    } else {
        output::show(&Table::new(&result).to_text())?;
    }
    say_what_is_missing(&result);
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

/// A part that was cut short leaves a hole just as one that is not there.
fn check_interrupted(files: &[String], results: &[RunResult]) -> Result<(), Failure> {
    let mut parts = files.iter().zip(results);
    match parts.find(|(_, result)| result.interrupted) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::usage(format!(
            "'{name}': was interrupted, so the sum is not that of the whole run; --allow-partial \
             goes on all the same"
        ))),
    }
}

/// Names the files that an error is about: among many parts nobody wants to search for them.
fn explained(error: &MergeError, files: &[String], results: &[RunResult]) -> String {
    let first = &results[0];
    let find = |wanted: &dyn Fn(&RunResult) -> bool| results.iter().position(wanted).unwrap_or(0);
    match error {
        MergeError::Config { field } => {
            let other = find(&|other| other.config != first.config);
            let values = [&results[other], first].map(|result| value_of(result, field));
            let [theirs, ours] = values;
            let (other, first) = (&files[other], &files[0]);
            format!("'{other}' and '{first}': {error}: {theirs} and {ours}")
        }
        MergeError::Parts(..) => {
            let other = find(&|other| other.segments.of != first.segments.of);
            format!("'{}' and '{}': {error}", files[0], files[other])
        }
        MergeError::Overlap(part) => {
            let parts = files.iter().zip(results);
            let twice = parts.filter(|(_, result)| result.segments.have.contains(part));
            let names: Vec<_> = twice.map(|(name, _)| format!("'{name}'")).collect();
            format!("{}: {error}", names.join(" and "))
        }
        _ => format!("cannot be merged: {error}"),
    }
}

/// A field of the configuration, by its name in the JSON object; of a long one the beginning.
fn value_of(result: &RunResult, field: &str) -> String {
    const MOST: usize = 100;
    let config = serde_json::to_value(&result.config).unwrap_or_default();
    let key = field.strip_prefix("config.").unwrap_or(field);
    let text = config.get(key).unwrap_or(&Value::Null).to_string();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// What the parts were given, which is the same for all of them, and what was typed here.
fn thresholds(job: &Job, result: &RunResult) -> Result<Vec<Threshold>, Failure> {
    let mut thresholds = Vec::new();
    for text in &result.config.fail_if {
        let threshold: Threshold = text.parse().map_err(|error| {
            let name = &job.files[0];
            Failure::usage(format!("'{name}': config.fail_if cannot be read: {error}"))
        })?;
        thresholds.push(threshold);
    }
    // One that was given to both is judged, and said, once.
    let known: Vec<_> = thresholds.iter().map(Threshold::to_string).collect();
    let new = |threshold: &&Threshold| !known.contains(&threshold.to_string());
    thresholds.extend(job.fail_if.iter().filter(new).cloned());
    Ok(thresholds)
}

/// Says why the sum is not that of the whole run, if it is not.
fn say_what_is_missing(result: &RunResult) {
    let generator = &result.generator;
    let apart = generator.began_last.saturating_sub(generator.began_first);
    // A second is what a common start by hand comes to; much less than the run does no harm.
    if apart > Duration::from_secs(1) && apart > result.elapsed / 10 {
        note::say(format_args!(
            "the parts began up to {:.1} s apart, so the rates and the most open at once are not those \
             of one run; --start-at lets them begin together",
            apart.as_secs_f64()
        ));
    }
    let segments = &result.segments;
    let config = &result.config;
    if !segments.is_whole() {
        let (have, of) = (segments.have.len(), segments.of);
        note::say(format_args!(
            "{have} of {of} parts: the sum is not that of the whole run"
        ));
    }
    if result.interrupted {
        note::say("a part was interrupted: the sum is not that of the whole run");
    } else if let (Some(total), None, true) = (config.total, config.duration_s, segments.is_whole())
        && result.tally.started < total
    {
        // As one does when nobody accepts in its first second.
        note::say(format_args!(
            "{} of {total} connections were started: a part stopped before its time",
            result.tally.started
        ));
    }
}

fn read(name: &str) -> Result<RunResult, Failure> {
    let failed = |why: String| Failure::usage(format!("'{name}': {why}"));
    let bytes = read_at_most(name, MOST_BYTES)
        .map_err(|error| failed(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failed(format!(
            "is more than {MOST_BYTES} bytes long, and no result is"
        )));
    }
    let text = text_of(bytes).ok_or_else(|| failed("is not UTF-8".to_owned()))?;
    RunResult::from_json(&text).map_err(|error| failed(error.to_string()))
}

/// UTF-8; or what `>` makes of it in PowerShell before 7.4: UTF-16, or a mark before it.
fn text_of(bytes: Vec<u8>) -> Option<String> {
    let utf_16 = |pairs: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, rest) = pairs.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|&pair| unit(pair)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, pairs @ ..] => utf_16(pairs, u16::from_le_bytes),
        [0xFE, 0xFF, pairs @ ..] => utf_16(pairs, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] => String::from_utf8(text.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    }
}

/// What is read says how long it is, not what the OS says: a pipe or a device has no length.
fn read_at_most(name: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(name)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_however_a_shell_has_written_it() {
        let text = "{\"target\": \"größer 𝄞\"}\r\n";
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        for written in [
            text.as_bytes().to_vec(),
            [&b"\xEF\xBB\xBF"[..], text.as_bytes()].concat(),
            [&b"\xFF\xFE"[..], &little].concat(),
            [&b"\xFE\xFF"[..], &big].concat(),
        ] {
            assert_eq!(text_of(written).as_deref(), Some(text));
        }
        for bad in [&b"\xFF\xFE{"[..], b"\xFF\xFE\x00\xD8", b"{\x80}"] {
            assert_eq!(text_of(bad.to_vec()), None, "{bad:?}");
        }
        assert_eq!(text_of(Vec::new()).as_deref(), Some(""));
    }
}
