//! Which checks are made: --list, --explain, --only, --skip, --severity.

use crate::{http, probe, url};

/// The ids in the lines of a list.
fn listed(args: &[&str]) -> Vec<String> {
    let text = probe(&[&["--list"], args].concat()).expect(0).text();
    let (lines, sum) = text.split_once("\n\n").expect("lines, then their sum");
    assert!(
        sum.contains("at most ") && sum.contains(" connections"),
        "{text}"
    );
    let ids = lines.lines().map(|line| {
        assert!(line.contains(" connections, "), "{line}");
        line.split_whitespace().next().expect("an id").to_owned()
    });
    ids.collect()
}

#[test]
fn a_list_has_every_check_that_would_be_made() {
    let all = listed(&[]);
    assert!(all.len() >= 6, "{all:?}");
    assert_eq!(all[0], "half-close/1");
    let some = listed(&["--only", "half-close/1,half-close/?", "--only", "*-close/2"]);
    let group = |id: &&String| id.starts_with("half-close/");
    assert!(some.iter().eq(all.iter().filter(group)), "{some:?}");
    let fewer = listed(&["--only", "half-close/*", "--skip", "*/1,half-close/6"]);
    let left = |id: &&String| !id.ends_with("/1") && !id.ends_with("/6");
    assert!(fewer.iter().eq(some.iter().filter(left)), "{fewer:?}");
    let hurting = listed(&["--only", "half-close/*", "--severity", "high"]);
    assert!(!hurting.contains(&"half-close/4".to_owned()), "{hurting:?}");
    assert!(hurting.contains(&"half-close/1".to_owned()), "{hurting:?}");
}

#[test]
fn only_what_was_chosen_is_made() {
    let server = http();
    let only = "half-close/1,half-close/2,half-close/4";
    let args = [
        "--only",
        only,
        "--skip",
        "*-close/2",
        "--severity",
        "high",
        "--json",
    ];
    let ran = probe(&[&[&url(&server, "linger")[..]], &args[..]].concat());
    let json = ran.expect(0).json();
    let checks = json["checks"].as_array().expect("an array");
    let ids: Vec<_> = checks.iter().map(|check| &check["id"]).collect();
    assert_eq!(ids, ["half-close/1"]);
}

#[test]
fn a_check_is_explained_without_a_target() {
    let text = probe(&["--explain", "half-close/1"]).expect(0).text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "half-close/1: request, then our FIN");
    for label in [
        "does", "demand", "level", "severity", "harm", "remedy", "needs", "cost",
    ] {
        let has = lines
            .iter()
            .any(|line| line.starts_with(&format!("{label} ")));
        assert!(has, "no {label} in {text}");
    }
    assert!(text.contains("RFC 9293"), "{text}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}
