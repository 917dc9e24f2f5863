//! One socket of a `Closer`, with its machine.

use super::Key;
use super::bulk::{self, Bulk};
use super::socket::Socket;
use crate::event::{Action, Event};
use crate::teardown::{Receive, Teardown};
use crate::trace::Trace;

/// What one call may write: a kernel that takes megabytes at once would take the time of others.
const WRITE_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Slot<S, B> {
    pub(super) socket: S,
    pub(super) teardown: Teardown,
    pub(super) unsent: B,
    pub(super) generation: u32,
    pub(super) queued: bool,
    pub(super) bulk: Bulk,
    pub(super) trace: Trace,
}

impl<S: Socket, B: AsRef<[u8]>> Slot<S, B> {
    pub(super) fn key(&self, index: usize) -> Key {
        Key {
            index: index as u32,
            generation: self.generation,
        }
    }

    /// Nothing more is there now. If it is thrown away and flows: from here on the socket wakes for
    /// much at once, and what is less waits.
    pub(super) fn lets_wait(&mut self) -> bool {
        let raises =
            self.bulk.flows() && self.teardown.discards() && self.socket.wake_from(bulk::LOW_WATER);
        if raises {
            self.bulk.raise();
        }
        raises
    }

    /// Wakes for every byte again, if it does not; whether it did not.
    pub(super) fn lower(&mut self) -> bool {
        let raised = self.bulk.is_raised();
        if raised {
            self.bulk.lower();
            self.socket.wake_from(1);
        }
        raised
    }

    /// Does what the machine asks for, and answers it; receives into `scratch`, which is as large
    /// as this turn allows, and not empty.
    pub(super) fn answer(
        &mut self,
        action: Action,
        scratch: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Event {
        match action {
            Action::Write => {
                let unsent = self.unsent.as_ref();
                let left = usize::try_from(self.teardown.unwritten_bytes()).unwrap_or(usize::MAX);
                let unsent = &unsent[unsent.len().saturating_sub(left)..];
                self.socket.write(&unsent[..unsent.len().min(WRITE_BYTES)])
            }
            Action::HalfClose => self.socket.half_close(),
            Action::Receive => match self.teardown.receive() {
                // One whose peer's FIN was read before reads again only to find out why it is gone.
                Receive::Discard | Receive::Nothing => self.socket.discard(scratch),
                Receive::Deliver => {
                    let event = self.socket.receive(scratch);
                    if let Event::Received { bytes } = event {
                        deliver(&scratch[..bytes]);
                    }
                    event
                }
            },
            Action::AskError => self.socket.pending_error(),
            Action::AskAck => self
                .socket
                .ack(self.teardown.fin(), self.teardown.peer_fin()),
            Action::AskUnread => self.socket.unread(),
            // The driver's own business; as a hint they change nothing.
            Action::Wait { .. } | Action::Close | Action::Abort | Action::Finished => {
                Event::Readable
            }
        }
    }
}
