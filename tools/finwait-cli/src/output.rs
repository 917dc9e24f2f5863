//! What goes to stdout.

mod table;
pub(crate) mod units;

use std::io::{self, Write};

pub(crate) use table::Table;

use crate::exit::{Exit, Failure};

/// Prints `text`, to the last byte. A reader that is gone has seen what it wanted.
pub(crate) fn show(text: &str) -> anyhow::Result<Exit> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
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
