//! What is to be seen of a run while it goes on: one line on stderr, if that is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use finwait_probe::Check;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line.
#[derive(Debug)]
pub(super) struct Live {
    bar: Option<ProgressBar>,
    of: usize,
}

impl Live {
    pub(super) fn new(quiet: bool, of: usize) -> Self {
        let bar = (!quiet && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A template without placeholders of our own making: it cannot be wrong.
            let style = ProgressStyle::with_template("{elapsed} {msg}");
            bar.set_style(style.unwrap_or(ProgressStyle::default_spinner()));
            bar.set_message("a plain request");
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, of }
    }

    pub(super) fn begins(&self, check: &Check, done: usize) {
        if let Some(bar) = &self.bar {
            let (number, of) = (done + 1, self.of);
            bar.set_message(format!("{number}/{of} {} {}", check.id, check.title));
        }
    }

    /// Leaves nothing behind.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
