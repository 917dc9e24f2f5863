//! A model of one TCP socket as Linux treats it, and of all that the peer and the network can do to
//! it. It keeps what is true, next to what it tells: that is what reports are held against.
//!
//! Where the words of a comment are not enough: `tcp_recvmsg_locked`, `tcp_sendmsg_locked`,
//! `tcp_reset`, `tcp_fin`, `inet_shutdown` in the kernel's net/ipv4, and `fin_acked` in
//! finwait-platform, whose answers this gives.

use std::io;

use finwait::{Acknowledged, Event, Fin, Operation, OsError};

/// What the application still has to write when the teardown begins, at most.
pub(crate) const PAYLOAD: u8 = 2;
/// What the send queue holds: less than the payload, so that writes block.
const SEND_QUEUE: u8 = 1;
/// What the receive queue holds.
const RECEIVE_QUEUE: u8 = 2;
/// What the peer ever sends: more than the limit, and more than the receive queue holds.
const PEER_SENDS: u8 = 3;

/// What an operating system tells of acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tells {
    /// Linux: TCP_INFO and SIOCOUTQ.
    All,
    /// The fallback: nothing.
    Nothing,
}

/// How a connection died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Death {
    /// The peer's RST.
    Reset,
    /// No answer, however often it was asked: ETIMEDOUT.
    GivenUp,
}

/// What happens on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wire {
    /// An acknowledgement of one more byte, or of our FIN.
    Ack,
    /// A byte from the peer.
    Data,
    /// The peer's FIN.
    Fin,
    /// The end of the connection.
    Death(Death),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kernel {
    tells: Tells,
    /// Bytes that the application has written.
    pub(crate) written: u8,
    /// Of those, what the peer's TCP acknowledged.
    pub(crate) acked: u8,
    /// Whether our FIN is queued behind them.
    pub(crate) fin: bool,
    pub(crate) fin_acked: bool,
    /// Bytes that the peer has sent, all of which arrived.
    pub(crate) arrived: u8,
    /// Of those, what was read.
    pub(crate) read: u8,
    pub(crate) peer_fin: bool,
    /// `sk_err`: told once.
    error: Option<io::ErrorKind>,
    pub(crate) death: Option<Death>,
    /// The first error that any call told.
    pub(crate) told: Option<io::ErrorKind>,
    /// Whether `shutdown` succeeded, or failed, how often.
    pub(crate) half_closes: u8,
    /// Calls of `write` once our FIN was queued.
    pub(crate) writes_after_fin: u8,
    pub(crate) released: Option<Release>,
}

/// How the descriptor was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Release {
    Close,
    Abort,
}

impl Kernel {
    pub(crate) fn new(tells: Tells, peer_fin: bool) -> Self {
        Self {
            tells,
            written: 0,
            acked: 0,
            fin: false,
            fin_acked: false,
            arrived: 0,
            read: 0,
            peer_fin,
            error: None,
            death: None,
            told: None,
            half_closes: 0,
            writes_after_fin: 0,
            released: None,
        }
    }

    pub(crate) fn unread(&self) -> u8 {
        self.arrived - self.read
    }

    /// Both FINs are acknowledged: TIME-WAIT or CLOSED, where nothing can happen any more.
    pub(crate) fn is_over(&self) -> bool {
        self.fin_acked && self.peer_fin
    }

    /// Whether this can happen now. Whatever can, does, in any order and at any time.
    pub(crate) fn can(&self, wire: Wire) -> bool {
        if self.death.is_some() || self.is_over() || self.released.is_some() {
            return false;
        }
        match wire {
            Wire::Ack => self.acked < self.written || (self.fin && !self.fin_acked),
            Wire::Data => {
                !self.peer_fin && self.arrived < PEER_SENDS && self.unread() < RECEIVE_QUEUE
            }
            Wire::Fin => !self.peer_fin,
            Wire::Death(Death::Reset) => true,
            // Only what waits for an acknowledgement is given up.
            Wire::Death(Death::GivenUp) => {
                self.acked < self.written || (self.fin && !self.fin_acked)
            }
        }
    }

