//! One worker: its own event loop, its own connections, its own counts.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use finwait::{Closer, Finished};
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use crate::control::Control;
use crate::exchange::{Exchange, Gate, Stage, Talk};
use crate::observe::Observer;
use crate::plan::{Mode, Plan};
use crate::ports::SourcePorts;
use crate::record::Record;
use crate::request::Rest;
use crate::schedule::{Numbers, Pace};
use crate::tally::{Late, Tally};

/// A worker's share of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// Which worker of this process it is, from 0.
    pub(crate) worker: usize,
    /// How many connections at once.
    pub(crate) connections: usize,
    /// How many in all; `None`: as many as the time allows.
    pub(crate) total: Option<u64>,
    /// Which numbers its connections have.
    pub(crate) numbers: Numbers,
    /// Where its connections start from.
    pub(crate) ports: SourcePorts,
}

pub(crate) struct Worker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) control: &'a Control,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) share: Share,
    pub(crate) poll: Poll,
    pub(crate) closer: Closer<Rest>,
    pub(crate) exchanges: Slab<Exchange>,
    /// The exchange of each of the closer's keys, by the key's index.
    pub(crate) by_key: Vec<usize>,
    /// When an exchange must be looked at although nothing happens.
    timers: BTreeSet<(Instant, usize)>,
    /// Exchanges that stopped before they were blocked: no event is owed to them.
    again: VecDeque<usize>,
    /// Those that wait for the rate of closes, by slot and number, the oldest first.
    pub(crate) ready: VecDeque<(usize, u64)>,
    pub(crate) connecting: usize,
    pub(crate) established: u64,
    /// The start of the run, the same for all workers.
    pub(crate) epoch: Instant,
    pub(crate) pace: Option<Pace>,
    pub(crate) close_pace: Option<Pace>,
    /// How many were started, and how many closes were taken from the rate.
    pub(crate) starts: u64,
    pub(crate) closes: u64,
    pub(crate) stop_starting_at: Option<Instant>,
    /// When it was noticed that the run was stopped.
    pub(crate) stopped_at: Option<Instant>,
    /// In an open loop: the next one is due, and all that may be open are.
    pub(crate) waited_for_room: bool,
    /// After the OS ran out of ports or files: no attempt before this.
    pub(crate) pause_until: Option<Instant>,
    pub(crate) drain_until: Option<Instant>,
    pub(crate) gate: Gate,
    /// What was counted, apart from what `this_second` has.
    pub(crate) tally: Tally,
    pub(crate) this_second: Tally,
    pub(crate) seconds_told: Option<u64>,
    pub(crate) records: Option<Vec<Record>>,
    pub(crate) wave: usize,
    pub(crate) wave_began: Instant,
    /// The time spent waiting for something to do.
    pub(crate) waited: Duration,
    finished: Vec<Finished>,
    buffer: Box<[u8]>,
}

const WAKE: Token = Token(0);
/// Exchanges that are not in the closer yet.
pub(crate) const FIRST_EXCHANGE: usize = 1;
/// The closer is told which token is its first, and uses none: sockets stay registered as exchanges.
const FIRST_CLOSER: usize = 1 << 30;
/// Teardowns served between two looks at the clock.
pub(crate) const CLOSER_TURN: usize = 8;

