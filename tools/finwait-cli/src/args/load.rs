//! `finwait load`, as typed.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use finwait::{FinishOn, Limits};
use finwait_load::{CloseMix, CloseMode, Expect, Mode};
use finwait_peer::Behaviour;

use super::endpoint::Endpoint;
use super::send::family;
use super::units;
use crate::exit::Failure;
use crate::load::{Job, Request, Target};

/// Load a server with connections, close them, and give a verdict on every one
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct LoadArgs {
    /// HOST:PORT, or http://HOST:PORT/PATH; without it a server is started in this process
    #[arg(value_parser = target)]
    target: Option<TypedTarget>,

    /// Connections open at once [default: 100; without TARGET what the open-file limit allows, up
    /// to 1,000; with --storm as many as -n]
    #[arg(short, long, value_name = "N", value_parser = units::small_count, allow_hyphen_values = true)]
    connections: Option<usize>,

    /// Connections in all [default: as many as the time allows; with --storm one wave]
    #[arg(short = 'n', long, value_name = "N", value_parser = units::count, allow_hyphen_values = true)]
    total: Option<u64>,

    /// When to stop starting connections [default: 10s, unless -n or --storm]
    #[arg(short = 'z', visible_short_alias = 'd', long, value_name = "TIME",
          value_parser = units::time, allow_hyphen_values = true)]
    duration: Option<Duration>,

    /// Open all connections, then close all at once; again while -n or -z want more
    #[arg(long)]
    storm: bool,

    /// Threads of the generator [default: one per CPU; without TARGET half of them]
    #[arg(long, value_name = "N", value_parser = units::threads, allow_hyphen_values = true)]
    threads: Option<usize>,

    /// What each connection sends: SIZE bytes of filler, @FILE, or text:STRING [default: 64]
    #[arg(long, value_name = "WHAT", conflicts_with = "http", value_parser = payload,
          allow_hyphen_values = true)]
    send: Option<Payload>,

    /// Send a GET request for this path
    #[arg(long, value_name = "PATH", value_parser = http_path)]
    http: Option<String>,

    /// What makes a response complete: until-fin, echo, http, or bytes=SIZE [default: http for HTTP,
    /// echo from the embedded echo server, else until-fin; bytes=0 with --close fin and rst]
    #[arg(long, value_name = "WHAT", value_parser = expect)]
    expect: Option<Expect>,

    /// How connections are closed: half-close and receive until the peer's FIN (half); or, once the
    /// response is complete, by a plain close (fin) or an abort (rst); or with the response unread
    /// (abandon); or in a mixture: mix=half:80,rst:15,abandon:5
    #[arg(long, value_name = "HOW", default_value = "half", value_parser = close)]
    close: CloseMix,

    /// A local address to connect from; several are used in turn [default: the system chooses;
    /// without TARGET 127.0.0.1 to 127.0.0.16, where the host has them]
    #[arg(long, value_name = "IP", value_parser = source_ip)]
    source_ip: Vec<IpAddr>,

    /// Use TARGET's IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use TARGET's IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// The embedded server's behaviour; 'finwait serve --list' names all
    #[arg(long, value_name = "BEHAVIOUR", conflicts_with = "target")]
    behave: Option<Behaviour>,

    /// Print one JSON object on stdout, and nothing else there
    #[arg(long)]
    json: bool,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// The longest time for a connection to be established
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::time,
          allow_hyphen_values = true)]
    connect_timeout: Duration,

    /// The longest time without progress while the request is sent [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    flush_stall: Option<Duration>,

    /// The longest time without progress while the response is awaited [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    drain_idle: Option<Duration>,

    /// The longest time from the half-close to the end [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    drain_total: Option<Duration>,

    /// The longest wait for the acknowledgement of our FIN after the peer's [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = units::time, allow_hyphen_values = true)]
    confirm: Option<Duration>,

    /// How long open connections may go on once the run was interrupted, or its time is over
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::time_or_zero,
          allow_hyphen_values = true)]
    stop_within: Duration,
}

