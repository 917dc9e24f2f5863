//! What a `Closer` does, whatever its sockets are: which teardown is served when, and how much of it.
//!
//! Neither mio nor the operating system is named here, so that the tests can run it with thousands
//! of sockets that are only imagined.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use slab::Slab;

use super::bulk::{self, Bulk};
use super::slot::Slot;
use super::socket::Socket;
use super::{Finished, Key};
use crate::deadlines::Deadlines;
use crate::event::{Action, Event};
use crate::report::{Operation, OsError};
use crate::rings::Rings;
use crate::span::Span;
use crate::teardown::Teardown;
use crate::trace::Trace;

/// Beyond this many, the longest-idle teardown makes room.
const MAX_DRAINING: usize = 16_384;
/// How many teardowns one turn serves. At some microseconds each, a turn stays near 10 ms; where all
/// of them flood it takes tenths of a second, and ending it sooner made honest peers wait longer
/// (docs/verification.md).
const TURN_SIZE: usize = 1_024;
/// What one teardown may receive or write in one turn, in calls and in bytes.
const TURN_CALLS: u32 = 16;
const TURN_BYTES: usize = 64 << 10;
/// Room is made by this part of what is there: doubling would leave half of it to nobody.
const GROWTH: usize = 8;
const IDLE: u32 = 0;

#[derive(Debug)]
pub(super) struct Driver<S, B> {
    pub(super) max_draining: usize,
    pub(super) turn_size: usize,
    /// How many may let received bytes wait, and how many do.
    pub(super) max_raised: usize,
    pub(super) raised: usize,
    slots: Slab<Slot<S, B>>,
    next_generation: u32,
    /// Teardowns with something to do now, each once at most (`Slot::queued`). One that was evicted
    /// meanwhile leaves its entry behind, which must not count for the next in the same slot.
    ready: VecDeque<Key>,
    deadlines: Deadlines,
    /// One ring: every slot, the longest without progress first.
    idle: Rings,
    finished: VecDeque<Finished>,
    stop_at: Option<Instant>,
    scratch: Box<[u8]>,
}

