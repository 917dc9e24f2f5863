//! The mio driver: thousands of teardowns inside the caller's own event loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use slab::Slab;

use crate::deadlines::Deadlines;
use crate::event::{Action, Event};
use crate::limits::Limits;
use crate::report::Report;
use crate::rings::Rings;
use crate::stream::Stream;
use crate::teardown::{Receive, Teardown};
use crate::trace::Trace;

mod admit;
mod slot;

use slot::Slot;

/// Closes thousands of sockets inside the caller's own mio loop, and reports how each one ended.
///
/// A socket that is handed over with [`close`](Self::close) or [`finish`](Self::finish) is the
/// `Closer`'s until its [`Finished`] comes out: nobody else may read, write or close it.
///
/// The caller's duties, each turn of its loop:
///
/// 1. wait in `Poll::poll` no longer than [`poll_timeout`](Self::poll_timeout);
/// 2. show every event to [`handle`](Self::handle), which says whether it was its own;
/// 3. call [`turn`](Self::turn) (or [`turn_with`](Self::turn_with)), which does the work;
/// 4. take what is over from [`poll_finished`](Self::poll_finished).
///
/// `B` is whatever holds the bytes that are still unsent when a socket is handed over; a shared
/// buffer saves a copy per connection.
///
/// # Work per turn
///
/// A turn gives each ready teardown at most 16 reads or 64 KiB (one call of up to 1 MiB where the
/// OS discards without copying, of up to 256 KiB to write), and serves at most [`turn_size`](Self::turn_size) of them; the
/// others come first in the next turn, and `poll_timeout` is zero until then. So a flooding peer
/// delays nobody, and the caller's own connections get their share.
///
/// # Time
///
/// The clock is the caller's. A turn takes one `now` for all that it does; where the report's
/// durations matter to the microsecond, use a small `turn_size` and a fresh `now` for each turn.
///
/// # Portability
///
/// The descriptor is released by dropping mio's stream, which ends its registration on every
/// system, unless the caller holds a duplicate of the descriptor: then events may still come
/// under its token. They are hints for whichever teardown has the token by then, and harmless.
#[derive(Debug)]
pub struct Closer<B = Vec<u8>> {
    first_token: usize,
    limits: Limits,
    max_draining: usize,
    turn_size: usize,
    slots: Slab<Slot<B>>,
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

/// Names one teardown of one [`Closer`], and never another one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// A small number that no other teardown of the same [`Closer`] has at the same time; it is
    /// used again for a later one. For looking up what the caller keeps beside a teardown.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// A teardown that is over.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Finished {
    /// What [`Closer::close`] or [`Closer::finish`] returned.
    pub key: Key,
    /// How it ended.
    pub report: Report,
}

/// Beyond this many, the longest-idle teardown makes room.
const MAX_DRAINING: usize = 16_384;
/// How many teardowns one turn serves. At some microseconds each, a turn stays near 10 ms.
const TURN_SIZE: usize = 1_024;
/// What one teardown may receive or write in one turn, in calls and in bytes.
const TURN_CALLS: u32 = 16;
const TURN_BYTES: usize = 64 << 10;
const IDLE: u32 = 0;

