//! Teardown throughput: connections established before the clock starts, then all closed through
//! one `Closer`, from the first half-close to the last close.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use finwait::{Closer, Limits};
use finwait_benches::{Sources, establish};
use finwait_peer::{Options, Server};
use mio::{Events, Poll, Token};

const FIRST_CLOSER: Token = Token(1 << 20);

fn teardown(c: &mut Criterion) {
    // Both ends of each connection are in this process.
    let wanted = 2 * 4_000 + 200;
    match finwait_platform::raise_open_file_limit(wanted) {
        Ok(Some(limit)) if limit.soft < wanted => {
            eprintln!(
                "the open-file limit {} is too low for this bench: {wanted}",
                limit.soft
            );
            return;
        }
        _ => {}
    }
    let server = Server::bind(([127, 0, 0, 1], 0).into(), Options::default());
    let running = server
        .and_then(Server::spawn)
        .expect("the reference server starts on loopback");
    let mut sources = Sources::new(200);
    let mut group = c.benchmark_group("teardown");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    for connections in [1_000, 4_000] {
        group.throughput(Throughput::Elements(connections));
        let id = BenchmarkId::new("closer", connections);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| close_all(running.addr(), connections as usize, &mut sources))
                    .sum()
            });
        });
    }
    group.finish();
    black_box(running.stop(Duration::from_secs(1)));
}

fn close_all(target: std::net::SocketAddr, count: usize, sources: &mut Sources) -> Duration {
    let mut poll = Poll::new().expect("an event loop can be had");
    let streams = establish(&mut poll, target, count, sources).expect("connections on loopback");
    let mut events = Events::with_capacity(1024);
    let mut closer = Closer::new(FIRST_CLOSER, Limits::default(), Instant::now());

    let started = Instant::now();
    for stream in streams {
        closer.close(poll.registry(), stream, Vec::new(), started);
    }
    let mut graceful = 0;
    while !closer.is_empty() {
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))
            .expect("the event loop works");
        let now = Instant::now();
        for event in &events {
            closer.handle(event, now);
        }
        closer.turn(now);
        while let Some(finished) = closer.poll_finished() {
            graceful += usize::from(finished.report.peer_fin && finished.report.error.is_none());
        }
    }
    let elapsed = started.elapsed();
    assert_eq!(
        graceful, count,
        "a bench of failed teardowns measures nothing"
    );
    elapsed
}

criterion_group!(benches, teardown);
criterion_main!(benches);
