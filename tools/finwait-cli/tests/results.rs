//! The results of `finwait load`: what they promise of their form holds, and what one of them says
//! the others say too.

mod common;
mod results {
    pub(crate) mod files;
    pub(crate) mod hdr;
    #[cfg(unix)]
    pub(crate) mod interrupted;
    pub(crate) mod log;
    pub(crate) mod preflight;
    pub(crate) mod progress;
    // Their package is installed the way of Unix.
    #[cfg(unix)]
    pub(crate) mod python;
    pub(crate) mod schema;
    // What gives a program a terminal is there on Unix only.
    #[cfg(unix)]
    pub(crate) mod screen;
    pub(crate) mod start;
    pub(crate) mod strict;
    pub(crate) mod thresholds;
    pub(crate) mod trouble;
}

use std::process::Stdio;

use common::{Ran, Session, finwait};

/// `finwait load ARGS` in a shell, after `before` and with `after` at its end.
#[cfg(unix)]
fn shell(before: &str, args: &[&str], after: &str) -> std::process::Command {
    let script = format!("{before} exec \"$0\" load \"$@\" {after}");
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_finwait")])
        .args(args)
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn start(args: &[&str]) -> Session {
    Session::start(finwait(&[&["load"], args].concat()).stdin(Stdio::null()))
}

/// Runs `finwait load --json ARGS` to its end.
#[track_caller]
fn load(args: &[&str]) -> Ran {
    start(&[&["--json"], args].concat()).finish()
}

/// A busy machine may start connections late, or close them late, and says so with 4.
#[track_caller]
fn expect_rated(ran: Ran) -> Ran {
    let late = ["ms late or never", "closes came late"]
        .iter()
        .any(|why| ran.stderr.contains(why));
    let late = late && ran.code == Some(4);
    assert!(ran.code == Some(0) || late, "{ran:#?}");
    ran
}
