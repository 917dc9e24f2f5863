//! Teardown throughput: connections established before the clock starts, then all closed through
//! one `Closer`, from the first half-close to the last close. The server is in the same process, so
//! this is for comparing one version of finwait with another; side by side with what others do, each
//! in a process of its own, the same work is done by `tools/contest.sh`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use finwait_benches::{Sources, close_all, closer_for, establish};
use finwait_peer::{Options, Server};
use mio::Poll;

fn teardown(c: &mut Criterion) {
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
    for connections in [1_000, 4_000, 9_000] {
        // Both ends of each are in this process.
        let wanted = 2 * connections + 200;
        match finwait_platform::raise_open_file_limit(wanted) {
            Ok(Some(limit)) if limit.soft < wanted => {
                let limit = limit.soft;
                eprintln!(
                    "skipped: teardown of {connections} needs an open-file limit of {wanted}, it is {limit}"
                );
                continue;
            }
            _ => {}
        }
        group.throughput(Throughput::Elements(connections));
        let id = BenchmarkId::new("closer", connections);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| measure(running.addr(), connections as usize, &mut sources))
                    .sum()
            });
        });
    }
    group.finish();
    black_box(running.stop(Duration::from_secs(1)));
}

fn measure(target: std::net::SocketAddr, count: usize, sources: &mut Sources) -> Duration {
    let mut poll = Poll::new().expect("an event loop can be had");
    let streams = establish(&mut poll, target, count, sources).expect("connections on loopback");
    let mut closer = closer_for(count);
    let started = Instant::now();
    close_all(&mut poll, &mut closer, streams).expect("teardowns in order");
    started.elapsed()
}

criterion_group!(benches, teardown);
criterion_main!(benches);
