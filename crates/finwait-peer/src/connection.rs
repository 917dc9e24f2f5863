//! One connection that is being served: its socket, and what it still has to do.

use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use finwait::PeerEnd;
use finwait_platform::{self as platform, EndCause};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::exchange::Exchange;
use crate::filler::Rest;
use crate::stats::Ended;
use crate::treatment::Treatment;

/// A connection between `accept` and its end, or its handing over to the `Closer`.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Receiving may succeed: an event said so, or it did not end in "would block".
    pub(crate) readable: bool,
    /// Sending may succeed.
    pub(crate) writable: bool,
    /// The peer's FIN has come, perhaps behind bytes that are unread.
    pub(crate) read_closed: bool,
    /// What the events have said of the peer's end.
    pub(crate) end: PeerEnd,
    no_delay: bool,
    pub(crate) treatment: Treatment,
    /// What it is answered with, where that is held in memory.
    pub(crate) answer: Option<Arc<Vec<u8>>>,
    /// How far it has come with what takes several steps; `None` for what is simple.
    pub(crate) exchange: Option<Box<Exchange>>,
    /// If it ends badly, the server breaks for so long.
    pub(crate) brittle: Option<Duration>,
    /// It is in the queue of those that are served next.
    pub(crate) queued: bool,
    /// The peer's FIN was read.
    pub(crate) peer_fin: bool,
    /// What the behaviour waits for before it does anything has come.
    pub(crate) started: bool,
    /// Filler that is still to be sent.
    pub(crate) owed: u64,
    /// What an echo still owes.
    pub(crate) rest: Option<Rest>,
    pub(crate) head: HeadEnd,
    /// When it wants to be served again without an event.
    pub(crate) due: Option<Instant>,
    /// When it will be, as the timers have it.
    pub(crate) armed: Option<Instant>,
}

/// What came of one attempt to receive.
#[derive(Debug)]
pub(crate) enum Received {
    Bytes(usize),
    Fin,
    Blocked,
    Over(Ended),
}

/// What came of one attempt to send.
#[derive(Debug)]
pub(crate) enum Sent {
    Bytes(usize),
    Blocked,
    Over(Ended),
}

/// How much one call discards at most where it copies nothing.
const DISCARD_BYTES: usize = 1 << 20;

