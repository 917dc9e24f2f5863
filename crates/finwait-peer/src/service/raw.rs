//! What is simple enough to be done without remembering much of a connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Next, Service, abort, watch_after_fin};
use crate::answer::SHORTEST_PERIOD;
use crate::behaviour::Behaviour;
use crate::connection::{Connection, Head, Received, Sent};
use crate::filler::{CHUNK, FILLER, Rest, Unsent};
use crate::shared::Shared;
use crate::stats::Ended;
use crate::stop::after;
use crate::treatment::Treatment;

/// One connection's share of a turn, in calls of at most 64 KiB each: then others have theirs,
/// however much it sends or takes.
const TURN_CALLS: u32 = 4;
/// Below this a first piece is a single segment on any path, with nothing before it to wait for.
const ONE_SEGMENT: usize = 536;

const HEAD_TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How an echo differs from a plain one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Echo {
    /// How long after the peer's FIN ours comes.
    fin_delay: Option<Duration>,
    /// How long it may be silent.
    pub(super) idle: Option<Duration>,
    /// What happens then is an RST.
    idle_aborts: bool,
    /// How much it receives at once, and how often.
    rate: Option<(u64, Duration)>,
}

impl Echo {
    pub(super) fn of(treatment: Treatment, shared: &Shared) -> Self {
        let plain = Self {
            idle: shared.idle,
            ..Self::default()
        };
        match treatment.behaviour {
            Behaviour::Echo => plain,
            Behaviour::LateFin { delay } => Self {
                fin_delay: Some(delay),
                ..plain
            },
            Behaviour::IdleClose { after } | Behaviour::IdleRst { after } => Self {
                idle: Some(after),
                idle_aborts: matches!(treatment.behaviour, Behaviour::IdleRst { .. }),
                ..plain
            },
            Behaviour::SlowRead { bytes, period } => Self {
                rate: Some((bytes, period)),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

impl Service {
    /// Echoes, and closes after the peer's FIN.
    pub(super) fn echo(&mut self, connection: &mut Connection, echo: Echo, now: Instant) -> Next {
        for _ in 0..TURN_CALLS {
            if let Some(rest) = connection.rest.take() {
                if let Err(next) = self.send_rest(connection, rest) {
                    // A peer that does not take its echo is not silent, and no clock runs.
                    connection.due = connection.due.filter(|due| *due > now);
                    return next;
                }
                continue;
            }
            if connection.peer_fin {
                return self.late_fin(connection, now);
            }
            if echo.rate.is_some() && connection.due.is_some_and(|due| due > now) {
                return Next::Wait;
            }
            if !connection.readable {
                return silence(connection, echo);
            }
            let room = echo.rate.map_or(CHUNK as u64, |(bytes, _)| bytes);
            let room = room.min(CHUNK as u64) as usize;
            match connection.receive(&mut self.scratch[..room]) {
                Received::Bytes(bytes) => {
                    self.books.received(bytes as u64);
                    // From the byte, not from the turn, which began before it may have come.
                    let wait = echo.rate.map(|(_, period)| period).or(echo.idle);
                    connection.due = wait.map(|wait| after(Instant::now(), wait));
                    if let Some(ended) = self.send_back(connection, bytes) {
                        return Next::Release(ended);
                    }
                }
                Received::Fin => {
                    let Some(delay) = echo.fin_delay else {
                        return Next::Close(Unsent::Nothing);
                    };
                    // Of the FIN, not of the turn, which began before it may have come.
                    connection.due = Some(after(Instant::now(), delay));
                    return watch_after_fin(connection);
                }
                Received::Blocked => return silence(connection, echo),
                Received::Over(ended) => return Next::Release(ended),
            }
        }
        Next::Again
    }

    fn late_fin(&self, connection: &mut Connection, now: Instant) -> Next {
        if connection.due.is_none_or(|due| due <= now) {
            return Next::Close(Unsent::Nothing);
        }
        watch_after_fin(connection)
    }

    /// Sends what was just received, and keeps what the socket does not take.
    fn send_back(&mut self, connection: &mut Connection, bytes: usize) -> Option<Ended> {
        // One small piece has nothing before it that it would have to wait for.
        if bytes > ONE_SEGMENT || std::mem::replace(&mut connection.started, true) {
            connection.send_without_delay();
        }
        let bytes = &self.scratch[..bytes];
        let sent = match connection.send(bytes) {
            Sent::Bytes(sent) => sent,
            Sent::Blocked => 0,
            Sent::Over(ended) => return Some(ended),
        };
        self.books.sent(sent as u64);
        if sent < bytes.len() {
            connection.rest = Some(self.buffers.keep(&bytes[sent..]));
        }
        None
    }

    /// Sends what is kept; `Err` if that ends the turn.
    fn send_rest(&mut self, connection: &mut Connection, mut rest: Rest) -> Result<(), Next> {
        if !connection.writable {
            connection.rest = Some(rest);
            return Err(Next::Wait);
        }
        match connection.send(rest.bytes()) {
            Sent::Bytes(sent) => {
                self.books.sent(sent as u64);
                rest.advance(sent);
                if rest.bytes().is_empty() {
                    self.buffers.give_back(rest);
                } else {
                    connection.rest = Some(rest);
                }
                Ok(())
            }
            Sent::Blocked => {
                connection.rest = Some(rest);
                Err(Next::Wait)
            }
            Sent::Over(ended) => {
                self.buffers.give_back(rest);
                Err(Next::Release(ended))
            }
        }
    }

    pub(super) fn respond(&mut self, connection: &mut Connection) -> Next {
        if !connection.readable {
            return Next::Wait;
        }
        match connection.discard(&mut self.scratch) {
            Received::Bytes(bytes) => {
                self.books.received(bytes as u64);
                Next::Close(answer(connection))
            }
            Received::Fin => Next::Close(answer(connection)),
            Received::Blocked => Next::Wait,
            Received::Over(ended) => Next::Release(ended),
        }
    }

    pub(super) fn http(&mut self, connection: &mut Connection) -> Next {
        while connection.readable {
            match connection.receive(&mut self.scratch) {
                Received::Bytes(bytes) => {
                    self.books.received(bytes as u64);
                    match connection.head.look(&self.scratch[..bytes]) {
                        Head::Unfinished => {}
                        Head::Ended => return Next::Close(answer(connection)),
                        Head::TooLong => return Next::Close(Unsent::Fixed(HEAD_TOO_LONG)),
                    }
                }
                // Before a whole head there is nothing to answer.
                Received::Fin => return Next::Close(Unsent::Nothing),
                Received::Blocked => {}
                Received::Over(ended) => return Next::Release(ended),
            }
        }
        Next::Wait
    }

    pub(super) fn rst(&mut self, connection: &mut Connection) -> Next {
        if !connection.readable {
            return Next::Wait;
        }
        match connection.discard(&mut self.scratch) {
            Received::Bytes(bytes) => {
                self.books.received(bytes as u64);
                abort(connection)
            }
            Received::Fin => abort(connection),
            Received::Blocked => Next::Wait,
            Received::Over(ended) => Next::Release(ended),
        }
    }

    /// Receives all, looks at nothing, and takes the peer's FIN for nothing.
    pub(crate) fn ignore(&mut self, connection: &mut Connection) -> Next {
        for _ in 0..TURN_CALLS {
            if connection.peer_fin {
                return watch_after_fin(connection);
            }
            if !connection.readable {
                return Next::Wait;
            }
            match connection.discard(&mut self.scratch) {
                Received::Bytes(bytes) => self.books.received(bytes as u64),
                Received::Fin => {}
                Received::Blocked => return Next::Wait,
                Received::Over(ended) => return Next::Release(ended),
            }
        }
        Next::Again
    }

    pub(super) fn drip(
        &mut self,
        connection: &mut Connection,
        bytes: u64,
        period: Duration,
        now: Instant,
    ) -> Next {
        connection.send_without_delay();
        let due = *connection.due.get_or_insert(now);
        if due <= now {
            // A peer that has not taken the last drip gets no second one on top.
            if connection.owed == 0 {
                connection.owed = bytes;
            }
            let period = period.max(SHORTEST_PERIOD);
            let next = after(due, period);
            connection.due = Some(if next > now { next } else { after(now, period) });
        }
        self.send_and_ignore(connection)
    }

    /// Sends and receives, each within its own share: neither direction starves the other.
    pub(super) fn send_and_ignore(&mut self, connection: &mut Connection) -> Next {
        let received = self.ignore(connection);
        if let Next::Release(_) = received {
            return received;
        }
        match self.send_owed(connection) {
            Next::Wait => received,
            next => next,
        }
    }

    /// Sends filler: `Wait` if none is owed or the socket takes no more.
    fn send_owed(&self, connection: &mut Connection) -> Next {
        for _ in 0..TURN_CALLS {
            if connection.owed == 0 || !connection.writable {
                return Next::Wait;
            }
            let chunk = connection.owed.min(CHUNK as u64) as usize;
            match connection.send(&FILLER[..chunk]) {
                Sent::Bytes(sent) => {
                    self.books.sent(sent as u64);
                    connection.owed -= sent as u64;
                }
                Sent::Blocked => return Next::Wait,
                Sent::Over(ended) => return Next::Release(ended),
            }
        }
        Next::Again
    }
}

/// Nothing is there to be received: how long may that be so?
fn silence(connection: &mut Connection, echo: Echo) -> Next {
    if echo.rate.is_some() {
        connection.due = None;
        return Next::Wait;
    }
    let Some(idle) = echo.idle else {
        return Next::Wait;
    };
    let now = Instant::now();
    if *connection.due.get_or_insert_with(|| after(now, idle)) > now {
        return Next::Wait;
    }
    if echo.idle_aborts {
        abort(connection)
    } else {
        Next::Close(Unsent::Nothing)
    }
}

fn answer(connection: &Connection) -> Unsent {
    match &connection.answer {
        Some(answer) => Unsent::Answer(Arc::clone(answer)),
        None => Unsent::Nothing,
    }
}
