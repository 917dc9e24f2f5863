//! Sending an answer.

use std::time::Instant;

use super::{Phase, Step, Then, Turn};
use crate::answer::Answer;
use crate::behaviour::Behaviour;
use crate::connection::Sent;
use crate::http::Response;
use crate::stats::Ended;
use crate::treatment::Framing;

impl Turn<'_> {
    /// Waits until the answer is due, and begins it.
    pub(super) fn delay(&mut self, until: Instant, response: Option<Box<Response>>) -> Step {
        let behaviour = self.exchange.current.behaviour;
        if behaviour == Behaviour::HalfCloseAbort {
            match self.sees_fin() {
                Ok(false) => {}
                Ok(true) => return self.abort(),
                Err(over) => return over,
            }
        }
        if until > self.now {
            self.is_alive()?;
            return self.wait(Phase::Delay(until, response), Some(until));
        }
        if behaviour == Behaviour::HalfCloseDeaf {
            match self.sees_fin() {
                Ok(false) => {}
                // It thinks that nobody is there any more.
                Ok(true) => return self.release(Ended::ClosedUnread),
                Err(over) => return over,
            }
        }
        if behaviour == Behaviour::Rst {
            return self.abort();
        }
        let answer = self.answer(response.as_deref());
        let then = self.then();
        self.go(Phase::Send(answer, then))
    }

    fn answer(&self, response: Option<&Response>) -> Answer {
        let treatment = self.exchange.current;
        let answer = match response {
            Some(response) => response.answer(),
            None => Answer::new(Vec::new(), treatment.size(), Framing::Length),
        };
        match treatment.behaviour {
            Behaviour::RstMidResponse => answer.cut(50),
            Behaviour::Trunc { percent } => answer.cut(percent),
            Behaviour::Drip { bytes, period } => answer.paced(bytes, period, self.now),
            _ => answer,
        }
    }

    /// What comes after the answer that is being made.
    pub(super) fn then(&self) -> Then {
        let exchange = &*self.exchange;
        let last = exchange.last || !exchange.is_http;
        match exchange.current.behaviour {
            Behaviour::RstAfterResponse => Then::AbortAcked,
            Behaviour::RstMidResponse => Then::Abort,
            Behaviour::FinThenRst => Then::FinThenAbort,
            Behaviour::UnreadClose { .. } => Then::Plain,
            Behaviour::NoClose if last => Then::Hold,
            Behaviour::LateFin { delay } if last => Then::LateClose(delay),
            Behaviour::QuietLimit { requests } if exchange.requests >= requests => Then::Close,
            Behaviour::ServeAfterClose if exchange.is_http => Then::Next,
            _ if last => Then::Close,
            _ => Then::Next,
        }
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self, mut answer: Answer, then: Then) -> Step {
        if answer.is_sent() {
            self.exchange.active = self.now;
            return self.after_answer(then);
        }
        if self.exchange.current.behaviour == Behaviour::HalfCloseAbort {
            match self.sees_fin() {
                Ok(false) => {}
                Ok(true) => return self.abort(),
                Err(over) => return over,
            }
        }
        let due = answer.due(self.now);
        if due.is_some() || !self.connection.writable {
            return self.wait(Phase::Send(answer, then), due);
        }
        let slices = answer.next(self.now);
        // A frame alone may have been the last of it, or nothing at all.
        if slices.iter().all(|slice| slice.is_empty()) {
            return self.go(Phase::Send(answer, then));
        }
        match self.connection.send_slices(&slices) {
            Sent::Bytes(bytes) => {
                self.service.books.sent(bytes as u64);
                answer.advance(bytes);
                self.go(Phase::Send(answer, then))
            }
            Sent::Blocked => self.wait(Phase::Send(answer, then), None),
            Sent::Over(ended) => self.release(ended),
        }
    }
}
