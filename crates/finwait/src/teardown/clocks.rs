//! When each phase must end, and when to ask again.

use std::time::Duration;

use super::Teardown;
use super::bounds::Finish;
use crate::report::{Clock, Ending, Phase};
use crate::span::Span;

impl Teardown {
    /// When the phase must end whatever happens, and which clock says so.
    pub(super) fn cap(&self) -> (Span, Clock) {
        let total = if self.fin_at.is_never() {
            self.bounds.flush_total
        } else {
            self.fin_at.plus(self.bounds.drain_total)
        };
        // Beyond the longest time that can be told all clocks would stand still.
        let total = total.min(Span::LONGEST);
        if self.stop_at < total {
            (self.stop_at, Clock::Stop)
        } else {
            (total, Clock::Total)
        }
    }

    /// When the wait for our FIN's acknowledgement, after the peer's FIN, must end.
    pub(super) fn confirm_end(&self) -> (Span, Clock) {
        let both = self.eof_at.max(self.fin_at);
        let wait = match self.bounds.finish {
            // This policy names no wait of its own for it.
            Finish::PeerFin | Finish::Acked => self.bounds.drain_idle,
            Finish::PeerFinAndAcked => self.bounds.finish_wait,
        };
        let end = both.plus(wait);
        let (cap, clock) = self.cap();
        if cap < end {
            (cap, clock)
        } else {
            (end, Clock::Confirm)
        }
    }

    /// When a drain ends in which nothing more comes, and how: once our FIN is acknowledged, and
    /// if that is the policy, the grace replaces the idle clock.
    pub(super) fn quiet_end(&self, idle_at: Span) -> (Span, Ending) {
        if self.bounds.finish == Finish::Acked && !self.acked_at.is_never() {
            (self.acked_at.plus(self.bounds.finish_wait), Ending::Acked)
        } else {
            let (phase, clock) = (Phase::Drain, Clock::Idle);
            (idle_at, Ending::TimedOut { phase, clock })
        }
    }

    /// The same at the byte limit, where nothing is read any more.
    pub(super) fn paused_end(&self, idle_at: Span) -> Span {
        if self.acked_at.is_never() {
            idle_at
        } else {
            self.acked_at.plus(self.bounds.limit_grace)
        }
    }

    /// When to ask again for the acknowledgement of our FIN. Where no event tells, the interval
    /// doubles with the time gone by, from 1 ms to 100 ms.
    pub(super) fn ask_again(&self, at: Span) -> Span {
        const LEAST: Duration = Duration::from_millis(1);
        const MOST: Duration = Duration::from_millis(100);
        let since = self
            .eof_at
            .since(Span::ZERO)
            .max(self.fin_at.since(Span::ZERO));
        let waited = at.since(Span::ZERO).saturating_sub(since);
        at.plus(Span::bound(waited.clamp(LEAST, MOST)))
    }
}

/// When to look next at a clock of this length: after a quarter of it, but not at once.
pub(super) fn quarter(now: Span, bound: Span) -> Span {
    now.plus(bound.quarter().max(Span::bound(Duration::from_millis(1))))
}
