//! Flush: writing what is unsent, receiving meanwhile.

use super::clocks::quarter;
use super::{State, Step, Teardown};
use crate::event::Event;
use crate::report::{Cause, Clock, Ending, Operation, Phase};
use crate::span::Span;
use crate::teardown::{Receive, UNKNOWN};

impl Teardown {
    pub(super) fn in_flush(&mut self, stall_at: Span, look_at: Span, event: Event, at: Span) {
        match event {
            Event::Readable => self.readable = true,
            Event::Writable => self.writable = true,
            Event::Written { bytes } => {
                self.unwritten = self.unwritten.saturating_sub(bytes as u64);
                if self.unacked != UNKNOWN {
                    self.unacked = self.unacked.saturating_add(bytes as u64);
                }
                self.state = if self.unwritten == 0 {
                    State::HalfClose
                } else {
                    State::Flush {
                        stall_at: at.plus(self.bounds.flush_stall),
                        look_at,
                    }
                };
            }
            Event::WriteBlocked => self.writable = false,
            Event::Received { bytes } => {
                self.count_received(bytes);
                if self.limit_reached() && self.bounds.abort_on_limit {
                    self.end(Ending::ByteLimit, Step::Error);
                }
            }
            // The peer may still read (RFC 9293 section 3.6): the flush goes on.
            Event::ReceivedFin => {
                self.readable = false;
                self.eof_at = at;
            }
            Event::ReceiveBlocked => self.readable = false,
            Event::Ack {
                fin: _,
                unacknowledged,
            } => {
                let progress = self.note_unacknowledged(unacknowledged);
                self.flush_looked(progress, unacknowledged.is_some(), stall_at, at);
            }
            Event::Failed(Operation::Write, error) => {
                self.error = Some(error);
                let is_dead = error.cause() != Cause::Other;
                if is_dead && self.receive == Receive::Deliver && self.eof_at.is_never() {
                    // An early answer (413, 503) is queued before the RST that failed our write.
                    self.state = State::Gone {
                        phase: Phase::Flush,
                    };
                } else {
                    self.end_by(error, Operation::Write);
                }
            }
            Event::Failed(operation, error) => self.fail(operation, error),
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Not asked in this state.
            Event::HalfClosed
            | Event::NotConnected
            | Event::PendingError(_)
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    fn flush_looked(&mut self, progress: bool, told: bool, stall_at: Span, at: Span) {
        let stall_at = if progress {
            at.plus(self.bounds.flush_stall)
        } else {
            stall_at
        };
        let (cap, clock) = self.cap();
        if at >= cap {
            self.time_out(Phase::Flush, clock);
        } else if at >= stall_at {
            self.time_out(Phase::Flush, Clock::Idle);
        } else {
            let look_at = if told {
                quarter(at, self.bounds.flush_stall)
            } else {
                Span::NEVER
            };
            self.state = State::Flush { stall_at, look_at };
        }
    }
}
