//! The same teardowns by a bare loop, by finwait, and by what people use instead.
//!
//! - `contest run KIND COUNT BATCHES [CORE]` establishes COUNT connections to a server in a process
//!   of its own, and tears all of them down: half-close, read until the peer's FIN, close. The clock
//!   runs from the first half-close to the last close. BATCHES times; it prints one line, which
//!   `contest table` reads. With CORE the server runs there, by `taskset`.
//! - KIND is `floor`, `floor-asks` (it asks what a report rests on), `closer`, `closer-own` (a `Closer`
//!   that gives each socket a token of its own), `tokio` (a task for each connection) or `threads` (a
//!   thread for each).
//! - `contest table` reads such lines from stdin: the first of each kind are a round, the second too.
//! - `contest peer COUNT` is the server.
//!
//! `tools/contest.sh` runs all of it, each in a network namespace of its own.

mod peer;
mod table;
mod tasks;
mod threads;

use std::io;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use finwait_benches::{
    Meter, Questions, Served, Sources, Spent, close_all, close_registered, closer_for, establish,
    half_close_all,
};
use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Poll};

const KINDS: &str = "floor, floor-asks, closer, closer-own, tokio or threads";
/// For the reads of those that have such a bound; never reached by a server in order.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", kind, count, batches] => run(kind, count, batches, None),
        ["run", kind, count, batches, core] => run(kind, count, batches, Some(core)),
        ["table"] => table::print(io::stdin().lock()),
        ["peer", count] => number("COUNT", count).and_then(peer::serve),
        _ => Err(io::Error::other(format!(
            "usage: contest run KIND COUNT BATCHES [CORE] | table | peer COUNT; KIND is {KINDS}"
        ))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("contest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(name: &str, word: &str) -> io::Result<usize> {
    let number = word.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| io::Error::other(format!("{name} is a number of at least 1, not {word}")))
}

fn run(kind: &str, count: &str, batches: &str, core: Option<&str>) -> io::Result<()> {
    let contestant: fn(Poll, Vec<TcpStream>) -> io::Result<Spent> = match kind {
        "floor" => |poll, streams| floor(poll, streams, Questions::None),
        "floor-asks" => |poll, streams| floor(poll, streams, Questions::OfReport),
        "closer" => closer,
        "closer-own" => closer_own,
        "tokio" => |_, streams| tasks::tear_down(to_std(streams)),
        "threads" => |_, streams| threads::tear_down(to_std(streams)),
        _ => {
            return Err(io::Error::other(format!("KIND is {KINDS}, not {kind}")));
        }
    };
    let (count, batches) = (number("COUNT", count)?, number("BATCHES", batches)?);
    need_files(count)?;
    let server = start_server(count, core)?;
    let mut sources = Sources::new(200);
    let mut spent = Spent::default();
    for _ in 0..batches {
        let mut poll = Poll::new()?;
        let streams = taken(&mut poll, &server, count, &mut sources)?;
        spent += contestant(poll, streams)?;
    }
    let teardowns = (count * batches) as f64;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / teardowns;
    println!(
        "{kind} {count} {:.1} {:.3} {:.3}",
        teardowns / spent.wall.as_secs_f64(),
        micros(spent.user),
        micros(spent.system),
    );
    Ok(())
}

/// Raises the limit on descriptors to what `count` connections need.
fn need_files(count: usize) -> io::Result<()> {
    let wanted = count as u64 + 100;
    match platform::raise_open_file_limit(wanted)? {
        Some(limit) if limit.soft < wanted => {
            let why = format!("the open-file limit is {}: {wanted} are needed", limit.soft);
            Err(io::Error::other(why))
        }
        _ => Ok(()),
    }
}

fn start_server(count: usize, core: Option<&str>) -> io::Result<Served> {
    let program = std::env::current_exe()?;
    let mut command = match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", core]).arg(program);
            command
        }
        None => Command::new(program),
    };
    Served::start(command.arg("peer").arg(count.to_string()))
}

/// Connections that the server has accepted: each was sent a byte then, which has been read here.
fn taken(
    poll: &mut Poll,
    server: &Served,
    count: usize,
    sources: &mut Sources,
) -> io::Result<Vec<TcpStream>> {
    let mut streams = establish(poll, server.addr(), count, sources)?;
    let mut events = Events::with_capacity(1024);
    let mut waiting: Vec<_> = streams.iter_mut().collect();
    let started = Instant::now();
    loop {
        let mut still = Vec::new();
        for stream in waiting {
            match io::Read::read(stream, &mut [0]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => still.push(stream),
                Err(error) => return Err(error),
            }
        }
        waiting = still;
        if waiting.is_empty() {
            return Ok(streams);
        }
        if started.elapsed() > READ_TIMEOUT {
            let why = format!("the server has not taken {} connections", waiting.len());
            return Err(io::Error::other(why));
        }
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
    }
}

/// Out of the event loop that has established them.
fn to_std(streams: Vec<TcpStream>) -> Vec<std::net::TcpStream> {
    streams.into_iter().map(std::net::TcpStream::from).collect()
}

fn floor(mut poll: Poll, streams: Vec<TcpStream>, questions: Questions) -> io::Result<Spent> {
    let mut streams: Vec<_> = streams.into_iter().map(Some).collect();
    let meter = Meter::start()?;
    half_close_all(&mut poll, &mut streams, questions)?;
    meter.spent()
}

/// The `Closer` is there, with room for them, when the clock starts, as are tokio's tasks.
fn closer(mut poll: Poll, streams: Vec<TcpStream>) -> io::Result<Spent> {
    let mut closer = closer_for(streams.len());
    let meter = Meter::start()?;
    close_registered(&mut poll, &mut closer, streams)?;
    meter.spent()
}

fn closer_own(mut poll: Poll, streams: Vec<TcpStream>) -> io::Result<Spent> {
    let mut closer = closer_for(streams.len());
    let meter = Meter::start()?;
    close_all(&mut poll, &mut closer, streams)?;
    meter.spent()
}
