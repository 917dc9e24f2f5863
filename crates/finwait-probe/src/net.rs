//! The client: any number of connections to one server, on one event loop.
//!
//! A check opens connections, says what is to be sent and how it is to be received, and waits for
//! what it wants to see, or until its patience ends. Meanwhile all connections go on.

mod conn;
mod inbox;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use finwait_load::Expect;
use finwait_platform::{self as platform, TcpState};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use conn::{Conn, Moved};
pub(crate) use conn::{Reading, Seen};

use crate::check::Cost;

/// A connection of a [`Net`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(usize);

/// How a connection is to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    /// The size of the receive buffer, and so of the window; the system's own without it.
    pub(crate) receive_buffer: Option<usize>,
    /// The local address and port; any without it.
    pub(crate) source: Option<SocketAddr>,
    pub(crate) reading: Reading,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            receive_buffer: None,
            source: None,
            reading: Reading::Fast,
        }
    }
}

/// What has been asked of the server so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) connections: u32,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Most open at the same time.
    pub(crate) at_once: u32,
    /// The allowance was used up: something was left out.
    pub(crate) beyond: bool,
    /// Connections that never came about.
    pub(crate) unreachable: u32,
    /// A status by which a server limits its clients (429, 503), and with which it did not begin.
    pub(crate) limited: Option<u16>,
    /// The same to a later request on the same connection.
    pub(crate) limited_later: Option<u16>,
}

/// The connections of one check.
#[derive(Debug)]
pub(crate) struct Net {
    poll: Poll,
    events: Events,
    scratch: Box<[u8]>,
    target: SocketAddr,
    expect: Expect,
    conns: Vec<Conn>,
    most: Cost,
    /// The status of a plain response.
    pub(crate) usual: Option<u16>,
    pub(crate) spent: Spent,
}

/// As long as nothing is due, and no event comes.
const TICK: Duration = Duration::from_millis(50);

