//! Ctrl-C once: stop starting, drain, print, exit 130. Twice: leave at once.
// Windows has no signals; its Ctrl-C is in tests/windows_command.rs.
#![cfg(unix)]

mod common;

use std::process::Stdio;

use common::results::adds_up;
use common::{BOUND, Session, finwait, peer};

#[test]
fn ctrl_c_stops_load_which_drains_and_prints_the_results() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    for target in [None, Some(addr.as_str())] {
        let args = [
            &["load", "--json", "-z", "1h", "-c", "4"],
            target.as_slice(),
        ]
        .concat();
        let mut session = Session::start(finwait(&args).stdin(Stdio::null()));
        match target {
            None => drop(session.until_line("no TARGET")),
            Some(_) => common::until(|| server.stats().finished > 100),
        }
        session.signal("INT");
        let ran = session.finish().expect(130);
        let json = ran.json();
        adds_up(&json);
        assert_eq!(json["connections"]["open"], 0, "{json:#}");
        if target.is_some() {
            assert!(
                json["verdicts"]["graceful"].as_u64() > Some(100),
                "{json:#}"
            );
        }
    }
}

#[test]
fn what_does_not_end_within_the_time_to_stop_is_counted_as_open() {
    let server = peer("silent");
    let addr = server.addr().to_string();
    let args = [
        "load",
        &addr,
        "--json",
        "-n",
        "7",
        "--drain-idle",
        "1h",
        "--stop-within",
        "100ms",
    ];
    let session = Session::start(finwait(&args).stdin(Stdio::null()));
    common::until(|| server.stats().received_bytes == 7 * 64);
    session.signal("TERM");
    let json = session.finish().expect(130).json();
    adds_up(&json);
    assert_eq!(json["connections"]["open"], 7, "{json:#}");
}

#[test]
fn a_second_ctrl_c_leaves_load_at_once() {
    let server = peer("silent");
    let addr = server.addr().to_string();
    let args = [
        "load",
        &addr,
        "--json",
        "-n",
        "1",
        "--drain-idle",
        "1h",
        "--stop-within",
        "1h",
    ];
    let mut session = Session::start(finwait(&args).stdin(Stdio::null()));
    common::until(|| server.stats().received_bytes == 64);
    session.signal("INT");
    session.until_line("interrupt again");
    session.signal("INT");
    let ran = session.finish().expect(130);
    assert_eq!(ran.text(), "");
}

#[test]
fn ctrl_c_ends_stdin_and_send_drains() {
    let server = peer("echo");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"begun");
    session.until_stdout(b"begun");
    let stdin = session.stdin.take();
    session.signal("INT");
    let ran = session.finish().expect(130);
    assert_eq!(ran.text(), "begun");
    assert!(ran.stderr.contains("interrupted"), "{ran:?}");
    drop(stdin);
    // The server got our FIN, not an RST.
    let summary = server.stop(BOUND);
    assert!(
        summary
            .endings
            .keys()
            .all(|ending| !ending.contains("reset")),
        "{summary}"
    );
}

#[test]
fn a_second_ctrl_c_leaves_send_at_once() {
    let server = peer("silent");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"hello");
    common::until(|| server.stats().received_bytes == 5);
    session.signal("INT");
    session.until_line("interrupt again");
    session.signal("INT");
    session.finish().expect(130);
}
