//! The `Closer`'s timing wheel.

use std::time::Instant;

use crate::deadlines::Deadlines;

/// Which key must be looked at next, and when; a key has one entry at most.
#[derive(Debug)]
pub struct Wheel(Deadlines);

impl Wheel {
    /// Its first tick is at `origin`.
    #[must_use]
    pub fn new(origin: Instant) -> Self {
        Self(Deadlines::new(origin))
    }

    /// Sees to it that `key` comes out at or before `at`.
    #[inline]
    pub fn arm(&mut self, key: usize, at: Instant) {
        self.0.arm(key, at);
    }

    /// Takes back `key`'s entry, if it has one.
    #[inline]
    pub fn cancel(&mut self, key: usize) {
        self.0.cancel(key);
    }

    /// When to call [`pop`](Self::pop) next, at the latest.
    #[inline]
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.0.next()
    }

    /// The next key whose time has come.
    #[inline]
    pub fn pop(&mut self, now: Instant) -> Option<usize> {
        self.0.pop(now)
    }
}
