//! All that can go wrong before the first connection is started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use finwait_load::{CloseMix, CloseMode, Mode, Plan};
use finwait_peer::{Behaviour, Options, Running, Server};
use finwait_platform as platform;

use super::preflight::{Facts, Finding, Severity, findings, machine_facts};
use super::size::{self, Size};
use super::{Job, Request, Target};
use crate::args::Endpoint;
use crate::exit::{Exit, Failure};
use crate::note;
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
    check_segment(job)?;
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
    let size = size::size(job, load + server, sources.len());
    let (targets, server) = match &job.target {
        Target::Remote(endpoint) => (endpoint.at_each_port(addrs[0]).collect(), None),
        Target::Embedded(behaviour) => {
            let running = start(behaviour, server)?;
            (vec![running.addr()], Some(running))
        }
    };
    let mut notes = notes(job, &size, targets[0], &sources);
    let plan = plan(job, targets, &size, load, sources);
    preflight(job, &plan, &size, &mut notes)?;
    Ok(Prepared {
        embedded: server.is_some(),
        server,
        name: name_of(job),
        nofile: size.raise(),
        notes,
        choice: choice(job, &addrs),
        plan,
    })
}

/// A part of a run in which it would have nothing to do says nothing of anything.
fn check_segment(job: &Job) -> Result<(), Failure> {
    let parts = job.segment.of;
    let too_few = |flag, n: u64| {
        Failure::usage(format!(
            "{flag} {n}: is less than the {parts} parts of --segment; raise it"
        ))
    };
    match (job.connections, job.total) {
        (Some(connections), _) if (connections as u64) < parts => {
            Err(too_few("-c", connections as u64))
        }
        (_, Some(total)) if total < parts => Err(too_few("-n", total)),
        (None, _) if parts > 1 => Err(Failure::usage(
            "--segment: what part of how many connections? give -c, the number of all parts together",
        )),
        _ => Ok(()),
    }
}

/// Says what will go wrong, and refuses what cannot go right.
fn preflight(job: &Job, plan: &Plan, size: &Size, notes: &mut Vec<String>) -> Result<(), Failure> {
    let segment = job.segment;
    let closes_first = !matches!(job.target, Target::Embedded(Behaviour::Fin));
    let facts = Facts {
        connections: segment.share(plan.connections as u64),
        total: plan.total.map(|total| segment.share(total)),
        rate: match plan.mode {
            Mode::OpenLoop { rate } => Some(rate / segment.of as f64),
            Mode::ClosedLoop | Mode::Storm => None,
        },
        duration: plan.duration,
        storm: plan.mode == Mode::Storm,
        sources: plan.sources.len().max(1) as u64,
        targets: plan.targets.len() as u64,
        loopback: plan.targets[0].ip().is_loopback(),
        embedded: matches!(job.target, Target::Embedded(_)),
        threads: plan.workers() as u64,
        client_closes_first: closes_first,
        aborts: plan.close == CloseMix::only(CloseMode::Rst)
            || plan.close == CloseMix::only(CloseMode::Abandon),
        nofile: size.limit.map(|limit| (size.needed, limit.hard)),
        ..machine_facts()
    };
    let mut refused = Vec::new();
    for Finding { severity, text } in findings(&facts) {
        match severity {
            Severity::Refuse if !job.force => refused.push(text),
            Severity::Refuse | Severity::Warn => notes.push(text),
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let all = refused.join("; and ");
    Err(Failure::usage(format!(
        "{all}; --force goes on all the same"
    )))
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

fn plan(
    job: &Job,
    targets: Vec<SocketAddr>,
    size: &Size,
    threads: usize,
    sources: Vec<IpAddr>,
) -> Plan {
    let mut plan = Plan::new(targets[0]);
    let connections = size.connections;
    plan.sources = sources;
    plan.connections = connections;
    // A storm that nothing else bounds is one wave.
    let one_wave = (job.duration.is_none()).then_some(connections as u64);
    plan.total = job.total.or(one_wave);
    plan.duration = job.duration;
    plan.mode = job.mode;
    plan.ramp = job.ramp;
    plan.hold = job.hold;
    plan.requests = job.requests;
    match &job.request {
        Request::Bytes(bytes) => plan.request = Arc::clone(bytes),
        Request::Http { method, path } => {
            let host = host_field(job, targets[0]);
            plan.request = http(method, path, &host, "Connection: close\r\n");
            plan.earlier_request = Some(http(method, path, &host, ""));
        }
    }
    plan.targets = targets;
    plan.expect = job.expect;
    plan.close = job.close.clone();
    plan.close_rate = job.close_rate;
    plan.drip = job.drip;
    plan.read_rate = job.read_rate;
    plan.seed = job.seed;
    plan.segment = job.segment;
    plan.threads = threads;
    plan.connect_timeout = job.connect_timeout;
    plan.limits = job.limits;
    plan.stop_within = job.stop_within;
    plan
}

fn addresses(endpoint: &Endpoint, job: &Job) -> Result<Vec<SocketAddr>, Failure> {
    endpoint.resolve(job.family).map_err(|why| {
        let message = format!("{endpoint}: nothing was tested: {why}");
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
                "--source-ip {source}: cannot be used: {why}; '{}' lists this host's addresses",
                note::LIST_ADDRESSES
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
        behaviour: (*behaviour).into(),
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
    let Target::Embedded(behaviour) = &job.target else {
        return Vec::new();
    };
    if job.quiet {
        return Vec::new();
    }
    let connections = size.connections;
    let from = match sources {
        [first, .., last] if job.sources.is_empty() => format!(", loaded from {first} to {last}"),
        _ => String::new(),
    };
    vec![format!(
        "no TARGET: the reference server ({behaviour}) runs in this process on {target}{from}; \
         -c {connections}"
    )]
}

/// The same in every part of a run, whatever port an embedded server has.
fn name_of(job: &Job) -> String {
    let host = match &job.target {
        Target::Embedded(behaviour) => format!("embedded:{behaviour}"),
        Target::Remote(endpoint) => endpoint.to_string(),
    };
    match &job.request {
        Request::Http { path, .. } => format!("http://{host}{path}"),
        Request::Bytes(_) => host,
    }
}

fn host_field(job: &Job, target: SocketAddr) -> String {
    match &job.target {
        Target::Remote(endpoint) => endpoint.http_host_at(target.port()),
        // Without its port, which is another in each part of a run.
        Target::Embedded(_) => target.ip().to_string(),
    }
}

fn http(method: &str, path: &str, host: &str, last: &str) -> Arc<[u8]> {
    let agent = concat!("finwait/", env!("CARGO_PKG_VERSION"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{last}\r\n"
    );
    Arc::from(request.into_bytes())
}
