//! When things are due: a rate, a ramp, and a process's share of both.

use std::time::Duration;

/// Which part of a whole run this process makes; the parts make the run that one process would.
///
/// Connections have numbers from 0, the same in the parts as in the whole: a part has those whose
/// remainder by [`of`](Self::of) is its [`index`](Self::index). All that is chosen for a
/// connection (when it is due, how it is closed, from where and to which port it goes) follows
/// from its number and the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which part, from 0.
    pub index: u64,
    /// How many parts there are; at least 1.
    pub of: u64,
}

impl Segment {
    /// The whole.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// This part's share of a whole; the shares of all parts add up to it. Of a number of
    /// connections it is how many of the numbers below it are this part's.
    #[must_use]
    pub fn share(self, whole: u64) -> u64 {
        strided(whole, self.index, self.of)
    }
}

/// How many of the numbers below `total` have remainder `i` by `n`.
pub(crate) fn strided(total: u64, i: u64, n: u64) -> u64 {
    total.saturating_sub(i).div_ceil(n.max(1))
}

/// The numbers of one worker: its k-th connection's number in the whole run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    first: u64,
    step: u64,
}

impl Numbers {
    pub(crate) fn new(segment: Segment, worker: u64, workers: u64) -> Self {
        Self {
            first: segment.index + segment.of * worker,
            step: segment.of * workers,
        }
    }

    pub(crate) fn nth(self, k: u64) -> u64 {
        self.first.saturating_add(self.step.saturating_mul(k))
    }
}

/// A rate that rises from zero over a ramp and then stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    per_second: f64,
    ramp: Duration,
}

impl Pace {
    pub(crate) fn new(per_second: f64, ramp: Duration) -> Self {
        Self { per_second, ramp }
    }

    /// When number `n` of the whole run is due, from the run's start.
    ///
    /// While the rate rises linearly over R seconds to r, r t^2 / 2R are due by t; after it,
    /// r (t - R/2).
    pub(crate) fn due(self, n: u64) -> Duration {
        let (n, rate, ramp) = (n as f64, self.per_second, self.ramp.as_secs_f64());
        let seconds = if n < rate * ramp / 2.0 {
            (2.0 * ramp * n / rate).sqrt()
        } else {
            n / rate + ramp / 2.0
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// How many of `whole` may be open at `at`, while their number rises over a ramp: at least 1.
pub(crate) fn ramped(whole: usize, at: Duration, ramp: Duration) -> usize {
    if at >= ramp {
        return whole;
    }
    let share = at.as_secs_f64() / ramp.as_secs_f64();
    ((whole as f64 * share).ceil() as usize).clamp(1, whole.max(1))
}

/// When one more than now may be open.
pub(crate) fn next_step(whole: usize, at: Duration, ramp: Duration) -> Option<Duration> {
    let open = ramped(whole, at, ramp);
    (open < whole).then(|| ramp.mul_f64(open as f64 / whole as f64) + Duration::from_micros(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        for whole in [0, 1, 7, 100, 1_001] {
            for n in 1..8 {
                assert_eq!((0..n).map(|i| strided(whole, i, n)).sum::<u64>(), whole);
            }
        }
    }

    #[test]
    fn the_numbers_of_all_workers_of_all_parts_are_those_of_the_whole() {
        let total = 1_000;
        let mut all = Vec::new();
        // The parts need not have the same number of workers.
        for (index, workers) in [(0, 1), (1, 4), (2, 3)] {
            let segment = Segment { index, of: 3 };
            let share = segment.share(total);
            for worker in 0..workers {
                let numbers = Numbers::new(segment, worker, workers);
                all.extend((0..strided(share, worker, workers)).map(|k| numbers.nth(k)));
            }
        }
        all.sort_unstable();
        assert_eq!(all, (0..total).collect::<Vec<_>>());
    }

    #[test]
    fn a_pace_is_even_after_its_ramp() {
        let even = Pace::new(100.0, Duration::ZERO);
        assert_eq!(even.due(0), Duration::ZERO);
        assert_eq!(even.due(150), Duration::from_millis(1_500));
        // Half of what the full rate would have made by the end of the ramp.
        let rising = Pace::new(100.0, Duration::from_secs(10));
        assert_eq!(rising.due(500), Duration::from_secs(10));
        assert_eq!(rising.due(600), Duration::from_secs(11));
        assert_eq!(rising.due(125), Duration::from_secs(5));
        assert!((0..1_000).map(|n| rising.due(n)).is_sorted());
    }

    #[test]
    fn a_ramp_of_open_connections_ends_at_all_of_them() {
        let ramp = Duration::from_secs(10);
        assert_eq!(ramped(100, Duration::ZERO, ramp), 1);
        assert_eq!(ramped(100, Duration::from_secs(5), ramp), 50);
        assert_eq!(ramped(100, ramp, ramp), 100);
        assert_eq!(ramped(100, Duration::ZERO, Duration::ZERO), 100);
        let mut at = Duration::ZERO;
        for open in 2..=100 {
            at = next_step(100, at, ramp).unwrap();
            assert_eq!(ramped(100, at, ramp), open);
        }
        assert_eq!(next_step(100, at, ramp), None);
    }
}
