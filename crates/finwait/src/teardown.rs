//! The machine: one connection's teardown. No socket, no clock, no allocation.

use std::time::Instant;

use crate::event::{Action, Event};
use crate::limits::Limits;
use crate::report::{Cause, Clock, Ending, Fin, Operation, OsError, Phase, Report};
use crate::span::Span;

mod bounds;
mod clocks;
mod confirm;
mod drain;
mod flush;
mod shared;

use bounds::{Bounds, Finish};

pub(crate) use bounds::Rules;
use clocks::quarter;

/// One connection's teardown, as a machine without a socket and without a clock.
///
/// [`poll`](Self::poll) says what to do and changes nothing; [`handle`](Self::handle) takes what
/// happened and is the only mutation. Time is an argument of both. A driver repeats: poll, do,
/// handle, until the action is [`Action::Wait`] or [`Action::Finished`].
///
/// ```
/// use std::time::Instant;
/// use finwait::{Acknowledged, Action, Ending, Event, Limits, Receive, Teardown};
///
/// let now = Instant::now();
/// let mut teardown = Teardown::new(&Limits::default(), Receive::Discard, 0, now);
/// let script = [
///     (Action::HalfClose, Event::HalfClosed),
///     (Action::Receive, Event::Received { bytes: 512 }),
///     (Action::Receive, Event::ReceivedFin),
///     // EOF is not delivery: is an error hidden behind it, and was our FIN acknowledged?
///     (Action::AskError, Event::PendingError(None)),
///     (Action::AskAck, Event::Ack { fin: Acknowledged::Yes, unacknowledged: Some(0) }),
///     (Action::Close, Event::Closed),
/// ];
/// for (action, event) in script {
///     assert_eq!(teardown.poll(now), action);
///     teardown.handle(event, now);
/// }
/// assert_eq!(teardown.poll(now), Action::Finished);
/// assert_eq!(teardown.report().map(|r| r.ending), Some(Ending::Graceful));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Teardown {
    started: Instant,
    unwritten: u64,
    received: u64,
    /// Payload bytes not acknowledged when last asked, plus those written since; or `UNKNOWN`.
    unacked: u64,
    /// Bytes received and not read at the end; or `UNKNOWN`.
    unread: u64,
    drain_bytes: u64,
    bounds: Bounds,
    stop_at: Span,
    fin_at: Span,
    acked_at: Span,
    eof_at: Span,
    ended_at: Span,
    state: State,
    error: Option<OsError>,
    receive: Receive,
    fin: Fin,
    readable: bool,
    writable: bool,
}

const UNKNOWN: u64 = u64::MAX;

/// What becomes of received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receive {
    /// They are thrown away, up to [`Limits::drain_bytes`].
    Discard,
    /// They are handed to the caller, without a limit on their number.
    Deliver,
    /// There will be none: the caller has read the peer's FIN itself. That saves the read that would
    /// return 0 once more, and the report says that the peer's FIN was read. Only where the half-close
    /// finds the connection gone is there one read, to learn why.
    ///
    /// It must be true. Where a read of 0 alone does not tell (Windows),
    /// [`PeerEnd::of_read`](crate::PeerEnd::of_read) does.
    Nothing,
}

/// Where a teardown stands. A state carries its own deadlines; `look_at` is when the OS is next
/// asked what was acknowledged.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Writing what the application still had queued, receiving meanwhile: two ends that each
    /// wait for the other to read would otherwise wait for ever.
    Flush {
        stall_at: Span,
        look_at: Span,
    },
    HalfClose,
    Drain {
        idle_at: Span,
        look_at: Span,
    },
    /// The time is up, but something is there to be read that came before: one read, so that a
    /// peer's FIN is not overlooked because its reader came late.
    LastRead {
        clock: Clock,
    },
    /// The limit was reached: nothing is read any more, so the window closes.
    Paused {
        idle_at: Span,
        look_at: Span,
        ask_error: bool,
    },
    /// A read returned 0. Only SO_ERROR shows an RST that came after the FIN.
    FinRead,
    /// Both FINs are out; is ours acknowledged? `ask_error` alternates with the question, because
    /// an RST ends the wait too.
    Confirm {
        look_at: Span,
        ask_error: bool,
    },
    /// The connection is dead, but bytes that came before may still be queued for reading.
    Gone {
        phase: Phase,
    },
    Closing {
        ending: Ending,
        phase: Phase,
        step: Step,
    },
    Done {
        ending: Ending,
    },
}

/// The last questions before the descriptor is released, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Error,
    Ack,
    Unread,
    Release,
}

