//! One socket of a `Closer`, with its machine.

use super::Trace;
use crate::event::{Action, Event};
use crate::stream::Stream;
use crate::teardown::{Receive, Teardown};

#[derive(Debug)]
pub(super) struct Slot<B> {
    pub(super) stream: Stream,
    pub(super) teardown: Teardown,
    pub(super) unsent: B,
    pub(super) written: usize,
    pub(super) generation: u32,
    pub(super) queued: bool,
    pub(super) trace: Trace,
}

impl<B: AsRef<[u8]>> Slot<B> {
    /// Does what the machine asks for, and answers it.
    pub(super) fn answer(
        &mut self,
        action: Action,
        scratch: &mut [u8],
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Event {
        match action {
            Action::Write => {
                let unsent = self.unsent.as_ref();
                let event = self.stream.write(&unsent[self.written.min(unsent.len())..]);
                if let Event::Written { bytes } = event {
                    self.written += bytes;
                }
                event
            }
            Action::HalfClose => self.stream.half_close(),
            Action::Receive => match self.teardown.receive() {
                Receive::Discard => self.stream.discard(scratch),
                Receive::Deliver => {
                    let event = self.stream.receive(scratch);
                    if let Event::Received { bytes } = event {
                        deliver(&scratch[..bytes]);
                    }
                    event
                }
            },
            Action::AskError => self.stream.pending_error(),
            Action::AskAck => self.stream.ack(self.teardown.fin()),
            Action::AskUnread => self.stream.unread(),
            // The driver's own business; as a hint they change nothing.
            Action::Wait { .. } | Action::Close | Action::Abort | Action::Finished => {
                Event::Readable
            }
        }
    }
}
