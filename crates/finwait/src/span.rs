//! A length of time in 32 bits, so that a teardown's clocks fit beside its counters.

use std::time::Duration;

/// Microseconds below 2^31 (35 minutes), milliseconds above, and `NEVER` at the top.
///
/// Both halves grow with the time they stand for, so that the derived order is the order in time.
/// A [`Duration`] is 16 bytes; a teardown keeps a dozen of them and must stay within 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u32);

const MILLIS: u32 = 1 << 31;

impl Span {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const NEVER: Self = Self(u32::MAX);
    /// The longest time that can be told, 24 days; anything longer is taken for it.
    pub(crate) const LONGEST: Self = Self(u32::MAX - 1);

    /// Rounds down: for a moment that has been reached.
    pub(crate) fn reached(elapsed: Duration) -> Self {
        Self::from_micros(micros(elapsed, elapsed.subsec_micros()), u64::wrapping_div)
    }

    /// Rounds up: for a bound, which may fire a little late but never early.
    pub(crate) fn bound(bound: Duration) -> Self {
        Self::from_micros(
            micros(bound, bound.subsec_nanos().div_ceil(1_000)),
            u64::div_ceil,
        )
    }

    fn from_micros(micros: u64, to_millis: fn(u64, u64) -> u64) -> Self {
        if micros < u64::from(MILLIS) {
            Self(micros as u32)
        } else {
            let longest = u64::from(Self::LONGEST.0 - MILLIS);
            Self(MILLIS | (to_millis(micros, 1_000).min(longest) as u32))
        }
    }

    /// [`Self::bound`] of a bound that may be absent.
    pub(crate) fn optional(bound: Option<Duration>) -> Self {
        bound.map_or(Self::NEVER, Self::bound)
    }

    pub(crate) fn is_never(self) -> bool {
        self == Self::NEVER
    }

    /// The time this stands for; `None` for never.
    pub(crate) fn duration(self) -> Option<Duration> {
        if self.is_never() {
            None
        } else if self.0 < MILLIS {
            Some(Duration::from_micros(u64::from(self.0)))
        } else {
            Some(Duration::from_millis(u64::from(self.0 - MILLIS)))
        }
    }

    /// This moment plus a bound; never stays never.
    pub(crate) fn plus(self, bound: Self) -> Self {
        // The usual case: both in microseconds, and the sum too.
        if self.0 < MILLIS && bound.0 < MILLIS && self.0 + bound.0 < MILLIS {
            return Self(self.0 + bound.0);
        }
        match (self.duration(), bound.duration()) {
            (Some(a), Some(b)) => Self::bound(a + b),
            _ => Self::NEVER,
        }
    }

    /// A quarter of this time; never stays never.
    pub(crate) fn quarter(self) -> Self {
        if self.0 < MILLIS {
            return Self(self.0.div_ceil(4));
        }
        self.duration()
            .map_or(Self::NEVER, |time| Self::bound(time / 4))
    }

    /// From `earlier` to this moment, zero if it did not come to either.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        // The usual case: both in microseconds.
        if self.0 < MILLIS && earlier.0 < MILLIS {
            return Duration::from_micros(u64::from(self.0.saturating_sub(earlier.0)));
        }
        match (self.duration(), earlier.duration()) {
            (Some(a), Some(b)) => a.saturating_sub(b),
            _ => Duration::ZERO,
        }
    }
}

/// A time in 64 bits, of which `part` is what goes beyond whole seconds: the rounding of what
/// `Duration::as_nanos` says would be a division of 128 bits.
fn micros(time: Duration, part: u32) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000);
    whole.saturating_add(u64::from(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_order_in_time_across_the_change_of_unit() {
        let seconds = [
            0,
            1,
            2147,
            2148,
            2149,
            3_600,
            86_400,
            86_400 * 30,
            86_400 * 300,
        ];
        let spans: Vec<_> = seconds
            .iter()
            .map(|&s| Span::bound(Duration::from_secs(s)))
            .collect();
        assert!(spans.is_sorted(), "{spans:?}");
        assert!(spans.iter().all(|&s| s < Span::NEVER));
    }

    #[test]
    fn a_bound_is_never_early_and_a_moment_never_late() {
        for nanos in [
            0,
            1,
            999,
            1_000,
            1_001,
            2_147_483_648_001,
            2_147_483_999_999,
        ] {
            let exact = Duration::from_nanos(nanos);
            assert!(Span::bound(exact).duration().unwrap() >= exact, "{nanos}");
            assert!(Span::reached(exact).duration().unwrap() <= exact, "{nanos}");
        }
    }

    #[test]
    fn never_absorbs() {
        assert_eq!(Span::NEVER.plus(Span::ZERO), Span::NEVER);
        assert_eq!(Span::ZERO.plus(Span::NEVER), Span::NEVER);
        assert_eq!(Span::optional(None), Span::NEVER);
        assert_eq!(Span::ZERO.since(Span::NEVER), Duration::ZERO);
    }

    #[test]
    fn the_longest_time_is_told_and_does_not_wrap() {
        let long = Span::bound(Duration::MAX);
        assert!(!long.is_never());
        assert_eq!(long.plus(long), long);
    }
}
