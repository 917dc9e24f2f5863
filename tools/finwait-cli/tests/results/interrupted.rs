//! A run that is interrupted has results like any other. Windows has no signals: see `Session::signal`.

use std::time::Instant;

use finwait_peer::Running;

use crate::common::{BOUND, peer, until};
use crate::results::files::{Files, number};
use crate::start;

/// Interrupts a run once the server has seen enough of it; everything it writes agrees.
#[track_caller]
fn interrupted(
    signal: &str,
    args: &[&str],
    enough: impl Fn(&Running) -> bool,
) -> serde_json::Value {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let files = Files::new();
    let mut own = Vec::new();
    let args = [&[&addr[..], "--json", "--expect", "echo"], args].concat();
    let session = start(&files.args(&args, &mut own));
    until(|| enough(&server));
    let since = Instant::now();
    session.signal(signal);
    let ran = session.finish().expect(130);
    assert!(since.elapsed() < BOUND / 2, "{:?}", since.elapsed());
    assert!(ran.stderr.contains("stopping: draining"), "{ran:?}");
    let json = ran.json();
    files.agree(&json);
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["connections"]["open"], 0, "{json:#}");
    json
}

#[test]
fn an_interrupted_open_loop_has_results_and_owes_nothing() {
    for signal in ["INT", "TERM"] {
        let args = ["--rate", "300/s", "-z", "1h"];
        let json = interrupted(signal, &args, |server| server.stats().finished > 50);
        assert!(number(&json["verdicts"]["graceful"]) > 50, "{json:#}");
        // Whatever was late was so before the signal.
        let late = &json["late"];
        assert!(number(&late["unstarted"]) < 1_000, "{json:#}");
    }
}

#[test]
fn what_is_held_is_closed_in_order_when_interrupted() {
    for signal in ["INT", "TERM"] {
        let args = ["-n", "10", "-c", "10", "--hold", "1h"];
        let all = |server: &Running| server.stats().sent_bytes == 640;
        let json = interrupted(signal, &args, all);
        assert_eq!(json["verdicts"], serde_json::json!({ "graceful": 10 }));
    }
}

#[test]
fn what_waits_for_the_close_rate_is_closed_when_interrupted() {
    for signal in ["INT", "TERM"] {
        let args = ["-n", "40", "-c", "40", "--close-rate", "10/s"];
        let some = |server: &Running| server.stats().finished >= 2 && server.stats().accepted == 40;
        let json = interrupted(signal, &args, some);
        assert_eq!(json["verdicts"], serde_json::json!({ "graceful": 40 }));
    }
}
