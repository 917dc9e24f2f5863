//! The results of `finwait load` as people read them, on one screen.

use std::fmt::{self, Write};
use std::io;

use finwait_load::{Ending, Phase, RunResult, Verdict};
use hdrhistogram::Histogram;

use super::units::{bytes, grouped, share, time_us};
use crate::note;

/// The table.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    result: &'a RunResult,
    colour: bool,
}

/// Where the second column begins.
const LABEL: usize = 14;

impl<'a> Table<'a> {
    pub(crate) fn new(result: &'a RunResult) -> Self {
        Self {
            result,
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
        let config = &self.result.config;
        // What a result says in words may come from somebody's file.
        let target = note::one_line(&config.target);
        writeln!(f, "{:LABEL$}{target}", "target")?;
        write!(
            f,
            "{:LABEL$}{}, {}, -c {}, {}",
            "mode",
            config.mode.replace('-', " "),
            match config.close.as_str() {
                "half" => "half-close",
                "fin" => "close first",
                "rst" => "abort",
                other => other,
            },
            grouped(config.connections),
            match config.requests {
                1 => format!("{} request", bytes(config.request_bytes)),
                n => format!("{n} requests of {} in all", bytes(config.request_bytes)),
            },
        )?;
        if let Some(rate) = config.rate_per_s {
            write!(f, ", {rate}/s")?;
        }
        if let Some(rate) = config.close_rate_per_s {
            write!(f, ", {rate} closes/s")?;
        }
        writeln!(f, ", {:.2} s", self.result.elapsed.as_secs_f64())?;
        let segments = &self.result.segments;
        if segments.of > 1 {
            let (have, of) = (segments.have.len(), segments.of);
            writeln!(f, "{:LABEL$}{have} of {of} parts", "segments")?;
        }
        Ok(())
    }

    fn connections(&self, f: &mut String) -> fmt::Result {
        let tally = &self.result.tally;
        writeln!(
            f,
            "{:LABEL$}{} started, {} finished, {} left open, {} open at most",
            "connections",
            grouped(tally.started),
            grouped(tally.finished()),
            grouped(tally.open),
            grouped(tally.most_open)
        )?;
        let late = &tally.late;
        if late.starts + late.unstarted + late.closes > 0 {
            writeln!(
                f,
                "{:LABEL$}{} started late, {} never, {} closed late; {} late at most",
                "late",
                grouped(late.starts),
                grouped(late.unstarted),
                grouped(late.closes),
                time_us(late.most.as_micros() as u64)
            )?;
        }
        Ok(())
    }

    fn verdicts(&self, f: &mut String) -> fmt::Result {
        let tally = &self.result.tally;
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
        let tally = &self.result.tally;
        writeln!(
            f,
            "{:LABEL$}{} sent, {} received, {} of it discarded",
            "bytes",
            bytes(tally.sent_bytes),
            bytes(tally.received_bytes),
            bytes(tally.discarded_bytes)
        )?;
        if self.result.config.requests > 1 {
            writeln!(
                f,
                "{:LABEL$}{} whole",
                "responses",
                grouped(tally.responses)
            )?;
        }
        writeln!(
            f,
            "{:LABEL$}{} finished/s, {} teardowns/s",
            "rate",
            grouped(self.result.finished_per_s().round() as u64),
            grouped(self.result.teardown_per_s().round() as u64)
        )
    }

    fn phases(&self, f: &mut String) -> fmt::Result {
        let phases = &self.result.tally.phases;
        let head = ["count", "min", "p50", "p90", "p99", "p99.9", "max"];
        write!(f, "\n{:22}", "phase")?;
        for (i, name) in head.iter().enumerate() {
            write!(f, "{name:>width$}", width = if i == 0 { 9 } else { 8 })?;
        }
        writeln!(f)?;
        for phase in Phase::ALL {
            let times = phases.of(phase);
            if times.is_empty() {
                continue;
            }
            row(f, &phase.name().replace('_', " "), &times)?;
            // Where connections ended in several ways, an average of them says little.
            let endings = Ending::ALL.map(|ending| (ending, phases.of_ending(phase, ending)));
            let occurred = endings.iter().filter_map(|&(e, times)| Some((e, times?)));
            let occurred: Vec<_> = occurred.filter(|(_, times)| !times.is_empty()).collect();
            if occurred.len() > 1 && matches!(phase, Phase::Teardown | Phase::Total) {
                for (ending, times) in occurred {
                    row(f, &format!("  {ending}"), times)?;
                }
            }
        }
        writeln!(
            f,
            "Connect, first and last byte, reset and total count from the moment at which a connection was\n\
             due; send from the established connection to our FIN; teardown from our FIN to the close. FIN\n\
             to ack contains the peer's delayed ACK. All contain the time that this process took to look.\n"
        )
    }

    fn errors(&self, f: &mut String) -> fmt::Result {
        let mut label = "errors";
        for (error, &count) in &self.result.tally.errors {
            let (count, what) = (grouped(count), error.describe());
            let line = note::one_line(&format!("{count} x {}: {what}", error.operation));
            writeln!(f, "{label:LABEL$}{line}")?;
            label = "";
        }
        Ok(())
    }

    fn generator(&self, f: &mut String) -> fmt::Result {
        let generator = &self.result.generator;
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        write!(f, "{:LABEL$}", "generator")?;
        if generator.processes > 1 {
            write!(f, "{} processes, ", grouped(generator.processes))?;
        }
        let threads = generator.threads;
        write!(f, "{threads} thread{}", plural(threads))?;
        if let (Some(user), Some(system)) = (generator.cpu_user, generator.cpu_system) {
            let (user, system) = (user.as_secs_f64(), system.as_secs_f64());
            write!(f, ", CPU {user:.2} s user + {system:.2} s system")?;
            if generator.embedded_server {
                f.write_str(" (the server's included)")?;
            }
        }
        writeln!(f, ", busy {:.0} %", generator.busy * 100.0)?;
        if let Some(limit) = generator.nofile {
            writeln!(f, "{:LABEL$}{} open files", "limits", grouped(limit))?;
        }
        for reason in &generator.reasons {
            let reason = note::one_line(reason);
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
    write!(
        f,
        "{name:22}{:>9}{:>8}",
        grouped(times.len()),
        time_us(times.min())
    )?;
    for quantile in [0.5, 0.9, 0.99, 0.999] {
        write!(f, "{:>8}", time_us(times.value_at_quantile(quantile)))?;
    }
    writeln!(f, "{:>8}", time_us(times.max()))
}
