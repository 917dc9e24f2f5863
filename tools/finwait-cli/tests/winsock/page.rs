//! docs/winsock.md: the functions that it names are there, and its examples do what it says.

use std::fs;
use std::process::Stdio;

use crate::common::Session;
use crate::common::wine::{GCC, listening, root, wine};

fn page() -> String {
    fs::read_to_string(root().join("docs/winsock.md")).expect("the page")
}

/// Every `` [`name`](../file) `` of the page.
fn links(page: &str) -> Vec<(&str, &str)> {
    page.split("[`")
        .skip(1)
        .map(|rest| {
            let (name, rest) = rest.split_once("`](../").expect("a link to a file");
            let (file, _) = rest.split_once(')').expect("a link has an end");
            (name, file)
        })
        .collect()
}

/// Whether this line of `file` is where `name` is defined, not merely used.
fn defines(line: &str, name: &str, file: &str) -> bool {
    let is_rust = file.ends_with(".rs");
    let line = line.trim_start();
    let rust = ["fn", "struct", "enum"].iter().any(|word| {
        line.split_once(&format!("{word} {name}"))
            .is_some_and(|(before, after)| {
                (before.is_empty() || before.starts_with("pub"))
                    && after.starts_with(['(', '<', ' ', ';'])
            })
    });
    let variant = line.starts_with(&format!("{name} {{")) || line == format!("{name},");
    let c = line.starts_with("static ") && line.contains(&format!(" {name}("));
    if is_rust { rust || variant } else { c }
}

#[test]
fn every_function_that_the_page_names_is_where_it_says() {
    let page = page();
    let links = links(&page);
    assert!(links.len() > 30, "{links:#?}");
    for (name, file) in links {
        let text = fs::read_to_string(root().join(file))
            .unwrap_or_else(|error| panic!("{name} in {file}: {error}"));
        if file.ends_with(&format!("/{name}")) {
            continue;
        }
        let last = name.rsplit("::").next().unwrap_or(name);
        let found = text.lines().any(|line| defines(line, last, file));
        assert!(found, "no {name} in {file}");
    }
}

/// The `sh` blocks of the page, each as its lines.
fn blocks(page: &str) -> Vec<Vec<&str>> {
    page.split("```sh\n")
        .skip(1)
        .map(|rest| {
            let (block, _) = rest.split_once("```").expect("a block has an end");
            block.lines().collect()
        })
        .collect()
}

#[test]
fn every_example_of_the_page_does_what_it_says() {
    let Some(wine) = wine() else { return };
    let page = page();
    let blocks = blocks(&page);
    let (build, examples) = blocks.split_first().expect("how it is built");
    // These have made the programs that all these tests run.
    assert!(build.iter().all(|line| line.starts_with(GCC)), "{build:#?}");
    assert_eq!((build.len(), examples.len()), (2, 5), "{blocks:#?}");
    let programs = |line: &str| {
        line.replace(
            "target/winsock-client.exe",
            &wine.client.display().to_string(),
        )
        .replace(
            "target/winsock-server.exe",
            &wine.server.display().to_string(),
        )
    };
    for block in examples {
        let (server, clients) = block.split_first().expect("a server");
        let anywhere = programs(server)
            .replace("27015 127.0.0.1", "0 127.0.0.1")
            .replace("127.0.0.1:27015", "127.0.0.1:0");
        assert_ne!(anywhere, programs(server), "a port of its own");
        let mut command = wine.shell(&format!("exec {anywhere}"));
        let (session, addr) = listening(command.stdin(Stdio::null()));
        assert!(!clients.is_empty(), "{server}");
        for client in clients {
            let (line, code) = client.split_once("  # ").unwrap_or((client, "0"));
            let line = programs(line)
                .replace("127.0.0.1:27015", &addr)
                .replace("127.0.0.1 27015", &addr.replace(':', " "));
            let ran = Session::start(wine.shell(&line).stdin(Stdio::null())).finish();
            let code = code.parse().expect("an exit code");
            assert_eq!(ran.code, Some(code), "{server}; {client}: {ran:?}");
        }
        // The server in C has served as many as it was told to.
        if server.starts_with("finwait ") {
            session.signal("TERM");
        }
        session.finish().expect(0);
    }
}
