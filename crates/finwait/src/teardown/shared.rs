//! What several states share.

use super::{State, Step, Teardown, UNKNOWN};
use crate::event::{Acknowledged, Event};
use crate::report::{Clock, Ending, Fin, Operation, OsError, Phase};
use crate::span::Span;

impl Teardown {
    pub(super) fn count_received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
    }

    /// Whether the peer acknowledged bytes since this was last noted. The first answer counts as
    /// progress, because nobody can tell what was acknowledged before it.
    pub(super) fn note_unacknowledged(&mut self, unacknowledged: Option<u64>) -> bool {
        let Some(now) = unacknowledged else {
            return false;
        };
        let before = std::mem::replace(&mut self.unacked, now.min(UNKNOWN - 1));
        before == UNKNOWN || now < before
    }

    /// The same, with what became of our FIN.
    pub(super) fn note_ack(
        &mut self,
        fin: Acknowledged,
        unacknowledged: Option<u64>,
        at: Span,
    ) -> bool {
        let mut progress = self.note_unacknowledged(unacknowledged);
        match (self.fin, fin) {
            (Fin::Queued | Fin::Unknown, Acknowledged::Yes) => {
                self.fin = Fin::Acked;
                self.unacked = 0;
                self.acked_at = at;
                progress = true;
            }
            (Fin::Queued, Acknowledged::Unknown) => self.fin = Fin::Unknown,
            (Fin::NotSent | Fin::Acked, _)
            | (Fin::Queued | Fin::Unknown, Acknowledged::No)
            | (Fin::Unknown, Acknowledged::Unknown) => {}
        }
        progress
    }

    pub(super) fn time_out(&mut self, phase: Phase, clock: Clock) {
        self.end(Ending::TimedOut { phase, clock }, Step::Error);
    }

    /// Latches an error that ended the connection; what was not acknowledged is asked yet.
    pub(super) fn fail(&mut self, operation: Operation, error: OsError) {
        self.error = Some(error);
        self.end_by(error, operation);
    }

    pub(super) fn end_by(&mut self, error: OsError, operation: Operation) {
        self.end(self.ending_of(error, operation, self.phase()), Step::Ack);
    }

    pub(super) fn end(&mut self, ending: Ending, first: Step) {
        self.state = State::Closing {
            ending,
            phase: self.phase(),
            step: first,
        };
    }

    /// The caller's wishes, in any state that has not settled its ending.
    pub(super) fn obey(&mut self, event: Event) {
        match event {
            Event::Stop(deadline) => {
                let deadline = deadline.saturating_duration_since(self.started);
                self.stop_at = self.stop_at.min(Span::bound(deadline));
            }
            Event::Abort => self.end_at_wish(Ending::Aborted),
            Event::Evict => self.end_at_wish(Ending::Evicted),
            _ => {}
        }
    }

    /// An error that was seen before has ended the connection already, whatever is wished now.
    fn end_at_wish(&mut self, wished: Ending) {
        match self.error {
            Some(error) => self.end_by(error, Operation::Write),
            None => self.end(wished, Step::Error),
        }
    }
}
