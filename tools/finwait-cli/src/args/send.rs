//! `finwait send`, as typed.

use std::time::Duration;

use clap::Args;

use super::endpoint::{Endpoint, Family};
use super::units;
use crate::send::Job;

/// Send stdin, half-close, print what comes back, and tell how the conversation ended
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SendArgs {
    /// Where to connect: HOST:PORT, [V6]:PORT, :PORT (loopback); without a port 27015
    #[arg(value_parser = target)]
    target: Endpoint,

    /// At the end of stdin keep the write side open, and wait for the peer's FIN
    #[arg(long)]
    no_half_close: bool,

    /// The longest wait for a connection, and for progress while waiting for the peer
    #[arg(short = 'w', long = "timeout", value_name = "TIME", default_value = "30s",
          value_parser = units::time, allow_hyphen_values = true)]
    timeout: Duration,

    /// Fewer bytes than this are a truncated response: exit code 18
    #[arg(long, value_name = "SIZE", value_parser = units::size, allow_hyphen_values = true)]
    expect_bytes: Option<u64>,

    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,
}

#[cfg(not(windows))]
macro_rules! more_examples {
    () => {
        "  finwait send 127.0.0.1:27015 -v --expect-bytes 64 < /dev/null
  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | finwait send 127.0.0.1:80 -w 3s"
    };
}
/// For cmd.exe.
#[cfg(windows)]
macro_rules! more_examples {
    () => {
        "  finwait send 127.0.0.1:27015 -v --expect-bytes 64 < NUL"
    };
}

const AFTER_HELP: &str = concat!(
    "\
What comes back goes to stdout as it comes, also while stdin is still being sent. -v tells the
close's story in one line on stderr. Each address of a name is tried in turn. When the peer closes
before the end of stdin, what was read so far is sent, and that is the end; a regular file is sent
to its end. Ctrl-C ends stdin, and gives the peer 2 s to end too; a second one leaves at once.

Exit codes (curl's, where it has one):
    0  both sides closed in order      28  no answer, or no progress, within the time
    2  usage                           52  the peer's FIN, and not one byte before it
    6  the name cannot be resolved     55  sending failed
    7  refused, or no way there        56  reset before the peer's FIN
   18  fewer than --expect-bytes       57  all bytes and the peer's FIN, then a reset
   23  stdout cannot be written       130  interrupted
   26  stdin cannot be read

Examples:
  echo hello | finwait send localhost:27015
",
    more_examples!()
);

fn target(text: &str) -> Result<Endpoint, String> {
    Endpoint::connecting(text, None)
}

impl SendArgs {
    pub(super) fn meaning(self, tell: bool) -> Job {
        Job {
            target: self.target,
            family: family(self.ipv4, self.ipv6),
            half_close: !self.no_half_close,
            timeout: self.timeout,
            expect_bytes: self.expect_bytes,
            tell,
        }
    }
}

pub(super) fn family(ipv4: bool, ipv6: bool) -> Family {
    match (ipv4, ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        (false, false) => Family::Any,
    }
}
