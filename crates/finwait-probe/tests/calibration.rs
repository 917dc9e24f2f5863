//! The battery against every behaviour of the reference server: each check gives the word that
//! `calibration.txt` has for it.
#![cfg(all(target_os = "linux", not(finwait_force_fallback)))]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use finwait_load::Expect;
use finwait_peer::{Mix, Options, Protocol as Spoken, Running, Server};
use finwait_probe::battery::{self, Battery, Settings};
use finwait_probe::{Http, Level, Patience, Protocol, Target, Word};

const TABLE: &str = include_str!("calibration.txt");

/// Rows at the same time: they wait more than they work.
const AT_ONCE: usize = 16;
/// What the reference server waits for an idle connection: less than a check watches one.
const IDLE: Duration = Duration::from_secs(2);
/// What a late response takes.
const LATE: &str = "600ms";

/// One line of the table: what is spoken, the behaviour, and a letter for each check.
#[derive(Debug, Clone)]
struct Row {
    spoken: String,
    behaviour: String,
    letters: String,
}

fn rows() -> Vec<Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (spoken, behaviour) = (fields.next()?, fields.next()?);
        Some(Row {
            spoken: spoken.to_owned(),
            behaviour: behaviour.to_owned(),
            letters: fields.collect::<Vec<_>>().join(" "),
        })
    });
    rows.collect()
}

fn serve(row: &Row) -> Running {
    let http = row.spoken == "http";
    let behaviour: Mix = row.behaviour.parse().expect("a behaviour");
    let options = Options {
        behaviour,
        protocol: if http { Spoken::Http } else { Spoken::Raw },
        idle: Some(IDLE),
        ..Options::default()
    };
    let addr = "127.0.0.1:0".parse().expect("an address");
    let server = Server::bind(addr, options).and_then(Server::spawn);
    server.expect("a server")
}

/// The target of a row. What is spoken raw is known by the number of its bytes, or as an echo.
fn target(row: &Row, server: &Running) -> Target {
    let addr = server.addr();
    let protocol = match row.spoken.as_str() {
        "http" => Protocol::Http(Http {
            host: addr.to_string(),
            path: "/".to_owned(),
            big: Some("/?size=4m".to_owned()),
            late: Some(format!("/?delay={LATE}")),
            post: None,
        }),
        "echo" => Protocol::Tcp {
            send: vec![b'x'; 64],
            expect: Expect::Echo,
        },
        "small" | "big" => Protocol::Tcp {
            send: vec![b'x'; 64],
            expect: Expect::Bytes(if row.spoken == "big" { 4 << 20 } else { 64 }),
        },
        other => panic!("nobody speaks {other}"),
    };
    Target {
        addr,
        name: addr.to_string(),
        protocol,
    }
}

/// What was found: the letters, and what was said of each.
fn found(row: &Row) -> (String, String) {
    let server = serve(row);
    let target = target(row, &server);
    let settings = Settings {
        patience: Patience {
            wait: Duration::from_secs(1),
            ..Patience::default()
        },
        ..Settings::default()
    };
    let battery = match Battery::new(&target, &settings) {
        Ok(battery) => battery,
        Err(why) => return ("unfit".to_owned(), format!("{why:?}")),
    };
    let (mut letters, mut said, mut group) = (String::new(), String::new(), "");
    let began = Instant::now();
    for check in battery::checks() {
        if group != check.group() {
            group = check.group();
            letters.push(' ');
        }
        let result = battery.run(check);
        let finding = &result.finding;
        letters.push(finding.word.letter());
        said += &format!(
            "  {:5} {:13} {} | {} | {} {:?} {:?} {:?}\n",
            finding.word,
            check.id,
            finding.service,
            finding.closing,
            finding.said,
            finding.figure.map(|f| f.value),
            finding.share.map(|s| (s.seen, s.of)),
            result.took,
        );
        assert!(
            result.connections <= check.most.connections,
            "{}: {} connections",
            check.id,
            result.connections
        );
    }
    // Those that never close would be waited for.
    server.stop(Duration::ZERO);
    println!("{} {}: {:?}", row.spoken, row.behaviour, began.elapsed());
    (letters.trim().to_owned(), said)
}

