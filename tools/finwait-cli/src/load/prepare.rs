//! All that can go wrong before the first connection is started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use finwait_load::Plan;
use finwait_peer::{Behaviour, Options, Running, Server};
use finwait_platform as platform;

use super::size::{self, Size};
use super::{Job, Request, Target};
use crate::args::Endpoint;
use crate::exit::{Exit, Failure};
use crate::serve::cpus;

/// A run that can begin.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    /// The embedded server, until it is stopped.
    pub(crate) server: Option<Running>,
    pub(crate) embedded: bool,
    /// The target as people read it.
    pub(crate) name: String,
    pub(crate) nofile: Option<u64>,
    /// What was decided and should be said before the run.
    pub(crate) notes: Vec<String>,
    /// How the target's address was chosen, if there was a choice.
    pub(crate) choice: Option<String>,
}

pub(super) fn prepare(job: &Job) -> Result<Prepared, Failure> {
    let Threads { load, server } = threads(job);
    let (addrs, sources) = match &job.target {
        Target::Remote(endpoint) => {
            let addrs = addresses(endpoint, job)?;
            check_sources(&job.sources, addrs[0].ip())?;
            (addrs, job.sources.clone())
        }
        Target::Embedded(_) => {
            check_sources(&job.sources, Ipv4Addr::LOCALHOST.into())?;
            let given = !job.sources.is_empty();
            (
                Vec::new(),
                if given {
                    job.sources.clone()
                } else {
                    loopback_sources()
                },
            )
        }
    };
    let size = size::size(job, load + server, sources.len())?;
    let (target, server) = match &job.target {
        Target::Remote(_) => (addrs[0], None),
        Target::Embedded(behaviour) => {
            let running = start(behaviour, server)?;
            (running.addr(), Some(running))
        }
    };
    Ok(Prepared {
        embedded: server.is_some(),
        server,
        name: name_of(job, target),
        nofile: size.nofile,
        notes: notes(job, &size, target, &sources),
        choice: choice(job, &addrs),
        plan: plan(job, target, &size, load, sources),
    })
}

/// How many threads each side has in this process.
struct Threads {
    load: usize,
    server: usize,
}

fn threads(job: &Job) -> Threads {
    let cpus = cpus();
    match (&job.target, job.threads) {
        (Target::Remote(_), threads) => Threads {
            load: threads.unwrap_or(cpus),
            server: 0,
        },
        // An embedded server has the other half of the CPUs, or what is left.
        (Target::Embedded(_), threads) => {
            let load = threads.unwrap_or((cpus / 2).max(1));
            Threads {
                load,
                server: cpus.saturating_sub(load).max(1),
            }
        }
    }
}

fn plan(job: &Job, target: SocketAddr, size: &Size, threads: usize, sources: Vec<IpAddr>) -> Plan {
    let mut plan = Plan::new(target);
    plan.sources = sources;
    plan.connections = size.connections;
    // A storm that nothing else bounds is one wave.
    let one_wave = (job.duration.is_none()).then_some(size.connections as u64);
    plan.total = job.total.or(one_wave);
    plan.duration = job.duration;
    plan.mode = job.mode;
    plan.request = match &job.request {
        Request::Bytes(bytes) => Arc::clone(bytes),
        Request::Get { path } => get(path, &host_field(job, target)),
    };
    plan.expect = job.expect;
    plan.close = job.close.clone();
    plan.threads = threads;
    plan.connect_timeout = job.connect_timeout;
    plan.limits = job.limits;
    plan.stop_within = job.stop_within;
    plan
}

fn addresses(endpoint: &Endpoint, job: &Job) -> Result<Vec<SocketAddr>, Failure> {
    endpoint.resolve(job.family).map_err(|error| {
        let message = format!("{endpoint}: nothing was tested: unknown host: {error}");
        Failure::new(Exit::NothingTested, message)
    })
}

