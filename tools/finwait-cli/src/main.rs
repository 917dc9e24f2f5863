//! The command `finwait`: load, probe, serve, send and merge.

mod args;
mod exit;
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

use std::process::ExitCode;

use crate::args::Job;
use crate::exit::Exit;

fn main() -> ExitCode {
    run()
        .unwrap_or_else(|error| {
            let exit = exit::of(&error);
            note::say(format_args!("{error:#}"));
            exit
        })
        .into()
}

fn run() -> anyhow::Result<Exit> {
    let command = args::parse()?;
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
