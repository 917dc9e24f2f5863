//! The programs that the scripts in `tools/` measure with: each for a moment. `cargo test --benches` runs
//! this too.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use finwait_peer::{Options, Running, Server};
use finwait_platform as platform;

const CONTEST: &str = env!("CARGO_BIN_EXE_contest");
const FLOOR: &str = env!("CARGO_BIN_EXE_floor");

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.expect("a program of this crate")
}

/// What it printed, if it said of itself that it did well.
fn printed(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(said, "");
    String::from_utf8(output.stdout).expect("text")
}

fn serve(behaviour: &str) -> Running {
    let options = Options {
        behaviour: behaviour.parse().expect("a behaviour"),
        ..Options::default()
    };
    Server::bind(([127, 0, 0, 1], 0).into(), options)
        .and_then(Server::spawn)
        .expect("a server on loopback")
}

fn rate(text: &str) -> f64 {
    let rate = text.trim().parse().expect("a number");
    assert!(rate > 0.0, "{rate}");
    rate
}

#[test]
fn every_contestant_tears_all_connections_down_and_stands_in_the_table() {
    let kinds = [
        "closer",
        "closer-own",
        "floor",
        "floor-asks",
        "threads",
        "tokio",
    ];
    if platform::process_cpu_time().is_none() {
        // It measures nothing then, and says so.
        let output = run(CONTEST, &["run", "closer", "50", "2"]);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("CPU time"), "{stderr}");
        return;
    }
    let mut lines = String::new();
    for kind in kinds {
        lines += &printed(run(CONTEST, &["run", kind, "50", "2"]));
    }
    assert_eq!(lines.lines().count(), kinds.len(), "{lines}");
    for (line, kind) in lines.lines().zip(kinds) {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some(kind));
        assert_eq!(words.next(), Some("50"));
        rate(words.next().expect("a rate"));
    }

    let mut table = Command::new(CONTEST)
        .arg("table")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the table");
    let mut stdin = table.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    let table = printed(table.wait_with_output().expect("it ends"));
    let rows = table.lines().filter_map(|line| line.split(' ').next());
    let rows: Vec<_> = rows.filter(|word| kinds.contains(word)).collect();
    assert_eq!(rows, kinds, "{table}");
}

#[test]
fn the_contest_says_what_is_wrong_with_its_arguments() {
    let too_many = (
        &["run", "floor", "999999999999", "1"][..],
        "open-file limit",
    );
    // Where there is such a limit.
    let too_many = platform::open_file_limit().ok().flatten().map(|_| too_many);
    let wrong = [
        (&["run", "bare", "1", "1"][..], "KIND is floor,"),
        (&["run", "floor", "0", "1"], "COUNT is a number"),
        (&["run", "floor", "1", "many"], "BATCHES is a number"),
        (&["table"], "no line of `contest run`"),
        (&[], "run KIND COUNT BATCHES"),
    ];
    for (arguments, said) in wrong.into_iter().chain(too_many) {
        let output = run(CONTEST, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_floor_does_its_exchanges() {
    let echo = serve("echo");
    let addr = echo.addr().to_string();
    for storm in ["storm", "storm-asks"] {
        rate(&printed(run(FLOOR, &[storm, &addr, "50"])));
    }
    // No second connection on any of the ten.
    rate(&printed(run(FLOOR, &["churn", &addr, "10", "0"])));
    rate(&printed(run(FLOOR, &["count", &addr, "10", "25"])));
    let stats = echo.stop(Duration::from_secs(10));
    assert_eq!(stats.accepted, 135);

    let http = serve("http=1k");
    let addr = http.addr().to_string();
    for first in ["half", "fin"] {
        rate(&printed(run(
            FLOOR,
            &["http", &addr, "10", "0", "/", first],
        )));
    }
    http.stop(Duration::from_secs(10));
}

#[test]
fn the_floor_says_what_is_wrong_with_its_arguments() {
    let wrong = [
        (
            &["storm", "localhost:80", "1"][..],
            "ADDR is an IP address and a port",
        ),
        (
            &["storm", "127.0.0.1:1", "0"],
            "COUNT is a number of at least 1",
        ),
        (&["churn", "127.0.0.1:1", "0", "1"], "AT_ONCE is a number"),
        (
            &["churn", "127.0.0.1:1", "1", "soon"],
            "SECONDS is a number",
        ),
        (
            &["http", "127.0.0.1:1", "1", "1", "/", "rst"],
            "half or fin, not rst",
        ),
        (&[], "usage: floor storm"),
    ];
    for (arguments, said) in wrong {
        let output = run(FLOOR, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_floor_does_not_count_what_is_no_answer() {
    // It answers with something else than HTTP.
    let filler = serve("respond=1k");
    let addr = filler.addr().to_string();
    let output = run(FLOOR, &["http", &addr, "1", "0", "/", "half"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("answered: "), "{stderr}");
    filler.stop(Duration::from_secs(10));
}
