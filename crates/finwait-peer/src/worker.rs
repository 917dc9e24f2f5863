//! One thread of the server: its event loop and its connections.

mod closing;
mod slots;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use finwait::{Closer, Limits};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Poll, Token, Waker};

use crate::accept::{Accepted, Acceptor, Like};
use crate::connection::Connection;
use crate::filler::Unsent;
use crate::server::Options;
use crate::service::{Next, Service, aborted};
use crate::shared::Shared;
use crate::stats::{Books, Counters, Ended, Tally};
use crate::stop::{Order, Stop};
use slots::{Closing, Slot, Slots};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;
/// Far above any number of open files. The `Closer` is told that its tokens begin here, and uses none:
/// sockets stay registered as connections.
const FIRST_CLOSING: usize = 1 << 30;

/// How many connections are accepted, and served, before others have their turn.
const ACCEPTED_PER_TURN: usize = 256;
const SERVED_PER_TURN: usize = 512;
const EVENTS_PER_TURN: usize = 1_024;

/// What one thread does.
#[derive(Debug)]
pub(crate) struct Worker {
    poll: Poll,
    _waker: Arc<Waker>,
    stop: Stop,
    backlog: i32,
    /// `None` when the server has stopped accepting.
    acceptor: Option<Acceptor>,
    connections: Slots,
    /// Those with something to do now. Each is in here once at most (`Connection::queued`).
    ready: VecDeque<usize>,
    /// Those that want to be served without an event, the earliest first.
    timers: BTreeSet<(Instant, usize)>,
    closer: Closer<Unsent>,
    limits: Limits,
    service: Service,
    /// Set when the server is stopping.
    deadline: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        options: &Options,
        shared: Arc<Shared>,
        counters: Arc<Counters>,
        stop: &Stop,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let addr = listener.local_addr()?;
        let mut acceptor = Acceptor::new(listener, poll.registry(), LISTENER)?;
        if shared.replaces_listener {
            let backlog = options.backlog.max(1);
            acceptor = acceptor.dropping(Like { addr, backlog });
        }
        stop.wakes(&waker);
        Ok(Self {
            poll,
            _waker: waker,
            stop: stop.share(),
            backlog: options.backlog,
            acceptor: Some(acceptor),
            connections: Slots::default(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            // Nobody is evicted: open files bound the number of connections before.
            closer: Closer::new(Token(FIRST_CLOSING), options.limits, Instant::now())
                .max_draining(FIRST_CLOSING),
            limits: options.limits,
            service: Service::new(shared, Books::new(counters)),
            deadline: None,
        })
    }

