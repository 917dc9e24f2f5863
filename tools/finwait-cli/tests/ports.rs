//! The generator runs out of local ports: in a network namespace of its own, with eight of them.
#![cfg(target_os = "linux")]

mod common;

use std::process::{Command, Stdio};

use common::Session;

fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    let setup = "ip link set lo up && echo 50000 50007 >/proc/sys/net/ipv4/ip_local_port_range";
    command.args([
        "-n",
        "sh",
        "-ec",
        &format!("{setup}; {script}"),
        env!("CARGO_BIN_EXE_finwait"),
    ]);
    command.stdin(Stdio::null());
    command
}

fn is_permitted() -> bool {
    let tried = in_namespace("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

#[test]
fn ports_that_run_out_are_counted_explained_and_exit_code_4() {
    if !is_permitted() {
        return common::skipped("root with unshare");
    }
    let script = "exec \"$0\" load --force --storm -c 20 -n 20 --source-ip 127.0.0.1 --json";
    let ran = Session::start(&mut in_namespace(script)).finish().expect(4);
    let json = ran.json();
    let count = |verdict: &str| json["verdicts"][verdict].as_u64().unwrap_or(0);
    // The server has one of the eight, or shares it with a connection.
    assert!((7..=8).contains(&count("graceful")), "{json:#}");
    assert_eq!(
        count("graceful") + count("generator-limited"),
        20,
        "{json:#}"
    );
    assert_eq!(
        json["endings"]["local-error"],
        count("generator-limited"),
        "{json:#}"
    );
    assert_eq!(json["generator"]["limited"], true, "{json:#}");
    let reason = json["generator"]["reasons"][0].as_str().expect("a reason");
    assert!(reason.contains("--source-ip"), "{reason}");
    let errors = json["errors"].as_array().expect("a list");
    assert!(
        errors.iter().all(|error| error["operation"] == "connect"),
        "{json:#}"
    );
    if !cfg!(finwait_force_fallback) {
        assert!(reason.contains("EADDRNOTAVAIL"), "{reason}");
        assert!(
            errors.iter().all(|error| error["name"] == "EADDRNOTAVAIL"),
            "{json:#}"
        );
    }
    assert!(
        ran.stderr.contains("the generator was the limit"),
        "{ran:?}"
    );
}

/// By default the embedded server is loaded from more than one address, and each has its own eight.
#[test]
fn several_source_addresses_have_ports_of_their_own() {
    if !is_permitted() {
        return common::skipped("root with unshare");
    }
    if cfg!(finwait_force_fallback) {
        // It binds each source to a port of its own, of the eight that there are in all.
        return;
    }
    let script = "exec \"$0\" load --storm -c 20 -n 20 --json";
    let ran = Session::start(&mut in_namespace(script)).finish().expect(0);
    assert_eq!(ran.json()["verdicts"]["graceful"], 20, "{ran:?}");
}

/// More of them would have been enough, and the command says before the run that they are not.
#[test]
fn too_few_ports_for_the_connections_are_said_before_the_run() {
    if !is_permitted() {
        return common::skipped("root with unshare");
    }
    if cfg!(finwait_force_fallback) {
        // It does not know how many ports there are.
        return;
    }
    let script = "exec \"$0\" load --storm -c 20 -n 20 --source-ip 127.0.0.1";
    let refused = Session::start(&mut in_namespace(script)).finish().expect(2);
    assert!(refused.stderr.contains("8 local ports"), "{refused:?}");
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    assert_eq!(refused.text(), "");
    // Who wants it all the same is told, and gets what there is.
    let script = format!("{script} --force");
    let ran = Session::start(&mut in_namespace(&script))
        .finish()
        .expect(4);
    assert!(ran.stderr.contains("8 local ports"), "{ran:?}");
    // The table tells it too.
    assert!(ran.text().contains("generator-limited"), "{ran:?}");
}
