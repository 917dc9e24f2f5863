//! When a teardown that throws a stream away lets some of it wait.
//!
//! A receiver with a core of its own is faster than the sender, and is woken for each segment: that
//! costs more than to throw away what came. So once a stream flows, its socket wakes for half a
//! megabyte at a time (docs/performance.md, "Discarding"). What comes behind that mark is told to
//! nobody, and would be noticed too late by the idle clock; so the mark holds for some milliseconds,
//! and is lowered again before what is there is read. A stream that still flows gets it anew.

use std::time::Duration;

/// Received since the mark was low, so that a mark is worth its two system calls.
const FLOWS: u8 = 64;
/// What may wait. Linux enlarges the receive buffer to twice as much, up to its limit.
pub(super) const LOW_WATER: usize = 512 << 10;
/// How long the mark holds: how late the last bytes before a pause may be noticed.
pub(super) const HOLDS: Duration = Duration::from_millis(10);
/// How many sockets at once may have one, so that 128 MiB at most wait for their readers.
pub(super) const MOST: usize = 256;

/// Of one teardown.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// KiB received since the mark was low.
    received: u8,
    raised: bool,
}

impl Bulk {
    pub(super) fn note(&mut self, bytes: usize) {
        let more = u8::try_from(bytes >> 10).unwrap_or(u8::MAX);
        self.received = self.received.saturating_add(more);
    }

    pub(super) fn flows(&self) -> bool {
        !self.raised && self.received >= FLOWS
    }

    pub(super) fn is_raised(&self) -> bool {
        self.raised
    }

    pub(super) fn raise(&mut self) {
        self.raised = true;
    }

    pub(super) fn lower(&mut self) {
        *self = Self::default();
    }
}
