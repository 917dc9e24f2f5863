//! The clocks of an exchange: when it goes on by itself, and when its time is up.

use std::time::{Duration, Instant};

use crate::close::CloseMode;
use crate::exchange::{Exchange, Gate};
use crate::plan::Plan;

/// A slow reader takes what it may receive in this time at once, and no more after a pause.
const SIP: Duration = Duration::from_millis(50);

impl Exchange {
    /// Until when it is to stay established.
    pub(crate) fn hold_until(&self, plan: &Plan) -> Option<Instant> {
        self.established?.checked_add(plan.hold)
    }

    /// When it must be looked at although nothing happens: for a step of its own, or because its
    /// time is up.
    pub(crate) fn look_at(&self, plan: &Plan, gate: Gate, now: Instant) -> Option<Instant> {
        let steps = [
            // A piece that is due and was not written waits for room, and for room there is an
            // event.
            self.write_at
                .filter(|&at| at > now && self.unwritten(plan) > 0),
            self.read_at.filter(|&at| at > now),
            self.hold_until(plan)
                .filter(|&at| at > now && gate != Gate::Shut),
            self.expires_at(plan),
        ];
        steps.into_iter().flatten().min()
    }

    /// When its time is up, if a clock runs.
    pub(crate) fn expires_at(&self, plan: &Plan) -> Option<Instant> {
        if self.peer_fin_at.is_some() {
            return None;
        }
        let limits = &plan.limits;
        if self.fin_at.is_none() && self.unwritten(plan) > 0 {
            // The pauses of a drip are ours; a peer that takes nothing is not.
            let pause = plan.drip.map_or(Duration::ZERO, |drip| drip.period);
            return self
                .last_moved()
                .checked_add(limits.flush_stall.saturating_add(pause));
        }
        if !self.waits_for_peer(plan) {
            return None;
        }
        let idle = self.last_moved().checked_add(limits.drain_idle);
        let total = limits
            .drain_total
            .zip(self.fin_at.or(self.sent_at).or(self.established))
            .and_then(|(bound, since)| {
                since.checked_add(bound.saturating_add(self.own_pauses(plan)))
            });
        idle.into_iter().chain(total).min()
    }

    /// Whether the peer owes something: a response, or after our FIN its own.
    fn waits_for_peer(&self, plan: &Plan) -> bool {
        match self.close {
            _ if self.fin_at.is_some() => true,
            CloseMode::Half => !self.is_on_last(plan),
            CloseMode::Fin | CloseMode::Rst => !self.is_complete(plan, false),
            CloseMode::Abandon => !self.unread && !self.ends_early(plan),
        }
    }

    /// Since when the peer could have moved something.
    fn last_moved(&self) -> Instant {
        // A slow reader's pauses are ours.
        self.read_at
            .map_or(self.moved_at, |at| at.max(self.moved_at))
    }

    /// How long a slow reader has kept this response waiting.
    fn own_pauses(&self, plan: &Plan) -> Duration {
        plan.read_rate
            .map_or(Duration::ZERO, |rate| time_for(self.reception.bytes, rate))
    }
}

/// What a reader at this rate takes at once.
pub(crate) fn sip(bytes_per_second: u64) -> usize {
    let sip = u128::from(bytes_per_second) * SIP.as_millis() / 1_000;
    usize::try_from(sip).unwrap_or(usize::MAX).max(1)
}

pub(crate) fn time_for(bytes: u64, bytes_per_second: u64) -> Duration {
    Duration::try_from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64)
        .unwrap_or(Duration::MAX)
}