#[test]
fn every_behaviour_is_found_out() {
    let only = std::env::var("FINWAIT_ROWS").ok();
    let mut rows = rows();
    rows.retain(|row| {
        let name = format!("{} {}", row.spoken, row.behaviour);
        only.as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    });
    let queue = Mutex::new((0..rows.len()).collect::<Vec<_>>());
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("a queue").pop();
                    let Some(next) = next else { return };
                    let result = found(&rows[next]);
                    results.lock().expect("results").insert(next, result);
                }
            });
        }
    });
    let mut results = results.into_inner().expect("results");
    for (index, result) in &mut results {
        // Its RST takes with it what the client has not received yet: of one that keeps up, as beside a
        // server that gets hardly any CPU, nothing. Without the other rows the server gets more.
        let row = &rows[*index];
        for _ in 0..3 {
            if row.behaviour == "unread-close" && result.0 != row.letters {
                println!("once more, alone: {} {}", row.spoken, result.1);
                *result = found(row);
            }
        }
    }
    let mut wrong = String::new();
    for (index, (letters, said)) in &results {
        let row = &rows[*index];
        println!("{:6}{:37} {letters}", row.spoken, row.behaviour);
        if only.is_some() {
            println!("{said}");
        }
        if *letters != row.letters {
            wrong += &format!(
                "{} {}\n  wanted {}\n  found  {letters}\n{said}",
                row.spoken, row.behaviour, row.letters
            );
        }
    }
    assert_eq!(results.len(), rows.len());
    assert!(wrong.is_empty(), "{wrong}");
}

/// They ask the kernel under the server, which is the same for all behaviours.
const OF_THE_KERNEL: [&str; 2] = ["time-wait/2", "time-wait/3"];
/// They take half a minute, or a storm, and have tests of their own in `survival.rs` and `abort.rs`.
const LEFT_OUT: [&str; 3] = ["survival/6", "abort/9", "abort/10"];

/// A check that calls nothing bad is none, nor is one that calls bad what is good.
#[test]
fn every_check_passes_what_is_good_and_catches_something() {
    let rows = rows();
    let letters = |row: &Row| row.letters.replace(' ', "").chars().collect::<Vec<_>>();
    let good = |row: &&Row| row.spoken == "http" && row.behaviour == "linger";
    let good = letters(rows.iter().find(good).expect("the good server"));
    for (at, check) in battery::checks().enumerate() {
        let (id, word) = (check.id, good[at]);
        // A fact is no verdict; a limit on requests that is not there cannot be announced; and behind
        // a FIN nobody sees that a request is not carried out.
        let neutral = check.level == Level::Info || ["http/12", "http/14"].contains(&id);
        assert!(
            word == 'P' || (neutral && word == 'I') || LEFT_OUT.contains(&id),
            "{id}: {word}"
        );
        // What can only be a fact is another one somewhere.
        let caught = |other: char| match word {
            'P' if check.level == Level::Info => matches!(other, 'I' | 'W' | 'F'),
            _ => matches!(other, 'W' | 'F'),
        };
        let caught = rows
            .iter()
            .any(|row| letters(row).get(at).copied().is_some_and(caught));
        let elsewhere = LEFT_OUT.contains(&id) || OF_THE_KERNEL.contains(&id);
        assert!(caught || elsewhere, "{id} catches nothing");
    }
}

/// What varies from one connection to the next is said to vary.
#[test]
fn a_mix_shows_the_share_of_what_is_bad_in_it() {
    let row = Row {
        spoken: "http".to_owned(),
        behaviour: "mix=linger:60,half-close-deaf:40".to_owned(),
        letters: String::new(),
    };
    let server = serve(&row);
    let (target, settings) = (target(&row, &server), Settings::default());
    let battery = Battery::new(&target, &settings).expect("a server");
    let check = battery::checks().find(|check| check.id == "half-close/1");
    let finding = battery.run(check.expect("it is there")).finding;
    let share = finding.share.expect("several trials");
    assert_eq!(finding.word, Word::Fail, "{finding:?}");
    assert!(share.varies() && share.seen > 0, "{finding:?}");
    server.stop(Duration::ZERO);
}
