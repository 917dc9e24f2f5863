//! Real servers: their report cards are those of docs/servers.md.
#![cfg(all(target_os = "linux", not(finwait_force_fallback)))]

mod common;
#[path = "servers/daemon.rs"]
#[expect(dead_code, reason = "nobody asks for the log here")]
mod daemon;
#[path = "cards/hyper.rs"]
mod hyper_server;
#[path = "servers/kinds.rs"]
mod kinds;
#[path = "cards/more_kinds.rs"]
mod more_kinds;
#[path = "servers/time_wait.rs"]
mod time_wait;
#[path = "servers/upstream.rs"]
mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use daemon::Daemon;
use finwait_probe::battery::{self, Battery, Settings};
use finwait_probe::{Http, Protocol, Target};
use kinds::{APACHE, HAPROXY, Kind, LIGHTTPD, NGINX};
use more_kinds::{NGINX_ALWAYS, NGINX_OFF, NODE, PYTHON};
use upstream::upstream;

/// What a slow upstream, or a slow page, takes.
const SLOW: Duration = Duration::from_millis(700);

/// The line of this server in the document's block of cards, from the first letter on.
#[track_caller]
fn written(server: &str) -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/servers.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let mut lines = document.lines();
    let line = lines.find_map(|line| line.strip_prefix(&format!("{server:<24}")));
    let line = line.unwrap_or_else(|| panic!("{server} has no card in docs/servers.md"));
    line.trim().to_owned()
}

/// The card of the server at `addr`, a word for each group and a letter for each check, and what
/// was said of those that are no PASS.
fn card(addr: SocketAddr) -> (String, String) {
    let target = Target {
        addr,
        name: addr.to_string(),
        protocol: Protocol::Http(Http {
            host: addr.to_string(),
            path: "/".to_owned(),
            big: Some("/large".to_owned()),
            late: Some("/slow".to_owned()),
            post: None,
        }),
    };
    let settings = Settings::default();
    let battery = Battery::new(&target, &settings).expect("it can be probed");
    let (mut card, mut said, mut group) = (String::new(), String::new(), "");
    for check in battery::checks() {
        if group != check.group() {
            group = check.group();
            card.push(' ');
        }
        let result = battery.run(check);
        let finding = &result.finding;
        card.push(finding.word.letter());
        said += &format!(
            "{} {}: {} ({:?}, {:?}, {:?})\n",
            finding.word, check.id, finding.said, finding.figure, finding.share, result.took
        );
    }
    (card.trim().to_owned(), said)
}

#[track_caller]
fn is_as_written(server: &str, addr: SocketAddr) {
    // A kernel whose table of them is full keeps no TIME-WAIT, and there is nothing to check then.
    time_wait::wait_for_room(5_000);
    let (card, said) = card(addr);
    if std::env::var_os("FINWAIT_SHOW_CARDS").is_some() {
        println!("{server:<24}{card}\n{said}");
    }
    assert_eq!(card, written(server), "{server}:\n{said}");
}

#[track_caller]
fn daemon(name: &str, kind: &'static Kind) {
    if let Some(server) = Daemon::start(kind, upstream(SLOW)) {
        is_as_written(name, server.addr);
    }
}

/// From one version to the next it changed what bytes behind a `Connection: close` do.
fn node() {
    let Some(program) = NODE.program() else {
        return common::skipped("node");
    };
    let version = Command::new(program)
        .arg("--version")
        .output()
        .expect("it runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    match version.trim_start_matches('v').split('.').next() {
        Some(major @ ("18" | "20")) => daemon(&format!("Node {major} http"), &NODE),
        _ => common::skipped("node 18 or 20"),
    }
}

/// All at once, and not as a test for each: a card takes most of a minute, most of which is waiting, and the harness runs only
/// as many tests at once as there are processors.
#[test]
fn each_server_has_the_card_of_the_document() {
    let servers: [(&str, fn()); 9] = [
        ("nginx", || daemon("nginx", &NGINX)),
        ("nginx-off", || daemon("nginx, lingering off", &NGINX_OFF)),
        ("nginx-always", || {
            daemon("nginx, lingering always", &NGINX_ALWAYS)
        }),
        ("apache", || daemon("Apache", &APACHE)),
        ("haproxy", || daemon("HAProxy", &HAPROXY)),
        ("lighttpd", || daemon("lighttpd", &LIGHTTPD)),
        ("python", || daemon("Python http.server", &PYTHON)),
        ("node", node),
        ("hyper", || {
            is_as_written("hyper", hyper_server::serve(SLOW))
        }),
    ];
    let running = servers.map(|(name, card)| {
        let thread = thread::Builder::new().name(name.to_owned());
        (name, thread.spawn(card).expect("a thread"))
    });
    // What a thread has panicked with it has said itself.
    let failed: Vec<_> = running
        .into_iter()
        .filter_map(|(name, thread)| thread.join().is_err().then_some(name))
        .collect();
    assert!(failed.is_empty(), "not as written: {failed:?}");
}
