//! What a run came to: the one thing that every form of output is made of.

use std::sync::atomic::{AtomicBool, Ordering};

use finwait_probe::battery::{Battery, Plainly, Result as Checked, There};
use finwait_probe::{
    Closing, Figure, Level, Protocol, Service, Severity, Share, Sight, Target, Word,
};
use serde::Serialize;

use super::Run;
use crate::output::units::grouped;

/// The form of the JSON object.
const SCHEMA: &str = "finwait/probe/1";

#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    version: &'static str,
    pub(super) target: String,
    pub(super) address: String,
    pub(super) protocol: &'static str,
    pub(super) plain: Plainly,
    settings: Shown,
    pub(super) checks: Vec<Row>,
    pub(super) summary: Counts,
    /// The server's side before the first check and after the last, if it was looked at.
    pub(super) server: Option<There>,
    pub(super) failed: bool,
    pub(super) interrupted: bool,
    /// How many were to be made.
    #[serde(skip)]
    pub(super) wanted: usize,
}

/// The settings that may change what the checks find, or what it counts for.
#[derive(Debug, Serialize)]
struct Shown {
    timeout_us: u64,
    max_idle_us: u64,
    slow: bool,
    storms: bool,
    strict: bool,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) severity: Severity,
    pub(super) level: Level,
    pub(super) reference: &'static str,
    pub(super) demand: &'static str,
    pub(super) harm: &'static str,
    pub(super) word: Word,
    pub(super) service: Service,
    pub(super) closing: Closing,
    pub(super) said: String,
    pub(super) figure: Option<Figure>,
    pub(super) share: Option<Share>,
    pub(super) took_us: u64,
    pub(super) connections: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) remedy: &'static str,
    pub(super) server: Option<There>,
    #[serde(skip)]
    pub(super) group: &'static str,
    #[serde(skip)]
    pub(super) failed: bool,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Counts {
    pub(super) pass: usize,
    pub(super) info: usize,
    pub(super) warn: usize,
    pub(super) fail: usize,
    pub(super) skip: usize,
    pub(super) error: usize,
}

impl Counts {
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut counts = Self::default();
        for row in rows {
            *match row.word {
                Word::Pass => &mut counts.pass,
                Word::Info => &mut counts.info,
                Word::Warn => &mut counts.warn,
                Word::Fail => &mut counts.fail,
                Word::Skip => &mut counts.skip,
                Word::Error => &mut counts.error,
            } += 1;
        }
        counts
    }

    /// `3 PASS, 1 FAIL`: what there is, the worst last.
    pub(super) fn told(&self) -> String {
        let all = [
            (self.pass, Word::Pass),
            (self.info, Word::Info),
            (self.skip, Word::Skip),
            (self.warn, Word::Warn),
            (self.fail, Word::Fail),
            (self.error, Word::Error),
        ];
        let some = all.into_iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = some
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if told.is_empty() {
            return "no check was made".to_owned();
        }
        told.join(", ")
    }
}

impl Row {
    fn new(checked: &Checked, strict: bool) -> Self {
        let (check, finding) = (checked.check, &checked.finding);
        Self {
            id: check.id,
            title: check.title,
            severity: check.severity,
            level: check.level,
            reference: check.reference,
            demand: check.demand,
            harm: check.harm,
            word: finding.word,
            service: finding.service,
            closing: finding.closing,
            said: one_line(&finding.said),
            // JSON has no other numbers.
            figure: finding.figure.filter(|figure| figure.value.is_finite()),
            share: finding.share,
            took_us: u64::try_from(checked.took.as_micros()).unwrap_or(u64::MAX),
            connections: checked.connections,
            sent: checked.sent,
            received: checked.received,
            remedy: check.remedy,
            server: checked.there.clone(),
            group: check.group(),
            // What was not finished may hide a failure.
            failed: checked.failed(strict) || (strict && finding.word == Word::Error),
        }
    }

    /// Whether it has a place among those that somebody should look at.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self.word, Word::Warn | Word::Fail | Word::Error)
    }

    /// What was measured, `7 of 20` if it varied, and what happened.
    pub(super) fn details(&self) -> String {
        let figure = self.figure.as_ref().map(|figure| {
            // To three places; a whole number without any.
            let value = (figure.value * 1e3).round() / 1e3;
            let value = match figure.unit {
                "bytes" => grouped(value as u64),
                _ => value.to_string(),
            };
            format!("{} {value} {}", figure.name, figure.unit)
        });
        let varied = self.share.filter(|share| share.varies());
        let share = varied.map(|share| format!("{} of {}", share.seen, share.of));
        let there = self.server.as_ref().and_then(changes);
        let parts = [share, figure, Some(self.said.clone()), there];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        parts.join("; ")
    }
}