    /// Lets it happen. Returns which edges epoll reports: readable, writable.
    pub(crate) fn happens(&mut self, wire: Wire) -> (bool, bool) {
        match wire {
            Wire::Ack if self.acked < self.written => {
                self.acked += 1;
                // `sk_write_space`, where a write was refused before.
                (false, true)
            }
            Wire::Ack => {
                self.fin_acked = true;
                (false, true)
            }
            Wire::Data => {
                self.arrived += 1;
                (true, false)
            }
            Wire::Fin => {
                self.peer_fin = true;
                (true, false)
            }
            Wire::Death(death) => {
                self.death = Some(death);
                self.error = Some(match death {
                    // In CLOSE-WAIT the kernel says EPIPE.
                    Death::Reset if self.peer_fin && !self.fin => io::ErrorKind::BrokenPipe,
                    Death::Reset => io::ErrorKind::ConnectionReset,
                    Death::GivenUp => io::ErrorKind::TimedOut,
                });
                (true, true)
            }
        }
    }

    fn take(&mut self) -> Option<OsError> {
        let kind = self.error.take()?;
        Some(self.tell(kind))
    }

    fn tell(&mut self, kind: io::ErrorKind) -> OsError {
        self.told.get_or_insert(kind);
        OsError::from(&io::Error::from(kind))
    }

    pub(crate) fn write(&mut self, payload: u8) -> Event {
        if self.fin {
            self.writes_after_fin += 1;
        }
        if let Some(error) = self.take() {
            return Event::Failed(Operation::Write, error);
        }
        if self.death.is_some() {
            let error = self.tell(io::ErrorKind::BrokenPipe);
            return Event::Failed(Operation::Write, error);
        }
        if self.written - self.acked >= SEND_QUEUE {
            return Event::WriteBlocked;
        }
        let bytes = (payload - self.written).min(SEND_QUEUE - (self.written - self.acked));
        self.written += bytes;
        Event::Written {
            bytes: bytes.into(),
        }
    }

    pub(crate) fn half_close(&mut self) -> Event {
        self.half_closes += 1;
        if self.death.is_some() {
            return Event::NotConnected;
        }
        self.fin = true;
        Event::HalfClosed
    }

    /// What came before is read before an error; the peer's FIN hides the error behind it.
    pub(crate) fn receive(&mut self) -> Event {
        let bytes = self.unread();
        if bytes > 0 {
            self.read = self.arrived;
            return Event::Received {
                bytes: bytes.into(),
            };
        }
        if self.peer_fin {
            return Event::ReceivedFin;
        }
        match self.take() {
            Some(error) => Event::Failed(Operation::Receive, error),
            // The error was told before: what is left looks like a FIN.
            None if self.death.is_some() => Event::ReceivedFin,
            None => Event::ReceiveBlocked,
        }
    }

    pub(crate) fn ask_error(&mut self) -> Event {
        Event::PendingError(self.take())
    }

    /// SIOCOUTQ counts the FIN, and keeps its value when the connection dies.
    pub(crate) fn ask_ack(&self, fin: Fin) -> Event {
        let bytes = u64::from(self.written - self.acked);
        let (acknowledged, unacknowledged) = match (self.tells, fin) {
            (Tells::Nothing, Fin::NotSent) => (Acknowledged::No, None),
            (Tells::Nothing, _) => (Acknowledged::Unknown, None),
            (Tells::All, Fin::NotSent) => (Acknowledged::No, Some(bytes)),
            (Tells::All, _) if self.fin_acked => (Acknowledged::Yes, Some(0)),
            (Tells::All, _) => (Acknowledged::No, Some(bytes)),
        };
        Event::Ack {
            fin: acknowledged,
            unacknowledged,
        }
    }

    pub(crate) fn ask_unread(&self) -> Event {
        Event::Unread(match self.tells {
            Tells::All => Some(self.unread().into()),
            Tells::Nothing => None,
        })
    }
}
