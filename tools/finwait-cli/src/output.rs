//! What goes to stdout.

mod json;
mod table;
pub(crate) mod units;

use std::io::{self, Write};

use finwait_load::ErrorKey;

pub(crate) use json::Json;
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
            let why = finwait_platform::describe_error(&error);
            Err(Failure::new(
                Exit::ResultsLost,
                format!("stdout: cannot be written: {why}"),
            )
            .into())
        }
        _ => Ok(Exit::Ok),
    }
}

/// An error's name: `ECONNREFUSED`, or the portable kind where the OS gave no number.
pub(crate) fn error_name(key: &ErrorKey) -> String {
    let known = key.raw.and_then(finwait_platform::error_name);
    known.map_or_else(|| key.kind.to_string(), str::to_owned)
}

/// An error in a few words: `ECONNREFUSED (111): nobody listens there`.
pub(crate) fn describe(key: &ErrorKey) -> String {
    match key.raw {
        Some(raw) => finwait_platform::describe_error(&io::Error::from_raw_os_error(raw)),
        None => key.kind.to_string(),
    }
}