impl Teardown {
    /// Begins a teardown with `unwritten` bytes that are still to be written before the FIN.
    #[must_use]
    pub fn new(limits: &Limits, receive: Receive, unwritten: u64, now: Instant) -> Self {
        Self::by(&Rules::new(limits), receive, unwritten, now)
    }

    pub(crate) fn by(rules: &Rules, receive: Receive, unwritten: u64, now: Instant) -> Self {
        let bounds = rules.bounds;
        let ended = receive == Receive::Nothing;
        let state = if unwritten == 0 {
            State::HalfClose
        } else {
            State::Flush {
                stall_at: bounds.flush_stall,
                look_at: quarter(Span::ZERO, bounds.flush_stall),
            }
        };
        Self {
            started: now,
            unwritten,
            received: 0,
            unacked: UNKNOWN,
            unread: UNKNOWN,
            drain_bytes: rules.drain_bytes,
            bounds,
            stop_at: Span::NEVER,
            fin_at: Span::NEVER,
            acked_at: Span::NEVER,
            eof_at: if ended { Span::ZERO } else { Span::NEVER },
            ended_at: Span::NEVER,
            state,
            error: None,
            receive,
            fin: Fin::NotSent,
            readable: !ended,
            writable: true,
        }
    }

    /// What to do now. Changes nothing, so that asking twice is harmless; expiry is a comparison
    /// with `now`, not an event that could be lost.
    #[must_use]
    pub fn poll(&self, now: Instant) -> Action {
        self.poll_at(self.at(now))
    }

    #[inline]
    pub(crate) fn poll_at(&self, at: Span) -> Action {
        match self.state {
            State::Flush { stall_at, look_at } => {
                let (cap, _) = self.cap();
                let look = stall_at.min(look_at);
                if at >= cap {
                    Action::AskAck
                } else if self.writable {
                    Action::Write
                } else if at >= look {
                    // Before receiving: a flooding peer must not keep this clock from being read.
                    Action::AskAck
                } else if self.may_receive() {
                    Action::Receive
                } else {
                    self.wait(cap.min(look))
                }
            }
            State::HalfClose => Action::HalfClose,
            State::Drain { idle_at, look_at } => {
                let (cap, _) = self.cap();
                let (end, _) = self.quiet_end(idle_at);
                if at >= cap.min(look_at) {
                    Action::AskAck
                } else if self.readable {
                    Action::Receive
                } else if at >= end {
                    Action::AskAck
                } else {
                    self.wait(cap.min(look_at).min(end))
                }
            }
            State::Paused {
                ask_error: true, ..
            } => Action::AskError,
            State::Paused {
                idle_at,
                look_at,
                ask_error: false,
            } => {
                let (cap, _) = self.cap();
                let next = cap.min(look_at).min(self.paused_end(idle_at));
                if at >= next {
                    Action::AskAck
                } else {
                    self.wait(next)
                }
            }
            State::FinRead
            | State::Confirm {
                ask_error: true, ..
            } => Action::AskError,
            State::Confirm {
                look_at,
                ask_error: false,
            } => {
                let next = look_at.min(self.confirm_end().0);
                if at >= next {
                    Action::AskAck
                } else {
                    self.wait(next)
                }
            }
            State::Gone { .. } | State::LastRead { .. } => Action::Receive,
            State::Closing {
                step: Step::Error, ..
            } => Action::AskError,
            State::Closing {
                step: Step::Ack, ..
            } => Action::AskAck,
            State::Closing {
                step: Step::Unread, ..
            } => Action::AskUnread,
            State::Closing {
                ending,
                step: Step::Release,
                ..
            } => {
                if self.aborts(ending) {
                    Action::Abort
                } else {
                    Action::Close
                }
            }
            State::Done { .. } => Action::Finished,
        }
    }

    /// Takes what happened. The only mutation.
    pub fn handle(&mut self, event: Event, now: Instant) {
        self.handle_at(event, self.at(now));
    }

    #[inline]
    pub(crate) fn handle_at(&mut self, event: Event, at: Span) {
        match self.state {
            State::Flush { stall_at, look_at } => self.in_flush(stall_at, look_at, event, at),
            State::HalfClose => self.in_half_close(event, at),
            State::Drain { idle_at, look_at } => self.in_drain(idle_at, look_at, event, at),
            State::LastRead { clock } => self.in_last_read(clock, event, at),
            State::Paused {
                idle_at, look_at, ..
            } => self.in_paused(idle_at, look_at, event, at),
            State::FinRead => self.in_fin_read(event, at),
            State::Confirm { look_at, .. } => self.in_confirm(look_at, event, at),
            State::Gone { phase } => self.in_gone(phase, event, at),
            State::Closing {
                ending,
                phase,
                step,
            } => {
                self.in_closing(ending, phase, step, event, at);
            }
            // A report never changes.
            State::Done { .. } => {}
        }
    }

