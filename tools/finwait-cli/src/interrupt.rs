//! Ctrl-C, and SIGTERM and SIGHUP, which are taken for the same; on Windows Ctrl-Break.
//!
//! That a console window is closed is told here too on Windows, but to no end: the process is ended as
//! soon as the handler has returned, and that of the library returns at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use crate::exit::Exit;
use crate::note;

/// Calls `stop` at the first Ctrl-C, in a thread of its own; the second leaves at once.
///
/// Before this is called Ctrl-C ends the process as usual: there is nothing to drain yet.
pub(crate) fn on_first(stop: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    on_first_say("stopping: draining what is open", stop)
}

/// The same, with what is done then in other words.
pub(crate) fn on_first_say(
    what: &'static str,
    stop: impl Fn() + Send + 'static,
) -> anyhow::Result<()> {
    let interrupted = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if interrupted.swap(true, Ordering::SeqCst) {
            process::exit(Exit::Interrupted.code().into());
        }
        note::say(format_args!("{what}; interrupt again to leave at once"));
        stop();
    })
    .context("cannot handle Ctrl-C")
}
