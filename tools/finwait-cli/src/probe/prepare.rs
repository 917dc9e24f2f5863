//! The target of a run: looked up, or started in this process.

use std::net::Ipv4Addr;
use std::time::Duration;

use finwait_peer::{Behaviour, Mix, Options, Running, Server};
use finwait_platform as platform;
use finwait_probe::{Http, Protocol, Target};

use super::{Asked, Remote, Run};
use crate::exit::{Exit, Failure};

/// A target that can be asked.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) target: Target,
    /// The embedded server, until it is stopped.
    pub(super) server: Option<Running>,
    /// What was decided and should be said before the run.
    pub(super) notes: Vec<String>,
}

pub(super) fn prepare(run: &Run) -> Result<Prepared, Failure> {
    match &run.target {
        Some(remote) => look_up(run, remote),
        None => embedded(run),
    }
}

fn look_up(run: &Run, remote: &Remote) -> Result<Prepared, Failure> {
    let Remote { endpoint, asked } = remote;
    let addrs = endpoint.resolve(run.family).map_err(|why| {
        let message = format!("{endpoint}: nothing was tested: {why}");
        Failure::new(Exit::NothingTested, message)
    })?;
    let addr = addrs[0];
    let (name, protocol) = match asked {
        Asked::Http(paths) => {
            let host = endpoint.http_host_at(addr.port());
            let http = Http {
                host: host.clone(),
                path: paths.plain.clone(),
                big: paths.big.clone(),
                late: paths.late.clone(),
                post: paths.post.clone(),
            };
            (
                format!("http://{host}{}", paths.plain),
                Protocol::Http(http),
            )
        }
        Asked::Tcp { send, expect } => {
            let (send, expect) = (send.clone(), *expect);
            (format!("tcp://{endpoint}"), Protocol::Tcp { send, expect })
        }
    };
    let mut notes = Vec::new();
    if addrs.len() > 1 && !run.quiet {
        notes.push(format!(
            "{endpoint} has {} addresses, and {addr} is used; -4, -6, or an address chooses another",
            addrs.len()
        ));
    }
    Ok(Prepared {
        target: Target {
            addr,
            name,
            protocol,
        },
        server: None,
        notes,
    })
}

/// Of the server in this process: short enough to be seen by the checks that wait for it.
const IDLE: Duration = Duration::from_secs(2);

/// The reference server, which closes as it should: what a good result looks like.
fn embedded(run: &Run) -> Result<Prepared, Failure> {
    let behaviour = Mix::from(Behaviour::LINGER);
    let options = Options {
        behaviour: behaviour.clone(),
        protocol: finwait_peer::Protocol::Http,
        idle: Some(IDLE),
        ..Options::default()
    };
    let started = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options).and_then(Server::spawn);
    let server = started.map_err(|error| {
        let why = platform::describe_error(&error);
        let message = format!("embedded server: cannot start: {why}");
        Failure::new(Exit::NothingTested, message)
    })?;
    let addr = server.addr();
    let mut notes = Vec::new();
    if !run.quiet {
        notes.push(format!(
            "no TARGET: the reference server ({behaviour}) runs in this process on {addr}"
        ));
    }
    let http = Http {
        host: addr.to_string(),
        path: "/".to_owned(),
        big: Some("/?size=4m".to_owned()),
        late: Some("/?delay=1s".to_owned()),
        post: None,
    };
    Ok(Prepared {
        target: Target {
            addr,
            name: format!("http://embedded:{behaviour}/"),
            protocol: Protocol::Http(http),
        },
        server: Some(server),
        notes,
    })
}
