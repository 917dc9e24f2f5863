//! docs/portability.md: what the tests leave out under Wine is what it lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::wine::root;

/// How a test says that it leaves something out, up to the name of it.
const SAYS: [&str; 3] = [
    "skipped_under_wine(\"",
    "hidden_by_wine(\"",
    "\"skipped under Wine: ",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names in the tests of one crate, as `crate: name`.
fn in_tests(tests: &Path, package: &str, names: &mut BTreeSet<String>) {
    let mut files = Vec::new();
    sources(tests, &mut files);
    for file in files.iter().filter(|file| !file.ends_with("hidden.rs")) {
        let text = fs::read_to_string(file).expect("a file");
        for says in SAYS {
            for rest in text.split(says).skip(1) {
                let (name, _) = rest.split_once('"').expect("a string has an end");
                // What a helper is given, which is found where it is called.
                if name != "{name}" {
                    let name = name.replace("{id}", "abort/9 and abort/10");
                    names.insert(format!("{package}: {name}"));
                }
            }
        }
    }
}

#[test]
fn what_is_left_out_under_wine_is_listed_and_what_is_listed_is_left_out() {
    let packages = [
        "crates/finwait",
        "crates/finwait-load",
        "crates/finwait-peer",
    ];
    let packages = packages
        .into_iter()
        .chain(["crates/finwait-probe", "tools/finwait-cli"]);
    let mut left_out = BTreeSet::new();
    for package in packages {
        let tests = root().join(package).join("tests");
        if tests.exists() {
            let (_, name) = package.split_once('/').expect("a folder in a folder");
            in_tests(&tests, name, &mut left_out);
        }
    }
    let page = fs::read_to_string(root().join("docs/portability.md")).expect("the page");
    let (_, table) = page
        .split_once("| left out under Wine |\n|---|---|\n")
        .expect("the table");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
            let (package, _) = cells[0]
                .trim()
                .split_once(": ")
                .expect("a crate and a test");
            format!("{}: {}", package.trim_matches('`'), cells[1].trim())
        })
        .collect();
    assert_eq!(left_out, listed);
}
