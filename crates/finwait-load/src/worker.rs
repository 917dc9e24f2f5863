//! One worker: its own event loop, its own connections, its own counts.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use finwait::{Closer, Finished};
use mio::net::TcpStream;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;

use crate::control::Control;
use crate::plan::{CloseMode, Plan};
use crate::reception::Reception;
use crate::request::Rest;
use crate::tally::{Tally, Windows, record};
use crate::verdict::{Ending, Progress, Verdict, request_progress};

/// A worker's share of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// How many connections at once.
    pub(crate) connections: usize,
    /// How many in all; `None`: as many as the time allows.
    pub(crate) total: Option<u64>,
    /// Which of the source addresses this worker begins with.
    pub(crate) first_source: usize,
}

pub(crate) struct Worker<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) control: &'a Control,
    pub(crate) share: Share,
    pub(crate) poll: Poll,
    pub(crate) closer: Closer<Rest>,
    pub(crate) exchanges: Slab<Exchange>,
    /// The exchange of each of the closer's keys, by the key's index.
    by_key: Vec<usize>,
    /// When an exchange must be looked at although nothing happens.
    timers: BTreeSet<(Instant, usize)>,
    /// Connected exchanges that wait for the storm.
    pub(crate) held: Vec<usize>,
    pub(crate) connecting: usize,
    pub(crate) established: u64,
    pub(crate) next_source: usize,
    pub(crate) left: Option<u64>,
    stop_starting_at: Option<Instant>,
    /// After the OS ran out of ports or files: no attempt before this.
    pub(crate) pause_until: Option<Instant>,
    drain_until: Option<Instant>,
    pub(crate) tally: Tally,
    pub(crate) windows: Windows,
    wave: usize,
    finished: Vec<Finished>,
}

/// One connection, from the attempt to its verdict.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) stage: Stage,
    pub(crate) started: Instant,
    pub(crate) timer: Option<Instant>,
    /// Request bytes that the kernel took before the stage `Closing`.
    pub(crate) written: usize,
    pub(crate) reception: Reception,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Connecting(TcpStream),
    /// Connected, waiting for the storm.
    Held(TcpStream),
    /// Handed to the closer, at this time.
    Closing(Instant),
    /// Exchanging without a half-close: `--close fin` and `rst`.
    Direct(TcpStream),
    Over,
}

const WAKE: Token = Token(0);
/// Exchanges that are not in the closer yet.
pub(crate) const FIRST_EXCHANGE: usize = 1;
/// The closer's tokens; no run has that many exchanges.
const FIRST_CLOSER: usize = 1 << 30;
/// Attempts under way at once in a storm: above that a listen queue overflows, and a lost SYN
/// costs a second.
pub(crate) const MOST_CONNECTING: usize = 512;
/// Teardowns served between two looks at the clock.
const CLOSER_TURN: usize = 8;

impl<'a> Worker<'a> {
    pub(crate) fn new(plan: &'a Plan, control: &'a Control, share: Share) -> io::Result<Self> {
        let poll = Poll::new()?;
        control.add_waker(Waker::new(poll.registry(), WAKE)?);
        let closer = Closer::new(Token(FIRST_CLOSER), plan.limits, Instant::now())
            .max_draining(share.connections.max(1))
            .turn_size(CLOSER_TURN);
        Ok(Self {
            plan,
            control,
            poll,
            closer,
            exchanges: Slab::new(),
            by_key: Vec::new(),
            timers: BTreeSet::new(),
            held: Vec::new(),
            connecting: 0,
            established: 0,
            next_source: share.first_source,
            left: share.total,
            share,
            stop_starting_at: None,
            pause_until: None,
            drain_until: None,
            tally: Tally::default(),
            windows: Windows::default(),
            wave: 0,
            finished: Vec::new(),
        })
    }

