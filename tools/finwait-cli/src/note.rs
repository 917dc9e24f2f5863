//! What is said on stderr: one line at a time, and never a panic if nobody listens.

use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Says one line on stderr, with the program's name before it.
pub(crate) fn say(line: impl fmt::Display) {
    // Line breaks can only come from what was typed; one message stays one line.
    let line = line.to_string().replace(['\n', '\r'], " ");
    // With stderr gone there is no place left to complain.
    let _ = writeln!(io::stderr().lock(), "finwait: {line}");
}

/// Whether colour may be used on `stream` (no-color.org).
pub(crate) fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        // A Windows console shows escape sequences as they are unless it is told what they are.
        && anstyle_query::windows::enable_ansi_colors() != Some(false)
}

/// How this host's addresses are listed.
pub(crate) const LIST_ADDRESSES: &str = if cfg!(windows) { "ipconfig" } else { "ip addr" };
