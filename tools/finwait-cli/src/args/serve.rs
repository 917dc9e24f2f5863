//! `finwait serve`, as typed.

use std::time::Duration;

use clap::Args;
use finwait_peer::{Behaviour, Mix, Protocol, Treatment};

use super::endpoint::Endpoint;
use super::units;
use crate::exit::Failure;
use crate::serve::Job;

/// Run the reference server: it closes well, or badly on purpose
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen: HOST:PORT, [V6]:PORT, :PORT (loopback), PORT; port 0 takes a free one
    #[arg(default_value = "127.0.0.1:27015", value_parser = Endpoint::listening)]
    addr: Endpoint,

    /// Speak HTTP/1.1; a request may choose how it is treated, by the path /behave/BEHAVIOUR
    #[arg(long)]
    http: bool,

    /// How it treats its connections; --list names all ways [default: echo, with --http linger]
    #[arg(long, value_name = "BEHAVIOUR")]
    behave: Option<Mix>,

    /// How long a connection may be silent [default: for ever, with --http 10s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    idle: Option<Duration>,

    /// Repeats what a mix chooses for each connection
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_hyphen_values = true
    )]
    seed: u64,

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

const AFTER_HELP: &str = concat!(
    "\
Prints one line on stdout as soon as it listens: 'listening on 127.0.0.1:27015'.
",
    stop_keys!(),
    " stops it: it accepts no more, drains what is open, and says on stderr how its
connections ended; a second one leaves at once.

Exit codes: 0 stopped, and every connection was drained; 1 could not listen, or had to cut
connections when the time to stop was over; 2 usage; 130 left at once.

Examples:
  finwait serve
  finwait serve :0 --behave late-fin=200ms
  finwait serve :0 --behave \"mix=linger:80,rst-after-response?size=1m:20\" --seed 7
  finwait serve :0 --http --idle 3s
  finwait serve [::1]:0 --threads 2
  finwait serve --list"
);

impl ServeArgs {
    pub(super) fn meaning(self) -> Result<Job, Failure> {
        if self.list {
            return Ok(Job::List);
        }
        let (protocol, usual) = if self.http {
            (Protocol::Http, Behaviour::LINGER)
        } else {
            (Protocol::Raw, Behaviour::Echo)
        };
        let behaviour = self.behave.unwrap_or_else(|| usual.into());
        if let Some((treatment, _)) = needs_http(&behaviour)
            && !self.http
        {
            let message = format!("--behave {treatment}: it is for HTTP alone; add --http");
            return Err(Failure::usage(message));
        }
        Ok(Job::Serve {
            addr: self.addr,
            behaviour,
            protocol,
            idle: self.idle,
            seed: self.seed,
            threads: self.threads,
            stop_within: self.stop_within,
        })
    }
}

fn needs_http(mix: &Mix) -> Option<&(Treatment, u32)> {
    let mut parts = mix.parts().iter();
    parts.find(|(treatment, _)| treatment.behaviour.needs_http())
}
