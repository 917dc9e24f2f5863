//! Which teardown must be looked at next, and when.

use std::time::{Duration, Instant};

use crate::rings::Rings;

/// A hierarchical timing wheel of 1 ms ticks: arming and cancelling take constant time, whether
/// ten teardowns are timed or a million.
///
/// A key has at most one entry. Moving a deadline *later* leaves the entry where it is: it comes
/// out early, its teardown says that nothing is due yet, and is armed anew. So a busy connection,
/// whose idle deadline moves with every read, costs nothing here. Cancelling leaves it there, too,
/// with a mark: it is dropped when its slot opens, unless the key's next teardown has taken it over
/// as an entry that is early.
#[derive(Debug)]
pub(crate) struct Deadlines {
    origin: Instant,
    /// Ticks that have been expired.
    elapsed: u64,
    /// One bit per slot that holds an entry.
    occupied: [u64; LEVELS],
    /// One ring per slot.
    slots: Rings,
    /// The tick of each key's entry, or `UNARMED`; with `CANCELLED` if nobody waits for it.
    ticks: Vec<u64>,
    /// How many entries somebody waits for.
    live: usize,
}

/// Six digits of six bits: two years in milliseconds. Anything later is kept at the far end, comes
/// out early, and is armed anew.
const LEVELS: usize = 6;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const FARTHEST: u64 = (1 << (BITS * LEVELS as u32)) - 1;
const UNARMED: u64 = u64::MAX;
const CANCELLED: u64 = 1 << 63;
const LATEST: u64 = CANCELLED - 1;

impl Deadlines {
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            elapsed: 0,
            occupied: [0; LEVELS],
            slots: Rings::new((LEVELS * SLOTS) as u32),
            ticks: Vec::new(),
            live: 0,
        }
    }

    /// Room for the keys below `keys`.
    pub(crate) fn reserve(&mut self, keys: usize) {
        (self.ticks).reserve_exact(keys.saturating_sub(self.ticks.len()));
        self.slots.reserve(keys);
    }

    /// Sees to it that `key` comes out at or before `at`.
    pub(crate) fn arm(&mut self, key: usize, at: Instant) {
        let after = at.saturating_duration_since(self.origin);
        // Rounded up: an entry that came out before its time would be looked at for nothing.
        let part = after.subsec_nanos().div_ceil(1_000_000);
        let tick = (after.as_secs().saturating_mul(1_000)).saturating_add(u64::from(part));
        let tick = tick.min(LATEST);
        if self.ticks.len() <= key {
            self.ticks.resize(key + 1, UNARMED);
        }
        let entry = self.ticks[key];
        if entry == UNARMED {
            self.live += 1;
        } else {
            let (filed, waited_for) = (entry & LATEST, entry & CANCELLED == 0);
            self.live += usize::from(!waited_for);
            if filed <= tick {
                self.ticks[key] = filed;
                return;
            }
            self.unlink(key);
        }
        self.insert(key, tick.max(self.elapsed));
    }

    /// Takes back `key`'s entry, if it has one.
    pub(crate) fn cancel(&mut self, key: usize) {
        // `UNARMED` has the mark as well.
        if let Some(tick) = self.ticks.get_mut(key)
            && *tick & CANCELLED == 0
        {
            *tick |= CANCELLED;
            self.live -= 1;
        }
    }

    /// When to call [`pop`](Self::pop) next, at the latest.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.live == 0 {
            return None;
        }
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
            .min(LATEST);
        while let Some((slot, tick)) = self.next_slot().filter(|&(_, tick)| tick <= reached) {
            self.elapsed = tick;
            // Those of a higher level go to where their lower digits say.
            while let Some(key) = self.slots.first(slot) {
                self.unlink(key);
                let tick = self.ticks[key];
                if tick & CANCELLED != 0 {
                    self.ticks[key] = UNARMED;
                } else if (slot as usize) < SLOTS {
                    self.ticks[key] = UNARMED;
                    self.live -= 1;
                    return Some(key);
                } else {
                    self.insert(key, tick);
                }
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

    /// The wheel against a sorted map: random arms, cancels and turns. As a driver does, the test
    /// arms anew what comes out before its time.
    #[test]
    fn the_wheel_agrees_with_a_sorted_map() {
        let origin = test_origin();
        let at = |tick| origin + Duration::from_millis(tick);
        let mut random = fastrand::Rng::with_seed(1);
        let mut deadlines = Deadlines::new(origin);
        // Of each key the tick that is waited for, ...
        let mut model = BTreeMap::<usize, u64>::new();
        // ... and the earliest that it was armed with since it last came out.
        let mut earliest = [u64::MAX; 200];
        let mut now = 0_u64;
        for _ in 0..200_000 {
            let key = random.usize(..200);
            match random.u8(..10) {
                0..=5 => {
                    let bits = random.u32(..20);
                    let tick = now + random.u64(..1 << bits);
                    deadlines.arm(key, at(tick));
                    model.insert(key, tick);
                    earliest[key] = tick.min(earliest[key]);
                }
                6..=7 => {
                    deadlines.cancel(key);
                    model.remove(&key);
                }
                _ => {
                    let bits = random.u32(..14);
                    now += random.u64(..1 << bits);
                    while let Some(key) = deadlines.pop(at(now)) {
                        let tick = model.remove(&key).expect("nobody waits for it");
                        assert!(earliest[key] <= now, "{key} at {now}");
                        earliest[key] = u64::MAX;
                        if tick > now {
                            deadlines.arm(key, at(tick));
                            model.insert(key, tick);
                            earliest[key] = tick;
                        }
                    }
                    assert!(
                        model.values().all(|&tick| tick > now),
                        "at {now}: {model:?}"
                    );
                }
            }
            let first = model.values().min().map(|&tick| at(tick));
            match (deadlines.next(), first) {
                (None, None) => {}
                (Some(next), Some(first)) => assert!(next <= first),
                (next, first) => panic!("the wheel says {next:?}, the map {first:?}"),
            }
        }
    }

    /// However many teardowns came and went, one that waits is woken for its own time, and for what
    /// they left behind only as often as a slot of a higher level opens.
    #[test]
    fn what_was_cancelled_seldom_wakes() {
        let origin = test_origin();
        let at = |millis| origin + Duration::from_millis(millis);
        let mut deadlines = Deadlines::new(origin);
        for key in 0..10_000 {
            deadlines.arm(key, at(1_000 + key as u64));
            deadlines.cancel(key);
        }
        assert_eq!(deadlines.next(), None);
        deadlines.arm(10_000, at(20_000));
        let mut wakes = 0;
        while let Some(next) = deadlines.next() {
            wakes += 1;
            if let Some(key) = deadlines.pop(next) {
                assert_eq!((key, next), (10_000, at(20_000)));
            }
        }
        assert!(wakes < 100, "{wakes}");
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can be had from the clock only"
    )]
    fn test_origin() -> Instant {
        Instant::now()
    }
}
