//! What each behaviour does with a connection that is ready.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Registry;

use crate::behaviour::Behaviour;
use crate::connection::{Connection, Head, Received, Sent};
use crate::filler::{Buffers, CHUNK, FILLER, Rest, Unsent};
use crate::stats::{Books, Ended};
use crate::stop::after;

/// What becomes of a connection that has just been served.
#[derive(Debug)]
pub(crate) enum Next {
    /// It waits for an event, or until it is due.
    Wait,
    /// It has had its share of this turn, and more to do.
    Again,
    /// finwait closes it.
    Close(Unsent),
    /// It is released as it is.
    Release(Ended),
}

/// What the connections of one thread share.
#[derive(Debug)]
pub(crate) struct Service {
    behaviour: Behaviour,
    answer: Option<Arc<Vec<u8>>>,
    scratch: Box<[u8]>,
    buffers: Buffers,
    pub(crate) books: Books,
}

/// One connection's share of a turn, in calls of at most 64 KiB each: then others have theirs,
/// however much it sends or takes.
const TURN_CALLS: u32 = 4;
/// Of many small drips the kernel's clock would make one anyway.
const SHORTEST_PERIOD: Duration = Duration::from_micros(1);
/// Below this a first piece is a single segment on any path, with nothing before it to wait for.
const ONE_SEGMENT: usize = 536;

const HEAD_TOO_LONG: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

impl Service {
    pub(crate) fn new(behaviour: Behaviour, answer: Option<Arc<Vec<u8>>>, books: Books) -> Self {
        Self {
            behaviour,
            answer,
            scratch: vec![0; CHUNK].into_boxed_slice(),
            buffers: Buffers::default(),
            books,
        }
    }

    /// Whether a new connection is closed before anything is received or sent.
    pub(crate) fn closes_at_once(&self) -> bool {
        self.behaviour == Behaviour::Fin
    }

    /// Whether something is sent before anything is received.
    pub(crate) fn speaks_first(&self) -> bool {
        matches!(self.behaviour, Behaviour::Drip { .. } | Behaviour::Flood)
    }

    /// Does what `connection` is ready for, within its share of a turn.
    pub(crate) fn serve(
        &mut self,
        connection: &mut Connection,
        registry: &Registry,
        now: Instant,
    ) -> Next {
        match self.behaviour {
            Behaviour::Echo => self.echo(connection, registry, None, now),
            Behaviour::LateFin { delay } => self.echo(connection, registry, Some(delay), now),
            Behaviour::Respond { .. } => self.respond(connection),
            Behaviour::Http { .. } => self.http(connection),
            Behaviour::Fin => Next::Close(Unsent::Nothing),
            Behaviour::Silent => self.ignore(connection),
            Behaviour::Rst => self.rst(connection),
            Behaviour::UnreadClose { bytes } => self.unread_close(connection, registry, bytes),
            Behaviour::Drip { bytes, period } => {
                self.drip(connection, registry, bytes, period, now)
            }
            Behaviour::Flood => {
                connection.owed = u64::MAX;
                self.send_and_ignore(connection, registry)
            }
        }
    }

    /// The server is stopping and `connection` has just been served, with `next` as the result:
    /// what becomes of it now?
    ///
    /// One that is in the middle of something may end it. One that waits for its peer is closed,
    /// in the way of its behaviour; those that never close wait for the deadline.
    pub(crate) fn stop(&self, connection: &mut Connection, next: Next) -> Next {
        match (&self.behaviour, next) {
            (Behaviour::Echo | Behaviour::LateFin { .. }, Next::Wait | Next::Again) => {
                // A peer that goes on sending cannot hold the stop up: what comes from here on is
                // drained, not echoed.
                if connection.peer_fin && connection.due.is_some() {
                    return Next::Wait;
                }
                Next::Close(connection.rest.take().map_or(Unsent::Nothing, Unsent::Rest))
            }
            (Behaviour::Respond { .. } | Behaviour::Http { .. } | Behaviour::Fin, Next::Wait) => {
                Next::Close(Unsent::Nothing)
            }
            (Behaviour::Rst, Next::Wait) => abort(connection),
            (Behaviour::UnreadClose { .. }, Next::Wait) if !connection.started => {
                Next::Release(Ended::ClosedUnread)
            }
            (_, next) => next,
        }
    }