    /// The stage that this teardown is in.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Flush { .. } => Phase::Flush,
            State::HalfClose => Phase::HalfClose,
            State::Drain { .. } | State::LastRead { .. } | State::Paused { .. } => Phase::Drain,
            State::FinRead | State::Confirm { .. } => Phase::Confirm,
            State::Gone { phase } => phase,
            State::Closing { .. } => Phase::Close,
            State::Done { .. } => Phase::Finished,
        }
    }

    /// How it ended, once [`poll`](Self::poll) says [`Action::Finished`].
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        let State::Done { ending } = self.state else {
            return None;
        };
        let known = |n: u64| (n != UNKNOWN).then_some(n);
        let flushed = self.fin_at.min(self.ended_at);
        // The peer's FIN may come before ours; the drain then has no length.
        let drained = self.eof_at.min(self.ended_at).max(flushed);
        Some(Report {
            ending,
            fin: self.fin,
            peer_fin: self.peer_fin(),
            error: self.error,
            aborted: self.aborts(ending),
            unwritten_bytes: self.unwritten,
            unacknowledged_bytes: known(self.unacked),
            received_bytes: self.received,
            discarded_bytes: if self.receive == Receive::Discard {
                self.received
            } else {
                0
            },
            unread_bytes: known(self.unread),
            flush: flushed.since(Span::ZERO),
            drain: drained.since(flushed),
            confirm: self.ended_at.since(drained),
            fin_to_ack: (!self.acked_at.is_never()).then(|| self.acked_at.since(self.fin_at)),
        })
    }

    /// What becomes of received bytes.
    #[must_use]
    pub fn receive(&self) -> Receive {
        self.receive
    }

    /// What has become of our FIN so far.
    #[must_use]
    pub fn fin(&self) -> Fin {
        self.fin
    }

    /// How much is still to be written before the FIN.
    #[must_use]
    pub fn unwritten_bytes(&self) -> u64 {
        self.unwritten
    }

    /// Whether the peer's FIN was read, by this teardown or before it.
    pub(crate) fn peer_fin(&self) -> bool {
        !self.eof_at.is_never()
    }

    /// Whether what comes is still read, and thrown away.
    #[cfg(feature = "mio")]
    pub(crate) fn discards(&self) -> bool {
        matches!(self.state, State::Flush { .. } | State::Drain { .. })
            && self.receive == Receive::Discard
            && !self.peer_fin()
            && !self.limit_reached()
    }

    pub(crate) fn at(&self, now: Instant) -> Span {
        Span::reached(now.saturating_duration_since(self.started))
    }

    /// An instant too far away for the clock's own type is the same as none.
    fn wait(&self, until: Span) -> Action {
        let until = until
            .duration()
            .and_then(|after| self.started.checked_add(after));
        Action::Wait { until }
    }

    /// Whether the peer's bytes are read during the flush: not after its FIN, nor past the limit.
    fn may_receive(&self) -> bool {
        self.readable && self.eof_at.is_never() && !self.limit_reached()
    }

    fn limit_reached(&self) -> bool {
        self.receive == Receive::Discard && self.received >= self.drain_bytes
    }

    /// Whether this ending is by RST. A connection that has failed cannot send one.
    fn aborts(&self, ending: Ending) -> bool {
        self.error.is_none()
            && match ending {
                Ending::Aborted => true,
                Ending::TimedOut { .. } => self.bounds.abort_on_deadline,
                Ending::ByteLimit => self.bounds.abort_on_limit,
                Ending::Graceful
                | Ending::PeerFin
                | Ending::Acked
                | Ending::Reset { .. }
                | Ending::Lost { .. }
                | Ending::AlreadyClosed
                | Ending::Evicted
                | Ending::Failed { .. } => false,
            }
    }

    /// How a teardown ends that saw this error.
    fn ending_of(&self, error: OsError, operation: Operation, phase: Phase) -> Ending {
        match error.cause() {
            Cause::Reset => Ending::Reset {
                phase,
                after_fin: !self.eof_at.is_never(),
            },
            Cause::Lost => Ending::Lost { phase },
            Cause::Other => Ending::Failed { operation },
        }
    }
}

const _: () = assert!(size_of::<Teardown>() <= 128);
