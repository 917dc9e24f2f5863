//! What cannot work is said in one line, with its own exit code, and nothing on stdout.

mod common;

#[cfg(unix)]
use std::process::Command;
use std::process::Stdio;

use common::{REFUSES, Session, finwait, run, unknown_host};

#[track_caller]
fn refused(args: &[&str], code: i32, saying: &str) {
    let ran = run(args).expect(code).complains(saying);
    assert_eq!(ran.text(), "", "{args:?}");
}

#[test]
fn load_refuses_what_makes_no_sense_with_2() {
    for (args, saying) in [
        (&["-c", "0"][..], "--connections <N>': must be at least 1"),
        (&["-c", "-1"], "--connections <N>': cannot be negative"),
        (&["-c", "many"], "--connections <N>': is not a number"),
        (&["-n", "0"], "--total"),
        (&["-n", "1.5"], "--total"),
        (&["-n", "99999999999999999999"], "too large"),
        (&["-z", "-1"], "--duration <TIME>': cannot be negative"),
        (&["-z", "0s"], "must be above zero"),
        (&["-z", "NaN"], "is not a number"),
        (&["-z", "3 parsecs"], "is not a time"),
        (&["-z", "99999999999999999999h"], "too long"),
        (&["-z"], "--duration"),
        (&["--threads", "0"], "--threads"),
        (&["--close", "nonsense"], "half, fin, rst"),
        (&["--expect", "nonsense"], "until-fin"),
        (&["--expect", "bytes=x"], "--expect"),
        (&["--send", "lots"], "@FILE"),
        (&["--send", "2g"], "more than 1g"),
        (&["--send", "@/nonexistent/file"], "@/nonexistent/file"),
        (&["--http", "no-slash"], "must begin with '/'"),
        (&["--http", "/a b"], "percent-encoded"),
        (&["--http", "/", "--send", "64"], "--send"),
        (&["http://127.0.0.1/", "--http", "/"], "--http"),
        (&["http://127.0.0.1/", "--send", "1"], "--send"),
        (&["https://127.0.0.1/"], "TLS"),
        (&["127.0.0.1:0"], "port 0"),
        (&["127.0.0.1:http"], "not a port"),
        (&["127.0.0.1:80", "--behave", "echo"], "--behave"),
        (&["--behave", "badly"], "unknown behaviour"),
        (&["--behave", "respond"], "respond=BYTES"),
        (&["--source-ip", "nowhere"], "not an IP address"),
        (&["--source-ip", "192.0.2.1"], "--source-ip 192.0.2.1"),
        (&["--source-ip", "::1"], "one is IPv4, the other IPv6"),
        (&["--connect-timeout", "0"], "--connect-timeout"),
        (&["--drain-idle", "soon"], "--drain-idle"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["127.0.0.1:1", "127.0.0.1:2"], "127.0.0.1:2"),
    ] {
        let args = [&["load"], args].concat();
        refused(&args, 2, saying);
    }
}

#[test]
fn send_and_serve_refuse_what_makes_no_sense_with_2() {
    refused(&[], 2, "load, probe, serve, send");
    refused(&["lord"], 2, "lord");
    refused(&["send"], 2, "<TARGET>");
    refused(
        &["send", "127.0.0.1:9", "-w", "0"],
        2,
        "--timeout <TIME>': must be above zero",
    );
    refused(&["send", "127.0.0.1:9", "-4", "-6"], 2, "--ipv6");
    refused(
        &["send", "127.0.0.1:9", "--expect-bytes", "-1"],
        2,
        "--expect-bytes",
    );
    refused(&["send", "http://127.0.0.1"], 2, "HOST:PORT");
    refused(&["serve", "127.0.0.1:70000"], 2, "not a port");
    refused(&["serve", "--behave", "badly"], 2, "unknown behaviour");
    refused(&["serve", "--threads", "0"], 2, "--threads");
    refused(&["serve", "--behave", "skip-body"], 2, "add --http");
    refused(
        &["serve", "--behave", "rst?when=now"],
        2,
        "unknown parameter \"when=now\"",
    );
    refused(&["serve", "--behave", "mix=rst"], 2, "mix=A:80,B:20");
    refused(
        &["serve", "--idle", "0s"],
        2,
        "--idle <TIME>': must be above zero",
    );
    refused(&["serve", "--seed", "-1"], 2, "--seed");
}

#[test]
fn what_is_typed_cannot_break_the_line() {
    refused(&["load", "--close", "a\nb"], 2, "--close");
    refused(&["send", "a\nb"], 2, "not the name of a host");
}

#[test]
fn a_filter_that_cannot_be_understood_is_2() {
    for args in [
        &["load", "-n", "1"][..],
        &["serve", ":0"],
        &["send", REFUSES],
    ] {
        let command = &mut finwait(args);
        let ran = Session::start(
            command
                .env("FINWAIT_LOG", "finwait=loud")
                .stdin(Stdio::null()),
        );
        ran.finish().expect(2).complains("FINWAIT_LOG");
    }
}

#[test]
fn load_says_with_3_that_nothing_was_tested() {
    refused(&["load", &unknown_host(), "-n", "1"], 3, "unknown host");
    refused(&["load", REFUSES, "-n", "10"], 3, REFUSES);
    refused(
        &["load", "-6", "127.0.0.1:9", "-n", "1"],
        3,
        "no IPv6 address",
    );
}

#[test]
fn nobody_knocks_for_ever_at_a_closed_door() {
    refused(&["load", REFUSES, "-z", "1h"], 3, "refused");
}

#[test]
fn what_only_a_terminal_would_obey_is_shown_and_not_passed_on() {
    for args in [["merge", "/no/\x1b[31mfile\x0c"], ["load", "--no\x07\x0c"]] {
        let ran = run(&args).expect(2).complains("\\u{c}");
        let lines: Vec<_> = ran.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{ran:?}");
        assert!(!lines[0].contains(char::is_control), "{ran:?}");
    }
}

/// The source is an address of this host, and no way leads from it to the target.
#[cfg(target_os = "linux")]
#[test]
fn a_source_without_a_route_to_the_target_is_3() {
    // 192.0.2.1 is for documentation (RFC 5737): nobody has it. A loopback address cannot leave.
    refused(
        &["load", "192.0.2.1:9", "--source-ip", "127.0.0.1", "-n", "3"],
        3,
        "192.0.2.1:9",
    );
}

#[cfg(unix)]
#[test]
fn more_connections_than_the_open_file_limit_allows_are_refused_before_anything_runs() {
    if cfg!(finwait_force_fallback) {
        // It does not know the limit.
        return;
    }
    for target in ["", REFUSES] {
        let script = "ulimit -n 200 && exec \"$0\" load -c 1000 -n 1000 $1";
        let mut command = Command::new("sh");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_finwait"), target])
            .stdin(Stdio::null());
        let ran = Session::start(&mut command)
            .finish()
            .expect(2)
            .complains("the limit is 200");
        assert!(ran.stderr.contains("ulimit -n"), "{ran:?}");
        assert_eq!(ran.text(), "");
    }
}