impl Connection {
    /// Registers `stream` once, for all that it will wait for: the `Closer` keeps the registration
    /// as it is, and needs both.
    pub(crate) fn register(
        mut stream: TcpStream,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, token, both)?;
        Ok(Self {
            stream,
            readable: false,
            writable: true,
            read_closed: false,
            end: PeerEnd::default(),
            no_delay: false,
            treatment: Treatment::default(),
            answer: None,
            exchange: None,
            brittle: None,
            queued: false,
            peer_fin: false,
            started: false,
            owed: 0,
            rest: None,
            head: HeadEnd::default(),
            due: None,
            armed: None,
        })
    }

    /// Takes note of an event; `false` if it says only what is known. So does the first one of most
    /// connections: that they can be written to.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        let news = readable || (writable && !self.writable);
        self.readable |= readable;
        self.writable |= writable;
        self.read_closed |= event.is_read_closed();
        self.end.note(event);
        news
    }

    /// The one that was asked for last.
    pub(crate) fn closing_treatment(&self) -> Treatment {
        let exchange = self.exchange.as_ref();
        exchange.map_or(self.treatment, |exchange| exchange.current())
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let result = repeat(|| self.stream.read(buffer));
        self.received(result)
    }

    /// Receives without looking at the bytes.
    pub(crate) fn discard(&mut self, scratch: &mut [u8]) -> Received {
        self.discard_at_most(DISCARD_BYTES, scratch)
    }

    pub(crate) fn discard_at_most(&mut self, most: usize, scratch: &mut [u8]) -> Received {
        let stream = &self.stream;
        let most = most.min(DISCARD_BYTES);
        // Through mio, which re-arms readiness where the system does not.
        let result = stream.try_io(|| platform::discard(stream, most, scratch));
        self.received(result)
    }

    /// Looks at what is there, without taking it.
    pub(crate) fn peek(&mut self, buffer: &mut [u8]) -> Received {
        let result = repeat(|| self.stream.peek(buffer));
        self.received(result)
    }

    pub(crate) fn send_slices(&mut self, slices: &[IoSlice<'_>]) -> Sent {
        let result = repeat(|| self.stream.write_vectored(slices));
        self.sent(result)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Sent {
        let result = repeat(|| self.stream.write(bytes));
        self.sent(result)
    }

    fn sent(&mut self, result: io::Result<usize>) -> Sent {
        match result {
            Ok(0) => Sent::Over(Ended::Failed),
            Ok(sent) => Sent::Bytes(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Sent::Blocked
            }
            Err(error) => Sent::Over(ended(&error)),
        }
    }

    /// After the peer's FIN a read says nothing any more; an RST shows as the pending error alone.
    pub(crate) fn is_dead(&self) -> Option<Ended> {
        match self.end.of_pending(platform::take_error(&self.stream)) {
            Ok(error) => error.as_ref().map(ended),
            Err(_) => Some(Ended::Failed),
        }
    }

    /// Small pieces are to leave as they are written: Nagle's rule would hold one back until the
    /// peer has acknowledged the one before, which its delayed ACK makes 40 ms.
    pub(crate) fn send_without_delay(&mut self) {
        if !std::mem::replace(&mut self.no_delay, true) {
            // Slower, but right, where it is refused.
            let _ = self.stream.set_nodelay(true);
        }
    }

    fn received(&mut self, result: io::Result<usize>) -> Received {
        match self.end.of_read(&self.stream, result) {
            Ok(0) => {
                self.peer_fin = true;
                Received::Fin
            }
            Ok(bytes) => Received::Bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Received::Blocked
            }
            Err(error) => Received::Over(ended(&error)),
        }
    }
}

fn ended(error: &io::Error) -> Ended {
    match platform::classify_end(error) {
        EndCause::Reset => Ended::Reset,
        EndCause::Lost => Ended::Lost,
        EndCause::Other => Ended::Failed,
    }
}

/// Again, if a signal interrupted it.
fn repeat(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Finds the end of an HTTP request's head, which may come in any number of pieces, without
/// keeping them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct HeadEnd {
    /// How much of the blank line was seen last.
    matched: u8,
    bytes: u32,
}

/// Whether a request's head has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Unfinished,
    Ended,
    TooLong,
}

impl HeadEnd {
    const END: &'static [u8; 4] = b"\r\n\r\n";
    /// What other servers take at most lies between 8 and 64 KiB.
    const MOST_BYTES: u32 = 64 << 10;

    pub(crate) fn look(&mut self, bytes: &[u8]) -> Head {
        for &byte in bytes {
            self.bytes = self.bytes.saturating_add(1);
            if byte == Self::END[usize::from(self.matched & 3)] {
                self.matched += 1;
            } else {
                // Of the blank line only its first byte can begin anew.
                self.matched = u8::from(byte == Self::END[0]);
            }
            if self.matched == 4 {
                return Head::Ended;
            }
            if self.bytes >= Self::MOST_BYTES {
                return Head::TooLong;
            }
        }
        Head::Unfinished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_at_the_first_blank_line_however_it_is_cut() {
        let request = b"GET / HTTP/1.1\r\nA: \r\r\n\n\r\nx\r\n\r\nbody";
        let end = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        for cut in 0..end {
            let mut head = HeadEnd::default();
            assert_eq!(head.look(&request[..cut]), Head::Unfinished);
            assert_eq!(head.look(&request[cut..end - 1]), Head::Unfinished);
            assert_eq!(head.look(&request[end - 1..]), Head::Ended);
        }
    }

    #[test]
    fn a_head_without_end_is_too_long() {
        let mut head = HeadEnd::default();
        let piece = [b'\r'; 1_024];
        for _ in 0..63 {
            assert_eq!(head.look(&piece), Head::Unfinished);
        }
        assert_eq!(head.look(&piece), Head::TooLong);
    }
}
