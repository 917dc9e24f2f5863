//! What `finwait merge` does not add up, and how it says so.

mod common;

use common::parts::two_parts;
use serde_json::json;

#[test]
fn what_is_no_result_is_refused_with_its_name_and_the_reason() {
    let two = two_parts(&[]);
    let whole = std::fs::read(two.path("part-1.json")).expect("a result");
    two.write("cut.json", &whole[..whole.len() / 2]);
    two.write("empty.json", "");
    two.write("text.json", "no connection\n");
    two.write("list.json", "[]");
    two.write("binary.json", [0xff; 300]);
    std::fs::create_dir(two.path("folder.json")).expect("room");
    two.change("part-1.json", "count.json", |v| {
        v["verdicts"]["graceful"] = 9.into()
    });
    two.change("part-1.json", "started.json", |v| {
        v["connections"]["started"] = 11.into();
    });
    two.change("part-1.json", "schema.json", |v| {
        v["schema"] = "finwait/load/2".into()
    });
    two.change("part-1.json", "fail.json", |v| {
        v["config"]["fail_if"] = json!(["nonsense"]);
    });
    let long = format!("{}.json", "a".repeat(5_000));
    // Windows has words of its own for it, and Wine others.
    let no_such_file = if cfg!(windows) {
        "cannot be read: "
    } else {
        "cannot be read: No such file"
    };
    for (name, why) in [
        ("cut.json", "is cut off"),
        ("empty.json", "is empty"),
        ("text.json", "is not a result of finwait load --json"),
        ("list.json", "has no schema, and finwait/load/1 is wanted"),
        ("binary.json", "is not UTF-8"),
        ("folder.json", "cannot be read: "),
        ("nobody.json", no_such_file),
        (&long, "cannot be read: "),
        (
            "count.json",
            "verdicts.graceful does not follow from the rest",
        ),
        (
            "started.json",
            "cells do not add up to the connections started",
        ),
        (
            "schema.json",
            "has the schema 'finwait/load/2', and finwait/load/1 is wanted",
        ),
        ("fail.json", "config.fail_if cannot be read: 'nonsense'"),
    ] {
        // Alone, so that nothing else is wrong with it.
        let ran = two.merge(&[name, "--allow-partial"]).expect(2);
        assert_eq!(ran.text(), "");
        let named = format!("'{}': {why}", two.path(name));
        ran.complains(&named);
    }
}

#[test]
fn what_is_no_part_of_the_same_run_is_refused_with_both_names() {
    let two = two_parts(&["--seed", "1"]);
    let of_two = |name: &str| format!("'{}' and '{}': ", two.path(name), two.path("part-1.json"));
    let first_of = |name: &str| format!("'{}' and '{}': ", two.path("part-1.json"), two.path(name));
    two.change("part-2.json", "seed.json", |v| {
        v["config"]["seed"] = 2.into()
    });
    two.change("part-2.json", "target.json", |v| {
        v["target"] = "10.0.0.7:9".into();
        v["config"]["target"] = "10.0.0.7:9".into();
    });
    two.change("part-2.json", "three.json", |v| {
        v["segments"]["of"] = 3.into()
    });
    two.change("part-1.json", "again.json", |_| {});
    for (name, why) in [
        (
            "seed.json",
            of_two("seed.json") + "not of the same run: config.seed differs: 2 and 1",
        ),
        (
            "target.json",
            of_two("target.json")
                + "not of the same run: config.target differs: \"10.0.0.7:9\" and",
        ),
        (
            "three.json",
            first_of("three.json") + "not of the same run: one is a part of 2, the other of 3",
        ),
        (
            "again.json",
            first_of("again.json") + "part 1 is there twice; each process of a run needs its own",
        ),
    ] {
        // Not mended by leave to be incomplete.
        for more in ["--json", "--allow-partial"] {
            let ran = two.merge(&["part-1.json", name, more]).expect(2);
            assert_eq!(ran.text(), "");
            ran.complains(&why);
        }
    }
    let ran = two.merge(&["part-2.json"]).expect(2);
    ran.complains("of 2 parts these are missing: 1; --allow-partial");
    let ran = two.merge(&["part-2.json", "--allow-partial"]).expect(0);
    assert!(ran.text().contains("1 of 2 parts"), "{ran:?}");
    ran.complains("1 of 2 parts: the sum is not that of the whole run");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn an_interrupted_part_is_refused_unless_parts_may_be_missing() {
    use std::process::Stdio;

    use common::{Session, finwait, peer};

    let server = peer("echo");
    let addr = server.addr().to_string();
    let two = two_parts(&[]);
    let args = [
        "load",
        &addr,
        "-c",
        "4",
        "-n",
        "4",
        "--hold",
        "1h",
        "--json",
        "-q",
        "--segment",
    ];
    let sessions = ["1/2", "2/2"].map(|segment| {
        Session::start(finwait(&[&args[..], &[segment]].concat()).stdin(Stdio::null()))
    });
    common::until(|| server.stats().accepted == 4);
    for (part, session) in (1..).zip(sessions) {
        session.signal("INT");
        let ran = session.finish().expect(130);
        two.write(&format!("part-{part}.json"), &ran.stdout);
    }
    two.change("part-1.json", "whole.json", |v| {
        v["interrupted"] = false.into()
    });
    let ran = two.merge(&["whole.json", "part-2.json"]).expect(2);
    ran.complains(&format!("'{}': was interrupted", two.path("part-2.json")));
    let ran = two
        .merge(&["whole.json", "part-2.json", "--json", "--allow-partial"])
        .expect(0);
    assert_eq!(ran.json()["interrupted"], true);
    ran.complains("a part was interrupted: the sum is not that of the whole run");
}
