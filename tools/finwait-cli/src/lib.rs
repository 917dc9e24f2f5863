//! The command `finwait`: load, probe, serve, send and merge.
//!
//! A library only so that what the command takes from its users can be tried from outside: it has
//! no other user than the program of that name, and promises nothing.

mod args;
mod exit;
mod file;
mod interrupt;
mod judge;
mod load;
mod merge;
mod note;
mod output;
mod probe;
mod send;
mod serve;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::Job;
use crate::exit::Exit;

/// The whole program.
pub fn main() -> ExitCode {
    run()
        .unwrap_or_else(|error| {
            let exit = exit::of(&error);
            note::say(format_args!("{error:#}"));
            exit
        })
        .into()
}

/// Reads a command line, whose first word is the program's name, and does nothing else but what
/// that takes: `--send @FILE` is read.
///
/// # Errors
///
/// Why it makes no sense, in the one line that the user would be told.
pub fn check_command_line(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<(), String> {
    match args::parse(words) {
        Ok(_) => Ok(()),
        Err(failure) => Err(note::one_line(&failure.to_string())),
    }
}

fn run() -> anyhow::Result<Exit> {
    let command = args::parse(std::env::args_os())?;
    watch::start(command.verbosity)?;
    // Released last: sockets that are still open then would be reset where that library has an end.
    let _sockets = finwait_platform::SocketLibrary::start()?;
    match command.job {
        Job::Load(job) => load::run(&job),
        Job::Serve(job) => serve::run(job),
        Job::Send(job) => send::run(&job),
        Job::Merge(job) => merge::run(&job),
        Job::Probe(job) => probe::run(&job),
        Job::Show(text) if note::may_colour(&std::io::stdout()) => {
            output::show(&text.render().ansi().to_string())
        }
        Job::Show(text) => output::show(&text.render().to_string()),
    }
}