#[derive(Debug, Clone)]
enum TypedTarget {
    Tcp(Endpoint),
    Http { host: Endpoint, path: String },
}

#[derive(Debug, Clone)]
enum Payload {
    Filler(u64),
    File(String),
    Text(String),
}

const AFTER_HELP: &str = "\
Every connection gets exactly one verdict: graceful is good, and so are closed (--close fin) and
aborted (--close rst). Ctrl-C or SIGTERM stops starting connections, drains those that are open,
and prints the results; a second one leaves at once.

Exit codes: 0 the run is valid, whatever the verdicts are; 2 usage; 3 nothing was tested: unknown
host, refused, no route; 4 the generator was the limit (ports, descriptors), so the result is
invalid; 74 the results could not be written; 130 interrupted, with results.

Examples:
  finwait load -z 2s
  finwait load --storm -n 2000 -c 2000
  finwait load 127.0.0.1:27015 -c 100 -n 1k --send text:hello --expect echo
  finwait load http://127.0.0.1:80/ -c 50 -n 2k --json";

impl LoadArgs {
    pub(super) fn meaning(self) -> Result<Job, Failure> {
        let request = self.request()?;
        let expect = self.expect(&request);
        let (mode, total, duration) = self.shape();
        let target = match self.target {
            Some(TypedTarget::Tcp(endpoint)) => Target::Remote(endpoint),
            Some(TypedTarget::Http { host, .. }) => Target::Remote(host),
            None => Target::Embedded(match (self.behave, &request) {
                (Some(behaviour), _) => behaviour,
                (None, Request::Get { .. }) => Behaviour::Http { bytes: 64 },
                (None, Request::Bytes(_)) => Behaviour::Echo,
            }),
        };
        Ok(Job {
            target,
            family: family(self.ipv4, self.ipv6),
            mode,
            connections: self.connections,
            total,
            duration,
            threads: self.threads,
            request,
            expect,
            close: self.close,
            sources: self.source_ip,
            connect_timeout: self.limits.connect_timeout,
            stop_within: self.limits.stop_within,
            limits: self.limits.meaning(),
            json: self.json,
            quiet: self.quiet,
        })
    }

    fn request(&self) -> Result<Request, Failure> {
        let path = match (&self.target, &self.http) {
            (Some(TypedTarget::Http { .. }), Some(_)) => {
                return Err(Failure::usage(
                    "--http: TARGET is a URL and has its path already; leave one of them out",
                ));
            }
            (Some(TypedTarget::Http { path, .. }), None) | (_, Some(path)) => path,
            (_, None) => return self.payload().map(|bytes| Request::Bytes(bytes.into())),
        };
        if self.send.is_some() {
            return Err(Failure::usage(
                "--send: an http:// TARGET is sent a GET request; give HOST:PORT to send bytes",
            ));
        }
        Ok(Request::Get { path: path.clone() })
    }

    fn payload(&self) -> Result<Vec<u8>, Failure> {
        const FILLER: Payload = Payload::Filler(64);
        match self.send.as_ref().unwrap_or(&FILLER) {
            Payload::Text(text) => Ok(text.clone().into_bytes()),
            Payload::File(name) => fs::read(Path::new(name)).map_err(|error| {
                Failure::usage(format!("--send '@{name}': cannot be read: {error}"))
            }),
            // A pattern in which a shifted or repeated piece does not go unnoticed.
            Payload::Filler(size) => Ok((0..*size).map(|i| (i % 251) as u8).collect()),
        }
    }

    fn expect(&self, request: &Request) -> Expect {
        let echoes = self.target.is_none() && matches!(self.behave, None | Some(Behaviour::Echo));
        match (self.expect, request) {
            (Some(expect), _) => expect,
            (None, Request::Get { .. }) => Expect::Http,
            (None, Request::Bytes(_)) if echoes => Expect::Echo,
            // One that closes first does not wait for a FIN which may wait for its own.
            (None, Request::Bytes(_)) => {
                if self.close.has(CloseMode::Fin) || self.close.has(CloseMode::Rst) {
                    Expect::Bytes(0)
                } else {
                    Expect::UntilFin
                }
            }
        }
    }

