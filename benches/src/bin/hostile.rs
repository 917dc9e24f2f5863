//! What hostile peers cost honest ones in the same `Closer`.
//!
//! `hostile [ROUNDS]` closes 1,000 connections to an honest server through a `Closer`, 100 at once.
//! In every second round 3,750 others are under way in the same `Closer`, whose peers flood, drip
//! and stall, and 1,250 come between whose peers reset. It prints how long the honest ones' teardowns
//! took with and without them, side by side in one run, what memory that needed, and how late
//! deadlines were. `tools/hostile.sh` runs it in a network namespace of its own.
//!
//! Honest peers are of two kinds: those that answer 50 ms later, as over a network, and those that
//! answer at once, which nobody has but on loopback. The exit code is 1 if the first take more than
//! twice as long beside the hostile ones, or if memory grows from round to round. With the second
//! kind the floods' share of the processors counts as much as the `Closer`'s: those figures are only
//! shown. So is how late deadlines were: thousands are due within some milliseconds here.
//!
//! The servers are processes of their own: `hostile peers MIX` is one.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use finwait::{Clock, Closer, Ending, Key, Limits, Phase, Report};
use finwait_benches::{Served, Sources, announce, establish};
use finwait_peer::{Options, Server};
use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Poll, Token};

const HONEST: usize = 1_000;
/// An honest peer whose FIN takes as long as a round trip to another country.
const FAR: &str = "late-fin=50ms";
/// How many honest ones are under way.
const AT_ONCE: usize = 100;
const LASTING: usize = 3_750;
const RESETS: usize = 1_250;
/// A third each. A drip comes just before the idle clock would run out.
const MIX: &str = "mix=flood:1,drip=1/900ms:1,silent:1";
const RESPONSE: usize = 4 << 10;
const TICK: Duration = Duration::from_millis(1);
const FIRST_CLOSER: Token = Token(1 << 20);

/// The default ones, with clocks that a round can wait for.
fn limits() -> Limits {
    Limits {
        drain_idle: Duration::from_secs(1),
        drain_total: Some(TOTAL),
        ..Limits::default()
    }
}

const TOTAL: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["peers", mix] => peers(mix).map(|()| true),
        [] => measure(10),
        [rounds] if rounds.parse::<usize>().is_ok_and(|n| n > 1) => {
            measure(rounds.parse().unwrap_or(2))
        }
        _ => Err(io::Error::other("[ROUNDS], at least 2 | peers MIX")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hostile: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until stdin ends.
fn peers(mix: &str) -> io::Result<()> {
    platform::raise_open_file_limit(LASTING as u64 + 1_000)?;
    let options = Options {
        behaviour: mix.parse().map_err(io::Error::other)?,
        ..Options::default()
    };
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options)?.spawn()?;
    announce(server.addr());
    io::stdin().read_to_end(&mut Vec::new())?;
    server.stop(Duration::ZERO);
    Ok(())
}

fn start(mix: &str) -> io::Result<Served> {
    Served::start(Command::new(std::env::current_exe()?).args(["peers", mix]))
}

/// What came of one round.
#[derive(Default)]
struct Round {
    /// How long the honest ones took, each.
    honest: Vec<Duration>,
    /// How long one turn took, at most.
    longest_turn: Duration,
    /// How the hostile ones ended.
    endings: BTreeMap<String, usize>,
    /// Past the deadline of those that the total clock ended.
    latest: Duration,
    /// How many of them a turn had found out of time, by more than a tick, and not ended.
    missed: usize,
    /// Bytes that the hostile ones sent, and the `Closer` took.
    received: u64,
    /// When the last honest one had ended, in KiB.
    resident: u64,
}

fn measure(rounds: usize) -> io::Result<bool> {
    let wanted = (HONEST + LASTING + RESETS) as u64 + 200;
    let limit = platform::raise_open_file_limit(wanted)?;
    if let Some(limit) = limit.filter(|limit| limit.soft < wanted) {
        let why = format!("the open-file limit is {}: {wanted} are needed", limit.soft);
        return Err(io::Error::other(why));
    }
    let mut sources = Sources::new(16);
    let far = compare(FAR, rounds, &mut sources)?;
    let near = compare("echo", rounds, &mut sources)?;
    println!(
        "{FAR}: ratio {:.2}; echo: ratio {:.2}",
        far.ratio, near.ratio
    );
    Ok(far.ratio <= 2.0 && far.is_bounded && near.is_bounded)
}

/// What came of all rounds with one kind of honest peer.
struct Compared {
    /// Of the medians of the 99th percentiles.
    ratio: f64,
    is_bounded: bool,
}

