//! Every command line of docs/probe.md runs, against servers of the test's own.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::{Session, peer};
use crate::http;

/// Every line of an `sh` block that runs `finwait`.
fn lines() -> Vec<&'static str> {
    let text = include_str!("../../../../docs/probe.md");
    let mut in_sh = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_sh = line == "```sh";
        } else if in_sh && line.starts_with("finwait ") {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn every_command_line_of_the_document_runs() {
    let (http, echo) = (http(), peer("echo"));
    let bin = Path::new(env!("CARGO_BIN_EXE_finwait"));
    let bin = bin.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let dir = TempDir::new().expect("a folder");
    let lines = lines();
    assert!(lines.len() >= 6, "{lines:#?}");
    for line in lines {
        let here = line
            .replace("127.0.0.1:8080", &http.addr().to_string())
            .replace("127.0.0.1:27015", &echo.addr().to_string());
        let mut command = Command::new("sh");
        command
            .args(["-euc", &here])
            .env("PATH", format!("{bin}:{path}"))
            .current_dir(dir.path())
            .stdin(Stdio::null());
        let ran = Session::start(&mut command).finish();
        // What fails on purpose says so next to it.
        let code = i32::from(line.contains("half-close-deaf"));
        assert_eq!(ran.code, Some(code), "{here}: {ran:#?}");
    }
}
