//! Results are written, read back and added up without the loss of a count.

use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use finwait_load::{
    CloseMix, CloseMode, Config, Control, Environment, Expect, Generator, MergeError, Observer,
    Outcome, Phase, Phases, Plan, ReadError, Record, RunResult, Segment, Tally, run_observed,
};
use finwait_peer::{Options, Running, Server};
use serde_json::Value;

fn serve(behaviour: &str) -> Running {
    let behaviour = behaviour.parse().unwrap();
    let options = Options {
        behaviour,
        ..Options::default()
    };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options).unwrap();
    server.spawn().unwrap()
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Record>>);

impl Observer for Recorder {
    fn wants_records(&self) -> bool {
        true
    }

    fn records(&self, records: Vec<Record>) {
        self.0.lock().unwrap().extend(records);
    }
}

/// Connections of many kinds, as they were: the same for all tests, as they take their time.
fn recorded() -> (Plan, Vec<Record>) {
    static RECORDED: OnceLock<(Plan, Vec<Record>)> = OnceLock::new();
    RECORDED.get_or_init(record).clone()
}

fn record() -> (Plan, Vec<Record>) {
    let server = serve("echo");
    let mut plan = Plan::new(server.addr());
    plan.connections = 20;
    plan.total = Some(600);
    plan.threads = 2;
    plan.request = (*b"hello").into();
    plan.expect = Expect::Echo;
    let weights = [
        (CloseMode::Half, 2),
        (CloseMode::Fin, 1),
        (CloseMode::Rst, 1),
    ];
    plan.close = CloseMix::new(&weights).unwrap();
    let mut records = Vec::new();
    for expect in [Expect::Echo, Expect::Bytes(3), Expect::Http] {
        // What never becomes complete is waited for. The others must not run out of time: a busy machine
        // takes longer than this for any answer.
        if expect == Expect::Http {
            plan.limits.drain_idle = Duration::from_millis(20);
        }
        plan.expect = expect;
        let recorder = Recorder::default();
        run_observed(&plan, &Control::new(), &recorder).unwrap();
        records.extend(recorder.0.into_inner().unwrap());
    }
    // And some that never were a connection.
    server.stop(Duration::from_secs(5));
    plan.total = Some(50);
    let recorder = Recorder::default();
    run_observed(&plan, &Control::new(), &recorder).unwrap();
    records.extend(recorder.0.into_inner().unwrap());
    assert_eq!(records.len(), 1_850);
    (plan, records)
}

/// What a process would have made of these connections, were they its part of the run.
fn part(plan: &Plan, records: &[Record], index: u64, of: u64) -> RunResult {
    let mut tally = Tally::default();
    for record in records {
        tally.started += 1;
        tally.record(record);
    }
    assert!(tally.adds_up());
    let mut plan = plan.clone();
    plan.segment = Segment { index, of };
    let outcome = Outcome {
        tally,
        elapsed: Duration::from_micros(1_234_567),
        cpu: None,
        threads: 2,
        busy: 0.5,
        limited: Vec::new(),
        stopped: false,
    };
    let config = Config::new(
        &plan,
        "somewhere".to_owned(),
        vec!["bad.rate>0.1%".to_owned()],
    );
    let environment = Environment {
        os: ["linux".to_owned()].into(),
        cpus: 2,
        finwait: ["0.1.0".to_owned()].into(),
        ..Environment::default()
    };
    RunResult::new(&plan, config, &outcome, Generator::default(), environment)
}

fn merged(parts: &[RunResult]) -> Result<RunResult, MergeError> {
    RunResult::merge(parts, false)
}

/// As an object, without what tells how many made it.
fn counted(result: &RunResult) -> String {
    let mut value: Value = serde_json::from_str(&result.to_json()).unwrap();
    value["segments"] = Value::Null;
    value["generator"]["threads"] = Value::Null;
    value["generator"]["processes"] = Value::Null;
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn a_recorded_run_cut_into_parts_adds_up_to_the_same_bytes_in_any_order() {
    let (plan, records) = recorded();
    let whole = part(&plan, &records, 0, 1);
    assert!(
        whole.tally.verdicts().len() > 3,
        "{:?}",
        whole.tally.verdicts()
    );
    for parts in [2_u64, 3, 7] {
        let mut cut: Vec<_> = (0..parts)
            .map(|i| {
                let mine: Vec<_> = records
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| *n as u64 % parts == i)
                    .map(|(_, record)| record.clone())
                    .collect();
                // By way of the file, as it goes between processes.
                let written = part(&plan, &mine, i, parts).to_json();
                let read = RunResult::from_json(&written).unwrap();
                assert_eq!(read.to_json(), written);
                read
            })
            .collect();
        let sum = merged(&cut).unwrap();
        assert_eq!(counted(&sum), counted(&whole), "{parts} parts");
        let bytes = sum.to_json();
        for turn in 1..parts as usize {
            cut.rotate_left(1);
            if turn % 2 == 0 {
                cut.reverse();
            }
            assert_eq!(merged(&cut).unwrap().to_json(), bytes);
        }
        // A sum of sums is the same sum.
        let some = RunResult::merge(&cut[..2], true).unwrap();
        let rest = cut[2..].iter().cloned().chain([some]).collect::<Vec<_>>();
        assert_eq!(merged(&rest).unwrap().to_json(), bytes);
    }
}

