//! The command over a network that loses and cuts, and with peers that freeze, die and vanish: each
//! run ends by its bounds, says what is true, and leaves no connection behind.
//!
//! The clock that must end it is short, and every other one longer than a test may take: that it
//! ends says which one did.
#![cfg(target_os = "linux")]

mod common;
#[path = "faults/network.rs"]
mod network;
#[path = "../../../crates/finwait/tests/common/own_network.rs"]
mod own_network;

use std::process::Stdio;

use common::results::adds_up;
use common::{Ran, Session, finwait, until};
use network::{FIN, Network, alone, from, port, to};
use serde_json::{Value, json};

/// Longer than a test may wait for anything.
const NEVER: &str = "1h";

/// `finwait serve` with these arguments, and where it listens.
#[track_caller]
fn serve(args: &[&str]) -> (Session, String) {
    let args = [&["serve", "127.0.0.1:0"], args].concat();
    let mut session = Session::start(finwait(&args).stdin(Stdio::null()));
    let line = session.until_line("listening on ");
    let addr = line.rsplit(' ').next().expect("an address").to_owned();
    (session, addr)
}

/// `finwait load ADDR --json` with clocks that never run out, and these arguments, which may set them.
#[track_caller]
fn load(addr: &str, args: &[&str]) -> Session {
    let mut all = vec!["load", addr, "--json", "-q"];
    for clock in ["--connect-timeout", "--flush-stall", "--confirm"] {
        all.extend([clock, NEVER]);
    }
    for clock in ["--drain-idle", "--drain-total"] {
        if !args.contains(&clock) {
            all.extend([clock, NEVER]);
        }
    }
    all.extend(args);
    Session::start(finwait(&all).stdin(Stdio::null()))
}

/// The result of a run that is valid, and adds up.
#[track_caller]
fn result(ran: Ran) -> Value {
    let json = ran.expect(0).json();
    adds_up(&json);
    json
}

/// A frozen process answers nothing; its kernel does.
#[track_caller]
fn freeze(session: &Session) {
    session.signal("STOP");
    let stat = format!("/proc/{}/stat", session.id());
    until(|| {
        let stat = std::fs::read_to_string(&stat).expect("it lives");
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('T'))
    });
}

/// Nobody has a connection any more, and no kernel works on one.
#[track_caller]
fn none_is_left(network: &Network) {
    until(|| network.open().is_empty());
}

/// Tells the server to stop, which it does in order; so many connections it had.
#[track_caller]
fn stopped(server: Session, connections: u64) {
    server.signal("TERM");
    let ran = server.finish().expect(0);
    let counted = format!("{connections} connections accepted, {connections} finished, ");
    assert!(ran.stderr.contains(&counted), "{ran:#?}");
}

#[test]
fn load_waits_for_fins_that_are_lost_no_longer_than_its_bound() {
    alone(
        load_waits_for_fins_that_are_lost_no_longer_than_its_bound,
        |network| {
            // The clock, what it takes for a whole response, and so what a time-out is called.
            for (clock, expect, verdict) in [
                ("--drain-idle", "until-fin", "timed-out"),
                ("--drain-total", "until-fin", "timed-out"),
                ("--drain-idle", "echo", "leaked"),
            ] {
                let (server, addr) = serve(&["--behave", "echo"]);
                network.drops(&format!("{} {FIN}", from(&addr)));
                let args = ["-c", "20", "-n", "20", "--expect", expect, clock, "500ms"];
                let ran = load(&addr, &args).finish();
                assert!(network.dropped() >= 20, "their FINs");
                let json = result(ran);
                assert_eq!(json["verdicts"], json!({ verdict: 20 }), "{json:#}");
                assert_eq!(json["endings"], json!({ "timeout": 20 }), "{json:#}");
                // All the bytes were there; and not before its time, which three digits tell.
                assert_eq!(json["bytes"]["received"], 20 * 64, "{json:#}");
                let least = json["phases"]["teardown"]["min_us"].as_u64();
                assert!(least.is_some_and(|least| least >= 499_000), "{json:#}");
                network.heals();
                none_is_left(network);
                stopped(server, 20);
            }
        },
    );
}

/// The same run is a failure for whoever says what a good one is.
#[test]
fn a_threshold_fails_where_fins_are_lost() {
    alone(a_threshold_fails_where_fins_are_lost, |network| {
        let (server, addr) = serve(&["--behave", "echo"]);
        network.drops(&format!("{} {FIN}", from(&addr)));
        let args = [
            "-n",
            "5",
            "--drain-idle",
            "300ms",
            "--fail-if",
            "bad.count>0",
        ];
        let ran = load(&addr, &args).finish().expect(99);
        assert!(ran.stderr.contains("bad.count is 5"), "{ran:#?}");
        network.heals();
        none_is_left(network);
        stopped(server, 5);
    });
}

/// Loss delays, and may delay for too long; it resets nothing, and makes nobody believe in a part.
#[test]
fn load_over_a_link_that_loses_one_packet_in_ten() {
    alone(load_over_a_link_that_loses_one_packet_in_ten, |network| {
        let (server, addr) = serve(&["--behave", "echo"]);
        for way in [from(&addr), to(&addr)] {
            network.drops(&format!("{way} numgen random mod 100 < 10"));
        }
        let args = ["-c", "40", "-n", "80", "--send", "20k", "--expect", "echo"];
        let clocks = ["--drain-idle", "3s", "--drain-total", "10s"];
        let ran = load(&addr, &[&args[..], &clocks].concat()).finish();
        assert!(network.dropped() > 0, "nothing was lost");
        let json = result(ran);
        let named = |what: &str| -> Vec<String> {
            let counts = json[what].as_object().expect("an object");
            counts.keys().cloned().collect()
        };
        for verdict in named("verdicts") {
            let true_ones = ["graceful", "timed-out", "leaked"];
            assert!(true_ones.contains(&verdict.as_str()), "{json:#}");
        }
        for ending in named("endings") {
            assert!(
                ["fin-clean", "timeout"].contains(&ending.as_str()),
                "{json:#}"
            );
        }
        // Loss alone is no reason to give up.
        assert!(json["verdicts"]["graceful"].as_u64() > Some(0), "{json:#}");
        println!("verdicts: {}", json["verdicts"]);
        network.heals();
        none_is_left(network);
        server.signal("TERM");
        server.finish().expect(0);
    });
}

