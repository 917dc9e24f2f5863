//! The card, Markdown and JUnit XML.

use std::fs;

use quick_xml::Reader;
use quick_xml::events::Event;
use tempfile::TempDir;

use crate::{http, probe, url};

#[test]
fn the_card_has_a_line_for_each_check_and_then_what_to_mend() {
    let server = http();
    let url = url(&server, "half-close-deaf");
    let only = "half-close/1,half-close/2";
    let ran = probe(&[&url, "--only", only]).expect(1);
    let card = ran.text();
    let lines: Vec<_> = card.lines().collect();
    assert!(
        lines[0].starts_with("target ") && lines[0].ends_with(&url),
        "{card}"
    );
    assert!(
        lines[1].starts_with("plain ") && lines[1].contains("status 200"),
        "{card}"
    );
    assert_eq!(lines[2], "checks    2");
    assert_eq!(lines[4], "half-close");
    assert!(
        lines[5].starts_with("FAIL  half-close/1  request, then our FIN"),
        "{card}"
    );
    assert!(lines[5].contains("nothing"), "{card}");
    assert!(lines[6].starts_with("SKIP  half-close/2 "), "{card}");
    assert_eq!(lines[8], "failed: 1 SKIP, 1 FAIL");
    assert_eq!(
        lines[10],
        "FAIL  high      half-close/1: request, then our FIN"
    );
    assert!(
        card.contains(
            "\nSKIP  needs a response that takes 500 ms or more: --slow-path\n      half-close/2\n"
        ),
        "{card}"
    );
    // Not a terminal: nothing moves, nothing is coloured, and no line of a check is cut.
    assert!(
        !card.contains('\x1b') && !ran.stderr.contains('\x1b'),
        "{ran:#?}"
    );
    let rest = lines[8..].iter();
    assert!(
        rest.clone().all(|line| line.chars().count() <= 100),
        "{card}"
    );
    assert!(!lines[..8].concat().contains("..."), "{card}");
    for what in ["wanted: ", "harm: ", "remedy: "] {
        assert!(card.contains(&format!("\n      {what}")), "{card}");
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn without_a_target_the_server_is_ones_own() {
    let ran = probe(&["--only", "half-close/1"])
        .expect(0)
        .complains_of_no_target();
    assert!(ran.starts_with("target    http://embedded:linger"), "{ran}");
    assert!(ran.ends_with("\nok: 1 PASS\n"), "{ran}");
    let ran = probe(&["--only", "half-close/1", "-q"]).expect(0);
    assert_eq!(ran.stderr, "");
}

impl crate::common::Ran {
    /// The note that says whom a run without a target is against, and nothing else; stdout.
    #[track_caller]
    fn complains_of_no_target(self) -> String {
        assert_eq!(self.stderr.lines().count(), 1, "{self:#?}");
        assert!(
            self.stderr.contains("no TARGET: the reference server"),
            "{self:#?}"
        );
        self.text()
    }
}

#[test]
fn what_should_be_done_and_is_not_fails_when_strict() {
    let server = http();
    let url = url(&server, "rst-after-response");
    let args = [&url[..], "--only", "half-close/1"];
    let card = probe(&args).expect(0).text();
    assert!(card.contains("\nWARN  half-close/1 "), "{card}");
    assert!(card.contains("\nok: 1 WARN\n"), "{card}");
    let card = probe(&[&args[..], &["--strict"]].concat()).expect(1).text();
    assert!(card.contains("\nfailed: 1 WARN\n"), "{card}");
}

#[test]
fn markdown_is_a_table_of_what_is_bad_and_one_of_all() {
    let server = http();
    let url = url(&server, "half-close-deaf?size=64&delay=60ms");
    let ran = probe(&[&url, "--only", "half-close/1,half-close/2", "--markdown"]).expect(1);
    let text = ran.text();
    let target = url.replace('&', "&amp;");
    assert!(
        text.starts_with(&format!("## finwait probe: {target}\n\n**failed**: ")),
        "{text}"
    );
    assert!(
        text.contains("\n| FAIL | high | half-close/1 request, then our FIN |"),
        "{text}"
    );
    assert!(
        text.contains("<details>\n<summary>All checks</summary>\n\n|"),
        "{text}"
    );
    let (_, all) = text.split_once("<details>").expect("details");
    assert!(all.contains("| SKIP | half-close/2 "), "{text}");
    assert!(all.trim_end().ends_with("</details>"), "{text}");
    // Every row of a table has as many cells as its head.
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 6, "{line}");
    }
}

#[test]
fn junit_has_a_case_for_each_check() {
    let dir = TempDir::new().expect("a folder");
    let file = dir.path().join("probe.xml");
    let file = file.to_str().expect("UTF-8");
    let server = http();
    let only = ["--only", "half-close/1,half-close/2,half-close/6"];
    let bad = url(&server, "half-close-deaf");
    let card = probe(&[&[&bad[..], "--junit", file], &only[..]].concat()).expect(1);
    assert!(card.text().starts_with("target "), "{card:#?}");
    let seen = elements(&fs::read_to_string(file).expect("it was written"));
    let count = |name: &str| seen.iter().filter(|(element, _)| element == name).count();
    assert_eq!(count("testsuites"), 1, "{seen:#?}");
    assert_eq!(count("testsuite"), 1, "{seen:#?}");
    assert_eq!(count("testcase"), 3, "{seen:#?}");
    assert_eq!(count("failure"), 1, "{seen:#?}");
    assert_eq!(count("skipped"), 1, "{seen:#?}");
    assert_eq!(count("system-out"), 1, "{seen:#?}");
    let attribute = |name: &str, value: &str| {
        let suites = &seen.iter().find(|(element, _)| element == "testsuites");
        let (_, attributes) = suites.expect("it is there");
        let wanted = (name.to_owned(), value.to_owned());
        assert!(attributes.contains(&wanted), "{name}: {attributes:?}");
    };
    attribute("tests", "3");
    attribute("failures", "1");
    attribute("skipped", "1");
    attribute("errors", "0");
}

/// The elements of a document with their attributes, in order. What is not XML fails.
#[track_caller]
pub(crate) fn elements(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(text);
    let mut seen = Vec::new();
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) | Event::Empty(start) => {
                let name = start.name().as_ref().to_owned();
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.expect("an attribute");
                    let value = attribute.value.into_owned();
                    (attribute.key.as_ref().to_owned(), value)
                });
                let attributes = attributes.collect();
                seen.push((name, attributes));
            }
            Event::Eof => return seen,
            _ => {}
        }
    }
}
