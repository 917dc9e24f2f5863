//! The command lines of the README run, against servers of the test's own.
// They are lines for a shell, which no Windows is sure to have.
#![cfg(unix)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use finwait_peer::{Options, Running, Server};

fn serve(behaviour: &str) -> Running {
    let behaviour = behaviour.parse().expect("a behaviour");
    let options = Options {
        behaviour,
        ..Options::default()
    };
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    Server::bind(any, options)
        .and_then(Server::spawn)
        .expect("a server")
}

/// Every line of an `sh` block that runs `finwait`.
fn lines() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let mut in_sh = false;
    let mut lines = Vec::new();
    for line in readme.lines() {
        if line.starts_with("```") {
            in_sh = line == "```sh";
        } else if in_sh && (line.starts_with("finwait ") || line.contains("| finwait ")) {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn run(line: &str) -> Output {
    let bin = Path::new(env!("CARGO_BIN_EXE_finwait"))
        .parent()
        .expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-euc", line])
        .env("PATH", format!("{}:{path}", bin.display()))
        .output()
        .expect("a shell")
}

#[test]
fn every_command_line_of_the_readme_does_what_it_says() {
    let (echo, http) = (serve("echo"), serve("http"));
    let lines = lines();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    for line in lines {
        if line.starts_with("finwait serve ") {
            // Its address is the one that the others are given here.
            assert_eq!(line, "finwait serve 127.0.0.1:27015");
            continue;
        }
        let here = line
            .replace("127.0.0.1:27015", &echo.addr().to_string())
            .replace("127.0.0.1:8080", &http.addr().to_string());
        let output = run(&here);
        // A busy machine may start connections late, and says so with 4.
        let late = line.contains("--rate") && output.status.code() == Some(4);
        assert!(output.status.success() || late, "{here}: {output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = match &line {
            line if line.contains("--json") => "\"graceful\": 5000",
            line if line.contains("--rate") => "aborted                     80",
            line if line.contains(" probe ") => "\nok: ",
            line if line.contains("--storm") => "graceful                 2,000   100.00%",
            _ => "hello",
        };
        assert!(stdout.contains(expected), "{here}: {stdout}");
    }
    for server in [echo, http] {
        assert_eq!(server.stop(Duration::from_secs(5)).cut, 0);
    }
}
