//! How a socket comes into a `Closer`, and which one goes when there is no room.

use std::time::Instant;

use mio::{Registry, Token};

use super::slot::Slot;
use super::{Closer, IDLE, Key};
use crate::event::Event;
use crate::limits::Limits;
use crate::peer_end::PeerEnd;
use crate::report::{Operation, OsError};
use crate::stream::Stream;
use crate::teardown::{Receive, Teardown};
use crate::trace::Trace;

impl<B: AsRef<[u8]> + Default> Closer<B> {
    /// Takes over `stream` where the caller has already half-closed: receives until the peer's
    /// FIN, and closes. Without this, a second `shutdown` would be needed to find out that the
    /// first was done, and it fails once the connection has come to its end meanwhile.
    ///
    /// The report counts from here: its `flush` is zero, and its `drain` begins now.
    ///
    /// The caller has half-closed only if its `shutdown` returned without an error. A socket whose
    /// `shutdown` failed is one for [`close`](Self::close), which finds out why.
    pub fn drain(
        &mut self,
        registry: &Registry,
        stream: impl Into<Stream>,
        receive: Receive,
        limits: &Limits,
        now: Instant,
    ) -> Key {
        let mut teardown = Teardown::new(limits, receive, 0, now);
        teardown.handle(Event::HalfClosed, now);
        self.admit(registry, stream.into(), B::default(), teardown, now)
    }
}

impl<B: AsRef<[u8]>> Closer<B> {
    pub(super) fn admit(
        &mut self,
        registry: &Registry,
        mut stream: Stream,
        unsent: B,
        mut teardown: Teardown,
        now: Instant,
    ) -> Key {
        if self.slots.len() >= self.max_draining {
            self.evict_longest_idle(now);
        }
        if let Some(deadline) = self.stop_at {
            teardown.handle(Event::Stop(deadline), now);
        }
        let entry = self.slots.vacant_entry();
        let index = entry.key();
        let watched = match self.first_token.checked_add(index) {
            Some(token) => stream.watch(registry, Token(token)),
            None => Err(std::io::ErrorKind::InvalidInput.into()),
        };
        if let Err(error) = watched {
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
            stream,
            teardown,
            unsent,
            written: 0,
            end: PeerEnd::default(),
            generation,
            queued: true,
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

    pub(super) fn evict_longest_idle(&mut self, now: Instant) {
        if let Some(index) = self.idle.first(IDLE)
            && let Some(slot) = self.slots.get_mut(index)
        {
            slot.teardown.handle(Event::Evict, now);
            // It only asks its last questions from here on, and has nothing to deliver.
            self.step(index, now, &mut |_, _| {});
        }
    }
}
