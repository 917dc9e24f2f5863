//! The command lines of docs/scale.md run, against servers of the test's own.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::parts::{SCHEDULERS, log};
use common::{BOUND, peer, skipped};
use serde_json::Value;
use tempfile::TempDir;

/// The blocks of the document in this language.
fn blocks(language: &str) -> Vec<String> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scale.md");
    let document = fs::read_to_string(document).expect("the document");
    let opening = format!("```{language}\n");
    let blocks = document.split(&opening).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// The only block in this language that has this word.
#[track_caller]
fn block(language: &str, word: &str) -> String {
    let mut found = blocks(language);
    found.retain(|block| block.contains(word));
    assert_eq!(found.len(), 1, "{word}: {found:#?}");
    found.remove(0)
}

/// A shell in this folder, that finds `finwait` and none of the schedulers this test may run under.
fn sh(dir: &Path, script: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_finwait"));
    let bin = bin.parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-euc", script])
        .current_dir(dir)
        .stdin(Stdio::null())
        // GNU parallel keeps files there.
        .env("HOME", dir)
        .env("PATH", format!("{}:{path}", bin.display()));
    for name in SCHEDULERS {
        command.env_remove(name);
    }
    command
}

#[track_caller]
fn output(command: &mut Command) -> Output {
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{command:?}: {output:#?}");
    output
}

fn has_parallel() -> bool {
    // Not the one of moreutils, which has the same name.
    let version = Command::new("parallel").arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("GNU parallel"))
}

/// All parts are in it, and so many connections, all good.
#[track_caller]
fn is_whole(merged: &Value, parts: u64, connections: u64) {
    assert_eq!(merged["segments"]["of"], parts, "{merged:#}");
    assert_eq!(
        merged["verdicts"],
        serde_json::json!({ "graceful": connections })
    );
}

#[test]
fn what_needs_nothing_but_finwait_runs_as_it_stands() {
    let mut simple = blocks("sh");
    assert_eq!(simple.len(), 3, "{simple:#?}");
    simple.retain(|block| !block.contains("parallel"));
    for block in simple {
        let (server, dir) = (peer("echo"), TempDir::new().expect("a folder"));
        let here = block.replace("127.0.0.1:27015", &server.addr().to_string());
        let ran = output(&mut sh(dir.path(), &here));
        let table = String::from_utf8_lossy(&ran.stdout).into_owned();
        let accepted = server.stop(BOUND).accepted;
        let digits = |text: &str| text.replace(',', "");
        let said = format!("{accepted} started {accepted} finished");
        assert!(digits(&table).contains(&said), "{said}: {table}");
        assert!(table.contains("100.00%"), "{table}");
    }
}

#[test]
fn the_recipe_for_gnu_parallel_makes_one_run_of_two_processes() {
    if !has_parallel() {
        return skipped("parallel");
    }
    let (server, dir) = (peer("echo"), TempDir::new().expect("a folder"));
    let script = block("sh", "parallel").replace("127.0.0.1:27015", &server.addr().to_string());
    let ran = output(&mut sh(dir.path(), &script));
    let table = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(table.contains("2 of 2 parts"), "{table}");

    let merged = output(&mut sh(dir.path(), "finwait merge part-*.json --json"));
    let merged: Value = serde_json::from_slice(&merged.stdout).expect("one object");
    is_whole(&merged, 2, 2_000);
    assert_eq!(merged["generator"]["processes"], 2);
    let log = log(dir.path(), 2);
    assert!(log.keys().copied().eq(0..2_000));
    let sum = |field: &str| -> u64 { log.values().filter_map(|line| line[field].as_u64()).sum() };
    assert_eq!(merged["bytes"]["sent"], sum("bytes_sent"));
    assert_eq!(merged["bytes"]["received"], sum("bytes_received"));
    assert_eq!(merged["responses"], sum("responses"));
    let good = log.values().filter(|line| line["verdict"] == "graceful");
    assert_eq!(good.count(), 2_000);
    let summary = server.stop(BOUND);
    assert_eq!((summary.accepted, summary.cut), (2_000, 0));
    assert_eq!(merged["bytes"]["sent"], summary.received_bytes);
}

