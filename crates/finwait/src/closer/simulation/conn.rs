//! What is true of one connection.

use std::io::ErrorKind;

use super::invariants::Spent;
use super::net::Wire;
use super::peer::Peer;
use crate::report::OsError;

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) peer: Peer,
    /// Whether this system tells of acknowledgements.
    pub(super) tells: bool,
    pub(super) written: u64,
    pub(super) fin: bool,
    pub(super) fin_at: Option<u64>,
    /// Our FIN counts as one.
    pub(super) acked: u64,
    /// What the last ack that is under way says.
    pub(super) ack_under_way: u64,
    pub(super) arrived: u64,
    pub(super) read: u64,
    /// Bytes of the peer's that are on their way.
    pub(super) under_way: u64,
    /// Fewer bytes than this wake nobody.
    pub(super) low_water: u64,
    /// Since when bytes are there of which nobody was told.
    pub(super) withheld: Option<u64>,
    pub(super) sent: u64,
    pub(super) peer_fin: bool,
    pub(super) fin_under_way: bool,
    error: Option<ErrorKind>,
    pub(super) died: Option<Wire>,
    pub(super) told: Option<ErrorKind>,
    pub(super) released: bool,
    pub(super) times: Times,
    pub(super) aborted: bool,
    pub(super) largest_read: u64,
    pub(super) blocked_write: bool,
    /// When it last moved bytes, or was handed over, among all that did.
    pub(super) moved_at: u64,
    /// In the present turn.
    pub(super) spent: Spent,
    pub(super) last_call: Option<LastCall>,
    /// The turn by the end of which a call must have been made for it.
    pub(super) owed_by: Option<u64>,
}

/// The last time of each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    pub(super) written: Option<u64>,
    pub(super) received: Option<u64>,
    /// Bytes of ours, or our FIN, were acknowledged.
    pub(super) acked: Option<u64>,
    pub(super) fin_acked: Option<u64>,
    /// The peer's FIN was read.
    pub(super) eof: Option<u64>,
    pub(super) released: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct LastCall {
    pub(super) turn: u64,
    /// Whether it moved bytes, and which way.
    pub(super) wrote: bool,
    pub(super) received: bool,
}

impl Conn {
    pub(super) fn new(peer: Peer, tells: bool) -> Self {
        Self {
            peer,
            tells,
            written: 0,
            fin: false,
            fin_at: None,
            acked: 0,
            ack_under_way: 0,
            arrived: 0,
            read: 0,
            under_way: 0,
            low_water: 1,
            withheld: None,
            sent: 0,
            peer_fin: false,
            fin_under_way: false,
            error: None,
            died: None,
            told: None,
            released: false,
            times: Times::default(),
            aborted: false,
            largest_read: 0,
            blocked_write: false,
            moved_at: 0,
            spent: Spent::default(),
            last_call: None,
            owed_by: None,
        }
    }

    /// The application has read the peer's FIN, and what came before it counts for nobody.
    pub(super) fn was_read_to_its_end(&mut self, now: u64) {
        (self.arrived, self.sent) = (0, 0);
        self.times.eof = Some(now);
    }

    /// As Linux does: a receive window that is about to close wakes, too.
    pub(super) fn wakes(&self) -> bool {
        let unread = self.arrived - self.read;
        let full = unread + self.peer.segment() > self.peer.receive_buffer;
        unread >= self.low_water || full
    }

    pub(super) fn fin_acked(&self) -> bool {
        self.fin && self.acked > self.written
    }

    /// Both FINs are acknowledged, or it is dead.
    pub(super) fn is_over(&self) -> bool {
        self.died.is_some() || (self.fin_acked() && self.peer_fin)
    }

    pub(super) fn die(&mut self, wire: Wire) {
        self.died = Some(wire);
        self.error = Some(match wire {
            Wire::GivenUp => ErrorKind::TimedOut,
            _ if self.peer_fin && !self.fin => ErrorKind::BrokenPipe,
            _ => ErrorKind::ConnectionReset,
        });
    }

    pub(super) fn take(&mut self) -> Option<OsError> {
        let kind = self.error.take()?;
        self.told.get_or_insert(kind);
        Some(OsError::from(&std::io::Error::from(kind)))
    }
}
