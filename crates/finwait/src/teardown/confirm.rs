//! After the peer's FIN, or after the connection has gone: what is true, and the close.

use super::{Finish, State, Step, Teardown};
use crate::event::Event;
use crate::report::{Cause, Ending, Fin, Operation, Phase};
use crate::span::Span;
use crate::teardown::UNKNOWN;

impl Teardown {
    pub(super) fn in_fin_read(&mut self, event: Event, at: Span) {
        match event {
            Event::PendingError(None) => {
                self.state = State::Confirm {
                    look_at: at,
                    ask_error: false,
                };
            }
            Event::PendingError(Some(error)) => self.fail(Operation::TakeError, error),
            Event::Failed(operation, error) => self.fail(operation, error),
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Hints change nothing, and the rest was not asked in this state.
            Event::Readable
            | Event::Writable
            | Event::Written { .. }
            | Event::WriteBlocked
            | Event::HalfClosed
            | Event::NotConnected
            | Event::Received { .. }
            | Event::ReceivedFin
            | Event::ReceiveBlocked
            | Event::Ack { .. }
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    pub(super) fn in_confirm(&mut self, look_at: Span, event: Event, at: Span) {
        match event {
            // On Linux the acknowledgement of our FIN and an RST both wake the socket.
            Event::Readable | Event::Writable => {
                self.state = State::Confirm {
                    look_at: look_at.min(at),
                    ask_error: false,
                };
            }
            Event::Ack {
                fin,
                unacknowledged,
            } => {
                self.note_ack(fin, unacknowledged, at);
                match self.fin {
                    Fin::Acked => {
                        self.unread = 0;
                        self.end(Ending::Graceful, Step::Release);
                    }
                    Fin::Queued if self.bounds.finish != Finish::PeerFin => {
                        let (end, clock) = self.confirm_end();
                        if at >= end {
                            self.time_out(Phase::Confirm, clock);
                        } else {
                            let look_at = self.ask_again(at);
                            self.state = State::Confirm {
                                look_at,
                                ask_error: true,
                            };
                        }
                    }
                    Fin::NotSent | Fin::Queued | Fin::Unknown => {
                        self.unread = 0;
                        self.end(Ending::PeerFin, Step::Release);
                    }
                }
            }
            Event::PendingError(None) => {
                self.state = State::Confirm {
                    look_at,
                    ask_error: false,
                };
            }
            Event::PendingError(Some(error)) => self.fail(Operation::TakeError, error),
            Event::Failed(operation, error) => self.fail(operation, error),
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Not asked in this state.
            Event::Written { .. }
            | Event::WriteBlocked
            | Event::HalfClosed
            | Event::NotConnected
            | Event::Received { .. }
            | Event::ReceivedFin
            | Event::ReceiveBlocked
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    pub(super) fn in_gone(&mut self, phase: Phase, event: Event, at: Span) {
        match event {
            Event::Received { bytes } => {
                self.count_received(bytes);
                // What a dead connection has is finite; but a caller's deadline is a deadline.
                if self.limit_reached() || at >= self.cap().0 {
                    self.end_gone(phase);
                }
            }
            Event::ReceivedFin => {
                // With an error already seen this 0 is only its echo. Without one it is a FIN if
                // an error still waits behind it, and otherwise nobody can tell.
                if self.error.is_none() {
                    self.eof_at = at;
                }
                self.end_gone(phase);
            }
            Event::ReceiveBlocked => self.end_gone(phase),
            Event::Failed(operation, error) => {
                let first = *self.error.get_or_insert(error);
                self.end(self.ending_of(first, operation, phase), Step::Ack);
            }
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Hints change nothing, and the rest was not asked in this state.
            Event::Readable
            | Event::Writable
            | Event::Written { .. }
            | Event::WriteBlocked
            | Event::HalfClosed
            | Event::NotConnected
            | Event::PendingError(_)
            | Event::Ack { .. }
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    fn end_gone(&mut self, phase: Phase) {
        match self.error {
            Some(error) => self.end(self.ending_of(error, Operation::Write, phase), Step::Ack),
            None => self.end(Ending::AlreadyClosed, Step::Error),
        }
    }

    pub(super) fn in_closing(
        &mut self,
        ending: Ending,
        phase: Phase,
        step: Step,
        event: Event,
        at: Span,
    ) {
        let to = |ending, step| State::Closing {
            ending,
            phase,
            step,
        };
        match (step, event) {
            (Step::Error, Event::PendingError(Some(error))) => {
                let first = *self.error.get_or_insert(error);
                let says_nothing = first.cause() == Cause::Other && ending != Ending::AlreadyClosed;
                let known = if ending == Ending::Aborted || says_nothing {
                    ending
                } else {
                    // The connection had ended already, whatever we were about to conclude.
                    self.ending_of(first, Operation::TakeError, phase)
                };
                self.state = to(known, Step::Ack);
            }
            (Step::Error, Event::PendingError(None) | Event::Failed(..)) => {
                if ending == Ending::AlreadyClosed {
                    // No error behind the 0: it was no FIN that this teardown could vouch for.
                    self.eof_at = Span::NEVER;
                }
                self.state = to(ending, Step::Ack);
            }
            (
                Step::Ack,
                Event::Ack {
                    fin,
                    unacknowledged,
                },
            ) => {
                self.note_ack(fin, unacknowledged, at);
                self.state = to(ending, Step::Unread);
            }
            (Step::Ack, Event::Failed(..)) => self.state = to(ending, Step::Unread),
            (Step::Unread, Event::Unread(unread)) => {
                self.unread = unread.unwrap_or(UNKNOWN);
                self.state = to(ending, Step::Release);
            }
            (Step::Unread, Event::Failed(..)) => self.state = to(ending, Step::Release),
            (Step::Release, Event::Failed(_, error)) => {
                self.error.get_or_insert(error);
            }
            (Step::Release, Event::Closed) => {
                self.ended_at = at;
                self.state = State::Done { ending };
            }
            // The ending is settled: neither hints nor wishes change it, and the rest was not
            // asked in this step.
            (
                Step::Error | Step::Ack | Step::Unread | Step::Release,
                Event::Readable
                | Event::Writable
                | Event::Written { .. }
                | Event::WriteBlocked
                | Event::HalfClosed
                | Event::NotConnected
                | Event::Received { .. }
                | Event::ReceivedFin
                | Event::ReceiveBlocked
                | Event::PendingError(_)
                | Event::Ack { .. }
                | Event::Unread(_)
                | Event::Closed
                | Event::Stop(_)
                | Event::Abort
                | Event::Evict,
            ) => {}
        }
    }
}
