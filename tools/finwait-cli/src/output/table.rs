//! The results of `finwait load` as people read them, on one screen.

use std::fmt::{self, Write};
use std::io;
use std::time::Duration;

use finwait_load::{Mode, Phase, Verdict};
use hdrhistogram::Histogram;

use super::units::{bytes, grouped, share, time_us};
use crate::load::Results;
use crate::note;

/// The table.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    results: &'a Results<'a>,
    colour: bool,
}

/// Where the second column begins.
const LABEL: usize = 14;

impl<'a> Table<'a> {
    pub(crate) fn new(results: &'a Results<'a>) -> Self {
        Self {
            results,
            colour: note::may_colour(&io::stdout()),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, f: &mut String) -> fmt::Result {
        self.head(f)?;
        self.connections(f)?;
        self.verdicts(f)?;
        self.bytes_and_rate(f)?;
        self.phases(f)?;
        self.errors(f)?;
        self.generator(f)
    }

    fn head(&self, f: &mut String) -> fmt::Result {
        let Results {
            job,
            prepared,
            outcome,
        } = self.results;
        let server = if prepared.embedded {
            " (embedded server)"
        } else {
            ""
        };
        let mode = match job.mode {
            Mode::ClosedLoop => "closed loop",
            Mode::OpenLoop { .. } => "open loop",
            Mode::Storm => "storm",
        };
        let close = job.close.to_string();
        writeln!(f, "{:LABEL$}{}{server}", "target", prepared.name)?;
        writeln!(
            f,
            "{:LABEL$}{mode}, {close}, -c {}, {} request, {:.2} s",
            "mode",
            grouped(prepared.plan.connections as u64),
            bytes(prepared.plan.request_bytes()),
            outcome.elapsed.as_secs_f64()
        )
    }

    fn connections(&self, f: &mut String) -> fmt::Result {
        let tally = &self.results.outcome.tally;
        writeln!(
            f,
            "{:LABEL$}{} started, {} finished, {} left open, {} open at most",
            "connections",
            grouped(tally.started),
            grouped(tally.finished()),
            grouped(tally.open),
            grouped(tally.most_open)
        )
    }

    fn verdicts(&self, f: &mut String) -> fmt::Result {
        let tally = &self.results.outcome.tally;
        let finished = tally.finished();
        let mut label = "verdicts";
        for (verdict, count) in tally.verdicts() {
            let (on, off) = self.colours(verdict);
            let name = verdict.name();
            writeln!(
                f,
                "{label:LABEL$}{on}{name:17}{off}{:>13}{:>10}",
                grouped(count),
                share(count, finished)
            )?;
            label = "";
        }
        label = "endings";
        for (ending, count) in tally.endings() {
            let name = ending.name();
            writeln!(
                f,
                "{label:LABEL$}{name:17}{:>13}{:>10}",
                grouped(count),
                share(count, finished)
            )?;
            label = "";
        }
        Ok(())
    }

    fn colours(&self, verdict: Verdict) -> (&'static str, &'static str) {
        match (self.colour, verdict.is_good()) {
            (false, _) => ("", ""),
            (true, true) => ("\x1b[32m", "\x1b[0m"),
            (true, false) => ("\x1b[31m", "\x1b[0m"),
        }
    }

    fn bytes_and_rate(&self, f: &mut String) -> fmt::Result {
        let outcome = self.results.outcome;
        let tally = &outcome.tally;
        writeln!(
            f,
            "{:LABEL$}{} sent, {} received, {} of it discarded",
            "bytes",
            bytes(tally.sent_bytes),
            bytes(tally.received_bytes),
            bytes(tally.discarded_bytes)
        )?;
        writeln!(
            f,
            "{:LABEL$}{} finished/s, {} teardowns/s",
            "rate",
            grouped(outcome.finished_per_s().round() as u64),
            grouped(outcome.teardown_per_s().round() as u64)
        )
    }

    fn phases(&self, f: &mut String) -> fmt::Result {
        let phases = &self.results.outcome.tally.phases;
        let head = ["count", "min", "p50", "p90", "p99", "p99.9", "max"];
        write!(f, "\n{:16}", "phase")?;
        for (i, name) in head.iter().enumerate() {
            write!(f, "{name:>width$}", width = if i == 0 { 11 } else { 9 })?;
        }
        writeln!(f)?;
        row(f, "connect", &phases.of(Phase::Connect))?;
        row(f, "send", &phases.of(Phase::Send))?;
        row(f, "fin to peer fin", &phases.of(Phase::FinToPeerFin))?;
        row(f, "teardown", &phases.of(Phase::Teardown))?;
        writeln!(
            f,
            "connect: to the established connection; send: from there to our FIN; teardown: from our\n\
             FIN to the close. All with the time that this process took to look.\n"
        )
    }

    fn errors(&self, f: &mut String) -> fmt::Result {
        let mut label = "errors";
        for (key, &count) in &self.results.outcome.tally.errors {
            writeln!(
                f,
                "{label:LABEL$}{} x {}: {}",
                grouped(count),
                key.operation,
                key.describe()
            )?;
            label = "";
        }
        Ok(())
    }

    fn generator(&self, f: &mut String) -> fmt::Result {
        let Results {
            prepared, outcome, ..
        } = self.results;
        let threads = outcome.threads;
        let plural = if threads == 1 { "" } else { "s" };
        write!(f, "{:LABEL$}{threads} thread{plural}", "generator")?;
        if let Some(cpu) = outcome.cpu {
            let seconds = |time: Duration| time.as_secs_f64();
            write!(
                f,
                ", CPU {:.2} s user + {:.2} s system",
                seconds(cpu.user),
                seconds(cpu.system)
            )?;
            if prepared.embedded {
                f.write_str(" (the server's included)")?;
            }
        }
        writeln!(f)?;
        if let Some(limit) = prepared.nofile {
            writeln!(f, "{:LABEL$}{} open files", "limits", grouped(limit))?;
        }
        for reason in &outcome.limited {
            writeln!(
                f,
                "{:LABEL$}the generator was the limit: {reason}",
                "INVALID"
            )?;
        }
        Ok(())
    }
}

fn row(f: &mut String, name: &str, times: &Histogram<u64>) -> fmt::Result {
    write!(f, "{name:16}{:>11}", grouped(times.len()))?;
    if times.is_empty() {
        return writeln!(
            f,
            "{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "-", "-", "-", "-", "-", "-"
        );
    }
    let quantiles = [0.5, 0.9, 0.99, 0.999].map(|q| times.value_at_quantile(q));
    write!(f, "{:>9}", time_us(times.min()))?;
    for value in quantiles {
        write!(f, "{:>9}", time_us(value))?;
    }
    writeln!(f, "{:>9}", time_us(times.max()))
}