    /// A closed loop: each connection that is over is followed by the next.
    pub(crate) fn run_closed_loop(&mut self, stop_starting_at: Option<Instant>) -> io::Result<()> {
        self.stop_starting_at = stop_starting_at;
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            self.start_some(self.share.connections, now);
            if self.exchanges.is_empty() && !self.may_start(now) {
                return Ok(());
            }
            if self.is_cut(now) {
                return Ok(());
            }
            self.turn(&mut events, self.share.connections)?;
        }
    }

    /// The first half of a storm's wave: opens all connections and holds them.
    pub(crate) fn open_all(&mut self, stop_starting_at: Option<Instant>) -> io::Result<()> {
        self.stop_starting_at = stop_starting_at;
        let mut events = Events::with_capacity(1024);
        let mut to_start = self.share.connections as u64;
        if let Some(left) = self.left {
            to_start = to_start.min(left);
        }
        let target = self.tally.started + to_start;
        loop {
            let now = Instant::now();
            let wanted = usize::try_from(target - self.tally.started).unwrap_or(usize::MAX);
            if self.connecting < MOST_CONNECTING {
                self.start_some(self.exchanges.len() + wanted, now);
            }
            // Out of ports or files: the rest of the wave would only fail the same way.
            let all_started =
                self.tally.started >= target || self.pause_until.is_some() || !self.may_start(now);
            if (all_started && self.connecting == 0) || self.is_cut(now) {
                return Ok(());
            }
            self.turn(&mut events, self.exchanges.len() + wanted)?;
        }
    }

    /// The second half: closes all of them at once and waits for the last.
    pub(crate) fn close_all(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut held = std::mem::take(&mut self.held).into_iter();
        loop {
            for index in held.by_ref().take(CLOSER_TURN) {
                self.begin_close(index, Instant::now());
            }
            if self.exchanges.is_empty() {
                self.wave += 1;
                return Ok(());
            }
            if self.is_cut(Instant::now()) {
                return Ok(());
            }
            if held.len() > 0 {
                self.turn_closer();
            } else {
                self.turn(&mut events, 0)?;
            }
        }
    }

    /// Whether another connection may be started at all.
    pub(crate) fn may_start(&self, now: Instant) -> bool {
        !self.control.is_stopped()
            && self.left != Some(0)
            && self.stop_starting_at.is_none_or(|at| now < at)
    }

    /// Whether the time has run out for what is still open after a stop, or after the end of the
    /// run's duration.
    fn is_cut(&mut self, now: Instant) -> bool {
        if self.drain_until.is_none() {
            let over = self.stop_starting_at.is_some_and(|at| now >= at);
            if over || self.control.is_stopped() {
                let until = now + self.plan.stop_within;
                self.drain_until = Some(until);
                self.closer.stop(until, now);
            }
        }
        self.drain_until.is_some_and(|until| now > until)
    }

    fn turn(&mut self, events: &mut Events, most_open: usize) -> io::Result<()> {
        let timeout = self.timeout(Instant::now(), most_open);
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = Instant::now();
        for event in &*events {
            if !self.closer.handle(event, now) {
                self.on_event(event);
            }
        }
        while let Some(index) = self.next_expired(now) {
            self.on_timer(index, now);
        }
        self.turn_closer();
        while self.closer.is_ready() {
            self.turn_closer();
        }
        Ok(())
    }

    fn timeout(&self, now: Instant, most_open: usize) -> Option<Duration> {
        // Also the longest time that a stop may go unnoticed if a waker failed.
        const LONGEST: Duration = Duration::from_millis(500);
        let wants_more = self.exchanges.len() < most_open
            && self.connecting < MOST_CONNECTING
            && self.may_start(now);
        if wants_more && self.pause_until.is_none_or(|until| until <= now) {
            return Some(Duration::ZERO);
        }
        let instants = [
            self.timers.first().map(|&(at, _)| at),
            self.drain_until,
            self.stop_starting_at.filter(|&at| at > now),
            self.pause_until.filter(|_| wants_more),
        ];
        let until = instants.into_iter().flatten().min();
        let own = until.map(|at| at.saturating_duration_since(now));
        let closers = self.closer.poll_timeout(now);
        own.into_iter().chain(closers).chain([LONGEST]).min()
    }

    pub(crate) fn set_timer(&mut self, index: usize, at: Option<Instant>) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if let Some(old) = std::mem::replace(&mut exchange.timer, at) {
            self.timers.remove(&(old, index));
        }
        if let Some(at) = at {
            self.timers.insert((at, index));
        }
    }

    fn next_expired(&mut self, now: Instant) -> Option<usize> {
        let &(at, index) = self.timers.first()?;
        if at > now {
            return None;
        }
        self.set_timer(index, None);
        Some(index)
    }

    fn on_timer(&mut self, index: usize, now: Instant) {
        match self.exchanges.get(index).map(|exchange| &exchange.stage) {
            Some(Stage::Connecting(_)) => {
                self.connecting -= 1;
                self.exchanges.remove(index);
                self.tally.error("connect", None, io::ErrorKind::TimedOut);
                self.settle(Progress::NoConnection, Ending::Timeout);
            }
            Some(Stage::Direct(_)) => self.direct_expired(index, now),
            Some(Stage::Held(_) | Stage::Closing(_) | Stage::Over) | None => {}
        }
    }

    fn on_event(&mut self, event: &mio::event::Event) {
        if event.token() == WAKE {
            return;
        }
        let index = event.token().0 - FIRST_EXCHANGE;
        match self.exchanges.get(index).map(|exchange| &exchange.stage) {
            Some(Stage::Connecting(_)) => self.on_connect_event(index),
            Some(Stage::Direct(_)) => self.drive_direct(index),
            // A held connection is looked at when its turn comes.
            Some(Stage::Held(_) | Stage::Closing(_) | Stage::Over) | None => {}
        }
    }

    /// Hands a connected exchange to the way it is to be closed.
    pub(crate) fn begin_close(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let stage = std::mem::replace(&mut exchange.stage, Stage::Closing(now));
        let Stage::Held(stream) = stage else { return };
        if self.plan.close != CloseMode::Half {
            exchange.stage = Stage::Direct(stream);
            return self.drive_direct(index);
        }
        let rest = Rest::new(&self.plan.request, exchange.written);
        let key = self.closer.finish(self.poll.registry(), stream, rest, now);
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, usize::MAX);
        }
        self.by_key[key.index()] = index;
    }

    fn turn_closer(&mut self) {
        let (exchanges, by_key, plan) = (&mut self.exchanges, &self.by_key, self.plan);
        self.closer.turn_with(Instant::now(), |key, chunk| {
            if let Some(exchange) = exchanges.get_mut(by_key[key.index()]) {
                exchange
                    .reception
                    .receive(chunk, plan.expect, &plan.request);
            }
        });
        while let Some(finished) = self.closer.poll_finished() {
            self.finished.push(finished);
        }
        while let Some(finished) = self.finished.pop() {
            self.closed(&finished);
        }
    }

    /// A teardown is over: what does it say of the exchange?
    fn closed(&mut self, finished: &Finished) {
        let index = self.by_key[finished.key.index()];
        let Some(exchange) = self.exchanges.try_remove(index) else {
            return;
        };
        let report = &finished.report;
        let ending = Ending::of_report(report);
        let request = &self.plan.request;
        let written = request.len() as u64 - report.unwritten_bytes;
        // What came before a FIN came whole, whatever follows the FIN.
        let fin_read = report.peer_fin;
        let progress = if exchange
            .reception
            .is_complete(self.plan.expect, request, fin_read)
        {
            Progress::ResponseComplete
        } else if exchange.reception.bytes > 0 {
            Progress::ResponsePartial
        } else {
            request_progress(written, report)
        };
        self.tally.sent_bytes += written;
        self.tally.received_bytes += report.received_bytes;
        self.tally.discarded_bytes += report.discarded_bytes;
        if let Some(error) = report.error {
            self.tally
                .error("close", error.raw_os_error(), error.kind());
        }
        // One that the end of the run cut has no times to tell.
        let timed = report.fin != finwait::Fin::NotSent && ending != Ending::StillOpen;
        if let (Stage::Closing(handed), true) = (&exchange.stage, timed) {
            let teardown = report.drain + report.confirm;
            let phases = &mut self.tally.phases;
            record(&mut phases.send, report.flush);
            record(&mut phases.teardown, teardown);
            if report.peer_fin {
                record(&mut phases.fin_to_peer_fin, report.drain);
            }
            self.note_teardown(*handed + report.flush, *handed + report.total());
        }
        self.leave(progress, ending);
    }

    pub(crate) fn note_teardown(&mut self, first: Instant, last: Instant) {
        self.tally.torn_down += 1;
        self.windows.note(self.wave, first, last);
    }

    /// An established connection is over.
    pub(crate) fn leave(&mut self, progress: Progress, ending: Ending) {
        self.established -= 1;
        self.control
            .open
            .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.settle(progress, ending);
    }

    pub(crate) fn settle(&mut self, progress: Progress, ending: Ending) {
        if ending == Ending::StillOpen {
            self.tally.open += 1;
            return;
        }
        *self.tally.cells.entry((progress, ending)).or_default() += 1;
        add(&self.control.finished, 1);
        if Verdict::of(progress, ending).is_good() {
            add(&self.control.good, 1);
        }
    }

    /// What is still there when the time is up counts as open.
    pub(crate) fn cut(&mut self) {
        self.tally.open += self.exchanges.len() as u64;
        let open = std::mem::take(&mut self.established);
        self.control
            .open
            .fetch_sub(open, std::sync::atomic::Ordering::Relaxed);
        self.exchanges.clear();
    }
}

pub(crate) fn add(counter: &std::sync::atomic::AtomicU64, n: u64) {
    counter.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
}
