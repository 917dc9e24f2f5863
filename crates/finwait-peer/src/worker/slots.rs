//! Where the connections of one thread are found: by token while events come, by key when their
//! teardown is over.

use std::time::Duration;

use finwait::Key;
use slab::Slab;

use crate::connection::Connection;

/// What has a token. Small: a connection that is closing has no more than this here.
#[derive(Debug)]
pub(super) enum Slot {
    Open(Box<Connection>),
    Closing(Closing),
    /// On its way from one to the other.
    Moving,
}

/// A connection that is the `Closer`'s, registered under its token as it was before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) key: Key,
    /// What the teardown was given to send: a report says only what was left.
    pub(super) bytes: u64,
    /// The server breaks for so long if it ends badly.
    pub(super) brittle: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) slots: Slab<Slot>,
    /// The slot of each teardown, by the index of its key.
    by_key: Vec<usize>,
}

impl Slots {
    /// Adds what `open` makes for the index that it gets.
    pub(super) fn open<E>(
        &mut self,
        open: impl FnOnce(usize) -> Result<Connection, E>,
    ) -> Result<usize, E> {
        let entry = self.slots.vacant_entry();
        let index = entry.key();
        entry.insert(Slot::Open(Box::new(open(index)?)));
        Ok(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index)
    }

    /// The connection there, unless it is the `Closer`'s or gone.
    pub(super) fn open_mut(&mut self, index: usize) -> Option<&mut Connection> {
        match self.slots.get_mut(index) {
            Some(Slot::Open(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Those that are not the `Closer`'s.
    pub(super) fn all_open(&self) -> Vec<usize> {
        let open = |(index, slot)| matches!(slot, &Slot::Open(_)).then_some(index);
        self.slots.iter().filter_map(open).collect()
    }

    /// The connection there becomes the `Closer`'s; `hand_over` sees to that. It keeps its token.
    pub(super) fn close(
        &mut self,
        index: usize,
        hand_over: impl FnOnce(Box<Connection>) -> Closing,
    ) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        match std::mem::replace(slot, Slot::Moving) {
            Slot::Open(connection) => {
                let closing = hand_over(connection);
                *slot = Slot::Closing(closing);
                self.note(closing.key, index);
            }
            other => *slot = other,
        }
    }

    /// Takes out one whose teardown is over. Its token is free from here on.
    pub(super) fn finished(&mut self, key: Key) -> Option<Closing> {
        let &index = self.by_key.get(key.index())?;
        match self.slots.get(index) {
            Some(&Slot::Closing(closing)) if closing.key == key => {
                self.slots.remove(index);
                Some(closing)
            }
            _ => None,
        }
    }

    /// Takes out one that is open.
    pub(super) fn take(&mut self, index: usize) -> Option<Box<Connection>> {
        self.open_mut(index)?;
        match self.slots.remove(index) {
            Slot::Open(connection) => Some(connection),
            Slot::Closing(_) | Slot::Moving => None,
        }
    }

    /// Whether no connection is left, open or closing.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn note(&mut self, key: Key, index: usize) {
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, usize::MAX);
        }
        self.by_key[key.index()] = index;
    }
}
