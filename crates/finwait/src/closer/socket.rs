//! What a `Closer` asks of a socket.

use super::Stream;
use crate::event::Event;
use crate::peer_end::PeerEnd;
use crate::report::Fin;

/// One answer to each of the machine's actions; closing is dropping it.
pub(super) trait Socket {
    fn write(&mut self, bytes: &[u8]) -> Event;
    fn half_close(&mut self) -> Event;
    /// `buffer` is not empty: a read of length 0 looks like the peer's FIN.
    fn receive(&mut self, buffer: &mut [u8]) -> Event;
    fn discard(&mut self, scratch: &mut [u8]) -> Event;
    /// Wakes for no fewer bytes from now on; `false` if it cannot.
    fn wake_from(&mut self, bytes: usize) -> bool;
    fn pending_error(&mut self) -> Event;
    /// What is acknowledged, given what has become of our FIN so far, and whether the peer's was read.
    fn ack(&mut self, fin: Fin, peer_fin: bool) -> Event;
    fn unread(&mut self) -> Event;
    fn arm_abort(&mut self) -> Result<(), Event>;
}

/// A socket of mio.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: Stream,
    /// What the events have said of the peer's end.
    pub(super) end: PeerEnd,
}

impl Watched {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            end: PeerEnd::default(),
        }
    }
}

impl Socket for Watched {
    fn write(&mut self, bytes: &[u8]) -> Event {
        self.stream.write(bytes)
    }

    fn half_close(&mut self) -> Event {
        self.stream.half_close()
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Event {
        self.stream.receive(buffer, self.end)
    }

    fn discard(&mut self, scratch: &mut [u8]) -> Event {
        self.stream.discard(scratch, self.end)
    }

    fn wake_from(&mut self, bytes: usize) -> bool {
        self.stream.wake_from(bytes)
    }

    fn pending_error(&mut self) -> Event {
        self.stream.pending_error(self.end)
    }

    fn ack(&mut self, fin: Fin, peer_fin: bool) -> Event {
        self.stream.ack(fin, peer_fin)
    }

    fn unread(&mut self) -> Event {
        self.stream.unread()
    }

    fn arm_abort(&mut self) -> Result<(), Event> {
        self.stream.arm_abort()
    }
}
