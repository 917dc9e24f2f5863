//! One connection to the server: what is still to be done on it, and what was seen.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use finwait::PeerEnd;
use finwait_load::Expect;
use finwait_platform::{self as platform, EndCause, FinAck};
use mio::net::TcpStream;

use super::inbox::Inbox;
use crate::check::{Closing, Service};

/// How a connection takes what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As it comes.
    Fast,
    /// Not at all: what comes stays in the kernel, and the window closes.
    Paused,
    /// So many bytes each period.
    Slow { bytes: usize, period: Duration },
}

/// What was seen on one connection. It stays when the connection is gone.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) opened: Instant,
    pub(crate) connected: Option<Instant>,
    /// Why it was never established.
    pub(crate) refused: Option<io::Error>,
    /// Bytes handed to the kernel.
    pub(crate) sent: u64,
    pub(crate) first_sent: Option<Instant>,
    pub(crate) last_sent: Option<Instant>,
    pub(crate) our_fin: Option<Instant>,
    pub(crate) first_byte: Option<Instant>,
    pub(crate) last_byte: Option<Instant>,
    pub(crate) inbox: Inbox,
    /// The server's FIN.
    pub(crate) fin: Option<Instant>,
    /// The server's RST: before its FIN, or after.
    pub(crate) reset: Option<Instant>,
    /// Another end than those: the network's, or our own stack's.
    pub(crate) lost: Option<io::Error>,
}

impl Seen {
    fn new(expect: Expect, now: Instant) -> Self {
        Self {
            opened: now,
            connected: None,
            refused: None,
            sent: 0,
            first_sent: None,
            last_sent: None,
            our_fin: None,
            first_byte: None,
            last_byte: None,
            inbox: Inbox::new(expect),
            fin: None,
            reset: None,
            lost: None,
        }
    }

    /// Nothing more will come: the server's FIN or RST, or no connection at all.
    pub(crate) fn is_over(&self) -> bool {
        self.fin.is_some() || self.is_dead()
    }

    /// The connection is no more.
    pub(crate) fn is_dead(&self) -> bool {
        self.reset.is_some() || self.lost.is_some() || self.refused.is_some()
    }

    fn sends(&mut self) {
        let now = Instant::now();
        self.first_sent.get_or_insert(now);
        self.last_sent = Some(now);
    }

    /// The server ended it before anything was sent on it: no answer to a request then.
    pub(crate) fn ended_unasked(&self) -> bool {
        let ended = self.fin.or(self.reset);
        ended.is_some_and(|ended| self.first_sent.is_none_or(|sent| ended < sent))
    }

    pub(crate) fn service(&self) -> Service {
        self.inbox.service(self.fin.is_some())
    }

    pub(crate) fn whole(&self) -> usize {
        self.inbox.whole(self.fin.is_some())
    }

    pub(crate) fn closing(&self) -> Closing {
        match () {
            () if self.connected.is_none() => Closing::NoConnection,
            () if self.reset.is_some() && self.fin.is_some() => Closing::FinThenRst,
            () if self.reset.is_some() => Closing::Rst,
            () if self.lost.is_some() => Closing::Lost,
            () if self.fin.is_some() => Closing::Fin,
            () => Closing::Open,
        }
    }
}

/// One connection. Its socket may be gone; what was seen is not.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) stream: Option<TcpStream>,
    pub(crate) seen: Seen,
    pub(crate) reading: Reading,
    /// When a slow reader reads again.
    pub(crate) next_read: Option<Instant>,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// What the events have said of the server's end.
    pub(crate) end: PeerEnd,
    out: Vec<u8>,
    fin_follows: bool,
    /// How a write failed.
    broken: Option<io::Error>,
    /// An RST came and no FIN before it: a read of 0 says nothing.
    no_fin: bool,
}