impl<B: AsRef<[u8]>> Closer<B> {
    /// A driver whose sockets are registered under `first_token` and the tokens after it, as many
    /// as [`max_draining`](Self::max_draining) says; the caller keeps its own tokens below.
    #[must_use]
    pub fn new(first_token: Token, limits: Limits, now: Instant) -> Self {
        Self {
            first_token: first_token.0,
            limits,
            max_draining: MAX_DRAINING,
            turn_size: TURN_SIZE,
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

    /// How many teardowns may be under way at once; one more evicts the one that has been idle
    /// for the longest time. Default: 16,384. At least 1.
    #[must_use]
    pub fn max_draining(mut self, most: usize) -> Self {
        self.max_draining = most.clamp(1, u32::MAX as usize / 2);
        self
    }

    /// How many ready teardowns one turn serves. Default: 1,024. At least 1.
    #[must_use]
    pub fn turn_size(mut self, most: usize) -> Self {
        self.turn_size = most.max(1);
        self
    }

    /// Begins to close `stream`: flushes `unsent`, half-closes, discards what still comes until
    /// the peer's FIN, closes.
    ///
    /// The socket should be connected; one that still is connecting is waited for, and a connection
    /// that is refused ends as [`Ending::Failed`](crate::Ending::Failed).
    ///
    /// Nothing is done before the next turn, and nothing can fail here: a socket that cannot be
    /// registered is closed and reported as [`Ending::Failed`](crate::Ending::Failed).
    pub fn close(
        &mut self,
        registry: &Registry,
        stream: impl Into<Stream>,
        unsent: B,
        now: Instant,
    ) -> Key {
        let limits = self.limits;
        self.begin(
            registry,
            stream.into(),
            unsent,
            Receive::Discard,
            &limits,
            now,
        )
    }

    /// The same, delivering what still comes: [`turn_with`](Self::turn_with) hands it out. This is
    /// how a client gets its response after its half-close.
    pub fn finish(
        &mut self,
        registry: &Registry,
        stream: impl Into<Stream>,
        unsent: B,
        now: Instant,
    ) -> Key {
        let limits = self.limits;
        self.begin(
            registry,
            stream.into(),
            unsent,
            Receive::Deliver,
            &limits,
            now,
        )
    }

    /// [`close`](Self::close) or [`finish`](Self::finish) with limits for this connection alone.
    pub fn begin(
        &mut self,
        registry: &Registry,
        stream: Stream,
        unsent: B,
        receive: Receive,
        limits: &Limits,
        now: Instant,
    ) -> Key {
        let unwritten = unsent.as_ref().len() as u64;
        let teardown = Teardown::new(limits, receive, unwritten, now);
        self.admit(registry, stream, unsent, teardown, now)
    }

    /// Takes note of an event of `Poll::poll`; `false` if its token is not one of ours.
    pub fn handle(&mut self, event: &mio::event::Event, now: Instant) -> bool {
        let Some(index) = event.token().0.checked_sub(self.first_token) else {
            return false;
        };
        let Some(slot) = self.slots.get_mut(index) else {
            // Of a teardown that is over, within our range of tokens.
            return index < self.max_draining;
        };
        slot.end.note(event);
        // Every flag but plain writability means that a read may tell something.
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            slot.teardown.handle(Event::Readable, now);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            slot.teardown.handle(Event::Writable, now);
        }
        self.queue(index);
        true
    }

    /// How long `Poll::poll` may wait before the next [`turn`](Self::turn); `None`: for ever.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Duration> {
        if self.ready.is_empty() && self.finished.is_empty() {
            self.deadlines
                .next()
                .map(|at| at.saturating_duration_since(now))
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Does what can be done now: flushes, FINs, reads, deadlines, closes.
    ///
    /// Bytes of teardowns begun with [`finish`](Self::finish) are dropped here (and still count as
    /// delivered): those need [`turn_with`](Self::turn_with).
    pub fn turn(&mut self, now: Instant) {
        self.turn_with(now, |_, _| {});
    }

    /// [`turn`](Self::turn), with a receiver for the bytes of teardowns begun with
    /// [`finish`](Self::finish): it is handed each chunk, in order, with its teardown's key.
    pub fn turn_with(&mut self, now: Instant, mut deliver: impl FnMut(Key, &[u8])) {
        while let Some(index) = self.deadlines.pop(now) {
            self.queue(index);
        }
        for _ in 0..self.ready.len().min(self.turn_size) {
            let Some(key) = self.ready.pop_front() else {
                break;
            };
            let index = key.index as usize;
            if self
                .slots
                .get(index)
                .is_some_and(|slot| slot.generation == key.generation)
            {
                self.step(index, now, &mut deliver);
            }
        }
    }

    /// Whether a turn has something to do now, without waiting for events.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next teardown that is over.
    pub fn poll_finished(&mut self) -> Option<Finished> {
        self.finished.pop_front()
    }

    /// Wants every teardown, present or to come, to end by `deadline`. Only ever shortens: no FIN
    /// is skipped, and a later deadline than one already given changes nothing.
    pub fn stop(&mut self, deadline: Instant, now: Instant) {
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

    /// Ends one teardown by RST, in the next turn. `false` if it is over already.
    pub fn abort(&mut self, key: Key, now: Instant) -> bool {
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

    /// How many teardowns are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no teardown is under way and no report waits to be taken: the process may exit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.finished.is_empty()
    }

    fn queue(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index)
            && !std::mem::replace(&mut slot.queued, true)
        {
            self.ready.push_back(slot.key(index));
        }
    }

    /// Lets one teardown do what it can within its budget, and sees to it that it is looked at
    /// again: queued, timed, or armed for an event.
    fn step(&mut self, index: usize, now: Instant, deliver: &mut dyn FnMut(Key, &[u8])) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        slot.queued = false;
        let key = slot.key(index);
        let (mut calls, mut bytes) = (TURN_CALLS, TURN_BYTES);
        loop {
            let action = slot.teardown.poll(now);
            let event = match action {
                Action::Wait { until } => {
                    if let Some(at) = until {
                        self.deadlines.arm(index, at);
                    }
                    return;
                }
                Action::Write | Action::Receive if calls == 0 || bytes == 0 => {
                    // No edge is owed to one that stops before "would block".
                    slot.queued = true;
                    self.ready.push_back(key);
                    return;
                }
                Action::Close | Action::Abort => return self.release(index, action, now),
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
            slot.teardown.handle(event, now);
            slot.trace.phase(slot.teardown.phase());
        }
    }

    fn release(&mut self, index: usize, action: Action, now: Instant) {
        let slot = self.slots.remove(index);
        let key = slot.key(index);
        let Slot {
            stream,
            mut teardown,
            trace,
            ..
        } = slot;
        if action == Action::Abort
            && let Err(failed) = stream.arm_abort()
        {
            teardown.handle(failed, now);
        }
        drop(stream);
        teardown.handle(Event::Closed, now);
        self.deadlines.cancel(index);
        self.idle.remove(index);
        if let Some(report) = teardown.report() {
            trace.finished(&report);
            self.finished.push_back(Finished { key, report });
        }
    }
}
