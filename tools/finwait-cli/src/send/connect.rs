//! The connection: each address in turn, as the recipe does.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use finwait::PeerEnd;
use finwait_platform as platform;
use mio::Interest;
use mio::net::TcpStream;

use super::link::{Link, STREAM};
use super::{Job, story};
use crate::exit::{Exit, Failure};
use crate::note;

/// A connection, and what it took.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) took: Duration,
    /// What the events have said of the peer's end so far.
    pub(super) end: PeerEnd,
}

/// Connects to the first of `addrs` that accepts.
pub(super) fn first_that_accepts(
    job: &Job,
    addrs: &[SocketAddr],
    link: &mut Link,
) -> anyhow::Result<Connected> {
    let mut failures = Vec::new();
    for &addr in addrs {
        let began = Instant::now();
        let Some(result) = attempt(addr, link)? else {
            let message = format!("{}: interrupted before it was connected", job.target);
            return Err(Failure::new(Exit::Interrupted, message).into());
        };
        match result {
            Ok((stream, end)) => {
                return Ok(Connected {
                    stream,
                    took: began.elapsed(),
                    end,
                });
            }
            Err(error) => {
                let why = story::describe(&error);
                if job.tell {
                    note::say(format_args!("{addr}: cannot connect: {why}"));
                }
                failures.push((addr, error.kind(), why));
            }
        }
    }
    Err(none_accepts(job, &failures).into())
}

/// One attempt; `None` if it was interrupted.
fn attempt(
    addr: SocketAddr,
    link: &mut Link,
) -> anyhow::Result<Option<io::Result<(TcpStream, PeerEnd)>>> {
    let both = Interest::READABLE | Interest::WRITABLE;
    let begun = platform::connect_from(addr, None).and_then(|stream| {
        let mut stream = TcpStream::from_std(stream);
        link.poll.registry().register(&mut stream, STREAM, both)?;
        Ok(stream)
    });
    let stream = match begun {
        Ok(stream) => stream,
        Err(error) => return Ok(Some(Err(error))),
    };
    let began = Instant::now();
    let mut end = PeerEnd::default();
    loop {
        match outcome(&stream, end) {
            Some(Ok(())) => return Ok(Some(Ok((stream, end)))),
            Some(Err(error)) => return Ok(Some(Err(error))),
            None => {}
        }
        let left = link.timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(Some(Err(io::ErrorKind::TimedOut.into())));
        }
        if link.is_interrupted() {
            return Ok(None);
        }
        link.wait(Some(left))?;
        for event in &link.events {
            if event.token() == STREAM {
                end.note(event);
            }
        }
    }
}

/// Whether the attempt has succeeded or failed; `None` while it is under way.
fn outcome(stream: &TcpStream, end: PeerEnd) -> Option<io::Result<()>> {
    // A reset that is no pending error may leave the socket unconnected, as one that still connects.
    match end.of_pending(platform::take_error(stream)) {
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
        Ok(None) => {}
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
        Err(error) => Some(Err(error)),
    }
}

fn none_accepts(job: &Job, failures: &[(SocketAddr, io::ErrorKind, String)]) -> Failure {
    let all = |kind| failures.iter().all(|(_, k, _)| *k == kind);
    let exit = if all(io::ErrorKind::TimedOut) {
        Exit::TimedOut
    } else {
        Exit::ConnectFailed
    };
    let mend = match () {
        () if all(io::ErrorKind::TimedOut) => "; -w gives it more time",
        () if all(io::ErrorKind::ConnectionRefused) => "; start the server, or check the port",
        () => "",
    };
    let whys: Vec<String> = match failures {
        [(_, _, why)] => vec![why.clone()],
        several => several
            .iter()
            .map(|(addr, _, why)| format!("{addr}: {why}"))
            .collect(),
    };
    Failure::new(
        exit,
        format!("{}: cannot connect: {}{mend}", job.target, whys.join(", ")),
    )
}
