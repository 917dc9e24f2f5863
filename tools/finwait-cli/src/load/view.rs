//! What is to be seen of a run while it goes on: a block that is drawn anew on a terminal, a line
//! a second elsewhere. On stderr, and only there.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use finwait_load::{Live, Phase, Tally};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::note;
use crate::output::units::{grouped, time_us};

/// How a run is shown.
#[derive(Debug)]
pub(super) struct View {
    bar: Option<ProgressBar>,
    /// What the last whole second told.
    second: String,
    /// What all seconds told so far.
    all: String,
}

impl View {
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A template without placeholders of our own making: it cannot be wrong.
            let style = ProgressStyle::with_template("{elapsed} {msg}");
            bar.set_style(style.unwrap_or(ProgressStyle::default_spinner()));
            bar
        });
        Self {
            bar,
            second: "-".to_owned(),
            all: String::new(),
        }
    }

    /// A whole second was counted.
    pub(super) fn second(&mut self, second: u64, tally: &Tally, total: &Tally, live: &Live) {
        let rate = format!("{} finished/s", grouped(tally.finished()));
        let times = times(tally);
        if self.bar.is_some() {
            self.second = format!("{rate}, {times}");
            self.all = verdicts(total);
            return self.tick(live);
        }
        // One line, for a log: all that counts, and nothing that moves the cursor.
        note::say(format_args!(
            "{} s: {} started/s, {rate}, {} open, {times}{}",
            second + 1,
            grouped(tally.started),
            grouped(live.open),
            bad(total),
        ));
    }

    /// Draws the block anew.
    pub(super) fn tick(&self, live: &Live) {
        let Some(bar) = &self.bar else {
            return;
        };
        let mut block = format!(
            "{} started, {} open, {} finished\n  last second  {}",
            grouped(live.started),
            grouped(live.open),
            grouped(live.finished),
            self.second
        );
        if !self.all.is_empty() {
            let _ = write!(block, "\n  verdicts     {}", self.all);
        }
        bar.set_message(block);
    }

    /// Leaves nothing behind.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn times(tally: &Tally) -> String {
    let times = tally.phases.of(Phase::Teardown);
    if times.is_empty() {
        return "no teardown".to_owned();
    }
    format!(
        "teardown p50 {}, p99 {}",
        time_us(times.value_at_quantile(0.5)),
        time_us(times.value_at_quantile(0.99))
    )
}

fn verdicts(total: &Tally) -> String {
    let verdicts = total.verdicts();
    let each = verdicts
        .iter()
        .map(|(verdict, &count)| format!("{verdict} {}", grouped(count)));
    each.collect::<Vec<_>>().join(", ")
}

/// The verdicts that are not good, if there are any.
fn bad(total: &Tally) -> String {
    let verdicts = total.verdicts();
    let bad = verdicts.iter().filter(|(verdict, _)| !verdict.is_good());
    bad.fold(String::new(), |mut text, (verdict, &count)| {
        let _ = write!(text, ", {verdict} {}", grouped(count));
        text
    })
}
