//! The examples of docs/serve.md do what they say: a server, and clients that find out.
// They are lines for a shell, which no Windows is sure to have.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};

use common::Session;

/// The `sh` blocks of the page, each as its lines.
fn blocks() -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/serve.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut blocks = Vec::new();
    let mut block = None;
    for line in page.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(Vec::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(lines), line) => lines.push(line.to_owned()),
            (None, _) => {}
        }
    }
    blocks
}

/// A shell in which `finwait` is this one.
fn shell(line: &str) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_finwait"))
        .parent()
        .expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-euc", line])
        .env("PATH", format!("{}:{path}", bin.display()))
        .stdin(Stdio::null());
    command
}

#[test]
fn every_example_of_the_page_does_what_it_says() {
    const ADDR: &str = "127.0.0.1:27015";
    let blocks = blocks();
    assert_eq!(blocks.len(), 7, "{blocks:#?}");
    for block in blocks {
        let (server, clients) = block.split_first().expect("a server");
        assert!(
            server.starts_with(&format!("finwait serve {ADDR} ")),
            "{server}"
        );
        let anywhere = server.replace(ADDR, "127.0.0.1:0 --stop-within 0s");
        let mut session = Session::start(&mut shell(&format!("exec {anywhere}")));
        let line = session.until_line("listening on ");
        let addr = line
            .strip_prefix("listening on ")
            .expect("nothing before it");
        assert!(!clients.is_empty(), "{server}");
        for client in clients {
            let (line, code) = client.split_once("  # ").unwrap_or((client, "0"));
            let code = code.parse().expect("an exit code");
            let ran = Session::start(&mut shell(&line.replace(ADDR, addr))).finish();
            assert_eq!(ran.code, Some(code), "{server}; {client}: {ran:?}");
        }
        session.signal("TERM");
        session.finish();
    }
}
