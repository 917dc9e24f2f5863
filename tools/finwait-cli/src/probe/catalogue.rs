//! What checks there are, and all about one of them.

use std::fmt::Write;

use finwait_probe::{Check, Cost, Level, Needs, Severity, battery};

use crate::output::layout::wrapped;
use crate::output::units::{bytes, grouped};

/// A line for each check, and the sum of what they may cost.
pub(super) fn list(checks: &[&Check]) -> String {
    let widest = |of: fn(&Check) -> &str| checks.iter().map(|check| of(check).len()).max();
    let id = widest(|check| check.id).unwrap_or(0);
    let title = widest(|check| check.title).unwrap_or(0);
    let mut text = String::new();
    let (mut usual, mut all) = (battery::BASELINE, battery::BASELINE);
    for check in checks {
        let (connections, most) = (grouped(check.most.connections.into()), check.most);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:id$}  {:8}  {:6}  {:title$}  {connections:>6} connections, {}{}",
            check.id,
            check.severity,
            check.level,
            check.title,
            bytes(most.bytes),
            marks(check.needs)
        );
        add(&mut all, most);
        if !check.needs.slow && !check.needs.storm {
            add(&mut usual, most);
        }
    }
    let _ = writeln!(
        text,
        "\n{} checks, and the plain requests before and after them: at most {}",
        checks.len(),
        cost(usual)
    );
    if usual != all {
        let _ = writeln!(text, "with --slow and --storms: at most {}", cost(all));
    }
    text
}

/// One connection more than the check's own: whether the server is still there, after what looks bad.
fn add(sum: &mut Cost, most: Cost) {
    sum.connections += most.connections + 1;
    sum.at_once = sum.at_once.max(most.at_once);
    sum.bytes += most.bytes;
}

fn marks(needs: Needs) -> String {
    let marks = [(needs.slow, ", --slow"), (needs.storm, ", --storms")];
    let marks = marks.iter().filter(|(needed, _)| *needed);
    marks.map(|(_, mark)| *mark).collect()
}

fn cost(cost: Cost) -> String {
    format!(
        "{} connections, {} at the same time; {} sent and {} received",
        grouped(cost.connections.into()),
        grouped(cost.at_once.into()),
        bytes(cost.bytes),
        bytes(cost.bytes)
    )
}

/// Everything about one check.
pub(super) fn explain(check: &Check, width: usize) -> String {
    const LABEL: usize = 10;
    let severity = format!("{}: {}", check.severity, hurts(check.severity));
    let level = format!(
        "{} ({}): {}",
        check.level,
        check.reference,
        demands(check.level)
    );
    let cost = format!("at most {}", cost(check.most));
    let mut text = format!("{}: {}\n\n", check.id, check.title);
    for (label, what) in [
        ("does", check.does),
        ("demand", check.demand),
        ("level", &level),
        ("severity", &severity),
        ("harm", check.harm),
        ("remedy", check.remedy),
        ("needs", &needs(check.needs)),
        ("cost", &cost),
    ] {
        let mut label = label;
        for line in wrapped(what, width.saturating_sub(LABEL)) {
            let _ = writeln!(text, "{label:LABEL$}{line}");
            label = "";
        }
    }
    text
}

fn needs(needs: Needs) -> String {
    let all = [
        (needs.http, "a target that speaks HTTP"),
        (needs.big, "a response of 1 MiB or more (--big-path)"),
        (
            needs.late,
            "a response that takes 500 ms or more (--slow-path)",
        ),
        (needs.slow, "minutes (--slow)"),
        (needs.storm, "your leave for a storm (--storms)"),
    ];
    let some = all.iter().filter(|(needed, _)| *needed);
    let some: Vec<_> = some.map(|(_, what)| *what).collect();
    if some.is_empty() {
        return "nothing but a server".to_owned();
    }
    some.join(", ")
}

fn hurts(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "good to know",
        Severity::Low => "a failure hardly hurts",
        Severity::Medium => {
            "a failure hurts in some cases, or by errors that are noticed and repeated"
        }
        Severity::High => "by a failure requests are lost, or the server's resources",
        Severity::Critical => {
            "by a failure data is lost without anybody noticing, or the server dies"
        }
    }
}

fn demands(level: Level) -> &'static str {
    match level {
        Level::Info => "nobody demands it; a fact about the server",
        Level::Should => "there may be good reasons not to",
        Level::Must => "the protocol demands it",
    }
}