fn compare(honest: &str, rounds: usize, sources: &mut Sources) -> io::Result<Compared> {
    let servers = Servers {
        honest: start(honest)?,
        lasting: start(MIX)?,
        resets: start("rst")?,
    };
    println!("honest peers: {honest}");
    let (mut alone, mut beside, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    let mut missed = 0;
    for round in 0..rounds {
        let is_beside = round % 2 == 1;
        let mut done = one_round(&servers, is_beside, sources)?;
        let p99 = percentile(&mut done.honest, 99);
        println!(
            "  {}: p50 {:.1} ms, p99 {:.1} ms; longest turn {:.1} ms",
            if is_beside { "beside" } else { "alone " },
            ms(percentile(&mut done.honest, 50)),
            ms(p99),
            ms(done.longest_turn),
        );
        if is_beside {
            println!(
                "          {:?}, {} MiB of them; deadlines {:.1} ms late at most",
                done.endings,
                done.received >> 20,
                ms(done.latest),
            );
            missed += done.missed;
            resident.push(done.resident);
            beside.push(p99);
        } else {
            alone.push(p99);
        }
    }
    let (alone, beside) = (percentile(&mut alone, 50), percentile(&mut beside, 50));
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    println!(
        "  p99: alone {:.1} ms, beside {} hostile ones {:.1} ms (medians), ratio {ratio:.2}",
        ms(alone),
        LASTING + RESETS,
        ms(beside),
    );
    println!(
        "  memory when the last honest one has ended: {resident:?} KiB; not ended by the first turn past their deadline: {missed}"
    );
    // The last time must not need more than the first.
    let most = resident.first().map(|first| first + (4 << 10));
    Ok(Compared {
        ratio,
        is_bounded: resident.last() <= most.as_ref(),
    })
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Of one or more.
fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(index).copied().unwrap_or_default()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

struct Servers {
    honest: Served,
    lasting: Served,
    resets: Served,
}

fn one_round(servers: &Servers, is_beside: bool, sources: &mut Sources) -> io::Result<Round> {
    let count = |hostile| if is_beside { hostile } else { 0 };
    let mut honest = open(&servers.honest, HONEST, sources)?;
    let lasting = open(&servers.lasting, count(LASTING), sources)?;
    let mut resets = open(&servers.resets, count(RESETS), sources)?;
    let mut round = Loop {
        poll: Poll::new()?,
        events: Events::with_capacity(1024),
        closer: Closer::new(FIRST_CLOSER, limits(), Instant::now()),
        begun: HashMap::new(),
        turns: Vec::new(),
        done: Round::default(),
    };
    for (n, stream) in lasting.into_iter().enumerate() {
        round.begin(stream, false);
        if n % 256 == 0 {
            round.turn(Some(Duration::ZERO))?;
        }
    }
    // Each has had its first turn then.
    for _ in 0..8 {
        round.turn(Some(Duration::ZERO))?;
    }
    let mut under_way = 0;
    while round.done.honest.len() < HONEST {
        while under_way - round.done.honest.len() < AT_ONCE
            && let Some(stream) = honest.pop()
        {
            round.begin(stream, true);
            under_way += 1;
            // Five between four honest ones.
            for _ in 0..1 + usize::from(under_way % 4 == 0) {
                if let Some(stream) = resets.pop() {
                    round.begin(stream, false);
                }
            }
        }
        round.turn(None)?;
    }
    round.done.resident = resident_kib();
    while !round.closer.is_empty() {
        round.turn(None)?;
    }
    Ok(round.done)
}

fn open(peers: &Served, count: usize, sources: &mut Sources) -> io::Result<Vec<TcpStream>> {
    // With a loop of its own: its tokens are not the Closer's.
    let mut opening = Poll::new()?;
    let streams = establish(&mut opening, peers.addr(), count, sources)?;
    let streams = streams.into_iter();
    Ok(streams
        .map(|stream| TcpStream::from_std(stream.into()))
        .collect())
}

struct Loop {
    poll: Poll,
    events: Events,
    closer: Closer,
    /// When it was handed over, and whether its peer is an honest one.
    begun: HashMap<Key, (Instant, bool)>,
    turns: Vec<Instant>,
    done: Round,
}

impl Loop {
    fn begin(&mut self, stream: TcpStream, is_honest: bool) {
        let (now, response) = (Instant::now(), vec![b'.'; RESPONSE]);
        let registry = self.poll.registry();
        let key = self.closer.close(registry, stream, response, now);
        self.begun.insert(key, (now, is_honest));
    }

    fn turn(&mut self, most: Option<Duration>) -> io::Result<()> {
        let timeout = most.or(self.closer.poll_timeout(Instant::now()));
        self.poll.poll(&mut self.events, timeout)?;
        let now = Instant::now();
        for event in &self.events {
            self.closer.handle(event, now);
        }
        self.closer.turn(now);
        let end = Instant::now();
        self.done.longest_turn = self.done.longest_turn.max(end - now);
        while let Some(finished) = self.closer.poll_finished() {
            match self.begun.remove(&finished.key) {
                Some((start, true)) => self.done.honest.push(end - start),
                Some((start, false)) => self.tell(start, &finished.report, now),
                None => {}
            }
        }
        self.turns.push(now);
        Ok(())
    }

    fn tell(&mut self, start: Instant, report: &Report, now: Instant) {
        let ending = report.ending;
        self.done.received += report.received_bytes;
        *self.done.endings.entry(ending.to_string()).or_default() += 1;
        let out_of_time = Ending::TimedOut {
            phase: Phase::Drain,
            clock: Clock::Total,
        };
        if ending == out_of_time {
            let bound = start + report.flush + TOTAL;
            let late = now.saturating_duration_since(bound);
            self.done.latest = self.done.latest.max(late);
            let was_up = self.turns.last().is_some_and(|turn| *turn >= bound + TICK);
            self.done.missed += usize::from(was_up);
        }
    }
}
