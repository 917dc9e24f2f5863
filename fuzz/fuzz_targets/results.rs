//! Results read and merged: whatever the text is, and whatever was changed in a true result, it is
//! refused or it adds up; what is taken is written and read again without a difference.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use finwait_load::{RunResult, Threshold};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Text(&'a str),
    Texts(&'a str, &'a str),
    /// The parts of a run, of which something was changed.
    Parts {
        /// With the histograms of all phases, which take most of the time.
        all_phases: bool,
        edits: [Vec<Edit<'a>>; 2],
    },
}

#[derive(Debug, Arbitrary)]
struct Edit<'a> {
    /// Which of all values in it.
    at: u16,
    to: To<'a>,
}

#[derive(Debug, Arbitrary)]
enum To<'a> {
    Null,
    Bool(bool),
    Count(u64),
    Signed(i64),
    Number(f64),
    Text(&'a str),
    Without,
    Emptied,
    Twice,
    /// What is somewhere else in it.
    Like(u16),
}

static PARTS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    [
        include_str!("../seeds/part-1-of-2.json"),
        include_str!("../seeds/part-2-of-2.json"),
    ]
    .map(|text| serde_json::from_str(text).expect("a result"))
});

static THRESHOLDS: LazyLock<Vec<Threshold>> = LazyLock::new(|| {
    [
        "bad.rate>0.1%",
        "teardown.p99>50ms",
        "graceful.rate<1",
        "total.mean<10ms",
    ]
    .map(|text| text.parse::<Threshold>().expect("a threshold"))
    .into()
});

/// The places of all values in it, as JSON pointers.
fn pointers(path: &str, value: &Value, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(&format!("{path}/{name}"), value, all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(&format!("{path}/{index}"), value, all);
            }
        }
        _ => {}
    }
}

fn edit(root: &mut Value, edit: &Edit<'_>) {
    let mut all = Vec::new();
    pointers("", root, &mut all);
    let place = |n: u16| &all[usize::from(n) % all.len()];
    let path = place(edit.at);
    let to = match edit.to {
        To::Null => Value::Null,
        To::Bool(is) => is.into(),
        To::Count(count) => count.into(),
        To::Signed(count) => count.into(),
        To::Number(number) => number.into(),
        To::Text(text) => text.into(),
        To::Like(other) => root.pointer(place(other)).cloned().unwrap_or_default(),
        To::Without => return without(root, path),
        To::Emptied => match root.pointer(path) {
            Some(Value::Object(_)) => Value::Object(serde_json::Map::new()),
            Some(Value::Array(_)) => Value::Array(Vec::new()),
            _ => Value::String(String::new()),
        },
        To::Twice => match root.pointer(path) {
            Some(Value::Array(items)) => items.iter().chain(items).cloned().collect(),
            other => Value::Array(vec![other.cloned().unwrap_or_default(); 2]),
        },
    };
    if let Some(value) = root.pointer_mut(path) {
        *value = to;
    }
}

fn without(root: &mut Value, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    match root.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(name);
        }
        Some(Value::Array(items)) => {
            items.pop();
        }
        _ => {}
    }
}

/// Reads it; what is taken must be written in the same way each time, and be judged.
fn read(text: &str) -> Option<RunResult> {
    let result = match RunResult::from_json(text) {
        Ok(result) => result,
        Err(why) => {
            let why = why.to_string();
            assert!(!why.is_empty() && !why.contains('\n'), "{why:?}");
            return None;
        }
    };
    assert!(result.tally.adds_up());
    let written = result.to_json();
    let again = RunResult::from_json(&written).expect("what was written is read");
    assert_eq!(again.to_json(), written);
    for threshold in THRESHOLDS.iter() {
        let _ = threshold.describe(threshold.judge(&result.tally, result.elapsed));
    }
    Some(result)
}

fn merge(texts: [&str; 2]) {
    let results: Vec<_> = texts.into_iter().filter_map(read).collect();
    let alone = RunResult::merge(&results[..results.len().min(1)], true);
    assert_eq!(alone.is_ok(), !results.is_empty());
    let whole = RunResult::merge(&results, false).is_ok();
    match RunResult::merge(&results, true) {
        Ok(sum) => {
            let started: u64 = results.iter().map(|result| result.tally.started).sum();
            assert_eq!(sum.tally.started, started);
            read(&sum.to_json()).expect("a sum is a result");
        }
        Err(_) => assert!(!whole, "what adds up needs no leave"),
    }
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Text(text) => {
        read(text);
    }
    Input::Texts(one, other) => merge([one, other]),
    Input::Parts { all_phases, edits } => {
        let mut parts = PARTS.clone();
        for part in parts.iter_mut().filter(|_| !all_phases) {
            if let Some(phases) = part["phases"].as_object_mut() {
                phases.retain(|name, _| name == "connect");
            }
        }
        for (part, edits) in parts.iter_mut().zip(&edits) {
            for change in edits {
                edit(part, change);
            }
        }
        let [one, other] = parts.map(|part| part.to_string());
        merge([&one, &other]);
    }
});
