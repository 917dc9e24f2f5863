//! `finwait load`, as typed.

mod help;
mod limits;
mod meaning;
pub(super) mod parse;

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use finwait_load::{CloseMix, Drip, Expect, Threshold};
use finwait_peer::Behaviour;

use super::segment::SegmentArg;
use super::start_at::StartAt;
use super::{sources, units};
use limits::LimitArgs;
use parse::{Payload, TypedTarget};

/// Load a server with connections, close them, and give a verdict on every one
#[derive(Debug, Args)]
#[command(after_help = help::SHORT, after_long_help = help::long())]
pub(super) struct LoadArgs {
    /// HOST:PORT, HOST:P1-P2, or http://HOST:PORT/PATH; without it a server is started in this
    /// process
    #[arg(value_parser = parse::target)]
    target: Option<TypedTarget>,

    /// Connections open at once [default: 100; without TARGET what the open-file limit allows, up
    /// to 1,000; with --rate ten times as many; with --storm as many as -n]
    #[arg(short, long, value_name = "N", value_parser = units::small_count, allow_hyphen_values = true)]
    connections: Option<usize>,

    /// Connections in all [default: as many as the time allows; with --storm one wave]
    #[arg(short = 'n', long, value_name = "N", value_parser = units::count, allow_hyphen_values = true)]
    total: Option<u64>,

    /// When to stop starting connections [default: 10s, unless -n or --storm]
    #[arg(short = 'z', visible_short_alias = 'd', long, value_name = "TIME",
          value_parser = units::time, allow_hyphen_values = true)]
    duration: Option<Duration>,

    /// Threads of the generator [default: one per CPU; without TARGET half of them]
    #[arg(long, value_name = "N", value_parser = units::threads, allow_hyphen_values = true)]
    threads: Option<usize>,

    /// The embedded server's behaviour; 'finwait serve --list' names all
    #[arg(long, value_name = "BEHAVIOUR", conflicts_with = "target")]
    behave: Option<Behaviour>,

    /// Use TARGET's IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use TARGET's IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// A local address to connect from, a range (10.0.0.1-10.0.0.20) or a network (10.0.0.0/28);
    /// may be given several times; used in turn [default: the system chooses; without TARGET
    /// 127.0.0.1 to 127.0.0.16, where the host has them]
    #[arg(long, value_name = "IP", value_parser = sources::sources)]
    source_ip: Vec<SourceIps>,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    exchange: ExchangeArgs,

    #[command(flatten)]
    results: ResultArgs,

    #[command(flatten)]
    parts: PartArgs,

    #[command(flatten)]
    limits: LimitArgs,
}

/// clap takes a plain `Vec<Vec<_>>` for something else.
type SourceIps = Vec<IpAddr>;

#[derive(Debug, Args)]
#[command(next_help_heading = "Shape")]
struct ShapeArgs {
    /// Start so many connections per second, whatever becomes of those before: an open loop. Times
    /// count from the moment at which a connection was due
    #[arg(long, value_name = "N/s", value_parser = units::rate, allow_hyphen_values = true,
          conflicts_with = "storm")]
    rate: Option<f64>,

    /// Open all connections, then close all at once; again while -n or -z want more
    #[arg(long)]
    storm: bool,

    /// Let the open connections, or the rate, rise for so long to what they are to be
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true,
          value_parser = units::time_or_zero, allow_hyphen_values = true)]
    ramp: Duration,

    /// Keep each connection established for so long before it is closed; with --storm all of them,
    /// once the last is established
    #[arg(long, value_name = "TIME", default_value = "0", hide_default_value = true,
          value_parser = units::time_or_zero, allow_hyphen_values = true)]
    hold: Duration,

    /// How connections are closed: half-close and receive until the peer's FIN (half); or, once the
    /// response is complete, by a plain close (fin) or an abort (rst); or with the response unread
    /// (abandon); or in a mixture: mix=half:80,rst:15,abandon:5
    #[arg(long, value_name = "HOW", default_value = "half", value_parser = parse::close)]
    close: CloseMix,

    /// Close so many connections per second, of those that are ready for it; once -z is over, the
    /// rest at once
    #[arg(long, value_name = "N/s", value_parser = units::rate, allow_hyphen_values = true,
          conflicts_with = "storm")]
    close_rate: Option<f64>,

    /// Chooses which connection of a mixture is closed how: the same seed, the same choice
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Exchange")]
struct ExchangeArgs {
    /// What each connection sends: SIZE bytes of filler, @FILE, or text:STRING [default: 64]
    #[arg(long, value_name = "WHAT", conflicts_with = "http", value_parser = parse::payload,
          allow_hyphen_values = true)]
    send: Option<Payload>,

    /// Send a GET request for this path
    #[arg(long, value_name = "PATH", value_parser = parse::http_path)]
    http: Option<String>,

    /// Send HEAD instead of GET
    #[arg(long)]
    head: bool,

    /// Requests on each connection, each after the response to the one before; over HTTP the last
    /// one announces the close
    #[arg(long, value_name = "K", default_value = "1", hide_default_value = true,
          value_parser = units::requests, allow_hyphen_values = true)]
    requests: u32,

    /// What makes a response complete: until-fin, echo, http, or bytes=SIZE [default: http for HTTP,
    /// echo from the embedded echo server, else until-fin; bytes=0 with --close fin and rst]
    #[arg(long, value_name = "WHAT", value_parser = parse::expect)]
    expect: Option<Expect>,

    /// Send the request a little at a time: BYTES/PERIOD, as 1/100ms
    #[arg(long, value_name = "BYTES/TIME", value_parser = parse::drip, allow_hyphen_values = true)]
    drip: Option<Drip>,

    /// Receive no faster than so many bytes per second on each connection
    #[arg(long, value_name = "SIZE/s", value_parser = units::byte_rate, allow_hyphen_values = true)]
    read_rate: Option<u64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
struct ResultArgs {
    /// Print one JSON object on stdout, and nothing else there
    #[arg(long)]
    json: bool,

    /// Write one JSON object for each connection to this file
    #[arg(long, value_name = "FILE")]
    log: Option<String>,

    /// Of all connections, log this share only: 1% or 0.01
    #[arg(long, value_name = "SHARE", value_parser = units::share, requires = "log")]
    log_sample: Option<f64>,

    /// Write an HdrHistogram interval log to this file: a line for each second, phase and ending
    #[arg(long, value_name = "FILE")]
    hdr: Option<String>,

    /// Exit with 99 if this is true at the end, as 'bad.rate>0.1%' or 'teardown.p99>50ms'; may be
    /// given several times; --help names all metrics
    #[arg(long, value_name = "EXPR")]
    fail_if: Vec<Threshold>,

    /// Stop, and exit with 99, as soon as this is true, looked at once a second
    #[arg(long, value_name = "EXPR")]
    abort_if: Vec<Threshold>,

    /// Show no progress, and not what was chosen for you; warnings and errors are shown
    #[arg(short, long)]
    quiet: bool,

    /// Go on although the preflight says that this machine cannot do it
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Parts of a run")]
struct PartArgs {
    /// Make part I of N of the run: I/N, or auto (Slurm, Open MPI), or auto/N (also Kubernetes
    /// Indexed Jobs and GNU parallel); 'finwait merge' puts the results together
    #[arg(long, value_name = "I/N", value_parser = SegmentArg::parse)]
    segment: Option<SegmentArg>,

    /// When to begin: +30s, seconds since the epoch, or 2030-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = StartAt::parse, allow_hyphen_values = true)]
    start_at: Option<StartAt>,
}