/// One address is loaded, the first that the resolver names: results of several do not mix.
fn choice(job: &Job, addrs: &[SocketAddr]) -> Option<String> {
    let Target::Remote(endpoint) = &job.target else {
        return None;
    };
    (addrs.len() > 1).then(|| {
        format!(
            "{endpoint} has {} addresses, and {} was used; -4, -6, or an address chooses another",
            addrs.len(),
            addrs[0]
        )
    })
}

/// Finds out before the run whether each source is this host's and fits the target.
fn check_sources(sources: &[IpAddr], target: IpAddr) -> Result<(), Failure> {
    for &source in sources {
        if source.is_ipv4() != target.is_ipv4() {
            return Err(Failure::usage(format!(
                "--source-ip {source}: cannot connect to {target}: one is IPv4, the other IPv6"
            )));
        }
        // No port free, or no permission, says nothing about the address.
        if let Err(error) = TcpListener::bind((source, 0))
            && matches!(
                error.kind(),
                io::ErrorKind::AddrNotAvailable | io::ErrorKind::InvalidInput
            )
        {
            let why = platform::describe_error(&error);
            return Err(Failure::usage(format!(
                "--source-ip {source}: cannot be used: {why}; 'ip addr' lists this host's addresses"
            )));
        }
    }
    Ok(())
}

/// Addresses from which to load a server on the loopback interface.
///
/// The side that closes first keeps the port in TIME-WAIT. From one address Linux spends its
/// second half of the ports, and most of its time on the search for one, after 14,000 connections;
/// with 16 addresses the search is no part of what is measured.
fn loopback_sources() -> Vec<IpAddr> {
    let all = (1..=16).map(|last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last)));
    // Linux has all of 127.0.0.0/8; others only what is configured.
    let usable: Vec<_> = all
        .filter(|&source| TcpListener::bind((source, 0)).is_ok())
        .collect();
    if usable.len() > 1 { usable } else { Vec::new() }
}

fn start(behaviour: &Behaviour, threads: usize) -> Result<Running, Failure> {
    let options = Options {
        behaviour: behaviour.clone(),
        threads,
        ..Options::default()
    };
    let started = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options).and_then(Server::spawn);
    started.map_err(|error| {
        let why = platform::describe_error(&error);
        let message = format!("embedded server ({behaviour}): cannot start: {why}");
        Failure::new(Exit::NothingTested, message)
    })
}

fn notes(job: &Job, size: &Size, target: SocketAddr, sources: &[IpAddr]) -> Vec<String> {
    let Size {
        connections,
        nofile,
    } = size;
    let mut notes = Vec::new();
    if let Target::Embedded(behaviour) = &job.target {
        let limit = nofile.map_or(String::new(), |limit| format!(", open-file limit {limit}"));
        let from = match sources {
            [first, .., last] if job.sources.is_empty() => {
                format!(", loaded from {first} to {last}")
            }
            _ => String::new(),
        };
        notes.push(format!(
            "no TARGET: the reference server ({behaviour}) runs in this process on {target}{from}; \
             -c {connections} (2 descriptors per connection{limit})"
        ));
    }
    if let Some(range) = platform::local_port_range()
        && *connections > range.len() * sources.len().max(1)
    {
        notes.push(format!(
            "-c {connections}: there are {} local ports from one source address to one target; \
             each --source-ip gives as many more",
            range.len()
        ));
    }
    notes
}

fn name_of(job: &Job, target: SocketAddr) -> String {
    match &job.request {
        Request::Get { path } => format!("http://{target}{path}"),
        Request::Bytes(_) => target.to_string(),
    }
}

fn host_field(job: &Job, target: SocketAddr) -> String {
    match &job.target {
        Target::Remote(endpoint) => endpoint.http_host(),
        Target::Embedded(_) => target.to_string(),
    }
}

fn get(path: &str, host: &str) -> Arc<[u8]> {
    let agent = concat!("finwait/", env!("CARGO_PKG_VERSION"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    Arc::from(request.into_bytes())
}