/// Its kernel accepts, takes the requests and acknowledges our FINs; nobody answers.
#[test]
fn load_of_a_frozen_server_ends_by_its_bound() {
    alone(load_of_a_frozen_server_ends_by_its_bound, |network| {
        let (server, addr) = serve(&["--behave", "echo"]);
        freeze(&server);
        let args = ["-c", "20", "-n", "20", "--drain-idle", "500ms"];
        let json = result(load(&addr, &args).finish());
        assert_eq!(json["verdicts"], json!({ "timed-out": 20 }), "{json:#}");
        assert_eq!(json["bytes"]["sent"], 20 * 64, "{json:#}");
        assert_eq!(json["bytes"]["received"], 0, "{json:#}");
        // It finds their requests and their FINs, and that they have gone.
        server.signal("CONT");
        none_is_left(network);
        stopped(server, 20);
    });
}

/// What the server had not read when it died its kernel answers with an RST, in its listen queue too.
#[test]
fn load_of_a_server_that_is_killed_with_requests_unread() {
    alone(
        load_of_a_server_that_is_killed_with_requests_unread,
        |network| {
            let (mut server, addr) = serve(&["--behave", "echo"]);
            freeze(&server);
            let load = load(&addr, &["-c", "20", "-n", "20"]);
            until(|| {
                let ends = network.open().into_iter();
                ends.filter(|end| end.local_port == port(&addr) && end.unread >= 64)
                    .count()
                    == 20
            });
            server.kill();
            let json = result(load.finish());
            assert_eq!(json["verdicts"], json!({ "reset-lost": 20 }), "{json:#}");
            assert_eq!(json["endings"], json!({ "rst": 20 }), "{json:#}");
            none_is_left(network);
        },
    );
}

/// What it had answered, it had read: to TCP its death is a close like any other.
#[test]
fn load_of_a_server_that_is_killed_with_nothing_unread() {
    alone(
        load_of_a_server_that_is_killed_with_nothing_unread,
        |network| {
            let (mut server, addr) = serve(&["--behave", "echo"]);
            let args = ["-c", "20", "-n", "20", "--expect", "echo", "--hold", NEVER];
            let load = load(&addr, &args);
            until(|| network.have_received(64) == 2 * 20);
            server.kill();
            let json = result(load.finish());
            assert_eq!(json["verdicts"], json!({ "graceful": 20 }), "{json:#}");
            none_is_left(network);
        },
    );
}

#[test]
fn send_to_a_frozen_peer_ends_by_its_timeout() {
    alone(send_to_a_frozen_peer_ends_by_its_timeout, |network| {
        let (server, addr) = serve(&["--behave", "echo"]);
        freeze(&server);
        // All has room in the buffers of both ends, and far from all: its window is full.
        for bytes in [5, 32 << 20] {
            let stdin = tempfile::tempfile().expect("a temporary file");
            stdin.set_len(bytes).expect("room");
            let command = &mut finwait(&["send", &addr, "-w", "1s"]);
            let mut session = Session::start(command.stdin(Stdio::from(stdin)));
            if bytes > 5 {
                until(|| network.open().iter().any(|end| end.probes));
            }
            let line = session.until_line("finwait: ");
            assert!(line.contains("timed out"), "{line}");
            let ran = session.finish().expect(28);
            assert!(ran.stdout.is_empty(), "{ran:#?}");
        }
        // What it left to the kernels comes to its end once the peer goes on.
        server.signal("CONT");
        none_is_left(network);
        server.signal("TERM");
        server.finish().expect(0);
    });
}

#[test]
fn serve_whose_clients_vanish_stops_within_its_bound() {
    const CLIENTS: usize = 30;
    alone(
        serve_whose_clients_vanish_stops_within_its_bound,
        |network| {
            let (mut server, addr) = serve(&["--behave", "echo", "--stop-within", "700ms"]);
            let clients = CLIENTS.to_string();
            let args = [
                "-c", &clients, "-n", &clients, "--expect", "echo", "--hold", NEVER,
            ];
            let mut load = load(&addr, &args);
            until(|| network.have_received(64) == 2 * CLIENTS);
            network.is_cut(&addr);
            server.signal("TERM");
            server.until_line("stopping");
            let ran = server.finish().expect(1);
            let said = format!(
                "{CLIENTS} connections accepted, {CLIENTS} finished, 0 graceful, {CLIENTS} cut"
            );
            assert!(ran.stderr.contains(&said), "{ran:#?}");
            // Half-closed in time, and then nothing; or not even that.
            let of = |ending: &str| -> usize {
                let (_, rest) = ran.stderr.split_once(ending).unwrap_or(("", " 0"));
                let count = rest.split_whitespace().next().expect("a count");
                count.parse().expect("a number")
            };
            let ended = of("timed out in drain: stopped") + of("cut at the deadline");
            assert_eq!(ended, CLIENTS, "{ran:#?}");
            load.kill();
            drop(load);
            network.heals();
            none_is_left(network);
        },
    );
}