impl<S: Socket, B: AsRef<[u8]>> Driver<S, B> {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            max_draining: MAX_DRAINING,
            turn_size: TURN_SIZE,
            max_raised: bulk::MOST,
            raised: 0,
            slots: Slab::new(),
            next_generation: 0,
            ready: VecDeque::new(),
            deadlines: Deadlines::new(now),
            idle: Rings::new(1),
            finished: VecDeque::new(),
            stop_at: None,
            scratch: vec![0; TURN_BYTES].into_boxed_slice(),
        }
    }

    /// Takes over a socket; `watch` sees to it that its readiness is told under the index it gets.
    pub(super) fn admit(
        &mut self,
        mut socket: S,
        unsent: B,
        mut teardown: Teardown,
        now: Instant,
        watch: impl FnOnce(&mut S, usize) -> std::io::Result<()>,
    ) -> Key {
        if self.slots.len() >= self.max_draining {
            self.evict_longest_idle(now);
        }
        if let Some(deadline) = self.stop_at {
            teardown.handle(Event::Stop(deadline), now);
        }
        if self.slots.len() == self.slots.capacity() {
            self.reserve((self.slots.len() / GROWTH).max(GROWTH));
        }
        let entry = self.slots.vacant_entry();
        let index = entry.key();
        if let Err(error) = watch(&mut socket, index) {
            teardown.handle(
                Event::Failed(Operation::Register, OsError::from(&error)),
                now,
            );
        }
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let unwritten = unsent.as_ref().len();
        let trace = Trace::start(index, unwritten, teardown.receive(), teardown.phase());
        entry.insert(Slot {
            socket,
            teardown,
            unsent,
            generation,
            queued: true,
            bulk: Bulk::default(),
            trace,
        });
        let key = Key {
            index: index as u32,
            generation,
        };
        self.ready.push_back(key);
        self.idle.push(IDLE, index);
        key
    }

    fn evict_longest_idle(&mut self, now: Instant) {
        while self.slots.len() >= self.max_draining
            && let Some(index) = self.idle.first(IDLE)
        {
            // What has come below its mark is progress, or its end; each mark is lowered once.
            if let Some(slot) = self.slots.get_mut(index)
                && !slot.bulk.end()
            {
                slot.teardown.handle(Event::Evict, now);
            }
            // Whoever has a mark discards, and who is evicted only asks its last questions.
            self.serve(index, now, &mut |_, _| {});
        }
    }

    /// Room for so many more at once, and for no more than may be.
    pub(super) fn reserve(&mut self, more: usize) {
        let more = more.min(self.max_draining.saturating_sub(self.slots.len()));
        self.slots.reserve_exact(more);
        let room = self.slots.capacity();
        (self.ready).reserve_exact(room.saturating_sub(self.ready.len()));
        self.deadlines.reserve(room);
        self.idle.reserve(room);
    }

    pub(super) fn has(&self, key: Key) -> bool {
        let slot = self.slots.get(key.index as usize);
        slot.is_some_and(|slot| slot.generation == key.generation)
    }

    /// The socket under this index, if a teardown has it.
    pub(super) fn socket(&mut self, index: usize) -> Option<&mut S> {
        self.slots.get_mut(index).map(|slot| &mut slot.socket)
    }

    /// Takes note of readiness.
    pub(super) fn hint(&mut self, index: usize, readable: bool, writable: bool, now: Instant) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let at = slot.teardown.at(now);
        if readable {
            slot.teardown.handle_at(Event::Readable, at);
        }
        if writable {
            slot.teardown.handle_at(Event::Writable, at);
        }
        self.queue(index);
    }

    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Duration> {
        if self.ready.is_empty() && self.finished.is_empty() {
            self.deadlines
                .next()
                .map(|at| at.saturating_duration_since(now))
        } else {
            Some(Duration::ZERO)
        }
    }

    pub(super) fn turn(&mut self, now: Instant, deliver: &mut dyn FnMut(Key, &[u8])) {
        while let Some(index) = self.deadlines.pop(now) {
            if let Some(slot) = self.slots.get_mut(index) {
                slot.bulk.end();
            }
            self.queue(index);
        }
        // Those that become ready meanwhile, again or for the first time, have the next turn.
        let mut left = self.ready.len();
        let mut served = 0;
        while left > 0
            && let Some(&key) = self.ready.front()
        {
            let index = key.index as usize;
            // What an evicted one has left behind takes nobody's turn, and stays for none.
            let live = self.has(key);
            if live && served == self.turn_size {
                break;
            }
            left -= 1;
            self.ready.pop_front();
            if live {
                served += 1;
                self.step(index, now, deliver);
            }
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn poll_finished(&mut self) -> Option<Finished> {
        self.finished.pop_front()
    }

    pub(super) fn stop(&mut self, deadline: Instant, now: Instant) {
        self.stop_at = Some(
            self.stop_at
                .map_or(deadline, |earlier| earlier.min(deadline)),
        );
        for (index, slot) in &mut self.slots {
            slot.teardown.handle(Event::Stop(deadline), now);
            if !std::mem::replace(&mut slot.queued, true) {
                self.ready.push_back(slot.key(index));
            }
        }
    }

    pub(super) fn abort(&mut self, key: Key, now: Instant) -> bool {
        let index = key.index as usize;
        match self.slots.get_mut(index) {
            Some(slot) if slot.generation == key.generation => {
                slot.teardown.handle(Event::Abort, now);
                self.queue(index);
                true
            }
            _ => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.finished.is_empty()
    }

    /// When the first of those that are not queued has something to do: each of them waits, for
    /// this time or for an event.
    #[cfg(test)]
    pub(super) fn first_due(&self, now: Instant) -> Option<Instant> {
        let waiting = self.slots.iter().filter(|(_, slot)| !slot.queued);
        let due = waiting.filter_map(|(_, slot)| match slot.teardown.poll(now) {
            Action::Wait { until } => until,
            _ => Some(now),
        });
        due.min()
    }

    fn queue(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index)
            && !std::mem::replace(&mut slot.queued, true)
        {
            self.ready.push_back(slot.key(index));
        }
    }

    /// Lets one teardown do what it can within its budget.
    fn step(&mut self, index: usize, now: Instant, deliver: &mut dyn FnMut(Key, &[u8])) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.queued = false;
            self.serve(index, now, deliver);
        }
    }

    /// The same, and sees to it that it is looked at again: queued, timed, or armed for an event.
    fn serve(&mut self, index: usize, now: Instant, deliver: &mut dyn FnMut(Key, &[u8])) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        let key = slot.key(index);
        let (mut calls, mut bytes) = (TURN_CALLS, TURN_BYTES);
        let at = slot.teardown.at(now);
        // Below a mark something may always be there, of which nobody has told. It is read before any
        // clock is looked at, and the mark is lowered before that if it is to be: what comes after the
        // read that finds nothing wakes again.
        let mut unasked = slot.bulk.is_raised() && slot.teardown.discards();
        if slot.bulk.is_due() {
            self.raised -= usize::from(slot.lower());
        }
        loop {
            let action = if unasked {
                Action::Receive
            } else {
                slot.teardown.poll_at(at)
            };
            let event = match action {
                Action::Wait { until } => return self.wait(index, until, now),
                // No edge is owed to one that stops before "would block".
                Action::Write | Action::Receive if calls == 0 || bytes == 0 => {
                    return self.queue(index);
                }
                Action::Close | Action::Abort => return self.release(index, action, at),
                Action::Finished => return,
                action => {
                    let room = bytes.clamp(1, TURN_BYTES);
                    slot.answer(action, &mut self.scratch[..room], &mut |chunk| {
                        deliver(key, chunk)
                    })
                }
            };
            if let Event::Received { bytes: n } | Event::Written { bytes: n } = event {
                calls -= 1;
                bytes = bytes.saturating_sub(n);
                self.idle.remove(index);
                self.idle.push(IDLE, index);
            }
            slot.teardown.handle_at(event, at);
            if let Event::Received { bytes } = event {
                slot.bulk.note(bytes);
                if unasked {
                    // There may be more.
                    slot.teardown.handle_at(Event::Readable, at);
                }
            }
            unasked = false;
            slot.trace.phase(slot.teardown.phase());
        }
    }

    /// Until an event comes, or `until`, or for as long as a mark holds.
    fn wait(&mut self, index: usize, until: Option<Instant>, now: Instant) {
        if self.raised < self.max_raised
            && let Some(slot) = self.slots.get_mut(index)
            && slot.lets_wait()
        {
            self.raised += 1;
            let until = now.checked_add(bulk::HOLDS).unwrap_or(now);
            self.deadlines.arm(index, until);
        }
        if let Some(at) = until {
            self.deadlines.arm(index, at);
        }
    }

    /// The report leaves with the next `poll_finished`, when the socket has long been closed.
    fn release(&mut self, index: usize, action: Action, at: Span) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if action == Action::Abort
            && let Err(failed) = slot.socket.arm_abort()
        {
            slot.teardown.handle_at(failed, at);
        }
        slot.teardown.handle_at(Event::Closed, at);
        if let Some(report) = slot.teardown.report() {
            slot.trace.finished(&report);
            let key = slot.key(index);
            self.finished.push_back(Finished { key, report });
        }
        // A duplicate of the descriptor may outlive it.
        self.raised -= usize::from(slot.lower());
        drop(self.slots.remove(index));
        self.deadlines.cancel(index);
        self.idle.remove(index);
    }
}
