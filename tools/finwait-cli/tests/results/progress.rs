//! What is to be seen of a run while it goes on.

use crate::common::peer;
use crate::load;

#[test]
fn every_whole_second_has_a_line() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let args = [&addr[..], "-z", "2300ms", "-c", "2", "--expect", "echo"];
    let ran = load(&args).expect(0);
    let seconds: Vec<_> = ran
        .stderr
        .lines()
        .filter(|line| !line.contains("TIME-WAIT"))
        .map(|line| {
            let (second, rest) = line.split_once(" s: ").expect("a line of progress");
            assert!(
                rest.contains(" started/s, ") && rest.contains("teardown p50 "),
                "{ran:?}"
            );
            second
                .strip_prefix("finwait: ")
                .expect("our name")
                .parse::<u64>()
                .expect("a number")
        })
        .collect();
    let elapsed = ran.json()["elapsed_s"].as_f64().expect("a time");
    // Both have a clock of their own.
    let whole = elapsed.floor() as u64;
    let expected = |n: u64| (1..=n).collect::<Vec<_>>();
    assert!(
        seconds == expected(whole) || seconds == expected(whole - 1),
        "{elapsed}: {ran:?}"
    );
    assert!(
        !ran.stderr.contains('\x1b') && !ran.stderr.contains('\r'),
        "{ran:?}"
    );

    let args = [
        &addr[..],
        "-z",
        "1100ms",
        "-c",
        "2",
        "--expect",
        "echo",
        "-q",
    ];
    let ran = load(&args).expect(0);
    assert!(!ran.stderr.contains(" s: "), "{ran:?}");
    assert_eq!(ran.errors(), Vec::<&str>::new());
}

#[test]
fn a_quiet_run_says_nothing_that_is_well() {
    let ran = load(&["-q", "-n", "5"]).expect(0);
    assert!(!ran.stderr.contains("no TARGET"), "{ran:?}");
    assert_eq!(ran.errors(), Vec::<&str>::new());
}

/// `script` of util-linux gives a command a terminal, and hands on what it writes there.
#[cfg(unix)]
#[test]
fn a_terminal_is_drawn_on_and_left_clean() {
    use std::process::{Command, Stdio};

    use crate::common::{Session, skipped};
    use crate::results::screen::Screen;

    let version = Command::new("script").arg("--version").output();
    if !version.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("util-linux")) {
        return skipped("script of util-linux");
    }
    let server = peer("echo");
    let line = format!(
        "stty cols 100 rows 40; exec '{}' load {} -z 1300ms -c 2 --expect echo",
        env!("CARGO_BIN_EXE_finwait"),
        server.addr()
    );
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped());
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    let mut session = Session::start(&mut command);
    // Its stdin stays open: script would take the end of it for the end of the session.
    let stdin = session.stdin.take();
    let said = session.finish().expect(0).text();
    drop(stdin);
    assert!(said.matches("last second").count() >= 3, "{said:?}");
    assert!(said.contains("verdicts     graceful "), "{said:?}");
    let left = Screen::after(&said).lines();
    let first = left.iter().find(|line| !line.contains("TIME-WAIT"));
    assert!(
        first.is_some_and(|line| line.starts_with("target ")),
        "{left:#?}"
    );
    let drawn = |line: &String| line.contains("last second") || line.contains("finished/s,");
    let rate = |line: &String| line.starts_with("rate ");
    assert!(
        !left.iter().any(|line| drawn(line) && !rate(line)),
        "{left:#?}"
    );
    assert_eq!(
        left.iter()
            .filter(|line| line.starts_with("verdicts "))
            .count(),
        1,
        "{left:#?}"
    );
}
