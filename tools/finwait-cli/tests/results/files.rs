//! The files that a run writes, read back and held against its JSON object.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use finwait_load::Phases;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::results::adds_up;
use crate::results::schema;

/// A run's log and histograms, in a folder of their own.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a path of letters").to_owned()
    }

    /// `args`, and both files.
    pub(crate) fn args<'a>(&self, args: &[&'a str], own: &'a mut Vec<String>) -> Vec<&'a str> {
        own.extend(["--log".to_owned(), self.path("log")]);
        own.extend(["--hdr".to_owned(), self.path("hdr")]);
        let own = own.iter().map(String::as_str);
        args.iter().copied().chain(own).collect()
    }

    /// Every line of the log, each of which is whole and of its form.
    #[track_caller]
    pub(crate) fn log(&self) -> Vec<Value> {
        lines(&self.path("log"))
    }

    /// Everything that both files and the object say is the same.
    #[track_caller]
    pub(crate) fn agree(&self, json: &Value) {
        schema::load().holds(json);
        adds_up(json);
        log_agrees(&self.log(), json);
        let read = Intervals::read(self.path("hdr"));
        assert_eq!(read.sums, histograms(json), "{json:#}");
    }
}

#[track_caller]
pub(crate) fn lines(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the log");
    assert!(text.is_empty() || text.ends_with('\n'), "a broken line");
    let form = schema::line();
    let read = |line: &str| {
        let value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        form.holds(&value);
        value
    };
    text.lines().map(read).collect()
}

pub(crate) fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no count: {value}"))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn counts<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}

/// One line for each connection, and the sums are those of the object.
#[track_caller]
fn log_agrees(lines: &[Value], json: &Value) {
    let connections = &json["connections"];
    assert_eq!(lines.len() as u64, connections["started"]);
    numbers_are_whole(lines, json);
    for (field, all) in [("verdict", "verdicts"), ("ending", "endings")] {
        let mut wanted: BTreeMap<String, u64> =
            serde_json::from_value(json[all].clone()).expect("counts");
        if let open @ 1.. = number(&connections["open"]) {
            wanted.insert("still-open".to_owned(), open);
        }
        let found = counts(lines.iter().map(|line| text(&line[field])));
        assert_eq!(found, wanted, "{all}: {json:#}");
    }
    let sum = |field: &str| lines.iter().map(|line| number(&line[field])).sum::<u64>();
    assert_eq!(sum("bytes_sent"), json["bytes"]["sent"], "{json:#}");
    assert_eq!(sum("bytes_received"), json["bytes"]["received"], "{json:#}");
    assert_eq!(sum("responses"), json["responses"], "{json:#}");

    let mut errors = BTreeMap::<String, u64>::new();
    for error in json["errors"].as_array().expect("a list") {
        *errors.entry(text(&error["name"]).to_owned()).or_default() += number(&error["count"]);
    }
    assert_eq!(
        counts(lines.iter().filter_map(|line| line["error"].as_str())),
        errors
    );
    phases_agree(lines, json);
    for line in lines {
        let at = |field: &str| number(&line[field]);
        let ascends = at("intended_us") <= at("started_us") && at("started_us") <= at("ended_us");
        assert!(ascends, "{line}");
    }
}

/// Each worker of each part counts its own numbers, and leaves none out. So a run of a given total
/// has exactly those below it.
#[track_caller]
fn numbers_are_whole(lines: &[Value], json: &Value) {
    let (of, have) = (number(&json["segments"]["of"]), &json["segments"]["have"]);
    let step = of * number(&json["generator"]["threads"]);
    let mut by_worker = BTreeMap::<u64, Vec<u64>>::new();
    for line in lines {
        let id = number(&line["id"]);
        assert_eq!(id % of, number(&have[0]) - 1, "of another part: {line}");
        by_worker.entry(id % step).or_default().push(id);
    }
    for (first, mut ids) in by_worker {
        ids.sort_unstable();
        let expected: Vec<_> = (first..).step_by(step as usize).take(ids.len()).collect();
        assert_eq!(ids, expected);
    }
    let total = json["config"]["total"].as_u64();
    let all = lines.iter().map(|line| number(&line["id"])).max();
    if total.is_some() && of == 1 && json["connections"]["started"].as_u64() == total {
        assert_eq!(all, total.map(|total| total - 1));
    }
}

