//! On a terminal words have colours, unless NO_COLOR says otherwise, and a line shows the progress.

use std::process::{Command, Stdio};

use crate::common::{Session, skipped};

/// Runs it on a terminal of 80 columns: what is to be seen there.
fn on_a_terminal(no_color: Option<&str>) -> Option<String> {
    let version = Command::new("script").arg("--version").output();
    if !version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("util-linux")) {
        skipped("script of util-linux");
        return None;
    }
    let bin = env!("CARGO_BIN_EXE_finwait");
    let only = "half-close/1,half-close/2";
    let line = format!("stty cols 80 rows 40; exec '{bin}' probe --only {only}");
    // `script` of util-linux gives a command a terminal, and hands on what it writes there.
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped());
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let mut session = Session::start(&mut command);
    // Its stdin stays open: script would take the end of it for the end of the session.
    let stdin = session.stdin.take();
    let said = session.finish().expect(0).text();
    drop(stdin);
    Some(said)
}

#[test]
fn a_terminal_shows_colours_and_progress_and_keeps_to_its_width() {
    let Some(said) = on_a_terminal(None) else {
        return;
    };
    assert!(
        said.contains("\x1b[32mPASS \x1b[0m half-close/1 "),
        "{said:?}"
    );
    assert!(said.contains("2/2 half-close/2 our FIN while"), "{said:?}");
    let (_, card) = said.split_once("target    ").expect("a card");
    let plain = card.replace("\x1b[32m", "").replace("\x1b[0m", "");
    for line in plain.lines() {
        assert!(line.chars().count() <= 80, "{line:?}");
    }
}

#[test]
fn no_color_is_honoured() {
    let Some(said) = on_a_terminal(Some("1")) else {
        return;
    };
    assert!(said.contains("PASS  half-close/1 "), "{said:?}");
    assert!(!said.contains("\x1b[32m"), "{said:?}");
}