impl Report {
    pub(super) fn new(
        run: &Run,
        target: &Target,
        battery: &Battery<'_>,
        checked: &[Checked],
        stop: &AtomicBool,
    ) -> Self {
        let rows = checked.iter().map(|checked| Row::new(checked, run.strict));
        let rows: Vec<_> = rows.collect();
        let patience = &run.settings.patience;
        let micros =
            |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            target: one_line(&target.name),
            address: target.addr.to_string(),
            protocol: match target.protocol {
                Protocol::Http(_) => "http",
                Protocol::Tcp { .. } => "tcp",
            },
            plain: battery.plainly(),
            settings: Shown {
                timeout_us: micros(patience.wait),
                max_idle_us: micros(patience.max_idle),
                slow: run.settings.slow,
                storms: run.settings.storms,
                strict: run.strict,
            },
            summary: Counts::of(&rows),
            server: rows
                .iter()
                .filter_map(|row| row.server.clone())
                .reduce(|first, last| There {
                    before: first.before,
                    after: last.after,
                }),
            failed: rows.iter().any(|row| row.failed),
            // Interrupted during the last check is not interrupted: all is there.
            interrupted: stop.load(Ordering::SeqCst) && rows.len() < run.checks.len(),
            wanted: run.checks.len(),
            checks: rows,
        }
    }

    /// Whether any check came to a word about the server.
    pub(super) fn has_verdicts(&self) -> bool {
        let Counts {
            pass,
            info,
            warn,
            fail,
            ..
        } = self.summary;
        pass + info + warn + fail > 0
    }

    /// The checks of each group, in the order in which they ran.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Row]> {
        self.checks.chunk_by(|one, other| one.group == other.group)
    }

    /// What somebody should look at, the worst first.
    pub(super) fn bad(&self) -> Vec<&Row> {
        let mut bad: Vec<_> = self.checks.iter().filter(|row| row.is_bad()).collect();
        let badness = |word| match word {
            Word::Fail => 2,
            Word::Warn => 1,
            _ => 0,
        };
        // Stable: what is equally bad stays in its order.
        bad.sort_by_key(|row| std::cmp::Reverse((row.severity, badness(row.word))));
        bad
    }

    /// What a plain request brought.
    pub(super) fn plainly(&self) -> String {
        let plain = &self.plain;
        let mut text = String::new();
        if let Some(status) = plain.status {
            text.push_str(&format!("status {status}, "));
        }
        text.push_str(&one_line(&plain.said));
        if plain.bytes > 0 {
            let time = crate::output::units::time_us(plain.time_us);
            text.push_str(&format!(", in {time}"));
        }
        if plain.needs_fin {
            text.push_str(", after our FIN");
        }
        text
    }

    pub(super) fn to_json(&self) -> String {
        // Nothing in it can fail to become JSON: keys are strings, numbers are finite.
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{json}\n")
    }
}

/// What a check left behind at the server, and what the kernel counted meanwhile.
fn changes(there: &There) -> Option<String> {
    let There { before, after } = there;
    let mut parts = Vec::new();
    if let (Some(before), Some(after)) = (before.open_files, after.open_files)
        && after > before
    {
        parts.push(format!("open files +{}", after - before));
    }
    let waiting = |sight: &Sight| sight.states.get("CLOSE-WAIT").copied().unwrap_or_default();
    if waiting(after) > waiting(before) {
        parts.push(format!("CLOSE-WAIT +{}", waiting(after) - waiting(before)));
    }
    let counted = after.counters.since(before.counters);
    for (count, name) in [
        (counted.abort_on_close, "TCPAbortOnClose"),
        (counted.abort_on_data, "TCPAbortOnData"),
        (counted.resets_sent, "OutRsts"),
    ] {
        if count > 0 {
            parts.push(format!("{name} +{count}"));
        }
    }
    (!parts.is_empty()).then(|| format!("server: {}", parts.join(", ")))
}

/// What comes from a server, or was typed, cannot break a line or command a terminal.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}
