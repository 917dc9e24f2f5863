//! In which order teardowns have their turns.

use std::collections::VecDeque;

use super::Key;

/// Teardowns with something to do now, each once at most (`Slot::queued`). One that was evicted
/// meanwhile leaves its entry behind, which must not count for the next in the same slot.
#[derive(Debug, Default)]
pub(super) struct Queue {
    first: VecDeque<Key>,
    /// Those that lately used up what a turn gives one (`Slot::greedy`). They come behind the
    /// others, so that nobody waits for a thousand floods.
    greedy: VecDeque<Key>,
    /// The one of them that stands among the first: however many others there are, nobody waits for
    /// ever.
    risen: Option<Key>,
}

/// What may be served in one turn: not those that queue again meanwhile, so that each has one
/// share.
#[derive(Debug)]
pub(super) struct Turn {
    first: usize,
    greedy: usize,
}

impl Queue {
    pub(super) fn push(&mut self, key: Key) {
        self.first.push_back(key);
    }

    pub(super) fn push_greedy(&mut self, key: Key) {
        self.greedy.push_back(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.greedy.is_empty()
    }

    pub(super) fn turn(&mut self) -> Turn {
        if self.risen.is_none() {
            self.risen = self.greedy.pop_front();
            self.first.extend(self.risen);
        }
        Turn {
            first: self.first.len(),
            greedy: self.greedy.len(),
        }
    }

    pub(super) fn pop(&mut self, turn: &mut Turn) -> Option<Key> {
        if let Some(left) = turn.first.checked_sub(1) {
            turn.first = left;
            let key = self.first.pop_front();
            if key == self.risen {
                self.risen = None;
            }
            return key;
        }
        turn.greedy = turn.greedy.checked_sub(1)?;
        self.greedy.pop_front()
    }
}
