//! What was typed, and its way to what it means.
//!
//! For each command there are two types: what clap reads, in here, and the `Job` of the command's
//! own file, which is what it means. `meaning` leads from the one to the other.

/// What stops the command in order.
#[cfg(not(windows))]
macro_rules! stop_keys {
    () => {
        "Ctrl-C or SIGTERM"
    };
}
#[cfg(windows)]
macro_rules! stop_keys {
    () => {
        "Ctrl-C or Ctrl-Break"
    };
}

mod endpoint;
mod load;
mod merge;
mod probe;
mod segment;
mod send;
mod serve;
mod sources;
mod start_at;
mod units;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};

pub(crate) use endpoint::{Endpoint, Family};
pub(crate) use start_at::StartAt;

use crate::exit::Failure;
use crate::{
    load as load_command, merge as merge_command, probe as probe_command, send as send_command,
    serve as serve_command,
};

/// Closes TCP connections without losing the last byte, and shows whether a server does.
#[derive(Debug, Parser)]
#[command(name = "finwait", version, after_help = AFTER_HELP)]
struct Typed {
    /// Show what the library does, on stderr: -v each teardown, -vv each phase of it
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 900)]
    verbose: u8,
    #[command(subcommand)]
    command: TypedCommand,
}

#[derive(Debug, Subcommand)]
enum TypedCommand {
    Load(Box<load::LoadArgs>),
    Probe(Box<probe::ProbeArgs>),
    Serve(serve::ServeArgs),
    Send(send::SendArgs),
    Merge(merge::MergeArgs),
}

const AFTER_HELP: &str = "\
Numbers: counts 500, 10k, 1m (of 1,000); sizes 64, 10k, 4m (of 1,024); times 500ms, 3s, 1m, or
seconds without a unit. Fractions are fine.

Environment: FINWAIT_LOG filters what -v shows, and wins over it (finwait=trace). NO_COLOR turns
colour off.

Examples:
  finwait load -z 2s
  finwait probe --only \"half-close/*\"
  finwait serve :0 --behave respond=4m
  echo hello | finwait send localhost:27015 -v";

/// What was typed, understood.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) verbosity: u8,
    pub(crate) job: Job,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Job {
    Load(Box<load_command::Job>),
    Serve(serve_command::Job),
    Send(send_command::Job),
    Merge(merge_command::Job),
    Probe(Box<probe_command::Job>),
    /// Text that was asked for: the help, the version.
    Show(clap::Error),
}

/// Reads a command line, which begins with the program's name.
pub(crate) fn parse(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<Command, Failure> {
    let typed = match Typed::try_parse_from(words) {
        Ok(typed) => typed,
        Err(text) if !text.use_stderr() => {
            return Ok(Command {
                verbosity: 0,
                job: Job::Show(text),
            });
        }
        Err(error) => return Err(Failure::usage(one_line(&error))),
    };
    let job = match typed.command {
        TypedCommand::Load(args) => Job::Load(Box::new(args.meaning()?)),
        TypedCommand::Serve(args) => Job::Serve(args.meaning()?),
        TypedCommand::Merge(args) => Job::Merge(args.meaning()),
        TypedCommand::Probe(args) => Job::Probe(Box::new(args.meaning()?)),
        TypedCommand::Send(args) => Job::Send(args.meaning(typed.verbose > 0)),
    };
    Ok(Command {
        verbosity: typed.verbose,
        job,
    })
}

/// clap's error without its headings, usage and line breaks.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let commands = Typed::command();
        let names: Vec<_> = commands
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        return format!(
            "no command: one of {} is needed; see finwait --help",
            names.join(", ")
        );
    }
    let text = error.render().to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        if !part.is_empty() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(part);
        }
    }
    let line = line
        .strip_prefix("error: ")
        .unwrap_or(&line)
        .replace(" tip: ", "; ");
    // Some errors point there themselves.
    if line.ends_with("see --help") {
        return line;
    }
    format!("{line}; see --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Typed::command().debug_assert();
    }
}