/// As `ssh NAME -- COMMAND`, on this machine whatever the name. The other end of an ssh sets SHELL, and GNU parallel runs nothing
/// there without it, yet calls that a success.
const SSH: &str = "#!/bin/sh\nshift\n[ \"$1\" = -- ] && shift\nSHELL=/bin/sh exec sh -c \"$*\"\n";

#[test]
fn the_recipe_for_several_machines_collects_their_results() {
    if !has_parallel() {
        return skipped("parallel");
    }
    let (server, dir) = (peer("echo"), TempDir::new().expect("a folder"));
    let ssh = dir.path().join("ssh");
    fs::write(&ssh, SSH).expect("room");
    output(&mut sh(dir.path(), "chmod +x ssh"));
    fs::write(dir.path().join("hosts"), "one\ntwo\nthree\nfour\n").expect("room");
    let script = small(&block("shell", "--slf"), &server.addr().to_string());
    // Half a minute is for people.
    let script = script.replace("+ 30", "+ 5") + "finwait merge parts/1/*/stdout --json >all.json";
    output(sh(dir.path(), &script).env("PARALLEL_SSH", &ssh));
    let merged = fs::read(dir.path().join("all.json")).expect("it was written");
    let merged: Value = serde_json::from_slice(&merged).expect("one object");
    is_whole(&merged, 4, 40);
    assert_eq!(server.stop(BOUND).accepted, 40);
}

/// With a server and numbers for a test.
#[track_caller]
fn small(script: &str, addr: &str) -> String {
    for wanted in ["10.0.0.7:27015", "4k", "40k"] {
        assert!(script.contains(wanted), "{wanted}: {script}");
    }
    script
        .replace("10.0.0.7:27015", addr)
        .replace("-c 4k", "-c 4")
        .replace("\"4k\"", "\"4\"")
        .replace("40k", "40")
}

#[test]
fn the_recipe_for_slurm_has_a_command_that_makes_all_its_parts() {
    let (server, dir) = (peer("echo"), TempDir::new().expect("a folder"));
    let script = small(&block("shell", "srun"), &server.addr().to_string());
    assert!(script.contains("srun -n 4 --output='part-%t.json' --error='part-%t.err'"));
    let mut lines = script.lines().map(str::trim);
    let load = lines
        .find(|line| line.starts_with("finwait load"))
        .expect("one");
    let merge = lines
        .find(|line| line.starts_with("finwait merge"))
        .expect("one");
    let load = format!("{load} >part-$SLURM_PROCID.json");
    for rank in 0..4 {
        // One after the other: without a common start.
        let mut part = sh(dir.path(), &load);
        part.env("start", "+0s")
            .env("SLURM_PROCID", rank.to_string());
        output(part.env("SLURM_NTASKS", "4"));
    }
    let merged = output(&mut sh(dir.path(), &format!("{merge} --json")));
    is_whole(
        &serde_json::from_slice(&merged.stdout).expect("one object"),
        4,
        40,
    );
    assert_eq!(server.stop(BOUND).accepted, 40);
}

#[test]
fn the_recipe_for_kubernetes_has_arguments_that_make_all_its_parts() {
    let (server, dir) = (peer("echo"), TempDir::new().expect("a folder"));
    let yaml = small(&block("yaml", "Indexed"), &server.addr().to_string());
    let args = yaml.split("args: ").nth(1).expect("arguments");
    let args: Vec<String> = serde_json::from_str(args).expect("a list that is JSON too");
    let script = block("shell", "kubectl");
    let mut lines = script.lines().map(str::trim);
    let filter = lines.find(|line| line.starts_with("sed -n")).expect("one");
    for index in 0..4 {
        // What `kubectl logs` shows: both streams in one.
        let line = format!("{{ echo a note; finwait \"$@\"; }} 2>&1 | {filter}");
        let mut part = sh(dir.path(), &line);
        part.arg("sh").args(
            args.iter()
                .map(|arg| if arg == "START" { "+0s" } else { arg }),
        );
        part.env("i", index.to_string());
        output(part.env("JOB_COMPLETION_INDEX", index.to_string()));
    }
    let merge = script
        .lines()
        .find(|line| line.starts_with("finwait merge"))
        .expect("one");
    let merged = output(&mut sh(dir.path(), &format!("{merge} --json")));
    is_whole(
        &serde_json::from_slice(&merged.stdout).expect("one object"),
        4,
        40,
    );
    assert_eq!(server.stop(BOUND).accepted, 40);
}
