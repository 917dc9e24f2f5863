//! `finwait probe`: what it shows of a server, in every form, and what it does where there is none.

mod common;
mod probe {
    pub(crate) mod choice;
    // Its lines are for a shell, which no Windows is sure to have.
    #[cfg(unix)]
    pub(crate) mod docs;
    pub(crate) mod forms;
    pub(crate) mod schema;
    // What gives a program a terminal is there on Unix only.
    #[cfg(unix)]
    pub(crate) mod screen;
    pub(crate) mod trouble;
}

use std::net::Ipv4Addr;

use common::{Ran, run};
use finwait_peer::{Behaviour, Options, Protocol, Running, Server};
use serde_json::Value;

/// The reference server over HTTP, on a free port; a path chooses another behaviour.
#[track_caller]
fn http() -> Running {
    let options = Options {
        behaviour: Behaviour::LINGER.into(),
        protocol: Protocol::Http,
        ..Options::default()
    };
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options).expect("a free port");
    server.spawn().expect("a thread")
}

/// Where it behaves so.
fn url(server: &Running, behaviour: &str) -> String {
    format!("http://{}/behave/{behaviour}", server.addr())
}

/// Runs `finwait probe ARGS` to its end.
#[track_caller]
fn probe(args: &[&str]) -> Ran {
    run(&[&["probe"], args].concat())
}

/// A check of the result, by its id.
#[track_caller]
fn check<'a>(json: &'a Value, id: &str) -> &'a Value {
    let checks = json["checks"].as_array().expect("an array");
    let mut found = checks.iter().filter(|check| check["id"] == id);
    found
        .next()
        .unwrap_or_else(|| panic!("no {id} in {json:#}"))
}