#[track_caller]
fn phases_agree(lines: &[Value], json: &Value) {
    for (phase, times) in json["phases"].as_object().expect("an object") {
        let logged: Vec<_> = lines
            .iter()
            .filter_map(|line| line["phases_us"].get(phase))
            .map(number)
            .collect();
        assert_eq!(logged.len() as u64, times["count"], "{phase}: {json:#}");
        if let Some(&most) = logged.iter().max() {
            // Three digits, and nothing shorter than a microsecond.
            let (most, told) = (most.clamp(1, Phases::HIGHEST_US), number(&times["max_us"]));
            assert!(
                most <= told && told <= most + most / 1_000 + 1,
                "{phase}: {most}, {told}"
            );
        }
    }
}

/// The histograms of the object by the tag that the interval log has for them.
#[track_caller]
pub(crate) fn histograms(json: &Value) -> BTreeMap<String, Histogram<u64>> {
    let mut all = BTreeMap::new();
    for (phase, times) in json["phases"].as_object().expect("an object") {
        for (ending, of_ending) in times["endings"].as_object().expect("an object") {
            let histogram = decoded(text(&of_ending["histogram"]));
            assert_eq!(histogram.len(), of_ending["count"], "{phase}.{ending}");
            all.insert(format!("{phase}.{ending}"), histogram);
        }
    }
    all
}

#[track_caller]
fn decoded(base64: &str) -> Histogram<u64> {
    let bytes = STANDARD.decode(base64).expect("base64");
    let mut from = &bytes[..];
    let histogram = Deserializer::new()
        .deserialize(&mut from)
        .expect("a histogram");
    assert!(from.is_empty(), "something is left of {base64}");
    histogram
}

/// An interval log, as the library that wrote it reads it.
pub(crate) struct Intervals {
    /// All seconds of a tag.
    pub(crate) sums: BTreeMap<String, Histogram<u64>>,
    /// When the run began, in seconds since the epoch.
    pub(crate) began: f64,
    /// The seconds that have a line, in the order of the file.
    pub(crate) seconds: Vec<u64>,
}

impl Intervals {
    #[track_caller]
    pub(crate) fn read(path: impl AsRef<Path>) -> Self {
        let bytes = fs::read(path).expect("the histograms");
        let mut read = Self {
            sums: BTreeMap::new(),
            began: 0.0,
            seconds: Vec::new(),
        };
        // The line for readers in other languages is none of the format that this one knows.
        let whole = String::from_utf8(bytes).expect("text");
        assert!(whole.ends_with('\n'), "a broken line");
        let known: String = whole
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("\"StartTimestamp\""))
            .collect();
        for entry in IntervalLogIterator::new(known.as_bytes()) {
            match entry.expect("a line of the format") {
                LogEntry::StartTime(at) => read.began = at.as_secs_f64(),
                LogEntry::BaseTime(at) => assert!((at.as_secs_f64() - read.began).abs() < 1e-6),
                LogEntry::Interval(interval) => {
                    let tag = interval.tag().expect("a tag").as_str().to_owned();
                    let histogram = decoded(interval.encoded_histogram());
                    assert_eq!(interval.max(), histogram.max() as f64, "{tag}");
                    assert_eq!(interval.duration().as_secs(), 1);
                    read.seconds.push(interval.start_timestamp().as_secs());
                    let sum = read.sums.entry(tag).or_insert_with(Phases::histogram);
                    sum.add(histogram).expect("the same bounds");
                }
            }
        }
        assert!(read.began > 0.0, "no start time");
        assert!(read.seconds.is_sorted(), "{:?}", read.seconds);
        read
    }
}