    /// The mode, and what ends the run: a number, a time, or both.
    fn shape(&self) -> (Mode, Option<u64>, Option<Duration>) {
        const DURATION: Duration = Duration::from_secs(10);
        if self.storm {
            return (Mode::Storm, self.total, self.duration);
        }
        let duration = match (self.total, self.duration) {
            (None, None) => Some(DURATION),
            (_, duration) => duration,
        };
        (Mode::ClosedLoop, self.total, duration)
    }
}

impl LimitArgs {
    fn meaning(&self) -> Limits {
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

/// `half`, or a mixture: `mix=half:80,rst:20`.
fn close(text: &str) -> Result<CloseMix, String> {
    let mode = |name: &str| {
        let mut modes = CloseMode::ALL.into_iter();
        modes.find(|mode| mode.name() == name).ok_or_else(|| {
            format!(
                "'{}' is none of half, fin, rst, abandon, mix=MODE:WEIGHT,..",
                name.escape_debug()
            )
        })
    };
    let Some(list) = text.strip_prefix("mix=") else {
        return mode(text).map(CloseMix::only);
    };
    let mut weights = Vec::new();
    for part in list.split(',') {
        let (name, weight) = part
            .split_once(':')
            .ok_or_else(|| format!("'{}' is not MODE:WEIGHT", part.escape_debug()))?;
        let plain = !weight.is_empty() && weight.bytes().all(|b| b.is_ascii_digit());
        let weight = plain
            .then(|| weight.parse().ok())
            .flatten()
            .ok_or_else(|| {
                format!(
                    "the weight '{}' is not a whole number",
                    weight.escape_debug()
                )
            })?;
        weights.push((mode(name)?, weight));
    }
    CloseMix::new(&weights).map_err(|error| error.to_string())
}

fn target(text: &str) -> Result<TypedTarget, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Endpoint::connecting(text, None).map(TypedTarget::Tcp);
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err("TLS is not spoken here; only http:// is".to_owned()),
        "tcp" => return Endpoint::connecting(rest, None).map(TypedTarget::Tcp),
        _ => return Err("is neither HOST:PORT nor an http:// URL".to_owned()),
    }
    // A fragment is never sent (RFC 9110 section 4.2.5).
    let rest = rest.split('#').next().unwrap_or(rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let host = Endpoint::connecting(host, Some(80))?;
    Ok(TypedTarget::Http {
        host,
        path: http_path(&path)?,
    })
}

/// A request target, which nothing may break out of.
fn http_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("must begin with '/'".to_owned());
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(odd) => Err(format!("has a {odd:?}, which must be percent-encoded")),
        None => Ok(text.to_owned()),
    }
}

fn payload(text: &str) -> Result<Payload, String> {
    if let Some(name) = text.strip_prefix('@') {
        return Ok(Payload::File(name.to_owned()));
    }
    if let Some(text) = text.strip_prefix("text:") {
        return Ok(Payload::Text(text.to_owned()));
    }
    // All connections share one copy, in memory.
    const MOST: u64 = 1 << 30;
    match units::size(text) {
        Ok(size) if size <= MOST => Ok(Payload::Filler(size)),
        Ok(_) => Err("is more than 1g, which is held in memory".to_owned()),
        Err(why) => Err(format!("{why}; or give @FILE or text:STRING")),
    }
}

fn expect(text: &str) -> Result<Expect, String> {
    match text {
        "until-fin" => Ok(Expect::UntilFin),
        "echo" => Ok(Expect::Echo),
        "http" => Ok(Expect::Http),
        _ => match text.strip_prefix("bytes=") {
            Some(size) => units::size(size).map(Expect::Bytes),
            None => Err("is none of until-fin, echo, http, bytes=SIZE".to_owned()),
        },
    }
}

fn source_ip(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "is not an IP address".to_owned())
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
