//! Each report against what is true, as in `tests/model/invariants.rs`.

use std::time::Duration;

use super::conn::Conn;
use super::net::Wire;
use crate::limits::{FinishOn, Limits};
use crate::report::{Delivered, Ending, Fin, Report};
use crate::teardown::Receive;

/// What was handed over, and how it should be treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) limits: Limits,
    pub(super) receive: Receive,
    pub(super) payload: u64,
    pub(super) began: u64,
    pub(super) abort_wished: bool,
    /// It was the longest without progress when there was no room for one more, at this time; and
    /// whether no other one may have ended instead.
    pub(super) makes_room: Option<(u64, bool)>,
    pub(super) delivered: u64,
}

impl Given {
    /// As much was discarded as may be.
    pub(super) fn is_full(&self, conn: &Conn) -> bool {
        self.receive == Receive::Discard
            && (self.limits.drain_bytes).is_some_and(|limit| conn.read >= limit)
    }

    /// Whether readiness is something that this connection must look at. What is not read any more
    /// during the flush: a peer that has sent its FIN, or as much as may be discarded.
    pub(super) fn can_go_on(&self, conn: &Conn, readable: bool, writable: bool) -> bool {
        if conn.fin {
            readable
        } else {
            writable || (readable && conn.times.eof.is_none() && !self.is_full(conn))
        }
    }
}

pub(super) fn check(given: &Given, conn: &Conn, report: &Report) {
    let hold = |name: &str, holds: bool| {
        assert!(holds, "{name}\n{given:?}\n{conn:?}\n{report:?}");
    };
    hold("S4: the socket is released", conn.released);
    let flush = conn
        .fin_at
        .map(|at| Duration::from_micros(at - given.began));
    let told = flush.is_none_or(|flush| report.flush == flush);
    hold("the length of the flush", told);
    hold("an RST is in the report", report.aborted == conn.aborted);
    let claims_fin = match report.ending {
        Ending::Reset { after_fin, .. } => after_fin || report.peer_fin,
        _ => report.peer_fin,
    };
    hold("S6: a peer FIN is one", !claims_fin || conn.peer_fin);
    hold(
        "S7: the first error is kept",
        report.error.map(|error| error.kind()) == conn.told,
    );
    if report.is_graceful() {
        hold("S8: all written", conn.written == given.payload);
        hold("S8: our FIN acknowledged", conn.fin_acked());
        hold("S8: the peer's FIN", conn.peer_fin);
        hold("S8: nothing unread", conn.arrived == conn.read);
        hold("S8: no reset before", conn.died.is_none());
    }
    match report.delivered() {
        Delivered::Yes => hold("S9: delivered", conn.acked >= given.payload),
        Delivered::No => hold("S9: not delivered", conn.written < given.payload),
        Delivered::Unknown => {}
    }
    if let (Receive::Discard, Some(limit)) = (given.receive, given.limits.drain_bytes) {
        let most = limit + conn.largest_read.max(1);
        hold("S14: discarded", report.discarded_bytes < most);
    }
    if given.receive == Receive::Deliver {
        hold("all is delivered", given.delivered == conn.read);
    }
    hold("received", report.received_bytes == conn.read);
    let unwritten = given.payload - conn.written;
    hold("unwritten", report.unwritten_bytes == unwritten);
    match report.fin {
        Fin::NotSent => hold("no FIN", !conn.fin),
        Fin::Queued | Fin::Unknown => hold("a FIN", conn.fin),
        Fin::Acked => hold("an acknowledged FIN", conn.fin_acked()),
    }
    match report.ending {
        Ending::Reset { .. } => hold("a reset", conn.died == Some(Wire::Reset)),
        Ending::Lost { .. } => hold("lost", conn.died == Some(Wire::GivenUp)),
        Ending::Aborted => hold("wished", given.abort_wished),
        Ending::Acked => {
            let wanted = matches!(given.limits.finish_on, FinishOn::Acked { .. });
            hold("acked", wanted && conn.fin_acked());
        }
        Ending::AlreadyClosed => hold("already closed", conn.died.is_some()),
        Ending::Failed { .. } => hold("nothing fails here", false),
        Ending::Graceful
        | Ending::PeerFin
        | Ending::TimedOut { .. }
        | Ending::ByteLimit
        | Ending::Evicted => {}
    }
}
