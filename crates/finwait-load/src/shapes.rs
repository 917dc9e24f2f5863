//! The shapes of load: closed loop, open loop, storm.

use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::Events;

use crate::exchange::Gate;
use crate::plan::Mode;
use crate::schedule::{next_step, ramped};
use crate::tally::Late;
use crate::worker::{CLOSER_TURN, Worker};

/// Attempts per turn of the loop, so that established connections are served in between.
const CONNECTS_PER_TURN: usize = 32;
/// Attempts under way at once, but for an open loop: above that a listen queue overflows, and a
/// lost SYN costs a second.
const MOST_CONNECTING: usize = 512;

/// What the workers of a storm share: the moments at which all of them are at the same point.
#[derive(Debug)]
pub(crate) struct Waves {
    barrier: Barrier,
    again: AtomicBool,
}

impl Waves {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            barrier: Barrier::new(workers),
            again: AtomicBool::new(true),
        }
    }
}

impl Worker<'_> {
    pub(crate) fn run(&mut self, waves: &Waves) -> io::Result<()> {
        match self.plan.mode {
            Mode::ClosedLoop | Mode::OpenLoop { .. } => self.run_loop(),
            Mode::Storm => self.run_storm(waves),
        }
    }

    /// Closed or open: connections are started when they may be, until none may be any more.
    fn run_loop(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let now = Instant::now();
            let next = self.start_due(self.room(now), now);
            if (self.exchanges.is_empty() && !self.may_start(now)) || self.is_cut(now) {
                return Ok(());
            }
            self.turn(&mut events, next)?;
        }
    }

    fn run_storm(&mut self, waves: &Waves) -> io::Result<()> {
        let mut result = Ok(());
        loop {
            // A worker that failed still comes to the barriers, or the others would wait for ever.
            result = result.and_then(|()| self.open_all());
            self.meet(waves);
            result = result.and_then(|()| self.close_all());
            if self.meet(waves) {
                waves.again.store(false, Ordering::SeqCst);
            }
            self.meet(waves);
            if result.is_ok() && self.may_start(Instant::now()) {
                waves.again.store(true, Ordering::SeqCst);
            }
            self.meet(waves);
            if !waves.again.load(Ordering::SeqCst) {
                return result;
            }
        }
    }

    /// Waits for the other workers; `true` for one of them.
    fn meet(&mut self, waves: &Waves) -> bool {
        let before = Instant::now();
        let leads = waves.barrier.wait().is_leader();
        self.waited += before.elapsed();
        leads
    }

    /// The first half of a storm's wave: opens all connections and holds them.
    fn open_all(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.wave_began = Instant::now();
        let left = self.left().unwrap_or(u64::MAX);
        let wanted = self.starts + left.min(self.share.connections as u64);
        // A hold counts from the last one that was established.
        let mut full_at = None;
        loop {
            let now = Instant::now();
            let mut next = None;
            if self.starts < wanted {
                let to_start = usize::try_from(wanted - self.starts).unwrap_or(usize::MAX);
                let at_once = self.ramped_room(now, wanted);
                next = self.start_due(to_start.min(at_once), now);
            }
            // Out of ports or files: the rest of the wave would only fail the same way, and what is
            // open gives some back. Where nothing is, the pause is waited for.
            let starved = self.pause_until.is_some() && !self.exchanges.is_empty();
            let all_started = self.starts >= wanted || starved || !self.may_start(now);
            if self.is_cut(now) {
                return Ok(());
            }
            if all_started && self.connecting == 0 {
                let until = *full_at.get_or_insert(now + self.plan.hold);
                if until <= now || self.control.is_stopped() {
                    return Ok(());
                }
                next = Some(until);
            }
            self.turn(&mut events, next)?;
        }
    }

    /// In a storm with a ramp: how many more of this wave may be started by now.
    fn ramped_room(&self, now: Instant, wanted: u64) -> usize {
        let at = now.saturating_duration_since(self.wave_began);
        let most = ramped(self.share.connections, at, self.plan.ramp);
        let not_started = usize::try_from(wanted - self.starts).unwrap_or(usize::MAX);
        let started = self.share.connections.saturating_sub(not_started);
        most.saturating_sub(started)
    }

    /// The second half: closes all of them at once and waits for the last.
    fn close_all(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.gate = Gate::Released;
        let mut held = self
            .exchanges
            .iter()
            .map(|(index, _)| index)
            .collect::<Vec<_>>()
            .into_iter();
        loop {
            for index in held.by_ref().take(CLOSER_TURN) {
                self.drive(index);
            }
            if self.exchanges.is_empty() {
                break;
            }
            if self.is_cut(Instant::now()) {
                return Ok(());
            }
            if held.len() > 0 {
                self.turn_closer();
            } else {
                self.turn(&mut events, None)?;
            }
        }
        self.wave += 1;
        self.gate = Gate::Shut;
        Ok(())
    }

    /// How many of this worker's connections are still to be started; `None`: no bound.
    fn left(&self) -> Option<u64> {
        self.share
            .total
            .map(|total| total.saturating_sub(self.starts))
    }

    /// Whether another connection may be started at all.
    fn may_start(&self, now: Instant) -> bool {
        let in_time = |at: Instant| match self.due_at() {
            // One that was due in time still starts, late as it is, while there is time for it to
            // come to its end.
            Some(due) => {
                due < at
                    && at
                        .checked_add(self.plan.stop_within / 2)
                        .is_none_or(|at| now < at)
            }
            None => now < at,
        };
        !self.control.is_stopped()
            && self.left() != Some(0)
            && self.stop_starting_at.is_none_or(in_time)
            && self.drain_until.is_none_or(|at| now < at)
    }

    /// In an open loop: how many were due before the end, and never started.
    pub(crate) fn unstarted(&self) -> u64 {
        // A stop is an end too: what was due after it nobody wanted any more, and what was due just
        // before it was not late yet.
        let stopped_at = self.stopped_at.unwrap_or_else(Instant::now);
        let stopped = stopped_at
            .checked_sub(Late::TOLERANCE)
            .filter(|_| self.control.is_stopped());
        let ends = self.stop_starting_at.into_iter().chain(stopped);
        let (Some(pace), Some(end)) = (self.pace, ends.min()) else {
            return 0;
        };
        let end = self.since_start(end);
        let most = self.left().unwrap_or(u64::MAX - self.starts);
        let is_due = |k: u64| pace.due(self.share.numbers.nth(self.starts + k)) < end;
        // Dues only grow: double, then halve.
        let mut above = 1;
        while above < most && is_due(above - 1) {
            above = most.min(above.saturating_mul(2));
        }
        let (mut low, mut high) = (0, above.min(most));
        while low < high {
            let middle = low + (high - low) / 2;
            if is_due(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// In an open loop: when the next connection is due.
    fn due_at(&self) -> Option<Instant> {
        let due = self.pace?.due(self.share.numbers.nth(self.starts));
        // A time beyond the clock's is one that never comes.
        Some(self.epoch.checked_add(due).unwrap_or(self.epoch + NEVER))
    }

    /// How many more may be open now.
    fn room(&self, now: Instant) -> usize {
        let most = match self.plan.mode {
            Mode::ClosedLoop => ramped(
                self.share.connections,
                self.since_start(now),
                self.plan.ramp,
            ),
            Mode::OpenLoop { .. } | Mode::Storm => self.share.connections,
        };
        most.saturating_sub(self.exchanges.len())
    }

    /// Starts what is due, at most `room` connections and this turn's share. Returns when to come
    /// back for more, if that is a matter of time alone.
    fn start_due(&mut self, mut room: usize, now: Instant) -> Option<Instant> {
        if let Some(until) = self.pause_until {
            if now < until {
                return Some(until);
            }
            self.pause_until = None;
        }
        let open_loop = self.pace.is_some();
        for _ in 0..CONNECTS_PER_TURN {
            if !self.may_start(now) {
                return None;
            }
            let due = self.due_at();
            if let Some(due) = due.filter(|&due| due > now) {
                self.waited_for_room = false;
                return Some(due);
            }
            if room == 0 {
                self.waited_for_room |= open_loop;
                return self.next_ramp_step(now);
            }
            if self.connecting >= MOST_CONNECTING && !open_loop {
                return None;
            }
            let late_for_room = self.waited_for_room;
            self.start_one(due, late_for_room);
            room -= 1;
            if let Some(until) = self.pause_until {
                return Some(until);
            }
        }
        Some(now)
    }

    /// When a ramp of the connections open at once allows one more.
    fn next_ramp_step(&self, now: Instant) -> Option<Instant> {
        let (began, ramp) = match self.plan.mode {
            Mode::ClosedLoop => (self.epoch, self.plan.ramp),
            Mode::Storm => (self.wave_began, self.plan.ramp),
            Mode::OpenLoop { .. } => return None,
        };
        let at = now.saturating_duration_since(began);
        let step = next_step(self.share.connections, at, ramp)?;
        began.checked_add(step).filter(|&at| at > now)
    }

    /// Whether the time has run out for what is still open after a stop, or after the end of the
    /// run's duration.
    fn is_cut(&mut self, now: Instant) -> bool {
        let stopped = self.control.is_stopped();
        let over = self.stop_starting_at.is_some_and(|at| now >= at);
        if stopped && self.gate != Gate::Released {
            self.stopped_at.get_or_insert(now);
            self.open_gate(Gate::Released);
        } else if over && self.gate == Gate::Rated && !self.may_start(now) {
            // What is left when the time is over is not closed at a rate any more.
            self.open_gate(Gate::Open);
        }
        if stopped || over {
            // What is held must have its time too, unless somebody is waiting for the end.
            let held = if stopped {
                Duration::ZERO
            } else {
                self.plan.hold
            };
            let from = if stopped {
                now
            } else {
                self.stop_starting_at.unwrap_or(now)
            };
            let until = from.checked_add(held.saturating_add(self.plan.stop_within));
            let until = until.unwrap_or(now + NEVER);
            if self.drain_until.is_none_or(|at| until < at) {
                self.drain_until = Some(until);
                self.closer.stop(until, now);
            }
        }
        self.drain_until.is_some_and(|until| now > until)
    }

    /// Lets go what the gate held back.
    fn open_gate(&mut self, gate: Gate) {
        self.gate = gate;
        self.ready.clear();
        let held: Vec<_> = self.exchanges.iter().map(|(index, _)| index).collect();
        for index in held {
            self.drive(index);
        }
    }
}

/// Beyond any run.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);
