//! `--log`: a line for each connection.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::peer;
use crate::results::files::{Files, lines, number, text};
use crate::{expect_rated, load};

#[test]
fn an_open_loop_follows_its_rate() {
    let files = Files::new();
    let log = files.path("log");
    let args = [
        "--rate",
        "500/s",
        "-z",
        "400ms",
        "--log",
        &log,
        "--threads",
        "2",
    ];
    let json = expect_rated(load(&args)).json();
    let lines = files.log();
    assert_eq!(lines.len() as u64, json["connections"]["started"]);
    for line in &lines {
        // Of a time in whole microseconds the rest is cut off.
        let (due, told) = (number(&line["id"]) * 2_000, number(&line["intended_us"]));
        assert!(told == due || told + 1 == due, "{line}");
    }
}

#[test]
fn a_closed_loop_intends_what_it_does() {
    let files = Files::new();
    let log = files.path("log");
    load(&["-n", "50", "-c", "5", "--log", &log]).expect(0);
    for line in files.log() {
        assert_eq!(line["intended_us"], line["started_us"], "{line}");
    }
}

#[test]
fn no_two_live_connections_have_the_same_local_end() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let files = Files::new();
    let log = files.path("log");
    // Without TIME-WAIT ports come back at once.
    let args = [
        &addr[..],
        "-n",
        "3000",
        "-c",
        "100",
        "--close",
        "rst",
        "--expect",
        "echo",
    ];
    load(&[&args[..], &["--log", &log]].concat()).expect(0);
    let mut lives = BTreeMap::<String, Vec<(u64, u64)>>::new();
    for line in files.log() {
        assert_eq!(line["peer"], addr, "{line}");
        let life = (number(&line["started_us"]), number(&line["ended_us"]));
        lives
            .entry(text(&line["local"]).to_owned())
            .or_default()
            .push(life);
    }
    assert!(lives.len() >= 100, "{lives:?}");
    for (local, mut lives) in lives {
        lives.sort_unstable();
        let apart = lives.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        assert!(apart, "{local}: {lives:?}");
    }
}

#[test]
fn what_was_never_established_has_the_local_end_that_was_tried() {
    let files = Files::new();
    let log = files.path("log");
    load(&[crate::common::REFUSES, "-n", "3", "--log", &log]).expect(3);
    let lines = files.log();
    assert_eq!(lines.len(), 3);
    for line in lines {
        if cfg!(all(target_os = "linux", not(finwait_force_fallback))) {
            let (host, port) = text(&line["local"]).rsplit_once(':').expect("an address");
            assert_eq!(host, "127.0.0.1", "{line}");
            assert_ne!(port.parse(), Ok(0_u16), "{line}");
        }
        // The fallback platform has no names for errors.
        if !cfg!(finwait_force_fallback) {
            let name = if cfg!(windows) {
                "WSAECONNREFUSED"
            } else {
                "ECONNREFUSED"
            };
            assert_eq!(line["error"], name, "{line}");
        }
        assert_eq!(line["progress"], "no-connection", "{line}");
    }
}

#[test]
fn a_sample_is_about_its_share_and_the_same_for_the_same_seed() {
    let files = Files::new();
    let sample = |seed: &str, name: &str, threads: &str| {
        let log = files.path(name);
        let args = [
            "-n",
            "2000",
            "-c",
            "50",
            "--seed",
            seed,
            "--threads",
            threads,
        ];
        let json = load(&[&args[..], &["--log", &log, "--log-sample", "10%"]].concat());
        // All are counted, whatever is logged.
        assert_eq!(json.expect(0).json()["verdicts"]["graceful"], 2_000);
        let ids = lines(&log).iter().map(|line| number(&line["id"])).collect();
        BTreeSet::<u64>::from_iter(ids_of(ids))
    };
    let first = sample("1", "first", "1");
    // 200, and four times the deviation of so many tosses.
    assert!((146..=254).contains(&first.len()), "{first:?}");
    assert_eq!(sample("1", "again", "2"), first);
    assert_ne!(sample("2", "other", "1"), first);
}

/// No number twice.
fn ids_of(ids: Vec<u64>) -> Vec<u64> {
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    ids
}

#[test]
fn a_mixture_is_chosen_by_the_number_and_the_seed() {
    let files = Files::new();
    let chosen = |name: &str, threads: &str| {
        let log = files.path(name);
        let args = ["-n", "300", "-c", "30", "--close", "mix=half:50,rst:50"];
        load(&[&args[..], &["--threads", threads, "--log", &log]].concat()).expect(0);
        let lines = lines(&log);
        let each = lines
            .iter()
            .map(|line| (number(&line["id"]), text(&line["close"]).to_owned()));
        each.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(chosen("one", "1"), chosen("two", "2"));
}
