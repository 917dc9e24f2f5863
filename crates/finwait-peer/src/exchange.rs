//! One connection on which requests are answered: step by step, as the socket allows.

mod ending;
mod receiving;
mod requests;
mod sending;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::behaviour::Behaviour;
use crate::connection::Connection;
use crate::filler::Unsent;
use crate::http::{Body, Head, Response};
use crate::server::Protocol;
use crate::service::{Next, Service, abort};
use crate::shared::Shared;
use crate::stats::Ended;
use crate::treatment::Treatment;

/// How far one connection has come.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// How the connection is treated.
    own: Treatment,
    /// How the request is treated that is being answered, or was last.
    current: Treatment,
    is_http: bool,
    /// Of the server; a treatment may have one of its own.
    idle: Option<Duration>,
    /// When something last came, or was sent.
    active: Instant,
    phase: Phase,
    head: Head,
    has_received: bool,
    requests: u32,
    /// No request is answered after this one.
    last: bool,
    /// For how long requests are still taken although it was said that none would be.
    grace: Option<Instant>,
    /// Before this, nothing is received.
    gate: Option<Instant>,
    stopping: bool,
}

/// What is being done.
#[derive(Debug)]
enum Phase {
    /// Waiting for the first byte, without HTTP.
    First,
    /// Receiving a request's head, or waiting for it.
    Head,
    /// Receiving its body.
    Body(Body, Box<Response>),
    /// Waiting until there is something to be left unread, but not longer than this.
    Unread(Instant, Box<Self>),
    /// Waiting until the answer begins.
    Delay(Instant, Option<Box<Response>>),
    Send(Answer, Then),
    /// Waiting until all is acknowledged, but not longer than this, for an RST.
    Acked(Instant),
    /// The same after our FIN.
    FinSent(Instant),
    /// Waiting for the moment to close.
    Late(Instant),
    /// Receiving, for ever.
    Hold,
}

/// What comes after an answer.
#[derive(Debug)]
enum Then {
    /// The body, which was asked for.
    Body(Body, Box<Response>),
    /// The next request.
    Next,
    /// A close through finwait.
    Close,
    /// A close that looks at nothing.
    Plain,
    Abort,
    AbortAcked,
    FinThenAbort,
    LateClose(Duration),
    Hold,
}

/// `Break` ends the connection's share of a turn.
type Step = ControlFlow<Next>;

/// One connection's share of a turn, in steps of one call or two.
const TURN_STEPS: u32 = 8;

impl Exchange {
    pub(crate) fn new(treatment: Treatment, shared: &Shared, now: Instant) -> Self {
        // `http` is a behaviour that speaks it even where nothing else does.
        let is_http = shared.protocol == Protocol::Http
            || matches!(treatment.behaviour, Behaviour::Http { .. });
        Self {
            own: treatment,
            current: treatment,
            is_http,
            idle: shared.idle,
            active: now,
            phase: if is_http { Phase::Head } else { Phase::First },
            head: Head::default(),
            has_received: false,
            requests: 0,
            last: false,
            grace: None,
            gate: None,
            stopping: false,
        }
    }

    /// Does what can be done now, within its share of a turn.
    pub(crate) fn serve(&mut self, service: &mut Service, connection: &mut Connection) -> Next {
        // Answers leave in the pieces in which they are written.
        connection.send_without_delay();
        connection.due = None;
        let mut turn = Turn {
            service,
            connection,
            // A wait begins when its reason is seen, not when the turn began.
            now: Instant::now(),
            exchange: self,
        };
        for _ in 0..TURN_STEPS {
            if let ControlFlow::Break(next) = turn.step() {
                return next;
            }
        }
        Next::Again
    }

    /// The server is stopping: see [`Service::stop`].
    pub(crate) fn stop(&mut self, connection: &Connection, next: Next) -> Next {
        self.stopping = true;
        let waits = matches!(self.phase, Phase::First | Phase::Head);
        if !waits || !matches!(next, Next::Wait) {
            return next;
        }
        match self.current.behaviour {
            Behaviour::NoClose => next,
            Behaviour::Rst => abort(connection),
            Behaviour::UnreadClose { .. } => Next::Release(Ended::ClosedUnread),
            _ => Next::Close(Unsent::Nothing),
        }
    }

    /// How the last request was treated, or how the connection is if there was none.
    pub(crate) fn current(&self) -> Treatment {
        self.current
    }

    /// How long the connection may be silent while it is waited for.
    fn idle(&self) -> Option<Duration> {
        match self.current.behaviour {
            Behaviour::IdleClose { after } | Behaviour::IdleRst { after } => Some(after),
            Behaviour::NoClose | Behaviour::Silent => None,
            _ => self.idle,
        }
    }

    /// How much is received at once, and how often.
    fn rate(&self) -> Option<(u64, Duration)> {
        match self.current.behaviour {
            Behaviour::SlowRead { bytes, period } => Some((bytes, period)),
            _ => None,
        }
    }
}

/// One connection's turn.
struct Turn<'a> {
    service: &'a mut Service,
    connection: &'a mut Connection,
    now: Instant,
    exchange: &'a mut Exchange,
}

impl Turn<'_> {
    fn step(&mut self) -> Step {
        // Each puts the phase in place that follows; one that waits puts back its own.
        match std::mem::replace(&mut self.exchange.phase, Phase::Hold) {
            Phase::First => self.first(),
            Phase::Head => self.head(),
            Phase::Body(body, response) => self.body(body, response),
            Phase::Unread(until, next) => self.unread(until, next),
            Phase::Delay(until, response) => self.delay(until, response),
            Phase::Send(answer, then) => self.send(answer, then),
            Phase::Acked(until) => self.abort_acked(until),
            Phase::FinSent(until) => self.abort_after_fin(until),
            Phase::Late(until) => self.close_late(until),
            Phase::Hold => Step::Break(self.service.ignore(self.connection)),
        }
    }

    fn go(&mut self, phase: Phase) -> Step {
        self.exchange.phase = phase;
        Step::Continue(())
    }

    /// Comes back to `phase` at `due`, if not for an event before.
    fn wait(&mut self, phase: Phase, due: Option<Instant>) -> Step {
        self.exchange.phase = phase;
        self.connection.due = due;
        Step::Break(Next::Wait)
    }

    fn release(&self, ended: Ended) -> Step {
        Step::Break(Next::Release(ended))
    }

    /// Ends a wait of its own if the client has reset meanwhile: nothing else would look.
    fn is_alive(&self) -> Step {
        match self.connection.is_dead() {
            Some(ended) => self.release(ended),
            None => Step::Continue(()),
        }
    }

    fn abort(&self) -> Step {
        Step::Break(abort(self.connection))
    }

    fn close(&self) -> Step {
        Step::Break(Next::Close(Unsent::Nothing))
    }

    /// The connection ends badly for a server that does not bear that.
    fn ends_badly(&self) {
        if let Some(period) = self.connection.brittle {
            self.service.shared.brittle.break_for(period);
        }
    }

    /// Whether one that does not bear much is broken now.
    fn is_broken(&self) -> bool {
        matches!(self.exchange.current.behaviour, Behaviour::Brittle { .. })
            && self.service.shared.brittle.is_broken()
    }
}
