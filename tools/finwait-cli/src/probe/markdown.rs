//! The results of `finwait probe` for a comment on a pull request.

use std::fmt::{self, Write};

use super::report::{Report, Row};

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, report);
    text
}

fn write(f: &mut String, report: &Report) -> fmt::Result {
    writeln!(f, "## finwait probe: {}\n", escaped(&report.target))?;
    let result = if report.failed { "failed" } else { "ok" };
    write!(f, "**{result}**: {}", report.summary.told())?;
    if report.interrupted {
        write!(
            f,
            "; interrupted after {} of {}",
            report.checks.len(),
            report.wanted
        )?;
    }
    writeln!(f, ". A plain request: {}.", escaped(&report.plainly()))?;
    let bad = report.bad();
    if !bad.is_empty() {
        writeln!(f, "\n| | severity | check | what happened | remedy |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for row in bad {
            let (word, severity) = (row.word, row.severity);
            let (details, remedy) = (escaped(&row.details()), escaped(row.remedy));
            writeln!(
                f,
                "| {word} | {severity} | {} | {details} | {remedy} |",
                name(row)
            )?;
        }
    }
    writeln!(f, "\n<details>\n<summary>All checks</summary>\n")?;
    writeln!(f, "| | check | served | closed | what happened |")?;
    writeln!(f, "|---|---|---|---|---|")?;
    for row in &report.checks {
        let (word, service, closing) = (row.word, row.service, row.closing);
        let details = escaped(&row.details());
        writeln!(
            f,
            "| {word} | {} | {service} | {closing} | {details} |",
            name(row)
        )?;
    }
    writeln!(f, "\n</details>")
}

fn name(row: &Row) -> String {
    format!("{} {}", escaped(row.id), escaped(row.title))
}

/// Text that stands for itself, also in a cell of a table.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A name after it would be told of a comment that is not about them.
            '@' => escaped.push_str("&#64;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_is_taken_for_markdown() {
        assert_eq!(escaped("a|b <c> & `d`"), r"a\|b &lt;c&gt; &amp; \`d\`");
        assert_eq!(escaped(r"\|"), r"\\\|");
    }
}
