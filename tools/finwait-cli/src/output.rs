//! What goes to stdout.

pub(crate) mod layout;
mod table;
pub(crate) mod units;

use std::io::{self, Write};

pub(crate) use table::Table;

use crate::exit::{Exit, Failure};

/// How many columns stdout has: those of its terminal, or enough for a log or a file.
pub(crate) fn width() -> usize {
    const ELSEWHERE: usize = 100;
    /// Narrower than this nothing can be read anyway.
    const LEAST: usize = 40;
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(ELSEWHERE, |(width, _)| usize::from(width.0).max(LEAST))
}

/// Whether stdout has columns at all: in a file or a pipe no line need be cut.
pub(crate) fn has_columns() -> bool {
    terminal_size::terminal_size_of(io::stdout()).is_some()
}

/// Prints `text`, to the last byte. A reader that is gone has seen what it wanted.
pub(crate) fn show(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if !is_reader_gone(&error) => {
            // In std's words: those of the platform are made for sockets.
            let why = error;
            Err(Failure::new(
                Exit::ResultsLost,
                format!("stdout: cannot be written: {why}"),
            )
            .into())
        }
        _ => Ok(Exit::Ok),
    }
}

/// Whether a write has failed only because nobody reads any more.
pub(crate) fn is_reader_gone(error: &io::Error) -> bool {
    /// What Windows says of a named pipe whose other end has disconnected; std has no kind for it.
    const ERROR_PIPE_NOT_CONNECTED: i32 = 233;
    error.kind() == io::ErrorKind::BrokenPipe
        || (cfg!(windows) && error.raw_os_error() == Some(ERROR_PIPE_NOT_CONNECTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_is_gone_is_told_from_a_disk_that_is_full() {
        assert!(is_reader_gone(&io::ErrorKind::BrokenPipe.into()));
        assert!(!is_reader_gone(&io::ErrorKind::StorageFull.into()));
        // ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED: other errors elsewhere, if any.
        for raw in [109, 232, 233] {
            let error = io::Error::from_raw_os_error(raw);
            assert_eq!(is_reader_gone(&error), cfg!(windows), "{error}");
        }
    }
}
