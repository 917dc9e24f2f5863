//! The floor: a bare event loop that does the same exchange with no bookkeeping at all. What
//! `finwait load` costs beyond it is finwait's own share.
//!
//! - `floor storm ADDR COUNT` opens COUNT connections, then half-closes all, reads until each FIN,
//!   closes. `floor storm-asks ADDR COUNT` asks each socket what a report rests on before it closes it.
//! - `floor churn ADDR AT_ONCE SECONDS` is a closed loop: connect, write 64 bytes, half-close, read
//!   until the FIN, close. `floor count ADDR AT_ONCE COUNT` is the same loop, COUNT connections long.
//! - `floor http ADDR AT_ONCE SECONDS PATH half|fin` is one that writes a GET request with
//!   `Connection: close`. With `half` it half-closes then, as `finwait load --http` does; with `fin`
//!   the server's FIN is the first, as other tools wait for it.
//!
//! Each prints its rate per second. No verdict, no histogram, no deadline: a peer that never closes
//! hangs it, an error ends it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use finwait_benches::{Questions, Sources, drain, establish, half_close_all};
use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const REQUEST: [u8; 64] = [b'.'; 64];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match rate(&words) {
        Ok(rate) => {
            println!("{rate:.0}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rate(words: &[&str]) -> io::Result<f64> {
    match *words {
        ["storm", target, count] => storm(target, count, Questions::None),
        ["storm-asks", target, count] => storm(target, count, Questions::OfReport),
        ["churn", target, at_once, seconds] => churn(
            address(target)?,
            number("AT_ONCE", at_once, 1)?,
            End::after(seconds)?,
            &Exchange::half_closed(),
        ),
        ["count", target, at_once, count] => churn(
            address(target)?,
            number("AT_ONCE", at_once, 1)?,
            End::Count(number("COUNT", count, 1)? as u64),
            &Exchange::half_closed(),
        ),
        ["http", target, at_once, seconds, path, first] => {
            let target = address(target)?;
            let exchange = Exchange {
                request: get(target, path),
                half_close: match first {
                    "half" => true,
                    "fin" => false,
                    _ => return Err(io::Error::other(format!("half or fin, not {first}"))),
                },
            };
            let (at_once, end) = (number("AT_ONCE", at_once, 1)?, End::after(seconds)?);
            check_answer(target, &exchange.request)?;
            churn(target, at_once, end, &exchange)
        }
        _ => Err(io::Error::other(
            "usage: floor storm|storm-asks ADDR COUNT | churn ADDR AT_ONCE SECONDS | count ADDR AT_ONCE COUNT | http ADDR AT_ONCE SECONDS PATH half|fin",
        )),
    }
}

fn address(word: &str) -> io::Result<SocketAddr> {
    let why = format!("ADDR is an IP address and a port, such as 127.0.0.1:8080, not {word}");
    word.parse().map_err(|_| io::Error::other(why))
}

fn number(name: &str, word: &str, least: usize) -> io::Result<usize> {
    let number = word.parse().ok().filter(|&number| number >= least);
    let why = format!("{name} is a number of at least {least}, not {word}");
    number.ok_or_else(|| io::Error::other(why))
}

fn storm(target: &str, count: &str, questions: Questions) -> io::Result<f64> {
    let (target, count) = (address(target)?, number("COUNT", count, 1)?);
    platform::raise_open_file_limit(count as u64 + 100)?;
    let mut poll = Poll::new()?;
    let mut sources = Sources::new(0);
    let mut streams: Vec<_> = establish(&mut poll, target, count, &mut sources)?
        .into_iter()
        .map(Some)
        .collect();
    for stream in streams.iter_mut().flatten() {
        stream.write_all(&REQUEST)?;
    }
    let mut events = Events::with_capacity(1024);
    // The server has done its work when the clock starts: the last answer is here, unread.
    while streams
        .iter()
        .flatten()
        .any(|stream| stream.peek(&mut [0]).is_err())
    {
        poll.poll(&mut events, Some(Duration::from_millis(10)))?;
    }
    let started = Instant::now();
    half_close_all(&mut poll, &mut streams, questions)?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// What each connection of a closed loop does, from its establishment to the peer's FIN.
struct Exchange {
    request: Vec<u8>,
    /// Or the peer's FIN comes first.
    half_close: bool,
}

impl Exchange {
    fn half_closed() -> Self {
        Self {
            request: REQUEST.to_vec(),
            half_close: true,
        }
    }
}

/// The request of `finwait load --http`.
fn get(target: SocketAddr, path: &str) -> Vec<u8> {
    let headers = "User-Agent: floor/0.1.0\r\nAccept: */*\r\nConnection: close";
    format!("GET {path} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n\r\n").into_bytes()
}

/// Once, before the clock starts: a loop that only counts FINs would be fast with refusals too.
fn check_answer(target: SocketAddr, request: &[u8]) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(target)?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.lines().next().unwrap_or("nothing");
        Err(io::Error::other(format!("{target} answered: {status}")))
    }
}

/// When a closed loop starts no more connections.
#[derive(Clone, Copy)]
enum End {
    After(Duration),
    /// So many are started in all; at least those that are open at once.
    Count(u64),
}

impl End {
    fn after(seconds: &str) -> io::Result<Self> {
        let seconds = number("SECONDS", seconds, 0)?;
        Ok(Self::After(Duration::from_secs(seconds as u64)))
    }

    fn is_open(self, started: Instant, connections: u64) -> bool {
        match self {
            Self::After(time) => started.elapsed() < time,
            Self::Count(count) => connections < count,
        }
    }
}

fn churn(target: SocketAddr, at_once: usize, end: End, exchange: &Exchange) -> io::Result<f64> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut scratch = [0; 4096];
    let mut streams = Vec::with_capacity(at_once);
    let mut connected = vec![false; at_once];
    for index in 0..at_once {
        streams.push(Some(connect(&poll, target, index)?));
    }
    let (started, mut finished, mut open) = (Instant::now(), 0_u64, at_once);
    while open > 0 {
        poll.poll(&mut events, None)?;
        for event in &events {
            let index = event.token().0;
            let Some(stream) = &mut streams[index] else {
                continue;
            };
            if !connected[index] {
                stream.write_all(&exchange.request)?;
                if exchange.half_close {
                    stream.shutdown(Shutdown::Write)?;
                }
                connected[index] = true;
            }
            if drain(&mut streams[index], &mut scratch, Questions::None)? {
                finished += 1;
                connected[index] = false;
                if end.is_open(started, finished + open as u64 - 1) {
                    streams[index] = Some(connect(&poll, target, index)?);
                } else {
                    open -= 1;
                }
            }
        }
    }
    Ok(finished as f64 / started.elapsed().as_secs_f64())
}

fn connect(poll: &Poll, target: SocketAddr, index: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::from_std(platform::connect_from(target, None)?);
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(index), both)?;
    Ok(stream)
}
