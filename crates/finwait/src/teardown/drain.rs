//! Half-close and drain, up to the peer's FIN or the byte limit.

use super::clocks::quarter;
use super::{Finish, State, Step, Teardown};
use crate::event::Event;
use crate::report::{Clock, Ending, Fin, Operation, Phase};
use crate::span::Span;

impl Teardown {
    pub(super) fn in_half_close(&mut self, event: Event, at: Span) {
        match event {
            Event::Readable => self.readable = true,
            Event::Writable => self.writable = true,
            Event::HalfClosed => {
                self.fin = Fin::Queued;
                self.fin_at = at;
                // No edge is owed after the FIN: what was there before it must be read at once.
                self.readable = true;
                if !self.eof_at.is_never() {
                    self.state = State::FinRead;
                } else if self.limit_reached() {
                    self.pause(at);
                } else {
                    let look_at = match self.bounds.finish {
                        Finish::Acked => self.ask_again(at),
                        Finish::PeerFin | Finish::PeerFinAndAcked => {
                            quarter(at, self.bounds.drain_idle)
                        }
                    };
                    self.state = State::Drain {
                        idle_at: at.plus(self.bounds.drain_idle),
                        look_at,
                    };
                }
            }
            // Nothing more is read at the limit; the error that the kernel kept says why.
            Event::NotConnected if self.limit_reached() => {
                self.end(Ending::AlreadyClosed, Step::Error);
            }
            // The kernel has let the connection go. One more read tells why: the error that it
            // kept, or a FIN.
            Event::NotConnected => {
                let phase = Phase::HalfClose;
                self.state = State::Gone { phase };
            }
            Event::Failed(operation, error) => self.fail(operation, error),
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Not asked in this state.
            Event::Written { .. }
            | Event::WriteBlocked
            | Event::Received { .. }
            | Event::ReceivedFin
            | Event::ReceiveBlocked
            | Event::PendingError(_)
            | Event::Ack { .. }
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    pub(super) fn in_drain(&mut self, idle_at: Span, look_at: Span, event: Event, at: Span) {
        match event {
            Event::Readable => self.readable = true,
            Event::Writable => {
                // On Linux a writable edge after the half-close says that our FIN was
                // acknowledged. One policy ends by that, and one wants it anyway: asked now, the
                // report says when it came.
                if self.bounds.finish != Finish::PeerFin && self.acked_at.is_never() {
                    self.state = State::Drain {
                        idle_at,
                        look_at: at,
                    };
                }
            }
            Event::Received { bytes } => {
                self.count_received(bytes);
                self.state = State::Drain {
                    idle_at: at.plus(self.bounds.drain_idle),
                    look_at,
                };
                if self.limit_reached() {
                    if self.bounds.abort_on_limit {
                        self.end(Ending::ByteLimit, Step::Error);
                    } else {
                        self.pause(at);
                    }
                }
            }
            Event::ReceivedFin => {
                self.eof_at = at;
                self.state = State::FinRead;
            }
            Event::ReceiveBlocked => self.readable = false,
            Event::Ack {
                fin,
                unacknowledged,
            } => {
                let progress = self.note_ack(fin, unacknowledged, at);
                self.drain_looked(progress, unacknowledged.is_some(), idle_at, at);
            }
            Event::Failed(operation, error) => self.fail(operation, error),
            Event::Stop(_) | Event::Abort | Event::Evict => self.obey(event),
            // Not asked in this state.
            Event::Written { .. }
            | Event::WriteBlocked
            | Event::HalfClosed
            | Event::NotConnected
            | Event::PendingError(_)
            | Event::Unread(_)
            | Event::Closed => {}
        }
    }

    fn drain_looked(&mut self, progress: bool, told: bool, idle_at: Span, at: Span) {
        let acked_policy = self.bounds.finish == Finish::Acked;
        let idle_at = if progress {
            at.plus(self.bounds.drain_idle)
        } else {
            idle_at
        };
        let (cap, clock) = self.cap();
        let (end, ending) = self.quiet_end(idle_at);
        if at >= cap && self.readable {
            self.state = State::LastRead { clock };
        } else if at >= cap {
            self.time_out(Phase::Drain, clock);
        } else if at >= end && !self.readable {
            self.end(ending, Step::Error);
        } else {
            let look_at = match self.fin {
                // Not later than the clock on progress wants to know.
                Fin::Queued if acked_policy => {
                    self.ask_again(at).min(quarter(at, self.bounds.drain_idle))
                }
                Fin::NotSent | Fin::Queued => quarter(at, self.bounds.drain_idle),
                Fin::Unknown if told => quarter(at, self.bounds.drain_idle),
                // Nothing more to learn, or nothing to be learnt.
                Fin::Acked | Fin::Unknown => Span::NEVER,
            };
            self.state = State::Drain { idle_at, look_at };
        }
    }

    /// One read only: a peer that floods always has something to be read.
    pub(super) fn in_last_read(&mut self, clock: Clock, event: Event, at: Span) {
        match event {
            Event::ReceivedFin => {
                self.eof_at = at;
                self.state = State::FinRead;
            }
            Event::Received { bytes } => {
                self.count_received(bytes);
                self.time_out(Phase::Drain, clock);
            }
            Event::ReceiveBlocked => self.time_out(Phase::Drain, clock),
            Event::Failed(operation, error) => self.fail(operation, error),
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

    pub(super) fn in_paused(&mut self, idle_at: Span, look_at: Span, event: Event, at: Span) {
        match event {
            // Nothing is read any more, so only SO_ERROR can show an RST now; or it is the
            // acknowledgement.
            Event::Readable | Event::Writable => {
                self.state = State::Paused {
                    idle_at,
                    look_at,
                    ask_error: true,
                };
            }
            Event::PendingError(None) => {
                let settled = matches!(self.fin, Fin::Acked | Fin::Unknown);
                let look_at = if settled { look_at } else { look_at.min(at) };
                self.state = State::Paused {
                    idle_at,
                    look_at,
                    ask_error: false,
                };
            }
            Event::PendingError(Some(error)) => self.fail(Operation::TakeError, error),
            Event::Ack {
                fin,
                unacknowledged,
            } => {
                let progress = self.note_ack(fin, unacknowledged, at);
                let idle_at = if progress {
                    at.plus(self.bounds.drain_idle)
                } else {
                    idle_at
                };
                let (cap, _) = self.cap();
                if at >= cap.min(self.paused_end(idle_at)) {
                    self.end(Ending::ByteLimit, Step::Error);
                } else {
                    let look_at = match self.fin {
                        Fin::Acked | Fin::Unknown => Span::NEVER,
                        Fin::NotSent | Fin::Queued => {
                            self.ask_again(at).min(quarter(at, self.bounds.drain_idle))
                        }
                    };
                    self.state = State::Paused {
                        idle_at,
                        look_at,
                        ask_error: false,
                    };
                }
            }
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

    /// An RST may have come with the bytes that were read last: its edge is spent, and no read will
    /// come upon it, so SO_ERROR is asked first.
    fn pause(&mut self, at: Span) {
        let idle_at = at.plus(self.bounds.drain_idle);
        self.state = State::Paused {
            idle_at,
            look_at: at,
            ask_error: true,
        };
    }
}
