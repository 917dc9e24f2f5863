//! Watches a run from beside it: shows how far it is, and stops one that reaches nobody.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use finwait_load::{Control, Live};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What the watch has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    /// Connections were established, or there was no time to tell.
    Accepted,
    /// None was, and the run was stopped.
    NobodyAccepts,
}

const TICK: Duration = Duration::from_millis(100);
/// Without one connection by then, and with failures, the run is stopped: to go on would only
/// knock at a closed door as fast as the machine can.
const NOBODY_ACCEPTS_AFTER: Duration = Duration::from_secs(1);

/// Whether anybody sees the progress.
pub(crate) fn is_wanted() -> bool {
    io::stderr().is_terminal()
}

/// Watches until the sender of `is_done` is dropped.
pub(crate) fn watch(control: &Control, show: bool, is_done: &Receiver<()>) -> Watched {
    let bar = show.then(bar);
    let started = Instant::now();
    let mut before = (started, 0);
    let mut found = Watched::Accepted;
    while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let (live, now) = (control.live(), Instant::now());
        if let Some(bar) = &bar {
            bar.set_message(line(&live, before, now));
        }
        before = (now, live.good);
        let nobody = live.most_open == 0 && live.finished > 0;
        if nobody && now - started >= NOBODY_ACCEPTS_AFTER && !control.is_stopped() {
            found = Watched::NobodyAccepts;
            control.stop();
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    found
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // A template without placeholders of our own making: it cannot be wrong.
    bar.set_style(
        ProgressStyle::with_template("{elapsed} {msg}").unwrap_or(ProgressStyle::default_spinner()),
    );
    bar
}

fn line(live: &Live, (then, good_then): (Instant, u64), now: Instant) -> String {
    let seconds = (now - then).as_secs_f64().max(1e-3);
    let per_second = live.good.saturating_sub(good_then) as f64 / seconds;
    format!(
        "{} started, {} open, {} finished, {per_second:.0} good/s",
        live.started, live.open, live.finished
    )
}
