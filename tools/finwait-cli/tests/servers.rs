//! Real servers: what they log is what finwait counts, and what they do with a half-closed
//! connection is what docs/servers.md says.
// They are daemons of Unix, and told by signals to end.
#![cfg(unix)]

mod common;
mod servers {
    pub(crate) mod daemon;
    pub(crate) mod half_close;
    pub(crate) mod kinds;
    pub(crate) mod time_wait;
    pub(crate) mod upstream;
}

use std::net::SocketAddr;
use std::time::Duration;

use common::results::adds_up;
use common::{BOUND, REFUSES, run};
use serde_json::{Value, json};
use servers::daemon::Daemon;
use servers::half_close::{Outcome, Request, ask};
use servers::kinds::{APACHE, HAPROXY, Kind, LARGE, LIGHTTPD, NGINX, SMALL};
use servers::time_wait::wait_for_room;
use servers::upstream::upstream;

fn nobody() -> SocketAddr {
    REFUSES.parse().expect("an address")
}

#[track_caller]
fn load(server: &Daemon, path: &str, args: &[&str]) -> Value {
    // Both ends of a connection may be there; and other tests run at the same time.
    wait_for_room(20_000);
    let target = format!("http://{}{path}", server.addr);
    let json = run(&[&["load", &target, "--json"], args].concat())
        .expect(0)
        .json();
    adds_up(&json);
    json
}

/// How many connections were answered in full, as finwait has counted.
fn answered(json: &Value) -> u64 {
    ["graceful", "closed", "unclean-complete", "leaked"]
        .map(|verdict| json["verdicts"][verdict].as_u64().unwrap_or(0))
        .iter()
        .sum()
}

/// How many ended in order: gracefully, or closed by us if we may. A server may close in the moment of its response, and is
/// the first then.
fn good_ends(json: &Value, may_close: bool) -> u64 {
    let count = |kind: &str, name: &str| json[kind][name].as_u64().unwrap_or(0);
    let (graceful, closed) = (count("verdicts", "graceful"), count("verdicts", "closed"));
    assert_eq!(count("endings", "fin-clean"), graceful, "{json:#}");
    assert_eq!(count("endings", "closed"), closed, "{json:#}");
    assert!(may_close || closed == 0, "{json:#}");
    graceful + closed
}

/// Ends the server. How many lines of its log are of a whole answer, and which are not.
fn whole_and_others(server: Daemon, path: &str, size: u64) -> (u64, Vec<String>) {
    let whole = format!("GET {path} HTTP/1.1 200 {size}");
    let mut others = server.finish();
    let lines = others.len();
    others.retain(|line| *line != whole);
    ((lines - others.len()) as u64, others)
}

/// 2,000 connections at once, 2,000 in turn, and some without a half-close.
#[track_caller]
fn two_thousand_twice(kind: &'static Kind, behind: SocketAddr, path: &str) {
    let fin = ["--close", "fin", "--expect", "http"];
    let waves = [
        (2_000, vec!["-c", "2000", "--storm"]),
        (2_000, vec!["-c", "200"]),
        (200, [&["-c", "50"], &fin[..]].concat()),
    ];
    for (total, mode) in waves {
        let Some(server) = Daemon::start(kind, behind) else {
            return;
        };
        let number = total.to_string();
        let json = load(&server, path, &[&["-n", &number], &mode[..]].concat());
        let errors = server.errors();
        assert_eq!(
            good_ends(&json, mode.contains(&"fin")),
            total,
            "{json:#}{errors}"
        );
        assert_eq!(json["connections"]["open"], 0);
        if mode.contains(&"--storm") {
            assert_eq!(json["connections"]["most_open"], total);
        }
        let (whole, others) = whole_and_others(server, path, SMALL);
        assert_eq!(others, [""; 0]);
        assert_eq!(whole, answered(&json), "{json:#}");
    }
}

#[test]
fn what_nginx_has_logged_is_what_2000_connections_were_told() {
    two_thousand_twice(&NGINX, nobody(), "/");
}

#[test]
fn what_apache_has_logged_is_what_2000_connections_were_told() {
    two_thousand_twice(&APACHE, nobody(), "/");
}

#[test]
fn what_haproxy_has_logged_is_what_2000_connections_were_told() {
    two_thousand_twice(&HAPROXY, nobody(), "/");
}

#[test]
fn what_lighttpd_has_logged_is_what_2000_connections_were_told() {
    two_thousand_twice(&LIGHTTPD, nobody(), "/");
}

