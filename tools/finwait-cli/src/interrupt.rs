//! Ctrl-C, and SIGTERM and SIGHUP, which are taken for the same.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::exit::Exit;
use crate::note;

/// Calls `stop` at the first Ctrl-C, in a thread of its own; the second leaves at once.
///
/// Before this is called Ctrl-C ends the process as usual: there is nothing to drain yet.
pub(crate) fn on_first(stop: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let interrupted = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if interrupted.swap(true, Ordering::SeqCst) {
            process::exit(Exit::Interrupted.code().into());
        }
        note::say("stopping: draining what is open; interrupt again to leave at once");
        stop();
    })
    .context("cannot handle Ctrl-C")
}
