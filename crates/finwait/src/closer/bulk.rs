//! When a teardown that throws a stream away lets some of it wait.
//!
//! A receiver with a core of its own is faster than the sender, and is woken for each segment: that
//! costs more than to throw away what came. So once a stream flows, its socket wakes for half a
//! megabyte at a time (docs/performance.md, "Discarding"). What comes below that mark is told to
//! nobody, and would be noticed too late by the idle clock; so the mark holds for some milliseconds,
//! and is lowered again before what is there is read. A stream that still flows gets it anew.
//!
//! As long as it holds, something may always be there: whatever the teardown is served for, it reads
//! first, so that none ends over bytes that nobody has told it of.

use std::time::Duration;

/// What may wait. Linux enlarges the receive buffer to about twice as much, up to its limit.
pub(super) const LOW_WATER: usize = 512 << 10;
/// How long the mark holds: how late the last bytes before a pause may be noticed.
pub(super) const HOLDS: Duration = Duration::from_millis(10);
/// How many sockets at once may have one: what waits for their sake stays below 128 MiB.
pub(super) const MOST: usize = 256;

/// Of one teardown: how much was received since the mark was low, or that it is raised. Two bytes, as
/// each slot has one.
#[derive(Debug, Default)]
pub(super) struct Bulk(u16);

/// What it counts in.
const PART: usize = 16;
/// 64 KiB, so that a mark is worth its two system calls.
const FLOWS: u16 = 4_096;
const RAISED: u16 = u16::MAX;
const DUE: u16 = RAISED - 1;

impl Bulk {
    pub(super) fn note(&mut self, bytes: usize) {
        if !self.is_raised() {
            let parts = u16::try_from(bytes / PART).unwrap_or(FLOWS);
            self.0 = self.0.saturating_add(parts).min(FLOWS);
        }
    }

    pub(super) fn flows(&self) -> bool {
        self.0 == FLOWS
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0 >= DUE
    }

    /// Its time is up, or somebody else's need is greater: it is to be lowered, if it is raised.
    pub(super) fn end(&mut self) -> bool {
        let raised = self.is_raised();
        if raised {
            self.0 = DUE;
        }
        raised
    }

    pub(super) fn is_due(&self) -> bool {
        self.0 == DUE
    }

    pub(super) fn raise(&mut self) {
        self.0 = RAISED;
    }

    pub(super) fn lower(&mut self) {
        self.0 = 0;
    }
}
