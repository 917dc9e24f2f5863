//! CPU time per byte that is received, of this process alone: the server that sends is another one.
//!
//! What criterion calls time is CPU time here, user and system, so that its bytes per second are bytes
//! per CPU second.

use std::io::{self, Read};
use std::net::Shutdown;
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use finwait::{Closer, Limits};
use finwait_benches::{Meter, Served, Sources, establish};
use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Poll, Token};

/// Of one response; the server holds it in memory once.
const BYTES: u64 = 64 << 20;
const SCRATCH: usize = 64 << 10;
const FIRST_CLOSER: Token = Token(1 << 20);

/// Receives to the end of one stream, and says how many bytes that were.
type Receiver = fn(&mut Poll, TcpStream) -> io::Result<u64>;

/// Calls `receive` until the peer's FIN, waiting where it would block.
fn until_fin(poll: &mut Poll, mut receive: impl FnMut() -> io::Result<usize>) -> io::Result<u64> {
    let mut events = Events::with_capacity(16);
    let mut received = 0;
    loop {
        match receive() {
            Ok(0) => return Ok(received),
            Ok(bytes) => received += bytes as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll.poll(&mut events, None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn read_loop(poll: &mut Poll, mut stream: TcpStream) -> io::Result<u64> {
    let mut scratch = vec![0; SCRATCH];
    stream.shutdown(Shutdown::Write)?;
    until_fin(poll, || stream.read(&mut scratch))
}

fn discard(poll: &mut Poll, stream: TcpStream) -> io::Result<u64> {
    let mut scratch = vec![0; SCRATCH];
    stream.shutdown(Shutdown::Write)?;
    until_fin(poll, || {
        stream.try_io(|| platform::discard(&stream, 1 << 20, &mut scratch))
    })
}

/// The same, woken for half a megabyte each time. The `Closer` does so while a stream flows.
fn discard_low_water(poll: &mut Poll, stream: TcpStream) -> io::Result<u64> {
    platform::set_receive_low_water(&stream, 512 << 10)?;
    discard(poll, stream)
}

fn closer(poll: &mut Poll, stream: TcpStream, delivers: bool) -> io::Result<u64> {
    let limits = Limits {
        drain_bytes: None,
        ..Limits::default()
    };
    let mut events = Events::with_capacity(16);
    let mut now = Instant::now();
    let mut closer = Closer::new(FIRST_CLOSER, limits, now);
    if delivers {
        closer.finish(poll.registry(), stream, Vec::new(), now);
    } else {
        closer.close(poll.registry(), stream, Vec::new(), now);
    }
    let mut delivered = 0;
    loop {
        closer.turn_with(now, |_, chunk| delivered += chunk.len() as u64);
        if let Some(finished) = closer.poll_finished() {
            let report = finished.report;
            assert_eq!(delivered, report.received_bytes - report.discarded_bytes);
            return Ok(report.received_bytes);
        }
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))?;
        now = Instant::now();
        for event in &events {
            closer.handle(event, now);
        }
    }
}

fn discards(c: &mut Criterion) {
    if platform::process_cpu_time().is_none() {
        eprintln!("skipped: needs a system that tells how much CPU time was used");
        return;
    }
    let behaviour = format!("respond={BYTES}");
    let mut server = Command::new(env!("CARGO_BIN_EXE_hostile"));
    let server = Served::start(server.args(["peers", &behaviour])).expect("a server");
    let mut sources = Sources::new(0);
    let mut group = c.benchmark_group("discard");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.throughput(Throughput::Bytes(BYTES));
    let receivers: [(&str, Receiver); 5] = [
        ("read_loop_64k", read_loop),
        ("discard", discard),
        ("discard_low_water_512k", discard_low_water),
        ("closer_discarding", |poll, stream| {
            closer(poll, stream, false)
        }),
        ("closer_delivering", |poll, stream| {
            closer(poll, stream, true)
        }),
    ];
    for (name, receiver) in receivers {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let times = (0..iterations).map(|_| one(&server, &mut sources, receiver));
                times
                    .sum::<io::Result<_>>()
                    .expect("a response on loopback")
            });
        });
    }
    group.finish();
}

fn one(server: &Served, sources: &mut Sources, receiver: Receiver) -> io::Result<Duration> {
    let mut poll = Poll::new()?;
    let stream = establish(&mut poll, server.addr(), 1, sources)?.remove(0);
    let meter = Meter::start()?;
    let received = receiver(&mut poll, stream)?;
    let spent = meter.spent()?;
    assert_eq!(received, BYTES, "the whole response");
    Ok(spent.cpu())
}

criterion_group!(benches, discards);
criterion_main!(benches);