    /// Echoes; after the peer's FIN closes, at once or after `delay`.
    fn echo(
        &mut self,
        connection: &mut Connection,
        registry: &Registry,
        delay: Option<Duration>,
        now: Instant,
    ) -> Next {
        for _ in 0..TURN_CALLS {
            if let Some(rest) = connection.rest.take() {
                if let Err(next) = self.send_rest(connection, registry, rest) {
                    return next;
                }
                continue;
            }
            if connection.peer_fin {
                return self.late_fin(connection, now);
            }
            if !connection.readable {
                return Next::Wait;
            }
            match connection.receive(&mut self.scratch) {
                Received::Bytes(bytes) => {
                    self.books.received(bytes as u64);
                    if let Some(ended) = self.send_back(connection, registry, bytes) {
                        return Next::Release(ended);
                    }
                }
                Received::Fin => {
                    let Some(delay) = delay else {
                        return Next::Close(Unsent::Nothing);
                    };
                    connection.peer_fin = true;
                    // Of the FIN, not of the turn, which began before it may have come.
                    connection.due = Some(after(Instant::now(), delay));
                    return watch_after_fin(connection);
                }
                Received::Blocked => return Next::Wait,
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
    fn send_back(
        &mut self,
        connection: &mut Connection,
        registry: &Registry,
        bytes: usize,
    ) -> Option<Ended> {
        // One small piece has nothing before it that it would have to wait for.
        if bytes > ONE_SEGMENT || std::mem::replace(&mut connection.started, true) {
            connection.send_without_delay();
        }
        let bytes = &self.scratch[..bytes];
        let sent = match connection.send(bytes, registry) {
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
    fn send_rest(
        &mut self,
        connection: &mut Connection,
        registry: &Registry,
        mut rest: Rest,
    ) -> Result<(), Next> {
        if !connection.writable {
            connection.rest = Some(rest);
            return Err(Next::Wait);
        }
        match connection.send(rest.bytes(), registry) {
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

    fn respond(&mut self, connection: &mut Connection) -> Next {
        if !connection.readable {
            return Next::Wait;
        }
        match connection.discard(&mut self.scratch) {
            Received::Bytes(bytes) => {
                self.books.received(bytes as u64);
                Next::Close(self.answer())
            }
            Received::Fin => Next::Close(self.answer()),
            Received::Blocked => Next::Wait,
            Received::Over(ended) => Next::Release(ended),
        }
    }

    fn http(&mut self, connection: &mut Connection) -> Next {
        while connection.readable {
            match connection.receive(&mut self.scratch) {
                Received::Bytes(bytes) => {
                    self.books.received(bytes as u64);
                    match connection.head.look(&self.scratch[..bytes]) {
                        Head::Unfinished => {}
                        Head::Ended => return Next::Close(self.answer()),
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

    fn answer(&self) -> Unsent {
        match &self.answer {
            Some(answer) => Unsent::Answer(Arc::clone(answer)),
            None => Unsent::Nothing,
        }
    }

    fn rst(&mut self, connection: &mut Connection) -> Next {
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
    fn ignore(&mut self, connection: &mut Connection) -> Next {
        for _ in 0..TURN_CALLS {
            if connection.peer_fin {
                return watch_after_fin(connection);
            }
            if !connection.readable {
                return Next::Wait;
            }
            match connection.discard(&mut self.scratch) {
                Received::Bytes(bytes) => self.books.received(bytes as u64),
                Received::Fin => connection.peer_fin = true,
                Received::Blocked => return Next::Wait,
                Received::Over(ended) => return Next::Release(ended),
            }
        }
        Next::Again
    }

    fn unread_close(&self, connection: &mut Connection, registry: &Registry, bytes: u64) -> Next {
        if !connection.started {
            if !connection.readable {
                return Next::Wait;
            }
            match connection.peek() {
                Received::Bytes(_) | Received::Fin => {
                    connection.started = true;
                    connection.owed = bytes;
                }
                Received::Blocked => return Next::Wait,
                Received::Over(ended) => return Next::Release(ended),
            }
        }
        match self.send_owed(connection, registry) {
            Next::Wait if connection.owed == 0 => Next::Release(Ended::ClosedUnread),
            next => next,
        }
    }

    fn drip(
        &mut self,
        connection: &mut Connection,
        registry: &Registry,
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
        self.send_and_ignore(connection, registry)
    }

    /// Sends and receives, each within its own share: neither direction starves the other.
    fn send_and_ignore(&mut self, connection: &mut Connection, registry: &Registry) -> Next {
        let received = self.ignore(connection);
        if let Next::Release(_) = received {
            return received;
        }
        match self.send_owed(connection, registry) {
            Next::Wait => received,
            next => next,
        }
    }

    /// Sends filler: `Wait` if none is owed or the socket takes no more.
    fn send_owed(&self, connection: &mut Connection, registry: &Registry) -> Next {
        for _ in 0..TURN_CALLS {
            if connection.owed == 0 || !connection.writable {
                return Next::Wait;
            }
            let chunk = connection.owed.min(CHUNK as u64) as usize;
            match connection.send(&FILLER[..chunk], registry) {
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

/// The peer's FIN has been read: any event now may be its RST, and so may have been the one that
/// told of the FIN.
fn watch_after_fin(connection: &mut Connection) -> Next {
    if std::mem::take(&mut connection.readable)
        && let Some(ended) = connection.is_dead()
    {
        return Next::Release(ended);
    }
    Next::Wait
}

fn abort(connection: &Connection) -> Next {
    Next::Release(match finwait_platform::arm_abort(&connection.stream) {
        Ok(()) => Ended::Aborted,
        Err(_) => Ended::Failed,
    })
}
