//! `finwait serve`, as typed.

use std::time::Duration;

use clap::Args;
use finwait_peer::Behaviour;

use super::endpoint::Endpoint;
use super::units;
use crate::serve::Job;

/// Run the reference server: it closes well, or badly on purpose
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen: HOST:PORT, [V6]:PORT, :PORT (loopback), PORT; port 0 takes a free one
    #[arg(default_value = "127.0.0.1:27015", value_parser = Endpoint::listening)]
    addr: Endpoint,

    /// How it treats its connections; --list names all ways
    #[arg(long, value_name = "BEHAVIOUR", default_value = "echo")]
    behave: Behaviour,

    /// Threads, each with its own event loop [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = units::threads, allow_hyphen_values = true)]
    threads: Option<usize>,

    /// How long open connections may go on after the server was told to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::time_or_zero,
          allow_hyphen_values = true)]
    stop_within: Duration,

    /// List the behaviours and leave
    #[arg(long)]
    list: bool,
}

const AFTER_HELP: &str = "\
Prints one line on stdout as soon as it listens: 'listening on 127.0.0.1:27015'. Ctrl-C or SIGTERM
stops it: it accepts no more, drains what is open, and says on stderr how its connections ended;
a second Ctrl-C leaves at once.

Exit codes: 0 stopped, and every connection was drained; 1 could not listen, or had to cut
connections when the time to stop was over; 2 usage; 130 left at once.

Examples:
  finwait serve
  finwait serve :0 --behave late-fin=200ms
  finwait serve [::1]:0 --threads 2
  finwait serve --list";

impl ServeArgs {
    pub(super) fn meaning(self) -> Job {
        if self.list {
            return Job::List;
        }
        Job::Serve {
            addr: self.addr,
            behaviour: self.behave,
            threads: self.threads,
            stop_within: self.stop_within,
        }
    }
}