fn two_parts() -> (RunResult, RunResult) {
    let (plan, records) = recorded();
    (
        part(&plan, &records[..900], 0, 2),
        part(&plan, &records[900..], 1, 2),
    )
}

#[test]
fn what_does_not_belong_together_is_refused_with_the_reason() {
    let (a, b) = two_parts();
    assert!(merged(&[a.clone(), b.clone()]).is_ok());
    assert_eq!(merged(&[]).unwrap_err(), MergeError::Nothing);
    let again = merged(&[a.clone(), b.clone(), a.clone()]);
    assert_eq!(again.unwrap_err(), MergeError::Overlap(1));
    let missing = MergeError::Missing {
        first: vec![2],
        of: 2,
    };
    assert_eq!(merged(std::slice::from_ref(&a)).unwrap_err(), missing);
    assert!(RunResult::merge(std::slice::from_ref(&a), true).is_ok());

    let mut other = b.clone();
    other.config.seed = 2;
    let error = merged(&[a.clone(), other]).unwrap_err();
    assert_eq!(
        error,
        MergeError::Config {
            field: "config.seed".to_owned()
        }
    );
    let mut other = b.clone();
    other.segments.of = 3;
    assert_eq!(
        merged(&[a.clone(), other]).unwrap_err(),
        MergeError::Parts(2, 3)
    );
    let mut huge = b;
    huge.tally.sent_bytes = u64::MAX;
    assert_eq!(merged(&[a, huge]).unwrap_err(), MergeError::Overflow);
}

/// What is wrong with the object after this change.
#[track_caller]
fn refused(result: &RunResult, change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&result.to_json()).unwrap();
    change(&mut value);
    match RunResult::from_json(&value.to_string()) {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_result_that_contradicts_itself_is_refused_with_the_place() {
    let (a, _) = two_parts();
    for (says, why) in [
        (
            refused(&a, |v| v["verdicts"]["graceful"] = 1.into()),
            "verdicts.graceful does not follow",
        ),
        (
            refused(&a, |v| v["connections"]["started"] = 1.into()),
            "cells do not add up",
        ),
        (
            refused(&a, |v| v["cells"][0]["progress"] = "half-way".into()),
            "unknown name, 'half-way'",
        ),
        (
            refused(&a, |v| v["phases"]["total"]["p99_us"] = 1.into()),
            "phases.total.p99_us does not follow",
        ),
        (
            refused(&a, |v| v["schema"] = "finwait/load/0".into()),
            "the schema 'finwait/load/0'",
        ),
        (
            refused(&a, |v| v["surprise"] = 1.into()),
            "unknown field `surprise`",
        ),
        (
            refused(&a, |v| v["segments"]["have"] = Value::Array(vec![3.into()])),
            "segments",
        ),
        (
            refused(&a, |v| v["elapsed_s"] = (-1).into()),
            "elapsed_s is not a time",
        ),
    ] {
        assert!(says.contains(why), "{says:?} does not say {why:?}");
    }
    let text = a.to_json();
    let cut = RunResult::from_json(&text[..text.len() / 2]).unwrap_err();
    assert!(matches!(cut, ReadError::Form(_)), "{cut}");
    assert!(cut.to_string().contains("cut off"), "{cut}");
    assert!(RunResult::from_json("").is_err());
}

#[test]
fn a_histogram_of_another_range_is_refused() {
    use base64::Engine as _;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

    // The second part has those that were refused.
    let (_, b) = two_parts();
    let encoded = |high| {
        let mut bytes = Vec::new();
        let times = Histogram::<u64>::new_with_bounds(1, high, 3).unwrap();
        V2DeflateSerializer::new()
            .serialize(&times, &mut bytes)
            .unwrap();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let with = |text: String| {
        refused(&b, |value| {
            value["phases"]["total"]["endings"]["refused"]["histogram"] = text.into();
        })
    };
    let other = with(encoded(1_000_000));
    assert!(other.contains("has the range 1 to 1000000"), "{other}");
    assert!(with("!".to_owned()).contains("is not base64"));
    assert!(with("aGVsbG8=".to_owned()).contains("is not an HdrHistogram"));
    // The right range, and other counts than the quantiles beside it.
    assert!(with(encoded(Phases::HIGHEST_US)).contains("does not follow"));
}

#[test]
fn times_count_from_the_moment_at_which_a_connection_was_due() {
    let (_, records) = recorded();
    for record in &records {
        let total = record.times.get(Phase::Total).unwrap();
        let span = record.ended - record.intended;
        // Both ends are cut to whole units once.
        assert!(
            total.abs_diff(span) <= Duration::from_micros(1),
            "{record:?}"
        );
        assert!(record.started >= record.intended);
        let at_most_total = [
            Phase::Connect,
            Phase::FirstByte,
            Phase::LastByte,
            Phase::Reset,
        ];
        for phase in at_most_total {
            assert!(
                record.times.get(phase).is_none_or(|time| time <= total),
                "{record:?}"
            );
        }
        // Attempts that failed have one too, where the system tells.
        let local: Option<SocketAddr> = record.local;
        assert!(local.is_some() || record.times.get(Phase::Connect).is_none());
    }
}
