//! What is said on stderr: one line at a time, and never a panic if nobody listens.

use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Says one line on stderr, with the program's name before it.
pub(crate) fn say(line: impl fmt::Display) {
    let line = one_line(&line.to_string());
    // With stderr gone there is no place left to complain.
    let _ = writeln!(io::stderr().lock(), "finwait: {line}");
}

/// The same text without what only a terminal would obey, and that can only come from what was typed
/// or read: one message stays one line, and looks like what it is.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
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
