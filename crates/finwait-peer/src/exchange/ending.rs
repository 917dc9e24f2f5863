//! What comes after an answer, or instead of one.

use std::time::{Duration, Instant};

use finwait_platform::{self as platform, FinAck};

use super::{Phase, Step, Then, Turn};
use crate::behaviour::Behaviour;
use crate::stats::Ended;
use crate::stop::after;

/// The longest wait for the acknowledgement of an answer.
const ACK_BOUND: Duration = Duration::from_secs(5);
/// The longest wait for that of a FIN, and the wait where nothing tells of acknowledgements.
const FIN_BOUND: Duration = Duration::from_millis(20);
/// How often the kernel is asked: no event tells.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// How long a request may follow one that was said to be the last.
const GRACE: Duration = Duration::from_millis(50);

impl Turn<'_> {
    pub(super) fn after_answer(&mut self, then: Then) -> Step {
        match then {
            Then::Body(body, response) => self.go(Phase::Body(body, response)),
            Then::Next => {
                if self.exchange.last {
                    self.exchange.grace = Some(after(self.now, GRACE));
                }
                self.go(Phase::Head)
            }
            Then::Close => self.close(),
            Then::Plain => self.release(Ended::ClosedUnread),
            Then::Abort => self.abort(),
            Then::AbortAcked => {
                let known = matches!(
                    platform::unacknowledged(&self.connection.stream),
                    Ok(Some(_))
                );
                let bound = if known { ACK_BOUND } else { FIN_BOUND };
                self.go(Phase::Acked(after(self.now, bound)))
            }
            Then::FinThenAbort => match platform::half_close(&self.connection.stream) {
                Ok(()) => self.go(Phase::FinSent(after(self.now, FIN_BOUND))),
                // The connection has ended already, and says why.
                Err(_) => self.release(self.connection.is_dead().unwrap_or(Ended::Failed)),
            },
            Then::LateClose(delay) => self.go(Phase::Late(after(Instant::now(), delay))),
            Then::Hold => self.go(Phase::Hold),
        }
    }

    /// All requests are answered, and none will come.
    pub(super) fn end(&mut self) -> Step {
        match self.exchange.current.behaviour {
            Behaviour::NoClose => self.go(Phase::Hold),
            Behaviour::LateFin { delay } => self.after_answer(Then::LateClose(delay)),
            _ => self.close(),
        }
    }

    pub(super) fn abort_acked(&mut self, until: Instant) -> Step {
        let queued = platform::unacknowledged(&self.connection.stream);
        if matches!(queued, Ok(Some(0)) | Err(_)) || until <= self.now {
            return self.abort();
        }
        self.wait(Phase::Acked(until), Some(self.asks_again(until)))
    }

    pub(super) fn abort_after_fin(&mut self, until: Instant) -> Step {
        let acked = platform::fin_acked(&self.connection.stream);
        if matches!(acked, Ok(FinAck::Yes) | Err(_)) || until <= self.now {
            return self.abort();
        }
        self.wait(Phase::FinSent(until), Some(self.asks_again(until)))
    }

    fn asks_again(&self, until: Instant) -> Instant {
        after(self.now, ASK_EVERY).min(until)
    }

    pub(super) fn close_late(&mut self, until: Instant) -> Step {
        if until <= self.now {
            return self.close();
        }
        self.is_alive()?;
        self.wait(Phase::Late(until), Some(until))
    }
}
