//! `finwait serve`: the reference server in the foreground.

use std::fmt::Write;
use std::io;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use finwait_peer::{Behaviour, Kind, Mix, Options, Protocol, Server, Stop};
use finwait_platform as platform;

use crate::args::{Endpoint, Family};
use crate::exit::{Exit, Failure};
use crate::{interrupt, note, output};

/// What `serve` is to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Name the behaviours.
    List,
    Serve {
        addr: Endpoint,
        behaviour: Mix,
        protocol: Protocol,
        idle: Option<Duration>,
        seed: u64,
        threads: Option<usize>,
        stop_within: Duration,
    },
}

pub(crate) fn run(job: Job) -> anyhow::Result<Exit> {
    match job {
        Job::List => output::show(&list()),
        Job::Serve {
            addr,
            behaviour,
            protocol,
            idle,
            seed,
            threads,
            stop_within,
        } => {
            let threads = threads.unwrap_or_else(cpus);
            serve(
                &addr,
                Options {
                    behaviour,
                    protocol,
                    idle,
                    seed,
                    threads,
                    ..Options::default()
                },
                stop_within,
            )
        }
    }
}

fn serve(addr: &Endpoint, options: Options, stop_within: Duration) -> anyhow::Result<Exit> {
    raise_open_file_limit();
    let cannot = |error: io::Error| {
        let why = platform::describe_error(&error);
        let mend = mend(&error);
        Failure::new(Exit::Failed, format!("{addr}: cannot listen: {why}{mend}"))
    };
    let addrs = addr
        .resolve(Family::Any)
        .map_err(|why| Failure::new(Exit::Failed, format!("{addr}: cannot listen: {why}")))?;
    // Before it listens: who sees it accept may stop it, and that is an orderly stop.
    let stop = Stop::new();
    let handle = stop.handle();
    interrupt::on_first(move || handle.stop(stop_within))?;
    let server = Server::bind(addrs[0], options).map_err(cannot)?;
    // A reader who has gone is no reason not to serve; an address that cannot be told is one.
    output::show(&format!("listening on {}\n", server.local_addr()))?;
    let summary = server.run(&stop).map_err(cannot)?;
    for line in summary.to_string().lines() {
        note::say(line);
    }
    let drained = summary.cut == 0 && summary.failures.is_empty();
    Ok(if drained { Exit::Ok } else { Exit::Failed })
}

/// What one can do about it.
fn mend(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; port 0 takes a free one".to_owned(),
        io::ErrorKind::AddrNotAvailable => {
            format!("; '{}' lists this host's addresses", note::LIST_ADDRESSES)
        }
        io::ErrorKind::PermissionDenied if cfg!(windows) => {
            // WSAEACCES: excluded port ranges, or a socket that has the port to itself.
            "; the port may be reserved: 'netsh int ip show excludedportrange tcp'".to_owned()
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 may need privilege".to_owned(),
        _ => String::new(),
    }
}

/// A server needs a descriptor for each connection: as many as it may have.
fn raise_open_file_limit() {
    // Not raised is not fatal: the server says when it runs out.
    if let Ok(Some(limit)) = platform::open_file_limit() {
        let _ = platform::raise_open_file_limit(limit.hard);
    }
}

/// How many threads run at once.
pub(crate) fn cpus() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// No line of the list is wider.
const WIDTH: usize = 100;

fn list() -> String {
    let behaviours = Behaviour::catalogue();
    let lengths = behaviours.iter().map(|entry| entry.syntax.len());
    let column = lengths.max().unwrap_or(0) + 4;
    let mut text = String::new();
    let groups = [
        (Kind::Good, "Good: all arrives, and ends in a FIN"),
        (Kind::Bad, "Bad: something is lost, or may be"),
        (Kind::Endless, "Endless: it does not end by itself"),
    ];
    for (kind, heading) in groups {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{heading}");
        for entry in behaviours.iter().filter(|entry| entry.kind == kind) {
            let for_http = if entry.needs_http { "HTTP: " } else { "" };
            let what = format!("{for_http}{}", entry.what);
            let mut before = format!("  {:1$}", entry.syntax, column - 2);
            for line in wrapped(&what, WIDTH - column) {
                let _ = writeln!(text, "{before}{line}");
                before = " ".repeat(column);
            }
        }
        text.push('\n');
    }
    text.push_str(AFTER_LIST);
    text
}

const AFTER_LIST: &str = "\
After it may come what its answer is: ?size=BYTES&delay=DURATION, and over HTTP also status=N and
framing=length|chunked|close. Several ways at once, by weight: mix=linger:80,rst?delay=1s:20
With --http the same text may stand in a request's path, after /behave/
";

/// `text` in lines of at most `width`, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
