//! Imagined sockets.
//!
//! A socket treats its caller as Linux does: what came before an error is read before it, an error
//! is told once, the peer's FIN hides an error behind it, `shutdown` of a dead connection is
//! ENOTCONN. `tests/model/kernel.rs` has the sources.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;

use super::conn::Conn;
use super::invariants::{
    Call, DISCARD_BYTES, s10_no_read_of_length_0, s11_work_per_turn_is_bounded,
};
use super::net::Net;
use crate::closer::socket::Socket;
use crate::event::{Acknowledged, Event};
use crate::report::{Fin, Operation, OsError};

/// Our side's socket. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Imagined {
    pub(super) net: Rc<RefCell<Net>>,
    pub(super) id: usize,
}

impl Imagined {
    fn with<T>(&self, call: impl FnOnce(&mut Conn, u64) -> T) -> T {
        let net = &mut *self.net.borrow_mut();
        let conn = &mut net.conns[self.id];
        assert!(!conn.released, "S4: a call after the close");
        let (written, read) = (conn.written, conn.read);
        let told = call(conn, net.turn);
        let (wrote, received) = (conn.written > written, conn.read > read);
        if wrote {
            conn.times.written = Some(net.now);
        }
        if received {
            conn.times.received = Some(net.now);
        }
        net.note_call(self.id, wrote, received);
        told
    }

    /// `most` is what it takes at once.
    fn read(&self, call: Call, most: u64) -> (Event, usize) {
        s10_no_read_of_length_0(call);
        let now = self.net.borrow().now;
        self.with(|conn, turn| {
            conn.withheld = None;
            let bytes = (conn.arrived - conn.read).min(most).min(conn.peer.piece);
            s11_work_per_turn_is_bounded(&mut conn.spent, turn, call, bytes);
            if bytes > 0 {
                conn.read += bytes;
                conn.largest_read = conn.largest_read.max(bytes);
                let bytes = bytes as usize;
                return (Event::Received { bytes }, bytes);
            }
            let event = if conn.peer_fin {
                conn.times.eof.get_or_insert(now);
                Event::ReceivedFin
            } else if let Some(error) = conn.take() {
                Event::Failed(Operation::Receive, error)
            } else if conn.died.is_some() {
                // The error was told before: what is left looks like a FIN.
                Event::ReceivedFin
            } else {
                Event::ReceiveBlocked
            };
            (event, 0)
        })
    }
}

impl Socket for Imagined {
    fn write(&mut self, bytes: &[u8]) -> Event {
        let event = self.with(|conn, turn| {
            assert!(!conn.fin, "S2: a write after the half-close");
            if let Some(error) = conn.take() {
                return Event::Failed(Operation::Write, error);
            }
            if conn.died.is_some() {
                let kind = ErrorKind::BrokenPipe;
                conn.told.get_or_insert(kind);
                return Event::Failed(Operation::Write, OsError::from(&std::io::Error::from(kind)));
            }
            let room = conn.peer.send_buffer - (conn.written - conn.acked.min(conn.written));
            let taken = room.min(bytes.len() as u64).min(conn.peer.piece);
            let call = Call::Write(bytes.len());
            s11_work_per_turn_is_bounded(&mut conn.spent, turn, call, taken);
            if room == 0 {
                conn.blocked_write = true;
                return Event::WriteBlocked;
            }
            conn.written += taken;
            Event::Written {
                bytes: taken as usize,
            }
        });
        self.net.borrow_mut().acknowledge(self.id);
        event
    }

    fn half_close(&mut self) -> Event {
        let now = self.net.borrow().now;
        let event = self.with(|conn, _| {
            assert!(!conn.fin, "S1: a second half-close");
            if conn.died.is_some() {
                return Event::NotConnected;
            }
            conn.fin = true;
            conn.fin_at = Some(now);
            Event::HalfClosed
        });
        self.net.borrow_mut().acknowledge(self.id);
        event
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Event {
        let (event, bytes) = self.read(Call::Receive(buffer.len()), buffer.len() as u64);
        buffer[..bytes].fill(0x5a);
        event
    }

    fn discard(&mut self, scratch: &mut [u8]) -> Event {
        self.read(Call::Discard(scratch.len()), DISCARD_BYTES).0
    }

    fn wake_from(&mut self, bytes: usize) -> bool {
        let net = &mut *self.net.borrow_mut();
        let conn = &mut net.conns[self.id];
        assert!(!conn.released, "S4: a call after the close");
        net.raised -= usize::from(conn.low_water > 1);
        // As where the size of the buffer was set by the caller: it stays.
        conn.low_water = (bytes as u64).min(conn.peer.receive_buffer / 2).max(1);
        net.raised += usize::from(conn.low_water > 1);
        net.marks += u64::from(conn.low_water > 1);
        // Before Linux 4.18 nobody is told of what waits above a mark that was lowered.
        true
    }

    fn pending_error(&mut self) -> Event {
        Event::PendingError(self.with(|conn, _| conn.take()))
    }

    fn ack(&mut self, fin: Fin, peer_fin: bool) -> Event {
        self.with(|conn, _| {
            // Of one that is dead nobody may rely on it: its 0 may be an error's echo.
            assert!(
                !peer_fin || conn.peer_fin || conn.died.is_some(),
                "no FIN was read"
            );
            let bytes = conn.written - conn.acked.min(conn.written);
            let (fin, unacknowledged) = match (conn.tells, fin) {
                (false, Fin::NotSent) => (Acknowledged::No, None),
                (false, _) => (Acknowledged::Unknown, None),
                (true, Fin::NotSent) => (Acknowledged::No, Some(bytes)),
                (true, _) if conn.fin_acked() => (Acknowledged::Yes, Some(0)),
                (true, _) => (Acknowledged::No, Some(bytes)),
            };
            Event::Ack {
                fin,
                unacknowledged,
            }
        })
    }

    fn unread(&mut self) -> Event {
        Event::Unread(self.with(|conn, _| conn.tells.then_some(conn.arrived - conn.read)))
    }

    fn arm_abort(&mut self) -> Result<(), Event> {
        self.with(|conn, _| conn.aborted = true);
        Ok(())
    }
}

impl Drop for Imagined {
    fn drop(&mut self) {
        // While a failed assertion unwinds, the net may be in use.
        if let Ok(mut net) = self.net.try_borrow_mut() {
            net.release(self.id);
        }
    }
}
