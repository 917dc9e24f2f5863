//! What comes from the client, and what is done when nothing does.

use std::time::Instant;

use super::{Phase, Step, Turn};
use crate::behaviour::Behaviour;
use crate::connection::Received;
use crate::filler::CHUNK;
use crate::http::{Body, Chunks, Response};
use crate::stats::Ended;
use crate::stop::after;

/// How many calls look for a FIN behind bytes.
const LOOK_CALLS: u32 = 64;

impl Turn<'_> {
    /// Waits for the first byte, or a FIN.
    pub(super) fn first(&mut self) -> Step {
        if !self.connection.readable {
            return self.silence(Phase::First);
        }
        let unread = matches!(
            self.exchange.current.behaviour,
            Behaviour::UnreadClose { .. }
        );
        let received = if unread {
            self.connection.peek(&mut [0])
        } else {
            self.connection.discard(&mut self.service.scratch)
        };
        match received {
            Received::Bytes(bytes) => {
                if !unread {
                    self.service.books.received(bytes as u64);
                }
            }
            Received::Fin => self.ends_badly(),
            Received::Blocked => return self.silence(Phase::First),
            Received::Over(ended) => return self.release(ended),
        }
        if self.is_broken() {
            return self.abort();
        }
        self.answer_later(None)
    }

    /// Receives a head, or what has come of it.
    pub(super) fn head(&mut self) -> Step {
        if self.is_gated() {
            return self.wait(Phase::Head, self.exchange.gate);
        }
        if !self.connection.readable {
            return self.silence(Phase::Head);
        }
        let room = self.room();
        match self.connection.peek(&mut self.service.scratch[..room]) {
            Received::Bytes(bytes) => {
                let (taken, whole) = self.exchange.head.take(&self.service.scratch[..bytes]);
                if whole {
                    return self.request(taken);
                }
                self.consume(taken)?;
                match self.exchange.head.refused_early() {
                    Some(refusal) => self.refuse(refusal.status, refusal.target),
                    None => self.go(Phase::Head),
                }
            }
            Received::Fin => self.fin_at_head(),
            Received::Blocked => self.silence(Phase::Head),
            Received::Over(ended) => self.release(ended),
        }
    }

    fn fin_at_head(&mut self) -> Step {
        if self.exchange.head.is_empty() {
            if !self.exchange.has_received {
                self.ends_badly();
            }
            return self.end();
        }
        self.cut_short(None)
    }

    /// Receives a body, and looks at nothing but where it ends.
    pub(super) fn body(&mut self, body: Body, response: Box<Response>) -> Step {
        if body.is_over() {
            return self.answer_later(Some(response));
        }
        if self.is_gated() {
            let gate = self.exchange.gate;
            return self.wait(Phase::Body(body, response), gate);
        }
        if !self.connection.readable {
            return self.silence(Phase::Body(body, response));
        }
        match body {
            Body::Length(left) => self.sized_body(left, response),
            Body::Chunked(chunks) => self.chunked_body(chunks, response),
        }
    }

    fn sized_body(&mut self, left: u64, response: Box<Response>) -> Step {
        let slow = self.exchange.rate().map_or(u64::MAX, |(bytes, _)| bytes);
        let most = usize::try_from(left.min(slow)).unwrap_or(usize::MAX);
        let scratch = &mut self.service.scratch;
        match self.connection.discard_at_most(most, scratch) {
            Received::Bytes(bytes) => {
                self.came(bytes);
                let left = left.saturating_sub(bytes as u64);
                self.go(Phase::Body(Body::Length(left), response))
            }
            other => self.no_body(other, Body::Length(left), response),
        }
    }

    fn chunked_body(&mut self, mut chunks: Chunks, response: Box<Response>) -> Step {
        let room = self.room();
        match self.connection.peek(&mut self.service.scratch[..room]) {
            Received::Bytes(bytes) => match chunks.take(&self.service.scratch[..bytes]) {
                Ok(taken) => {
                    self.consume(taken)?;
                    self.go(Phase::Body(Body::Chunked(chunks), response))
                }
                Err(status) => self.refuse(status, None),
            },
            other => self.no_body(other, Body::Chunked(chunks), response),
        }
    }

    fn no_body(&mut self, received: Received, body: Body, response: Box<Response>) -> Step {
        match received {
            Received::Fin => self.cut_short(Some(response)),
            Received::Over(ended) => self.release(ended),
            Received::Bytes(_) | Received::Blocked => self.silence(Phase::Body(body, response)),
        }
    }

    /// Takes what was looked at: no more, for what follows is the next request's.
    pub(super) fn consume(&mut self, bytes: usize) -> Step {
        let mut left = bytes;
        while left > 0 {
            let scratch = &mut self.service.scratch;
            match self.connection.discard_at_most(left, scratch) {
                Received::Bytes(taken) => {
                    left = left.saturating_sub(taken);
                    self.came(taken);
                }
                Received::Over(ended) => return self.release(ended),
                // It was there a moment ago.
                Received::Fin | Received::Blocked => {
                    return self.release(Ended::Failed);
                }
            }
        }
        Step::Continue(())
    }

    /// Waits until there is something to be left unread, and does what is `next`: a close that
    /// comes too early for its RST would not be the mistake that it is to be.
    pub(super) fn unread(&mut self, until: Instant, next: Box<Phase>) -> Step {
        if self.connection.readable {
            match self.connection.peek(&mut [0]) {
                Received::Bytes(_) | Received::Fin => return self.go(*next),
                Received::Blocked => {}
                Received::Over(ended) => return self.release(ended),
            }
        }
        if until <= self.now {
            return self.go(*next);
        }
        self.wait(Phase::Unread(until, next), Some(until))
    }

    fn came(&mut self, bytes: usize) {
        self.service.books.received(bytes as u64);
        self.exchange.has_received = true;
        self.exchange.active = self.now;
        if let Some((_, period)) = self.exchange.rate() {
            self.exchange.gate = Some(after(self.now, period));
        }
    }

    fn is_gated(&self) -> bool {
        self.exchange.gate.is_some_and(|gate| gate > self.now)
    }

    /// How much is looked at in one go.
    fn room(&self) -> usize {
        let slow = self.exchange.rate().map_or(u64::MAX, |(bytes, _)| bytes);
        slow.min(CHUNK as u64) as usize
    }

    /// Nothing is there to be received: waits in `phase`, unless that has lasted too long.
    fn silence(&mut self, phase: Phase) -> Step {
        if let Some(grace) = self.exchange.grace {
            if grace <= self.now {
                return self.close();
            }
            return self.wait(phase, Some(grace));
        }
        let idle = self.exchange.idle();
        let until = idle.map(|idle| after(self.exchange.active, idle));
        if until.is_none_or(|until| until > self.now) {
            return self.wait(phase, until);
        }
        if matches!(self.exchange.current.behaviour, Behaviour::IdleRst { .. }) {
            return self.abort();
        }
        let between = match phase {
            Phase::Head => self.exchange.head.is_empty(),
            phase => matches!(phase, Phase::First),
        };
        if between {
            return self.end();
        }
        self.refuse(408, None)
    }

    /// Whether the client's FIN has come.
    ///
    /// # Errors
    ///
    /// `Break` if the connection is over.
    pub(super) fn sees_fin(&mut self) -> Result<bool, Step> {
        for _ in 0..LOOK_CALLS {
            if self.connection.peer_fin || !self.connection.readable {
                break;
            }
            let received = if self.exchange.is_http {
                self.connection.peek(&mut [0])
            } else {
                self.connection.discard(&mut self.service.scratch)
            };
            match received {
                Received::Over(ended) => return Err(self.release(ended)),
                Received::Fin | Received::Blocked => {}
                // They are the next request; what is behind them, only an event can tell.
                Received::Bytes(_) if self.exchange.is_http => break,
                Received::Bytes(bytes) => self.service.books.received(bytes as u64),
            }
        }
        Ok(self.connection.peer_fin || self.connection.read_closed)
    }
}
