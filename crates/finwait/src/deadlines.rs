//! Which teardown must be looked at next, and when.

use std::time::{Duration, Instant};

use crate::rings::Rings;

/// A hierarchical timing wheel of 1 ms ticks: arming and cancelling take constant time, whether
/// ten teardowns are timed or a million.
///
/// A key has at most one entry. Moving a deadline *later* leaves the entry where it is: it comes
/// out early, its teardown says that nothing is due yet, and is armed anew. So a busy connection,
/// whose idle deadline moves with every read, costs nothing here.
#[derive(Debug)]
pub(crate) struct Deadlines {
    origin: Instant,
    /// Ticks that have been expired.
    elapsed: u64,
    /// One bit per slot that holds an entry.
    occupied: [u64; LEVELS],
    /// One ring per slot.
    slots: Rings,
    /// The tick of each key's entry, or `UNARMED`.
    ticks: Vec<u64>,
}

/// Six digits of six bits: two years in milliseconds. Anything later is kept at the far end, comes
/// out early, and is armed anew.
const LEVELS: usize = 6;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const FARTHEST: u64 = (1 << (BITS * LEVELS as u32)) - 1;
const UNARMED: u64 = u64::MAX;

impl Deadlines {
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            elapsed: 0,
            occupied: [0; LEVELS],
            slots: Rings::new((LEVELS * SLOTS) as u32),
            ticks: Vec::new(),
        }
    }

    /// Sees to it that `key` comes out at or before `at`.
    pub(crate) fn arm(&mut self, key: usize, at: Instant) {
        let after = at.saturating_duration_since(self.origin);
        // Rounded up: an entry that came out before its time would be looked at for nothing.
        let part = after.subsec_nanos().div_ceil(1_000_000);
        let tick = (after.as_secs().saturating_mul(1_000)).saturating_add(u64::from(part));
        let tick = tick.min(UNARMED - 1);
        if self.ticks.len() <= key {
            self.ticks.resize(key + 1, UNARMED);
        }
        if self.ticks[key] <= tick {
            return;
        }
        self.cancel(key);
        self.insert(key, tick.max(self.elapsed));
    }

    /// Takes back `key`'s entry, if it has one.
    pub(crate) fn cancel(&mut self, key: usize) {
        if self.ticks.get(key).is_some_and(|&tick| tick != UNARMED) {
            self.ticks[key] = UNARMED;
            self.unlink(key);
        }
    }

    /// When to call [`pop`](Self::pop) next, at the latest.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (_, tick) = self.next_slot()?;
        self.origin.checked_add(Duration::from_millis(tick))
    }

    /// The next key whose time has come.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<usize> {
        let reached = now.saturating_duration_since(self.origin);
        let part = u64::from(reached.subsec_millis());
        let reached = reached
            .as_secs()
            .saturating_mul(1_000)
            .saturating_add(part)
            .min(UNARMED - 1);
        while let Some((slot, tick)) = self.next_slot().filter(|&(_, tick)| tick <= reached) {
            self.elapsed = tick;
            if (slot as usize) < SLOTS {
                let key = self.slots.first(slot)?;
                self.cancel(key);
                return Some(key);
            }
            // A slot of a higher level opens: its entries go to where their lower digits say.
            while let Some(key) = self.slots.first(slot) {
                self.unlink(key);
                self.insert(key, self.ticks[key]);
            }
        }
        self.elapsed = self.elapsed.max(reached);
        None
    }

    fn insert(&mut self, key: usize, tick: u64) {
        self.ticks[key] = tick;
        let near = tick.min(self.elapsed | FARTHEST);
        // The highest digit in which the two differ is the level.
        let level = (((self.elapsed ^ near) | 1).ilog2() / BITS) as usize;
        let digit = (near >> (BITS * level as u32)) as usize % SLOTS;
        self.occupied[level] |= 1 << digit;
        self.slots.push((level * SLOTS + digit) as u32, key);
    }

    fn unlink(&mut self, key: usize) {
        if let Some(emptied) = self.slots.remove(key) {
            let (level, digit) = (emptied as usize / SLOTS, emptied as usize % SLOTS);
            self.occupied[level] &= !(1 << digit);
        }
    }

    /// The first occupied slot and the tick at which it opens. Lower levels come first: their
    /// entries share all higher digits with the present.
    fn next_slot(&self) -> Option<(u32, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let digit = self.occupied[level].trailing_zeros();
        let shift = BITS * level as u32;
        let above = self.elapsed >> shift >> BITS << BITS;
        let tick = (above | u64::from(digit)) << shift;
        Some(((level * SLOTS) as u32 + digit, tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn pop_all(deadlines: &mut Deadlines, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| deadlines.pop(now)).collect()
    }

    #[test]
    fn an_entry_comes_out_in_its_tick_and_not_before() {
        for millis in [0, 1, 63, 64, 65, 4_095, 4_096, 5_000, 262_144, 86_400_000] {
            let origin = test_origin();
            let mut deadlines = Deadlines::new(origin);
            let at = origin + Duration::from_millis(millis);
            deadlines.arm(3, at);
            // Wherever the wheel has been turned to in between.
            for part in 1..8 {
                let now = origin + Duration::from_millis(millis) * part / 8;
                if now < at {
                    assert_eq!(deadlines.pop(now), None, "{millis} {part}");
                }
            }
            assert!(deadlines.next().is_some_and(|next| next <= at));
            assert_eq!(deadlines.pop(at), Some(3), "{millis}");
            assert_eq!(deadlines.next(), None);
        }
    }

    #[test]
    fn a_later_deadline_keeps_its_entry_and_an_earlier_one_moves_it() {
        let origin = test_origin();
        let mut deadlines = Deadlines::new(origin);
        let at = |millis| origin + Duration::from_millis(millis);
        deadlines.arm(0, at(100));
        deadlines.arm(0, at(200));
        assert_eq!(pop_all(&mut deadlines, at(100)), [0]);
        deadlines.arm(0, at(200));
        deadlines.arm(0, at(150));
        assert_eq!(pop_all(&mut deadlines, at(150)), [0]);
        assert_eq!(pop_all(&mut deadlines, at(9_999)), []);
    }

    #[test]
    fn a_cancelled_entry_never_comes_out() {
        let origin = test_origin();
        let mut deadlines = Deadlines::new(origin);
        deadlines.arm(1, origin + Duration::from_millis(10));
        deadlines.arm(2, origin + Duration::from_millis(10));
        deadlines.cancel(1);
        deadlines.cancel(1);
        deadlines.cancel(77);
        assert_eq!(
            pop_all(&mut deadlines, origin + Duration::from_secs(1)),
            [2]
        );
    }

    #[test]
    fn beyond_the_far_end_comes_out_early_rather_than_wrong() {
        let origin = test_origin();
        let mut deadlines = Deadlines::new(origin);
        let far = Duration::from_secs(86_400 * 365 * 5);
        deadlines.arm(0, origin + far);
        assert!(deadlines.next().is_some_and(|next| next < origin + far));
        assert_eq!(pop_all(&mut deadlines, origin + far), [0]);
    }

    /// The wheel against a sorted map: random arms, cancels and turns.
    #[test]
    fn the_wheel_agrees_with_a_sorted_map() {
        let origin = test_origin();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next_random = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut deadlines = Deadlines::new(origin);
        let mut model = BTreeMap::<usize, u64>::new();
        let mut now = 0_u64;
        for _ in 0..200_000 {
            let key = next_random(200) as usize;
            match next_random(10) {
                0..=5 => {
                    let bits = next_random(20);
                    let tick = now + next_random(1 << bits);
                    deadlines.arm(key, origin + Duration::from_millis(tick));
                    let entry = model.entry(key).or_insert(tick);
                    *entry = tick.min(*entry);
                }
                6..=7 => {
                    deadlines.cancel(key);
                    model.remove(&key);
                }
                _ => {
                    let bits = next_random(14);
                    now += next_random(1 << bits);
                    let mut popped = pop_all(&mut deadlines, origin + Duration::from_millis(now));
                    popped.sort_unstable();
                    let due: Vec<_> = model
                        .iter()
                        .filter(|&(_, &t)| t <= now)
                        .map(|(&k, _)| k)
                        .collect();
                    model.retain(|_, &mut tick| tick > now);
                    assert_eq!(popped, due, "at {now}");
                }
            }
            let first = model
                .values()
                .min()
                .map(|&t| origin + Duration::from_millis(t));
            match (deadlines.next(), first) {
                (None, None) => {}
                (Some(next), Some(first)) => assert!(next <= first),
                (next, first) => panic!("the wheel says {next:?}, the map {first:?}"),
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had from the clock only"
    )]
    fn test_origin() -> Instant {
        Instant::now()
    }
}
