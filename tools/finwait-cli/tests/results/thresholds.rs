//! `--fail-if` and `--abort-if`.

use crate::common::peer;
use crate::results::schema;
use crate::{load, start};

#[test]
fn what_is_false_changes_nothing() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let args = [
        &addr[..],
        "-n",
        "20",
        "--fail-if",
        "bad.rate>0.1%",
        "--fail-if",
        "total.max>1h",
    ];
    let ran = load(&args).expect(0);
    assert_eq!(ran.errors(), Vec::<&str>::new());
    let conditions = serde_json::json!(["bad.rate > 0.1%", "total.max > 1h"]);
    assert_eq!(ran.json()["config"]["fail_if"], conditions);
}

#[test]
fn what_is_true_fails_with_99_and_its_value() {
    let server = peer("rst");
    let addr = server.addr().to_string();
    let ran = load(&[&addr, "-n", "20", "--fail-if", "bad.rate>50%"]).expect(99);
    schema::load().holds(&ran.json());
    ran.complains("--fail-if bad.rate > 50%: bad.rate is 100 %");
    // The table comes as well.
    let ran = start(&[&addr, "-n", "20", "--fail-if", "good.count<5"]).finish();
    let ran = ran.expect(99);
    assert!(ran.text().contains("20 started"), "{ran:?}");
    ran.complains("--fail-if good.count < 5: good.count is 0");
}

#[test]
fn what_has_no_value_fails_with_99() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let ran = load(&[&addr, "-n", "5", "--fail-if", "reset.p99>1ms"]).expect(99);
    ran.complains("--fail-if reset.p99 > 1ms: there is no value");
}

#[test]
fn of_several_each_that_is_true_is_named() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let conditions = [
        "bad.rate>1%",
        "started.count>=5",
        "reset.max>1s",
        "good.rate==100%",
    ];
    let flags = conditions
        .iter()
        .flat_map(|condition| ["--fail-if", condition]);
    let args: Vec<_> = [&addr[..], "-n", "5"].into_iter().chain(flags).collect();
    let ran = load(&args).expect(99);
    let lines = ran.errors();
    assert_eq!(lines.len(), 3, "{ran:?}");
    for (line, of) in lines
        .iter()
        .zip(["started.count", "reset.max", "good.rate"])
    {
        assert!(
            line.starts_with(&format!("finwait: --fail-if {of}")),
            "{ran:?}"
        );
    }
}

#[test]
fn what_cannot_be_judged_is_refused_before_anything_starts() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    for flag in ["--fail-if", "--abort-if"] {
        for (condition, of) in [
            ("nonsense.rate>1%", "unknown metric 'nonsense.rate'"),
            ("bad.rate", "no comparison"),
            ("bad.rate>", "no value after"),
            ("bad.rate>5 apples", "bad.rate"),
            ("teardown.p99>5", "teardown.p99"),
            ("bad.rate>100%", "never"),
        ] {
            let ran = load(&[&addr, "-n", "5", flag, condition]).expect(2);
            assert_eq!(ran.text(), "", "{condition}");
            assert_eq!(ran.stderr.matches("see --help").count(), 1, "{ran:?}");
            assert!(ran.stderr.contains(flag), "{ran:?}");
            ran.complains(of);
        }
    }
    assert_eq!(server.stats().accepted, 0);
}

#[test]
fn a_run_is_aborted_as_soon_as_its_condition_is_true() {
    let server = peer("rst");
    let addr = server.addr().to_string();
    let args = [
        &addr[..],
        "-z",
        "1h",
        "-c",
        "4",
        "--abort-if",
        "bad.rate>50%",
    ];
    let ran = load(&args).expect(99);
    let json = ran.json();
    schema::load().holds(&json);
    // Stopped by itself, and not by somebody.
    assert_eq!(json["interrupted"], false);
    assert!(json["elapsed_s"].as_f64() < Some(60.0), "{json:#}");
    ran.complains("--abort-if bad.rate > 50%: bad.rate is 100 % after second ");
}

#[test]
fn a_condition_that_comes_true_at_the_very_end_counts() {
    let server = peer("rst");
    let addr = server.addr().to_string();
    let ran = load(&[&addr, "-n", "5", "--abort-if", "bad.count>=5"]).expect(99);
    assert_eq!(ran.json()["connections"]["started"], 5);
    ran.complains("--abort-if bad.count >= 5: bad.count is 5 after second ");
}

/// What the rate would have made after the end of the run is not missing.
#[test]
fn an_open_loop_that_is_aborted_owes_nothing() {
    let server = peer("rst");
    let addr = server.addr().to_string();
    let args = [
        &addr[..],
        "--rate",
        "50/s",
        "-z",
        "1h",
        "--abort-if",
        "bad.count>=10",
    ];
    let ran = load(&args);
    let json = ran.json();
    let count = |field: &str| json["late"][field].as_u64().unwrap_or(u64::MAX);
    // A machine that stands still owes a few; the rest of the hour would be 180,000.
    assert!(count("unstarted") < 1_000, "{ran:#?}");
    let late = count("starts") + count("unstarted") > 0;
    assert!(
        ran.code == Some(99) || (late && ran.code == Some(4)),
        "{ran:#?}"
    );
}