#[test]
fn what_haproxy_has_logged_for_a_server_behind_it_is_what_2000_connections_were_told() {
    if let Some(behind) = Daemon::start(&NGINX, nobody()) {
        two_thousand_twice(&HAPROXY, behind.addr, "/behind");
    }
}

/// The table of docs/servers.md.
#[track_caller]
fn half_closed(kind: &'static Kind, wanted: [(Request, Outcome); 7]) {
    // A proxy that drops the request does so on its own time, and one that waits is made to wait.
    let drops = wanted.contains(&(Request::Slow, Outcome::Silent));
    let patience = if drops {
        BOUND
    } else {
        Duration::from_millis(300)
    };
    let Some(server) = Daemon::start(kind, upstream(patience)) else {
        return;
    };
    for (request, outcome) in wanted {
        let cut_while_nobody_reads = || {
            if outcome == Outcome::Cut {
                common::until(|| server.log().iter().any(|line| line.contains("/large")));
            }
        };
        let found = ask(server.addr, request, cut_while_nobody_reads);
        assert_eq!(found, outcome, "{request:?}: {}", server.errors());
    }
}

#[test]
fn nginx_takes_the_fin_of_an_unfinished_exchange_for_an_abort() {
    half_closed(
        &NGINX,
        [
            (Request::Whole, Outcome::Answered(200)),
            (Request::KeepAlive, Outcome::Answered(200)),
            (Request::HalfLine, Outcome::Silent),
            (Request::HalfHead, Outcome::Silent),
            (Request::Nothing, Outcome::Silent),
            (Request::Slow, Outcome::Silent),
            (Request::Large, Outcome::Cut),
        ],
    );
}

#[test]
fn apache_answers_a_half_closed_request_and_a_broken_one() {
    half_closed(
        &APACHE,
        [
            (Request::Whole, Outcome::Answered(200)),
            (Request::KeepAlive, Outcome::Answered(200)),
            (Request::HalfLine, Outcome::Silent),
            (Request::HalfHead, Outcome::Answered(400)),
            (Request::Nothing, Outcome::Silent),
            (Request::Slow, Outcome::Answered(200)),
            (Request::Large, Outcome::Answered(200)),
        ],
    );
}

#[test]
fn haproxy_answers_every_half_closed_connection() {
    half_closed(
        &HAPROXY,
        [
            (Request::Whole, Outcome::Answered(200)),
            (Request::KeepAlive, Outcome::Answered(200)),
            (Request::HalfLine, Outcome::Answered(400)),
            (Request::HalfHead, Outcome::Answered(400)),
            (Request::Nothing, Outcome::Answered(400)),
            (Request::Slow, Outcome::Answered(200)),
            (Request::Large, Outcome::Answered(200)),
        ],
    );
}

#[test]
fn lighttpd_answers_a_half_closed_request_and_no_broken_one() {
    half_closed(
        &LIGHTTPD,
        [
            (Request::Whole, Outcome::Answered(200)),
            (Request::KeepAlive, Outcome::Answered(200)),
            (Request::HalfLine, Outcome::Silent),
            (Request::HalfHead, Outcome::Silent),
            (Request::Nothing, Outcome::Silent),
            (Request::Slow, Outcome::Answered(200)),
            (Request::Large, Outcome::Answered(200)),
        ],
    );
}

#[test]
fn what_nginx_cuts_short_for_half_closed_clients_is_what_finwait_calls_truncated() {
    let Some(server) = Daemon::start(&NGINX, nobody()) else {
        return;
    };
    let half = load(&server, "/large", &["-n", "40", "-c", "20"]);
    // How many are cut is a matter of luck: whether nginx looks at the socket before all is sent.
    let verdicts = half["verdicts"].as_object().expect("an object");
    let known = ["graceful", "truncated"];
    assert!(
        verdicts.keys().all(|name| known.contains(&name.as_str())),
        "{half:#}"
    );
    assert_eq!(half["endings"], json!({ "fin-clean": 40 }), "{half:#}");
    // The same requests, without the FIN.
    let args = ["-n", "40", "-c", "20", "--close", "fin", "--expect", "http"];
    let fin = load(&server, "/large", &args);
    assert_eq!(good_ends(&fin, true), 40, "{fin:#}");

    let (whole, others) = whole_and_others(server, "/large", LARGE);
    assert_eq!(whole, answered(&half) + answered(&fin), "{others:#?}");
    let truncated = half["verdicts"]["truncated"].as_u64().unwrap_or(0);
    assert_eq!(others.len() as u64, truncated, "{others:#?}");
}