    /// Serves until it is stopped.
    pub(crate) fn run(mut self) -> io::Result<Tally> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        // An order that was given before this thread listened to it.
        let mut ordered = true;
        loop {
            let now = Instant::now();
            if std::mem::take(&mut ordered) {
                match self.stop.order() {
                    Some(Order::AtOnce) => break,
                    Some(Order::Drain(deadline)) => self.begin_stop(deadline, now),
                    None => {}
                }
            }
            self.turn(now);
            // One look at the clock for both: a deadline that came between two would be missed.
            let now = Instant::now();
            if self.is_over(now) {
                break;
            }
            match self.poll.poll(&mut events, self.timeout(now)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                ordered |= event.token() == WAKER;
                self.handle(event, now);
            }
        }
        Ok(self.service.books.into_tally())
    }

    fn handle(&mut self, event: &Event, now: Instant) {
        if event.token() == LISTENER {
            if let Some(acceptor) = &mut self.acceptor {
                acceptor.readable();
            }
            return;
        }
        let Some(index) = event.token().0.checked_sub(FIRST_CONNECTION) else {
            return;
        };
        // An event may be meant for a connection that is gone and whose token has a new owner by
        // now. All it does is to let that one, or its teardown, look for what is not there.
        match self.connections.get_mut(index) {
            Some(Slot::Open(connection)) => {
                if connection.note(event) {
                    self.queue(index);
                }
            }
            Some(&mut Slot::Closing(Closing { key, .. })) => {
                self.closer.handle_for(key, event, now);
            }
            Some(Slot::Moving) | None => {}
        }
    }

    /// Does what can be done now, each kind of work within its bound.
    fn turn(&mut self, now: Instant) {
        self.expire(now);
        self.accept(now);
        for _ in 0..self.ready.len().min(SERVED_PER_TURN) {
            if let Some(index) = self.ready.pop_front() {
                self.serve(index, now);
            }
        }
        self.closer.turn(Instant::now());
        while let Some(finished) = self.closer.poll_finished() {
            self.finished(&finished);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, index)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(connection) = self.connections.open_mut(index) {
                connection.armed = None;
                self.queue(index);
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        if let Some(acceptor) = &mut self.acceptor {
            let books = &self.service.books;
            acceptor.drop_waiting(self.poll.registry(), LISTENER, now, books);
        }
        for _ in 0..ACCEPTED_PER_TURN {
            let Some(acceptor) = &mut self.acceptor else {
                return;
            };
            match acceptor.accept(now, &self.service.books) {
                Accepted::Connection(stream) => self.admit(stream, now),
                Accepted::Failed => {}
                Accepted::Nothing => break,
            }
            if self.deadline.is_some() && self.acceptor.as_ref().is_some_and(Acceptor::is_done) {
                break;
            }
        }
        if self.deadline.is_some()
            && let Some(acceptor) = self.acceptor.take_if(|acceptor| acceptor.is_done())
        {
            acceptor.close(self.poll.registry());
        }
    }

    fn admit(&mut self, stream: TcpStream, now: Instant) {
        self.service.books.accepted();
        let (treatment, answer) = self.service.shared.next();
        let answer = answer.cloned();
        if self.service.refuses(treatment) {
            // Released here, and with it goes the RST.
            return self.service.books.ended(aborted(&stream));
        }
        let (registry, service) = (self.poll.registry(), &self.service);
        let stopping = self.deadline.is_some();
        let mut served = false;
        let opened = self.connections.open(|index| {
            let token = Token(FIRST_CONNECTION + index);
            let mut connection = Connection::register(stream, registry, token)?;
            connection.answer = answer;
            served = service.begin(&mut connection, treatment);
            // A request may be there already, and a server that stops waits for no event.
            connection.readable = stopping;
            io::Result::Ok(connection)
        });
        match opened {
            Ok(index) if self.service.closes_at_once(treatment) => {
                self.close(index, Unsent::Nothing, now);
            }
            Ok(index) if served || stopping => self.queue(index),
            Ok(_) => {}
            Err(_) => self.service.books.ended(Ended::Failed),
        }
    }

    fn serve(&mut self, index: usize, now: Instant) {
        let Some(connection) = self.connections.open_mut(index) else {
            return;
        };
        connection.queued = false;
        let mut next = self.service.serve(connection, now);
        if self.deadline.is_some() {
            next = self.service.stop(connection, next);
        }
        match next {
            Next::Wait => self.arm(index),
            Next::Again => {
                // No edge is owed to one that stops before "would block".
                self.arm(index);
                self.queue(index);
            }
            Next::Close(unsent) => self.close(index, unsent, now),
            Next::Release(ended) => {
                if let Some(period) = connection.brittle
                    && matches!(ended, Ended::Reset | Ended::Failed)
                {
                    self.service.shared.brittle.break_for(period);
                }
                self.release(index, ended);
            }
        }
    }

    fn release(&mut self, index: usize, ended: Ended) {
        self.disarm(index);
        drop(self.connections.take(index));
        self.service.books.ended(ended);
    }

    fn queue(&mut self, index: usize) {
        if let Some(connection) = self.connections.open_mut(index)
            && !std::mem::replace(&mut connection.queued, true)
        {
            self.ready.push_back(index);
        }
    }

    /// Brings the timers in line with what a connection wants.
    fn arm(&mut self, index: usize) {
        let Some(connection) = self.connections.open_mut(index) else {
            return;
        };
        if connection.armed == connection.due {
            return;
        }
        if let Some(at) = connection.armed {
            self.timers.remove(&(at, index));
        }
        if let Some(at) = connection.due {
            self.timers.insert((at, index));
        }
        connection.armed = connection.due;
    }

    /// For one that is about to leave.
    fn disarm(&mut self, index: usize) {
        if let Some(connection) = self.connections.open_mut(index)
            && let Some(at) = connection.armed.take()
        {
            self.timers.remove(&(at, index));
        }
    }

    fn begin_stop(&mut self, deadline: Instant, now: Instant) {
        self.closer.stop(deadline, now);
        if self.deadline.replace(deadline).is_some() {
            return;
        }
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.stop(self.backlog);
        }
        // All are asked once, whether or not an event has come.
        for index in self.connections.all_open() {
            if let Some(connection) = self.connections.open_mut(index) {
                connection.readable = true;
                self.queue(index);
            }
        }
    }

    /// Whether a stopping server has nothing left to do. At the deadline it cuts what is left.
    fn is_over(&mut self, now: Instant) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        if now >= deadline {
            if let Some(acceptor) = self.acceptor.take() {
                acceptor.close(self.poll.registry());
            }
            // Those that are closing are the `Closer`'s, which has the same deadline.
            for index in self.connections.all_open() {
                self.release(index, Ended::Cut);
            }
        }
        self.acceptor.is_none() && self.connections.is_empty()
    }

    /// How long nothing will have to be done, unless there is an event.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.ready.is_empty() || self.acceptor.as_ref().is_some_and(|a| a.is_ready(now)) {
            return Some(Duration::ZERO);
        }
        let paused = self.acceptor.as_ref().and_then(Acceptor::paused_until);
        let timer = self.timers.first().map(|&(at, _)| at);
        let closer = self.closer.poll_timeout(now);
        // Once it has passed, what is left is the `Closer`'s, which has a clock of its own.
        let deadline = self.deadline.filter(|&at| at > now);
        [paused, timer, deadline]
            .into_iter()
            .flatten()
            .map(|at| at.saturating_duration_since(now))
            .chain(closer)
            .min()
    }
}

#[cfg(test)]
mod tests;
