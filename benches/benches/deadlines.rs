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
    /// All keys, in no order.
    shuffled: Vec<usize>,
}

impl Filled {
    /// The deadline of a key: reckoned, as a table would be one more memory to miss the caches in.
    fn at(&self, key: usize) -> Instant {
        let scattered = (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        self.origin + Duration::from_millis(1 + scattered * FARTHEST_MS / (1 << 32))
    }
}

fn filled(count: usize) -> Filled {
    // The same numbers in every run.
    let mut random = fastrand::Rng::with_seed(1);
    let origin = Instant::now();
    let mut shuffled: Vec<_> = (0..count).collect();
    random.shuffle(&mut shuffled);
    let mut filled = Filled {
        wheel: Wheel::new(origin),
        origin,
        shuffled,
    };
    for key in 0..count {
        let at = filled.at(key);
        filled.wheel.arm(key, at);
    }
    filled
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
                let at = filled.at(key);
                filled.wheel.arm(key, at);
            });
        });
        group.bench_function(BenchmarkId::new("random", count), |bencher| {
            bencher.iter(|| {
                let key = filled.shuffled[next];
                next = if next + 1 == count { 0 } else { next + 1 };
                filled.wheel.cancel(key);
                let at = filled.at(key);
                filled.wheel.arm(key, at);
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
    for next in 0..filled.shuffled.len() {
        let key = filled.shuffled[next];
        let sooner = origin + (filled.at(key) - origin) / 2;
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