impl<'a> Worker<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        control: &'a Control,
        observer: &'a dyn Observer,
        share: Share,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        control.add_waker(Waker::new(poll.registry(), WAKE)?);
        let now = Instant::now();
        let closer = Closer::new(Token(FIRST_CLOSER), plan.limits, now)
            .max_draining(share.connections.max(1))
            .turn_size(CLOSER_TURN);
        let pace = match plan.mode {
            Mode::OpenLoop { rate } => Some(Pace::new(rate, plan.ramp)),
            Mode::ClosedLoop | Mode::Storm => None,
        };
        let gate = match (plan.mode, plan.close_rate) {
            (Mode::Storm, _) => Gate::Shut,
            (_, Some(_)) => Gate::Rated,
            (_, None) => Gate::Open,
        };
        Ok(Self {
            plan,
            control,
            observer,
            poll,
            closer,
            exchanges: Slab::new(),
            by_key: Vec::new(),
            timers: BTreeSet::new(),
            again: VecDeque::new(),
            ready: VecDeque::new(),
            connecting: 0,
            established: 0,
            epoch: now,
            pace,
            close_pace: plan.close_rate.map(|rate| Pace::new(rate, Duration::ZERO)),
            starts: 0,
            closes: 0,
            stop_starting_at: None,
            stopped_at: None,
            waited_for_room: false,
            pause_until: None,
            drain_until: None,
            gate,
            tally: Tally::default(),
            this_second: Tally::default(),
            seconds_told: observer.wants_seconds().then_some(0),
            records: observer.wants_records().then(Vec::new),
            wave: 0,
            wave_began: now,
            waited: Duration::ZERO,
            finished: Vec::new(),
            buffer: vec![0; 64 << 10].into_boxed_slice(),
            share,
        })
    }

    /// All workers count from the same moment.
    pub(crate) fn begin(&mut self, epoch: Instant) {
        self.epoch = epoch;
        self.wave_began = epoch;
        self.stop_starting_at = self
            .plan
            .duration
            .and_then(|duration| epoch.checked_add(duration));
    }

    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.epoch)
    }

    /// Waits for something to do, and does it. `until`: when there is something to do in any case.
    pub(crate) fn turn(&mut self, events: &mut Events, until: Option<Instant>) -> io::Result<()> {
        let before = Instant::now();
        let timeout = self.timeout(before, until);
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = Instant::now();
        if timeout != Some(Duration::ZERO) {
            self.waited += now - before;
        }
        // Before anything is counted that belongs to the next.
        self.tell_seconds(now);
        for event in &*events {
            self.on_event(event, now);
        }
        for _ in 0..self.again.len() {
            if let Some(index) = self.again.pop_front() {
                self.drive(index);
            }
        }
        while let Some(index) = self.next_expired(now) {
            self.on_timer(index, now);
        }
        self.take_from_rate(now);
        // A share for each that may be ready, and no more: one that a peer floods is ready again
        // at once, and the others wait for their events.
        for _ in 0..=self.closer.len() / CLOSER_TURN {
            self.turn_closer();
            if !self.closer.is_ready() {
                break;
            }
        }
        Ok(())
    }

    fn timeout(&self, now: Instant, until: Option<Instant>) -> Option<Duration> {
        // Also the longest time that a stop may go unnoticed if a waker failed.
        const LONGEST: Duration = Duration::from_millis(500);
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let next_second = self
            .seconds_told
            .and_then(|second| self.epoch.checked_add(Duration::from_secs(second + 1)));
        let instants = [
            until,
            self.timers.first().map(|&(at, _)| at),
            self.drain_until,
            self.stop_starting_at.filter(|&at| at > now),
            self.next_close().filter(|_| !self.ready.is_empty()),
            next_second,
        ];
        let first = instants.into_iter().flatten().min();
        let own = first.map(|at| at.saturating_duration_since(now));
        let closers = self.closer.poll_timeout(now);
        own.into_iter().chain(closers).chain([LONGEST]).min()
    }

    /// Sees to it that an exchange is looked at by then.
    pub(crate) fn set_timer(&mut self, index: usize, at: Option<Instant>) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        // One that fires early is set again then; that is cheaper than moving it with each byte.
        let Some(at) = at.filter(|at| exchange.timer.is_none_or(|set| *at < set)) else {
            return;
        };
        if let Some(old) = exchange.timer.replace(at) {
            self.timers.remove(&(old, index));
        }
        self.timers.insert((at, index));
    }

    pub(crate) fn drop_timer(&mut self, index: usize) {
        if let Some(exchange) = self.exchanges.get_mut(index)
            && let Some(old) = exchange.timer.take()
        {
            self.timers.remove(&(old, index));
        }
    }

    fn next_expired(&mut self, now: Instant) -> Option<usize> {
        let &(at, index) = self.timers.first()?;
        if at > now {
            return None;
        }
        self.drop_timer(index);
        Some(index)
    }

    fn on_timer(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        match exchange.stage {
            Stage::Connecting(_) => self.connect_expired(index),
            Stage::Talking(_) => {
                // The last look: what came just in time counts.
                self.drive(index);
                let exchange = self.exchanges.get(index);
                let expires_at = exchange.and_then(|exchange| exchange.expires_at(self.plan));
                if expires_at.is_some_and(|at| at <= now) {
                    self.expire(index, now);
                }
            }
            Stage::Closing { .. } | Stage::Over => {}
        }
    }

    fn on_event(&mut self, event: &mio::event::Event, now: Instant) {
        if event.token() == WAKE {
            return;
        }
        let index = event.token().0 - FIRST_EXCHANGE;
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        exchange.end.note(event);
        match exchange.stage {
            Stage::Connecting(_) => {
                let trouble = event.is_error() || event.is_read_closed() || event.is_write_closed();
                self.on_connect_event(index, trouble);
            }
            Stage::Talking(_) => self.drive(index),
            Stage::Closing { key, .. } => {
                self.closer.handle_for(key, event, now);
            }
            Stage::Over => {}
        }
    }

    /// Lets an exchange do what it can, and sees to it that it is looked at again.
    pub(crate) fn drive(&mut self, index: usize) {
        let now = Instant::now();
        let (plan, gate) = (self.plan, self.gate);
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if !matches!(exchange.stage, Stage::Talking(_)) {
            return;
        }
        match exchange.talk(plan, gate, now, &mut self.buffer) {
            Talk::Blocked => {
                let at = exchange.look_at(plan, gate, now);
                self.set_timer(index, at);
            }
            Talk::More => {
                // A peer that never lets it block has its time, too.
                let at = exchange.look_at(plan, gate, now);
                self.set_timer(index, at);
                self.again.push_back(index);
            }
            Talk::Ready => {
                exchange.queued = true;
                let id = exchange.id;
                self.ready.push_back((index, id));
                // It goes on reading while it waits.
                self.again.push_back(index);
            }
            Talk::Close => self.close(index, now),
            Talk::PeerFin => self.after_peer_fin(index, now),
            Talk::Failed(error, ending) => self.break_off(index, ending, Some(error), now),
        }
    }

    /// When the rate of closes wants the next one.
    fn next_close(&self) -> Option<Instant> {
        let pace = self.close_pace?;
        let due = pace.due(self.share.numbers.nth(self.closes));
        // Before the first hold is over nothing can be ready.
        self.epoch.checked_add(self.plan.hold.saturating_add(due))
    }

    /// Closes those that the rate wants closed by now. If none is ready, the next one that is
    /// closes late, and counts as that.
    fn take_from_rate(&mut self, now: Instant) {
        while let (Some(due), Gate::Rated) = (self.next_close(), self.gate) {
            if due > now {
                return;
            }
            let Some((index, id)) = self.ready.pop_front() else {
                return;
            };
            let waits = |exchange: &Exchange| {
                exchange.id == id && matches!(exchange.stage, Stage::Talking(_))
            };
            if self.exchanges.get(index).is_some_and(waits) {
                self.closes += 1;
                let late = now.saturating_duration_since(due) > Late::TOLERANCE;
                self.counted().late.closes += u64::from(late);
                self.close(index, now);
            }
        }
    }

    /// Gives every delivered byte to its exchange, and takes what is over.
    pub(crate) fn turn_closer(&mut self) {
        let (exchanges, by_key, plan) = (&mut self.exchanges, &self.by_key, self.plan);
        let now = Instant::now();
        self.closer.turn_with(now, |key, chunk| {
            if let Some(exchange) = exchanges.get_mut(by_key[key.index()]) {
                exchange.receive(chunk, plan, now);
            }
        });
        while let Some(finished) = self.closer.poll_finished() {
            self.finished.push(finished);
        }
        while let Some(finished) = self.finished.pop() {
            self.torn_down(&finished);
        }
    }
}
