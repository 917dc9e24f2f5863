//! `finwait load --segment`: the parts make the run that one process would.

mod common;

use std::collections::BTreeMap;
use std::process::Stdio;

use common::parts::{Parts, SCHEDULERS, parts};
use common::results::adds_up;
use common::{Ran, Session, finwait, peer};
use serde_json::{Value, json};

/// What is chosen for each connection: when it is due, if that is chosen, and how it is closed.
fn chosen(parts: &Parts) -> BTreeMap<u64, (Value, Value)> {
    let log = parts.log().into_iter();
    log.map(|(id, line)| (id, (line["intended_us"].clone(), line["close"].clone())))
        .collect()
}

/// What does not depend on time.
fn counted(json: &Value) -> Value {
    adds_up(json);
    let fields = ["mode", "close", "connections", "verdicts", "endings"];
    let mut counted: BTreeMap<_, _> = fields
        .iter()
        .chain(&["bytes", "responses", "errors", "config"])
        .map(|field| (*field, json[field].clone()))
        .collect();
    // A bound, and not the same.
    counted.get_mut("connections").expect("a field")["most_open"] = Value::Null;
    json!(counted)
}

#[test]
fn the_parts_of_an_open_loop_are_the_run_that_one_process_makes() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let args = &[
        &addr,
        "--rate",
        "200",
        "-z",
        "0.4s",
        "--ramp",
        "0.1s",
        "-c",
        "60",
        "--expect",
        "echo",
        "--close",
        "mix=half:3,rst:2",
        "--seed",
        "7",
    ];
    let whole = parts(args, 1).done_or_late();
    let log = chosen(&whole);
    // Half of the ramp's time at the full rate, and the rest of it.
    assert_eq!(log.len(), 70);
    assert!(log.keys().copied().eq(0..70), "{log:?}");
    for of in [2, 3] {
        let cut = parts(args, of).done_or_late();
        assert_eq!(chosen(&cut), log, "{of} parts");
        assert_eq!(counted(&cut.merged()), counted(&whole.merged()));
        assert_eq!(cut.merged()["generator"]["processes"], of);
    }
}

#[test]
fn the_parts_of_a_mixture_close_the_same_connections_in_the_same_way() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let args = &[
        &addr,
        "-c",
        "7",
        "-n",
        "100",
        "--expect",
        "echo",
        "--seed",
        "3",
        "--close",
        "mix=half:50,fin:25,rst:25",
    ];
    let closes = |parts: &Parts| -> BTreeMap<u64, Value> {
        let chosen = chosen(parts).into_iter();
        chosen.map(|(id, (_, close))| (id, close)).collect()
    };
    let whole = parts(args, 1).expect(0);
    let log = closes(&whole);
    assert!(log.keys().copied().eq(0..100), "{log:?}");
    for of in [2, 3] {
        let cut = parts(args, of).expect(0);
        assert_eq!(closes(&cut), log, "{of} parts");
        assert_eq!(counted(&cut.merged()), counted(&whole.merged()));
        let verdicts = json!({ "graceful": 50, "closed": 25, "aborted": 25 });
        assert_eq!(cut.merged()["verdicts"], verdicts);
    }
}

/// With these variables of a scheduler and no others.
#[track_caller]
fn scheduled(segment: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = finwait(&[
        "load",
        "-c",
        "6",
        "-n",
        "12",
        "--segment",
        segment,
        "--json",
    ]);
    for name in SCHEDULERS {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    Session::start(command.stdin(Stdio::null())).finish()
}

#[test]
fn schedulers_tell_each_process_its_part() {
    for (segment, variables, part, of) in [
        (
            "auto",
            &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "3")][..],
            1,
            3,
        ),
        (
            "auto/3",
            &[("SLURM_PROCID", "2"), ("SLURM_NTASKS", "3")],
            3,
            3,
        ),
        (
            "auto",
            &[("OMPI_COMM_WORLD_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "2")],
            2,
            2,
        ),
        ("auto/4", &[("JOB_COMPLETION_INDEX", "3")], 4, 4),
        ("auto/4", &[("PARALLEL_SEQ", "1")], 1, 4),
    ] {
        let json = scheduled(segment, variables).expect(0).json();
        assert_eq!(json["segments"], json!({ "of": of, "have": [part] }));
        assert_eq!(json["connections"]["started"], 12 / of, "{json:#}");
    }
    for (segment, variables, why) in [
        ("auto", &[][..], "no scheduler is known here"),
        ("auto", &[("JOB_COMPLETION_INDEX", "0")], "give auto/N"),
        (
            "auto/2",
            &[("JOB_COMPLETION_INDEX", "2")],
            "2 parts are numbered 0 to 1",
        ),
        (
            "auto/2",
            &[("PARALLEL_SEQ", "3")],
            "2 parts are numbered 1 to 2",
        ),
        (
            "auto/2",
            &[("PARALLEL_SEQ", "x")],
            "PARALLEL_SEQ is 'x', not a number",
        ),
        ("auto", &[("SLURM_PROCID", "0")], "SLURM_NTASKS is not set"),
        (
            "auto/2",
            &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "3")],
            "SLURM_NTASKS is 3, not 2",
        ),
        (
            "auto/2",
            &[("SLURM_PROCID", "0"), ("PARALLEL_SEQ", "2")],
            "give I/N",
        ),
    ] {
        scheduled(segment, variables).expect(2).complains(why);
    }
}

#[test]
fn embedded_servers_of_the_parts_count_as_one_target() {
    let two = parts(&["-c", "4", "-n", "20"], 2).expect(0);
    let json = two.merged();
    assert_eq!(json["verdicts"], json!({ "graceful": 20 }));
    assert_eq!(json["target"], "embedded:echo");
    assert_eq!(json["generator"]["embedded_server"], true);
}

#[test]
fn a_part_does_not_stop_by_itself_for_what_is_true_of_it_alone() {
    let args = ["load", "-c", "2", "-n", "4", "--segment", "1/2"];
    let ran = common::run(&[&args[..], &["--abort-if", "bad.count>0"]].concat());
    ran.expect(2)
        .complains("--abort-if: a part of a run does not know the others");
}
