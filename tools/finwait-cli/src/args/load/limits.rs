//! What bounds a run, as typed.

use std::time::Duration;

use clap::Args;
use finwait::{FinishOn, Limits};

use super::units;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// The longest time for a connection to be established
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::time,
          allow_hyphen_values = true)]
    pub(super) connect_timeout: Duration,

    /// The longest time without progress while the request is sent [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    flush_stall: Option<Duration>,

    /// The longest time without progress while the response is awaited [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    drain_idle: Option<Duration>,

    /// The longest time from the half-close, or from the request where the response comes before
    /// the close, to the end; the pauses of --read-rate are not counted [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    drain_total: Option<Duration>,

    /// The longest wait for the acknowledgement of our FIN after the peer's [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    confirm: Option<Duration>,

    /// How long open connections may go on once the run was interrupted, or its time is over; those
    /// that --hold keeps at the end of -z have that time before
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::time_or_zero,
          allow_hyphen_values = true)]
    pub(super) stop_within: Duration,
}

impl LimitArgs {
    pub(super) fn meaning(&self) -> Limits {
        let mut limits = finwait_load::default_limits();
        limits.flush_stall = self.flush_stall.unwrap_or(limits.flush_stall);
        limits.drain_idle = self.drain_idle.unwrap_or(limits.drain_idle);
        limits.drain_total = self.drain_total.or(limits.drain_total);
        if let Some(confirm) = self.confirm {
            limits.finish_on = FinishOn::PeerFinAndAcked { confirm };
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The help states them, since clap cannot ask a library for them.
    #[test]
    fn the_defaults_of_the_limits_are_those_of_the_help() {
        let limits = finwait_load::default_limits();
        assert_eq!(limits.flush_stall, Duration::from_secs(10));
        assert_eq!(limits.drain_idle, Duration::from_secs(5));
        assert_eq!(limits.drain_total, Some(Duration::from_secs(60)));
        let confirm = Duration::from_secs(2);
        assert_eq!(limits.finish_on, FinishOn::PeerFinAndAcked { confirm });
    }
}