/// What one look at a connection may take from the server's allowance, and took.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Conn {
    pub(crate) fn new(stream: io::Result<TcpStream>, expect: Expect, reading: Reading) -> Self {
        let mut seen = Seen::new(expect, Instant::now());
        let stream = stream.map_err(|error| seen.refused = Some(error)).ok();
        Self {
            stream,
            seen,
            reading,
            next_read: None,
            readable: false,
            writable: false,
            end: PeerEnd::default(),
            out: Vec::new(),
            fin_follows: false,
            broken: None,
            no_fin: false,
        }
    }

    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Once everything is written.
    pub(crate) fn half_close(&mut self) {
        self.fin_follows = true;
    }

    /// Something can be read now, without an event.
    pub(crate) fn has_more(&self) -> bool {
        let reads = self.readable && self.seen.fin.is_none() && self.reading == Reading::Fast;
        self.stream.is_some() && self.seen.connected.is_some() && !self.seen.is_dead() && reads
    }

    /// When it must be looked at without an event.
    pub(crate) fn due(&self) -> Option<Instant> {
        let waits = self.readable && self.seen.fin.is_none() && !self.seen.is_dead();
        self.next_read.filter(|_| waits && self.stream.is_some())
    }

    pub(crate) fn unsent(&self) -> usize {
        self.out.len()
    }

    /// Whether the server's TCP has our FIN.
    pub(crate) fn fin_acked(&self) -> FinAck {
        let asked = self.stream.as_ref().map(platform::fin_acked);
        asked.and_then(Result::ok).unwrap_or(FinAck::Unknown)
    }

    /// Does what can be done without waiting.
    pub(crate) fn look(&mut self, scratch: &mut [u8], most: Moved) -> Moved {
        let mut moved = Moved::default();
        if self.stream.is_none() || self.seen.is_dead() {
            return moved;
        }
        if self.seen.connected.is_none() && !self.establish() {
            return moved;
        }
        moved.sent = self.write(most.sent);
        moved.received = match self.broken.take() {
            None => self.read(scratch, most.received),
            Some(error) => self.read_what_is_left(scratch, most.received, error),
        };
        if self.seen.fin.is_some() {
            self.look_behind_the_fin();
        }
        moved
    }

    fn establish(&mut self) -> bool {
        let Some(stream) = &self.stream else {
            return false;
        };
        match self.end.of_pending(platform::take_error(stream)) {
            Ok(None) => {}
            // Before the handshake was over it would have been a refusal (RFC 9293 3.10.7.3).
            Ok(Some(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.seen.connected = Some(Instant::now());
                self.ended(error);
                return false;
            }
            Ok(Some(error)) | Err(error) => {
                self.seen.refused = Some(error);
                self.stream = None;
                return false;
            }
        }
        if !self.writable || stream.peer_addr().is_err() {
            return false;
        }
        self.seen.connected = Some(Instant::now());
        // Small pieces are part of some checks; they are not to wait for acknowledgements.
        let _ = stream.set_nodelay(true);
        true
    }

    fn write(&mut self, most: u64) -> u64 {
        let mut sent = 0;
        while let Some(stream) = &mut self.stream
            && self.writable
            && !self.out.is_empty()
            && sent < most
        {
            let left = usize::try_from(most - sent).unwrap_or(usize::MAX);
            let piece = &self.out[..self.out.len().min(left).min(64 << 10)];
            match stream.write(piece) {
                Ok(bytes) => {
                    sent += bytes as u64;
                    self.seen.inbox.asked(&self.out[..bytes]);
                    self.out.drain(..bytes);
                    self.seen.sends();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.out.clear();
                    self.broken = Some(error);
                }
            }
        }
        self.seen.sent += sent;
        if self.fin_follows && self.out.is_empty() && self.seen.our_fin.is_none() {
            self.send_fin();
        }
        sent
    }

    fn send_fin(&mut self) {
        if let Some(stream) = &self.stream {
            self.seen.our_fin = Some(Instant::now());
            if let Err(error) = platform::half_close(stream)
                && error.kind() != io::ErrorKind::NotConnected
            {
                self.ended(error);
            }
        }
    }

    /// These bytes, and our FIN on the last segment of them; `false` if this system cannot.
    pub(crate) fn send_with_fin(&mut self, bytes: &[u8]) -> bool {
        let Some(stream) = &self.stream else {
            return true;
        };
        match platform::send_before_fin(stream, bytes) {
            Ok(None) => return false,
            Ok(Some(sent)) => {
                self.seen.sent += sent as u64;
                self.seen.inbox.asked(&bytes[..sent]);
                self.seen.sends();
                self.queue(&bytes[sent..]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.queue(bytes),
            Err(error) => self.ended(error),
        }
        self.fin_follows = true;
        if self.out.is_empty() {
            self.send_fin();
        }
        true
    }

    fn read(&mut self, scratch: &mut [u8], most: u64) -> u64 {
        let mut received = 0;
        let Some(mut room) = self.room(most.min(1 << 20)) else {
            return 0;
        };
        while let Some(stream) = &mut self.stream
            && self.readable
            && !self.seen.is_over()
            && room > 0
        {
            let length = usize::try_from(room)
                .unwrap_or(usize::MAX)
                .min(scratch.len());
            let read = stream.read(&mut scratch[..length]);
            match self.end.of_read(stream, read) {
                Ok(0) if self.no_fin => self.readable = false,
                Ok(0) => {
                    let now = Instant::now();
                    self.seen.fin = Some(now);
                    self.seen.inbox.fin(now);
                }
                Ok(bytes) => {
                    let now = Instant::now();
                    self.seen.first_byte.get_or_insert(now);
                    self.seen.last_byte = Some(now);
                    self.seen.inbox.receive(&scratch[..bytes], now);
                    received += bytes as u64;
                    room -= bytes as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.ended(error),
            }
        }
        received
    }

    /// What came before a write failed is still in the kernel, and is all that will come.
    fn read_what_is_left(&mut self, scratch: &mut [u8], most: u64, error: io::Error) -> u64 {
        // The error was told once, and a read of 0 then follows whatever has come. Only EPIPE says
        // that a FIN was there before the RST.
        self.no_fin = error.kind() != io::ErrorKind::BrokenPipe;
        let mut received = 0;
        self.reading = Reading::Fast;
        self.readable = true;
        while self.readable && received < most && !self.seen.is_over() {
            let before = received;
            received += self.read(scratch, most - received);
            if received == before {
                break;
            }
        }
        self.ended(error);
        received
    }

    /// How much may be read now; `None` for nothing.
    fn room(&mut self, most: u64) -> Option<u64> {
        match self.reading {
            Reading::Fast => Some(most),
            Reading::Paused => None,
            // The period begins when there is something to be read.
            Reading::Slow { .. } if !self.readable => None,
            Reading::Slow { bytes, period } => {
                let now = Instant::now();
                if self.next_read.is_some_and(|at| now < at) {
                    return None;
                }
                self.next_read = Some(now + period);
                Some(most.min(bytes as u64))
            }
        }
    }

    /// An RST that comes after the FIN shows nowhere else.
    fn look_behind_the_fin(&mut self) {
        if let Some(stream) = &self.stream
            && let Ok(Some(error)) = self.end.of_pending(platform::take_error(stream))
        {
            self.ended(error);
        }
    }

    fn ended(&mut self, error: io::Error) {
        match platform::classify_end(&error) {
            // Of a write after the server's RST, or behind its FIN (RFC 9293 3.10.7.4).
            EndCause::Reset => {
                self.seen.reset.get_or_insert_with(Instant::now);
            }
            _ if error.kind() == io::ErrorKind::BrokenPipe => {
                self.seen.reset.get_or_insert_with(Instant::now);
            }
            EndCause::Lost | EndCause::Other => {
                self.seen.lost.get_or_insert(error);
            }
        }
    }

    /// Ends it with an RST of ours.
    pub(crate) fn abort(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = platform::arm_abort(&stream);
        }
    }

    /// Closes it as it is.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }
}
