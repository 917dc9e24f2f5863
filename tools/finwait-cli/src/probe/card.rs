//! The results of `finwait probe` as people read them: a line for each check, then what to mend.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::io;

use finwait_probe::battery::There;
use finwait_probe::{Sight, Word};

use super::report::{Report, Row};
use crate::output::layout::{cut, wrapped};
use crate::output::units::bytes;
use crate::{note, output};

/// Where the second column of the head begins.
const LABEL: usize = 10;

pub(super) fn text(report: &Report, width: usize) -> String {
    let card = Card {
        report,
        width,
        cuts: output::has_columns(),
        colour: note::may_colour(&io::stdout()),
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = card.write(&mut text);
    text
}

#[derive(Debug)]
struct Card<'a> {
    report: &'a Report,
    width: usize,
    /// Whether what does not fit into a line is left out.
    cuts: bool,
    colour: bool,
}

impl Card<'_> {
    fn write(&self, f: &mut String) -> fmt::Result {
        self.head(f)?;
        for rows in self.report.groups() {
            writeln!(f, "\n{}", rows[0].group)?;
            for row in rows {
                self.row(f, row)?;
            }
        }
        self.summary(f)
    }

    fn head(&self, f: &mut String) -> fmt::Result {
        let report = self.report;
        let (target, addr) = (&report.target, &report.address);
        if target.contains(addr) {
            writeln!(f, "{:LABEL$}{target}", "target")?;
        } else {
            writeln!(f, "{:LABEL$}{target} ({addr})", "target")?;
        }
        writeln!(f, "{:LABEL$}{}", "plain", report.plainly())?;
        if let Some(big) = report
            .plain
            .big_bytes
            .filter(|&big| big != report.plain.bytes)
        {
            writeln!(f, "{:LABEL$}{}", "big", bytes(big))?;
        }
        let (made, wanted) = (report.checks.len(), report.wanted);
        let made = match report.interrupted {
            true => format!("{made} of {wanted}, then interrupted"),
            false => made.to_string(),
        };
        writeln!(f, "{:LABEL$}{made}", "checks")
    }

    /// `WORD id title service closing details`, as much of it as there is room for.
    fn row(&self, f: &mut String, row: &Row) -> fmt::Result {
        let id = self.widest(|row| row.id.to_owned());
        let title = self.widest(|row| row.title.to_owned());
        // What happened can be read nowhere else; a title can.
        let title = if self.cuts {
            title.min(self.width / 3)
        } else {
            title
        };
        let service = self.widest(|row| row.service.to_string());
        let closing = self.widest(|row| row.closing.to_string());
        let (on, off) = self.colours(row.word);
        let rest = format!(
            " {:id$}  {:title$}  {:service$}  {:closing$}  {}",
            row.id,
            cut(row.title, title),
            row.service,
            row.closing,
            row.details()
        );
        let word = row.word;
        let rest = match self.cuts {
            true => cut(rest.trim_end(), self.width.saturating_sub(WORD)),
            false => rest.trim_end().to_owned(),
        };
        writeln!(f, "{on}{word:WORD$}{off}{rest}")
    }

    fn widest(&self, of: impl Fn(&Row) -> String) -> usize {
        let widths = self.report.checks.iter().map(|row| of(row).chars().count());
        widths.max().unwrap_or(0)
    }

    fn summary(&self, f: &mut String) -> fmt::Result {
        let report = self.report;
        let result = match report.failed {
            true => "failed",
            false if report.has_verdicts() => "ok",
            false => "nothing was tested",
        };
        writeln!(f, "\n{result}: {}", report.summary.told())?;
        for row in report
            .bad()
            .into_iter()
            .filter(|row| row.word != Word::Error)
        {
            let (on, off) = self.colours(row.word);
            let (word, severity) = (row.word, row.severity);
            writeln!(
                f,
                "\n{on}{word:WORD$}{off} {severity:8}  {}: {}",
                row.id, row.title
            )?;
            self.indented(f, &row.details())?;
            // It is for what fails; why less than that is to be mended depends on what was seen.
            if row.word == Word::Fail {
                self.indented(f, &format!("wanted: {} ({})", row.demand, row.reference))?;
                self.indented(f, &format!("harm: {}", row.harm))?;
                self.indented(f, &format!("remedy: {}", row.remedy))?;
            }
        }
        self.server(f)?;
        self.good_to_know(f)?;
        self.reasons(f, Word::Error)?;
        self.reasons(f, Word::Skip)?;
        if !report.bad().is_empty() {
            writeln!(f, "\nfinwait probe --explain ID tells all about a check.")?;
        }
        Ok(())
    }

    /// The server's side, before the first check and after the last.
    fn server(&self, f: &mut String) -> fmt::Result {
        let Some(There { before, after }) = &self.report.server else {
            return Ok(());
        };
        let states: BTreeSet<_> = before.states.keys().chain(after.states.keys()).collect();
        let of = |states: &BTreeMap<_, u32>, name| states.get(name).copied().unwrap_or_default();
        let told = states.into_iter().map(|&name| {
            let (then, now) = (of(&before.states, name), of(&after.states, name));
            format!("{name} {then}, then {now}")
        });
        let files = |sight: &Sight| match sight.open_files {
            Some(files) => files.to_string(),
            None => "unknown".to_owned(),
        };
        let counted = after.counters.since(before.counters);
        writeln!(f, "\nserver")?;
        self.indented(
            f,
            &format!(
                "open files {}, then {}; {}",
                files(before),
                files(after),
                told.collect::<Vec<_>>().join("; ")
            ),
        )?;
        self.indented(
            f,
            &format!(
                "counted by the kernel, for every program in the server's network namespace: \
                 TCPAbortOnClose {}, TCPAbortOnData {}, OutRsts {}",
                counted.abort_on_close, counted.abort_on_data, counted.resets_sent
            ),
        )
    }

    /// In full: its line has hardly room for it.
    fn good_to_know(&self, f: &mut String) -> fmt::Result {
        let rows = self.report.checks.iter();
        let mut gap = "\n";
        for row in rows.filter(|row| row.word == Word::Info) {
            let (on, off) = self.colours(Word::Info);
            let text = format!("{}: {}; {}", row.id, row.title, row.details());
            let lines = wrapped(&text, self.width.saturating_sub(WORD + 1));
            let lines = lines.join(&format!("\n{:WORD$} ", ""));
            writeln!(f, "{gap}{on}{:WORD$}{off} {lines}", Word::Info)?;
            gap = "";
        }
        Ok(())
    }

    /// Why checks were not made or not finished, each reason once: most have one of a few.
    fn reasons(&self, f: &mut String, word: Word) -> fmt::Result {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        let rows = self.report.checks.iter();
        for row in rows.filter(|row| row.word == word) {
            match reasons.iter_mut().find(|(reason, _)| *reason == row.said) {
                Some((_, ids)) => ids.push(row.id),
                None => reasons.push((&row.said, vec![row.id])),
            }
        }
        for (reason, ids) in reasons {
            let (on, off) = self.colours(word);
            writeln!(f, "\n{on}{word:WORD$}{off} {reason}")?;
            self.indented(f, &ids.join(", "))?;
        }
        Ok(())
    }

    fn indented(&self, f: &mut String, text: &str) -> fmt::Result {
        for line in wrapped(text, self.width.saturating_sub(WORD + 1)) {
            writeln!(f, "{:WORD$} {line}", "")?;
        }
        Ok(())
    }

    fn colours(&self, word: Word) -> (&'static str, &'static str) {
        if !self.colour {
            return ("", "");
        }
        let on = match word {
            Word::Pass => "\x1b[32m",
            Word::Info => "\x1b[36m",
            Word::Warn => "\x1b[33m",
            Word::Fail => "\x1b[31m",
            Word::Skip => "\x1b[2m",
            Word::Error => "\x1b[35m",
        };
        (on, "\x1b[0m")
    }
}

/// The widest of the words.
const WORD: usize = 5;
