//! `finwait merge`: any order, thresholds, exit codes.

mod common;

use std::process::Stdio;

use common::parts::{parts, two_parts};
#[cfg(unix)]
use common::results::adds_up;
use common::{REFUSES, Session, finwait, peer, run};
use serde_json::json;

#[test]
fn any_order_and_sums_of_sums_give_the_same_bytes() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let three = parts(&[&addr, "-c", "3", "-n", "30"], 3).expect(0);
    let [a, b, c] = ["part-1.json", "part-2.json", "part-3.json"];
    let bytes = three.merge(&["--json", a, b, c]).expect(0).text();
    for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        let args: Vec<_> = order.into_iter().chain(["--json"]).collect();
        assert_eq!(three.merge(&args).expect(0).text(), bytes, "{order:?}");
    }
    let two = three.merge(&[c, a, "--json", "--allow-partial"]).expect(0);
    assert!(
        two.stderr.contains("2 of 3 parts: the sum is not"),
        "{two:?}"
    );
    three.write("two.json", &two.stdout);
    let all = three.merge(&["two.json", b, "--json"]).expect(0);
    assert_eq!((all.text(), all.errors()), (bytes, vec![]));
    three.write("all.json", &all.stdout);
    three.merge(&["all.json"]).expect(0);
}

/// A result is somebody's file.
#[test]
fn what_only_a_terminal_would_obey_in_a_result_is_shown_and_not_passed_on() {
    let one = parts(&["-c", "3", "-n", "10", "--behave", "echo"], 1).expect(0);
    let mut result = one.ran[0].json();
    result["config"]["target"] = json!("\u{1b}[31mred\u{7}\nverdicts");
    result["target"] = result["config"]["target"].clone();
    result["errors"] =
        json!([{ "operation": "read\u{1b}[2J", "name": "x\n", "code": null, "count": 3 }]);
    one.write("odd.json", result.to_string().as_bytes());
    let table = one.merge(&["odd.json"]).expect(0).text();
    assert!(
        table.contains("target        \\u{1b}[31mred\\u{7} verdicts\n"),
        "{table}"
    );
    assert!(table.contains("3 x read\\u{1b}[2J: x"), "{table}");
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!table.contains(odd), "{table}");
}

#[test]
fn thresholds_are_judged_on_the_sum_alone() {
    // True of each part and of the whole.
    let two = two_parts(&["--fail-if", "started.count>=10"]);
    for part in &two.ran {
        assert!(
            part.stderr.contains("judged by 'finwait merge'"),
            "{part:?}"
        );
    }
    let both = ["part-1.json", "part-2.json"];
    let ran = two.merge(&both).expect(99);
    ran.complains("--fail-if started.count >= 10: started.count is 20");
    // Given to both, it is said once.
    let again = [&both[..], &["--fail-if", "started.count>=10"]].concat();
    two.merge(&again).expect(99).complains("started.count");

    // True of the sum, and of no part.
    let two = two_parts(&[]);
    let with = |expression| [&both[..], &["--fail-if", expression]].concat();
    two.merge(&with("started.count>10"))
        .expect(99)
        .complains("started.count > 10: started.count is 20");
    let ran = two.merge(&with("started.count>20")).expect(0);
    assert_eq!(ran.errors(), [""; 0]);
    let ran = two.merge(&with("nonsense.count>20")).expect(2);
    ran.complains("unknown metric 'nonsense.count'");
    two.change("part-2.json", "other.json", |v| {
        v["config"]["fail_if"] = json!(["bad.rate > 0.1 %"]);
    });
    let ran = two.merge(&["part-1.json", "other.json"]).expect(2);
    ran.complains("config.fail_if differs");
}

#[test]
fn nothing_tested_and_a_limited_generator_have_the_exit_codes_of_a_run() {
    let two = parts(&[REFUSES, "-c", "2", "-n", "4"], 2).expect(3);
    let ran = two.merge(&["part-1.json", "part-2.json"]).expect(3);
    assert!(ran.text().contains("refused"), "{ran:?}");
    ran.complains("nothing was tested");

    // All that may be open are held while more are due.
    let server = peer("echo");
    let addr = server.addr().to_string();
    let late = ["--rate", "100", "-n", "20", "-c", "2", "--hold", "200ms"];
    let two = parts(&[&[&*addr], &late[..]].concat(), 2).expect(4);
    let ran = two
        .merge(&["part-1.json", "part-2.json", "--fail-if", "started.count>0"])
        .expect(4);
    assert!(
        ran.stderr.contains("the generator was the limit"),
        "{ran:?}"
    );
    // It is said all the same.
    assert!(ran.stderr.contains("started.count"), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn parts_that_were_forced_beyond_the_open_files_are_invalid_as_a_whole() {
    let server = peer("echo");
    let two = two_parts(&[]);
    for part in 1..=2 {
        let script = format!(
            "ulimit -n 60; exec \"$0\" load {} --force --storm -c 160 -n 160 --threads 1 --json -q \
             --segment {part}/2",
            server.addr()
        );
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_finwait")]);
        let ran = Session::start(command.stdin(Stdio::null()))
            .finish()
            .expect(4);
        two.write(&format!("part-{part}.json"), &ran.stdout);
    }
    let ran = two
        .merge(&["part-1.json", "part-2.json", "--json"])
        .expect(4);
    let json = ran.json();
    adds_up(&json);
    assert_eq!(json["generator"]["limited"], true);
    if !cfg!(finwait_force_fallback) {
        assert_eq!(json["generator"]["nofile"], 60);
    }
    assert!(
        json["verdicts"]["generator-limited"].as_u64() > Some(0),
        "{json:#}"
    );
}

#[test]
fn a_stdout_whose_reader_is_gone_is_no_failure_of_merge() {
    let two = two_parts(&[]);
    for more in [&[][..], &["--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = finwait(&["merge"]);
        command
            .args([two.path("part-1.json"), two.path("part-2.json")])
            .args(more);
        let session = Session::with_stdout(command.stdin(Stdio::null()), writer.into());
        assert_eq!(session.finish().expect(0).errors(), [""; 0]);
    }
}

#[cfg(unix)]
#[test]
fn parts_that_started_less_than_they_should_are_noticed() {
    let two = two_parts(&[]);
    for name in ["part-1.json", "part-2.json"] {
        two.change(name, name, |v| v["config"]["total"] = 30.into());
    }
    let ran = two.merge(&["part-1.json", "part-2.json"]).expect(0);
    ran.complains("20 of 30 connections were started: a part stopped before its time");
}

#[test]
fn merge_says_what_it_wants() {
    run(&["merge"]).expect(2);
    let help = run(&["merge", "--help"]).expect(0).text();
    assert!(
        help.lines().all(|line| line.chars().count() <= 100),
        "{help}"
    );
}
