//! The `Closer`'s timing wheel with 1,000 to 1,000,000 entries: arming, cancelling, expiring.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{
    BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};

use finwait_benches::Wheel;

const COUNTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Deadlines of a teardown are at most this far away, by default.
const FARTHEST_MS: u64 = 30_000;

struct Filled {
    wheel: Wheel,
    origin: Instant,
    /// Of each key in the wheel.
    at: Vec<Instant>,
    /// All keys, in no order.
    shuffled: Vec<usize>,
}

fn filled(count: usize) -> Filled {
    // The same numbers in every run.
    let mut random = fastrand::Rng::with_seed(1);
    let origin = Instant::now();
    let mut wheel = Wheel::new(origin);
    let at: Vec<_> = (0..count)
        .map(|_| origin + Duration::from_millis(random.u64(1..=FARTHEST_MS)))
        .collect();
    for (key, at) in at.iter().enumerate() {
        wheel.arm(key, *at);
    }
    let mut shuffled: Vec<_> = (0..count).collect();
    random.shuffle(&mut shuffled);
    Filled {
        wheel,
        origin,
        at,
        shuffled,
    }
}

/// One key leaves and comes back while all others stay: `in_turn` as connections come and go, `random`
/// where each access misses the caches.
fn arm_and_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("deadlines/arm_and_cancel");
    for count in COUNTS {
        let mut filled = filled(count);
        let mut next = 0;
        group.bench_function(BenchmarkId::new("in_turn", count), |bencher| {
            bencher.iter(|| {
                let key = next;
                next = if next + 1 == count { 0 } else { next + 1 };
                filled.wheel.cancel(key);
                filled.wheel.arm(key, filled.at[key]);
            });
        });
        group.bench_function(BenchmarkId::new("random", count), |bencher| {
            bencher.iter(|| {
                let key = filled.shuffled[next];
                next = if next + 1 == count { 0 } else { next + 1 };
                filled.wheel.cancel(key);
                filled.wheel.arm(key, filled.at[key]);
            });
        });
        // Nothing got lost on the way.
        assert_eq!(expire(&mut filled), count);
    }
    group.finish();
}

/// A deadline that moves later, as with every read.
fn rearm(c: &mut Criterion) {
    let mut group = c.benchmark_group("deadlines/rearm_later");
    for count in COUNTS {
        let mut filled = filled(count);
        let late = filled.origin + Duration::from_millis(2 * FARTHEST_MS);
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let key = filled.shuffled[next];
                next = if next + 1 == count { 0 } else { next + 1 };
                filled.wheel.arm(key, late);
            });
        });
        assert_eq!(expire(&mut filled), count);
    }
    group.finish();
}

/// Each moves to half the time that was left, in no order.
fn bring_forward(filled: &mut Filled) -> usize {
    let origin = filled.origin;
    for &key in &filled.shuffled {
        let sooner = origin + (filled.at[key] - origin) / 2;
        filled.wheel.arm(key, sooner);
    }
    filled.shuffled.len()
}

/// All of them, in the order in which they come due; the clock moves a tick at a time.
fn expire(filled: &mut Filled) -> usize {
    let mut expired = 0;
    for tick in 0..=FARTHEST_MS {
        let now = filled.origin + Duration::from_millis(tick);
        if filled.wheel.next_due().is_some_and(|next| next <= now) {
            while let Some(key) = filled.wheel.pop(now) {
                black_box(key);
                expired += 1;
            }
        }
    }
    expired
}

/// Says with how many it was done.
type Work = fn(&mut Filled) -> usize;

fn all_of_them(c: &mut Criterion) {
    let works: [(&str, Work); 2] = [
        ("deadlines/rearm_earlier", bring_forward),
        ("deadlines/expire", expire),
    ];
    for (name, work) in works {
        let mut group = c.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        for count in COUNTS {
            // Criterion's time is that of all; its rate is one's.
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..iterations {
                        let mut filled = filled(count);
                        let started = Instant::now();
                        let done = work(&mut filled);
                        spent += started.elapsed();
                        assert_eq!(done, count);
                    }
                    spent
                });
            });
        }
        group.finish();
    }
}

fn configured() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = configured();
    targets = arm_and_cancel, rearm, all_of_them
}
criterion_main!(benches);