impl Net {
    pub(crate) fn new(target: SocketAddr, expect: Expect, most: Cost) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            scratch: vec![0; 64 << 10].into_boxed_slice(),
            target,
            expect,
            conns: Vec::new(),
            most,
            usual: None,
            spent: Spent::default(),
        })
    }

    /// Begins to connect; [`Seen`] tells how it went.
    pub(crate) fn open(&mut self, opening: Opening) -> Id {
        let index = self.conns.len();
        let stream = self.connect(opening, Token(index));
        let allowed = !self.spent.beyond;
        self.spent.unreachable += u32::from(stream.is_err() && allowed);
        let conn = Conn::new(stream, self.expect, opening.reading);
        self.conns.push(conn);
        let open = self.conns.iter().filter(|c| c.stream.is_some()).count();
        self.spent.at_once = self.spent.at_once.max(open as u32);
        Id(index)
    }

    fn connect(&mut self, opening: Opening, token: Token) -> io::Result<TcpStream> {
        let open = self.conns.iter().filter(|c| c.stream.is_some()).count();
        if self.spent.connections >= self.most.connections || open >= self.most.at_once as usize {
            self.spent.beyond = true;
            return Err(io::Error::other("the check has used up its connections"));
        }
        self.spent.connections += 1;
        let stream = platform::connect_bound(self.target, opening.source, opening.receive_buffer)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, token, interest)?;
        Ok(stream)
    }

    /// What is left of the bytes that the check may send and receive: the lesser of both.
    pub(crate) fn left_bytes(&self) -> u64 {
        let spent = self.spent.sent.max(self.spent.received);
        self.most.bytes.saturating_sub(spent)
    }

    /// Closes all connections and forgets them.
    pub(crate) fn clear(&mut self) {
        self.conns.clear();
    }

    pub(crate) fn seen(&self, id: Id) -> &Seen {
        &self.conns[id.0].seen
    }

    /// All connections, in the order in which they were opened.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Seen> {
        self.conns.iter().map(|conn| &conn.seen)
    }

    pub(crate) fn send(&mut self, id: Id, bytes: &[u8]) {
        self.conns[id.0].queue(bytes);
        self.look(id.0);
    }

    /// Once everything is sent.
    pub(crate) fn half_close(&mut self, id: Id) {
        self.conns[id.0].half_close();
        self.look(id.0);
    }

    /// These bytes with our FIN on their last segment, on a connection that is established;
    /// `false`, and nothing is done, if this system cannot.
    pub(crate) fn send_with_fin(&mut self, id: Id, bytes: &[u8]) -> bool {
        let done = self.conns[id.0].send_with_fin(bytes);
        self.spent.sent += if done { bytes.len() as u64 } else { 0 };
        done
    }

    pub(crate) fn reading(&mut self, id: Id, reading: Reading) {
        self.conns[id.0].reading = reading;
        self.conns[id.0].next_read = None;
        self.look(id.0);
    }

    /// Ends it with an RST.
    pub(crate) fn abort(&mut self, id: Id) {
        self.conns[id.0].abort();
    }

    /// Closes it, whatever is unread: that may be an RST too.
    pub(crate) fn close(&mut self, id: Id) {
        self.conns[id.0].close();
    }

    /// Whether the server's TCP has our FIN.
    pub(crate) fn fin_acked(&self, id: Id) -> platform::FinAck {
        self.conns[id.0].fin_acked()
    }

    /// Bytes that the kernel has not taken yet.
    pub(crate) fn unsent(&self, id: Id) -> usize {
        self.conns[id.0].unsent()
    }

    /// Bytes that came and were not read.
    pub(crate) fn unread(&self, id: Id) -> Option<u64> {
        let stream = self.conns[id.0].stream.as_ref()?;
        platform::unread(stream).ok().flatten()
    }

    /// Whether the server's FIN or RST has come, read or not; `None` if this system cannot tell.
    pub(crate) fn peer_ended(&self, id: Id) -> Option<bool> {
        let stream = self.conns[id.0].stream.as_ref()?;
        let info = platform::tcp_info(stream).ok().flatten()?;
        let goes_on = matches!(
            info.state,
            TcpState::SynSent | TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2
        );
        Some(!goes_on)
    }

    pub(crate) fn local(&self, id: Id) -> Option<SocketAddr> {
        self.conns[id.0].stream.as_ref()?.local_addr().ok()
    }

    /// Goes on until `done`, or for `patience`; whether it was done.
    pub(crate) fn until(
        &mut self,
        patience: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> bool {
        let end = Instant::now() + patience;
        loop {
            if done(self) {
                return true;
            }
            let now = Instant::now();
            if now >= end {
                return false;
            }
            self.turn(end - now);
        }
    }

    /// Goes on until this is so of one connection, or for `patience`; whether it is so.
    pub(crate) fn wait(
        &mut self,
        id: Id,
        patience: Duration,
        mut done: impl FnMut(&Seen) -> bool,
    ) -> bool {
        self.until(patience, |net| done(net.seen(id)))
    }

    /// Opens a connection and waits until it is established, or is not to be.
    pub(crate) fn connected(&mut self, opening: Opening, patience: Duration) -> Id {
        let id = self.open(opening);
        self.wait(id, patience, |seen| {
            seen.connected.is_some() || seen.is_dead()
        });
        id
    }

    /// Goes on for this long, whatever happens.
    pub(crate) fn watch(&mut self, time: Duration) {
        self.until(time, |_| false);
    }

    /// Does what can be done now.
    pub(crate) fn now(&mut self) {
        self.turn(Duration::ZERO);
    }

    fn turn(&mut self, most: Duration) {
        let now = Instant::now();
        let due = self.conns.iter().filter_map(Conn::due).min();
        let ready = self.conns.iter().any(Conn::has_more);
        let wait = match due {
            _ if ready => Duration::ZERO,
            Some(at) => at.saturating_duration_since(now).min(most).min(TICK),
            None => most.min(TICK),
        };
        // Interrupted: there are no events then, and the next turn waits again.
        let _ = self.poll.poll(&mut self.events, Some(wait));
        for event in &self.events {
            if let Some(conn) = self.conns.get_mut(event.token().0) {
                conn.end.note(event);
                conn.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                conn.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
            }
        }
        for index in 0..self.conns.len() {
            self.look(index);
        }
    }

    fn look(&mut self, index: usize) {
        let most = Moved {
            sent: self.most.bytes.saturating_sub(self.spent.sent),
            received: self.most.bytes.saturating_sub(self.spent.received),
        };
        let unreachable = self.conns[index].seen.refused.is_some();
        let moved = self.conns[index].look(&mut self.scratch, most);
        let seen = &self.conns[index].seen;
        self.spent.unreachable += u32::from(!unreachable && seen.refused.is_some());
        for (number, response) in seen.inbox.responses.iter().enumerate() {
            let status = response.status();
            if status != self.usual && matches!(status, Some(429 | 503)) {
                let limited = match number {
                    0 => &mut self.spent.limited,
                    _ => &mut self.spent.limited_later,
                };
                *limited = status;
            }
        }
        self.spent.sent += moved.sent;
        self.spent.received += moved.received;
        self.spent.beyond |= moved.sent == most.sent && self.conns[index].unsent() > 0
            || moved.received == most.received && self.conns[index].has_more();
    }
}
