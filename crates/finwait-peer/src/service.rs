//! What each behaviour does with a connection that is ready.

mod raw;

use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpStream;

use crate::behaviour::Behaviour;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::filler::{Buffers, CHUNK, Unsent};
use crate::server::Protocol;
use crate::shared::Shared;
use crate::stats::{Books, Ended};
use crate::treatment::Treatment;
use raw::Echo;

/// What becomes of a connection that has just been served.
#[derive(Debug)]
pub(crate) enum Next {
    /// It waits for an event, or until it is due.
    Wait,
    /// It has had its share of this turn, and more to do.
    Again,
    /// finwait closes it, within the bounds of its treatment.
    Close(Unsent),
    /// It is released as it is.
    Release(Ended),
}

/// What the connections of one thread share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scratch: Box<[u8]>,
    buffers: Buffers,
    pub(crate) books: Books,
}

impl Service {
    pub(crate) fn new(shared: Arc<Shared>, books: Books) -> Self {
        Self {
            shared,
            scratch: vec![0; CHUNK].into_boxed_slice(),
            buffers: Buffers::default(),
            books,
        }
    }

    fn is_raw(&self) -> bool {
        self.shared.protocol == Protocol::Raw
    }

    /// Whether a new connection is aborted as it is.
    pub(crate) fn refuses(&self, treatment: Treatment) -> bool {
        match treatment.behaviour {
            Behaviour::Brittle { .. } => self.shared.brittle.is_broken(),
            // Where listeners cannot be replaced; on the wire it is the same.
            Behaviour::DropBacklog => true,
            _ => false,
        }
    }

    /// Whether a new connection is closed before anything is received or sent.
    pub(crate) fn closes_at_once(&self, treatment: Treatment) -> bool {
        self.is_raw() && treatment.behaviour == Behaviour::Fin
    }

    /// Whether something is sent before anything is received.
    pub(crate) fn speaks_first(&self, treatment: Treatment) -> bool {
        let speaks = matches!(
            treatment.behaviour,
            Behaviour::Drip { .. } | Behaviour::Flood
        );
        self.is_raw() && speaks
    }

    /// Whether nothing needs to be remembered of an exchange.
    fn is_simple(&self, treatment: Treatment) -> bool {
        self.is_raw()
            && match treatment.behaviour {
                Behaviour::Echo
                | Behaviour::LateFin { .. }
                | Behaviour::Fin
                | Behaviour::Silent
                | Behaviour::Drip { .. }
                | Behaviour::Flood
                | Behaviour::IdleClose { .. }
                | Behaviour::IdleRst { .. }
                | Behaviour::SlowRead { .. } => true,
                Behaviour::Respond { .. } | Behaviour::Http { .. } | Behaviour::Rst => {
                    treatment.is_plain() && self.shared.idle.is_none()
                }
                _ => false,
            }
    }

    /// Prepares a new connection. `true` if it is to be served before an event comes.
    pub(crate) fn begin(&self, connection: &mut Connection, treatment: Treatment) -> bool {
        connection.treatment = treatment;
        if let Behaviour::Brittle { period } = treatment.behaviour {
            connection.brittle = Some(period);
        }
        if !self.is_simple(treatment) {
            let exchange = Exchange::new(treatment, &self.shared, Instant::now());
            connection.exchange = Some(Box::new(exchange));
            // Its time to be idle begins.
            return true;
        }
        self.speaks_first(treatment) || Echo::of(treatment, &self.shared).idle.is_some()
    }

    /// Does what `connection` is ready for, within its share of a turn.
    pub(crate) fn serve(&mut self, connection: &mut Connection, now: Instant) -> Next {
        if let Some(mut exchange) = connection.exchange.take() {
            let next = exchange.serve(self, connection);
            connection.exchange = Some(exchange);
            return next;
        }
        match connection.treatment.behaviour {
            Behaviour::Respond { .. } => self.respond(connection),
            Behaviour::Http { .. } => self.http(connection),
            Behaviour::Fin => Next::Close(Unsent::Nothing),
            Behaviour::Silent => self.ignore(connection),
            Behaviour::Rst => self.rst(connection),
            Behaviour::Drip { bytes, period } => self.drip(connection, bytes, period, now),
            Behaviour::Flood => {
                connection.owed = u64::MAX;
                self.send_and_ignore(connection)
            }
            // All that is left are echoes.
            _ => {
                let echo = Echo::of(connection.treatment, &self.shared);
                self.echo(connection, echo, now)
            }
        }
    }

    /// The server is stopping and `connection` has just been served, with `next` as the result:
    /// what becomes of it now?
    ///
    /// One that is in the middle of something may end it. One that waits for its peer is closed,
    /// in the way of its behaviour; those that never close wait for the deadline.
    pub(crate) fn stop(&self, connection: &mut Connection, next: Next) -> Next {
        if let Some(mut exchange) = connection.exchange.take() {
            let next = exchange.stop(connection, next);
            connection.exchange = Some(exchange);
            return next;
        }
        match (connection.treatment.behaviour, next) {
            (
                Behaviour::Echo
                | Behaviour::LateFin { .. }
                | Behaviour::IdleClose { .. }
                | Behaviour::IdleRst { .. }
                | Behaviour::SlowRead { .. },
                Next::Wait | Next::Again,
            ) => {
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
            (_, next) => next,
        }
    }
}

/// The peer's FIN has been read: any event now may be its RST, and so may have been the one that
/// told of the FIN.
pub(crate) fn watch_after_fin(connection: &mut Connection) -> Next {
    if std::mem::take(&mut connection.readable)
        && let Some(ended) = connection.is_dead()
    {
        return Next::Release(ended);
    }
    Next::Wait
}

pub(crate) fn abort(connection: &Connection) -> Next {
    Next::Release(aborted(&connection.stream))
}

/// What its release will be: an RST.
pub(crate) fn aborted(stream: &TcpStream) -> Ended {
    match finwait_platform::arm_abort(stream) {
        Ok(()) => Ended::Aborted,
        Err(_) => Ended::Failed,
    }
}
