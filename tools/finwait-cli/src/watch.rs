//! Shows the library's tracing spans and events on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::exit::Failure;
use crate::note;

const VARIABLE: &str = "FINWAIT_LOG";

/// Starts to show what the library does: at the level of `-v` (debug) or `-vv` (trace), or what
/// the environment variable FINWAIT_LOG asks for, which wins.
pub(crate) fn start(verbosity: u8) -> Result<(), Failure> {
    let filter = match (std::env::var(VARIABLE), verbosity) {
        (Ok(directives), _) if !directives.is_empty() => {
            EnvFilter::builder().parse(&directives).map_err(|error| {
                Failure::usage(format!(
                    "{VARIABLE} '{directives}': {error}; for example {VARIABLE}=finwait=debug"
                ))
            })?
        }
        (Err(std::env::VarError::NotUnicode(_)), _) => {
            return Err(Failure::usage(format!("{VARIABLE}: is not UTF-8")));
        }
        // No subscriber at all: then events cost the library next to nothing.
        (_, 0) => return Ok(()),
        (_, 1) => EnvFilter::new("finwait=debug"),
        (_, _) => EnvFilter::new("finwait=trace"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(note::may_colour(&io::stderr()))
        // It would complain on stderr that stderr is gone, and panic.
        .log_internal_errors(false)
        .init();
    Ok(())
}
