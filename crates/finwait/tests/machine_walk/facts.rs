//! What a careful observer has noted along a path, to hold the machine's words against.

use std::io::ErrorKind;

use finwait::{Acknowledged, Action, Event, FinishOn, Operation, Phase, Receive};

use crate::Walk;
use crate::policies::{
    ACKED_GRACE, CONFIRM, DRAIN_BYTES, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_TOTAL, LIMIT_GRACE,
};

/// For the acknowledgement of our FIN, where both FINs are out.
pub(crate) fn confirm_wait(walk: &Walk) -> u64 {
    match walk.limits.finish_on {
        FinishOn::PeerFinAndAcked { .. } => CONFIRM,
        FinishOn::PeerFin | FinishOn::Acked { .. } => DRAIN_IDLE,
    }
}

#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Facts {
    pub(crate) unwritten: u64,
    pub(crate) half_close_asked: u8,
    pub(crate) fin_at: Option<u64>,
    pub(crate) not_connected: bool,
    pub(crate) first_error: Option<ErrorKind>,
    /// A read returned 0, whatever that meant.
    pub(crate) zero: bool,
    /// SO_ERROR was asked since, and its answer was that there is none.
    pub(crate) no_error_behind_zero: bool,
    /// When a read returned 0 and no error had been told before.
    pub(crate) eof_at: Option<u64>,
    pub(crate) received: u64,
    pub(crate) largest_read: u64,
    /// What was told last, and whether that was after our FIN.
    pub(crate) unacked: Option<u64>,
    pub(crate) told_after_fin: bool,
    pub(crate) acked_at: Option<u64>,
    /// That was before the last questions.
    pub(crate) acked_in_time: bool,
    pub(crate) ack_unknown: bool,
    /// The last byte written, received (in the drain), or seen to be acknowledged.
    pub(crate) progress_at: u64,
    /// The same with the first answer about acknowledgements: of what came before nobody can tell
    /// when, so that the idle clocks begin again with it.
    pub(crate) idle_from: u64,
    pub(crate) stop_at: Option<u64>,
    pub(crate) abort_wanted: bool,
    pub(crate) evict_wanted: bool,
    pub(crate) unread: Option<u64>,
    pub(crate) released: Option<(u64, bool)>,
    pub(crate) releases: u8,
    /// In the drain, once its time was up.
    pub(crate) late_reads: u8,
    /// The last questions are being asked.
    closing: bool,
}

impl Facts {
    pub(crate) fn new(unwritten: u64, receive: Receive) -> Self {
        // The caller has read it then.
        let eof = receive == Receive::Nothing;
        Self {
            unwritten,
            half_close_asked: 0,
            fin_at: None,
            not_connected: false,
            first_error: None,
            zero: eof,
            no_error_behind_zero: false,
            eof_at: eof.then_some(0),
            received: 0,
            largest_read: 0,
            unacked: None,
            told_after_fin: false,
            acked_at: None,
            acked_in_time: false,
            ack_unknown: false,
            progress_at: 0,
            idle_from: 0,
            stop_at: None,
            abort_wanted: false,
            evict_wanted: false,
            unread: None,
            released: None,
            releases: 0,
            late_reads: 0,
            closing: false,
        }
    }

    /// All that was told, without when.
    pub(crate) fn timeless(&self) -> Self {
        let told = |at: Option<u64>| at.map(|_| 0);
        Self {
            fin_at: told(self.fin_at),
            eof_at: told(self.eof_at),
            acked_at: told(self.acked_at),
            stop_at: told(self.stop_at),
            progress_at: 0,
            idle_from: 0,
            ..*self
        }
    }

    /// By when the present phase ends whatever happens, as the observer reckons it: fixed points
    /// in time, so that nothing can have made them grow.
    pub(crate) fn cap(&self) -> u64 {
        let total = match self.fin_at {
            None => FLUSH_TOTAL,
            Some(fin_at) => fin_at + DRAIN_TOTAL,
        };
        self.stop_at.map_or(total, |stop| stop.min(total))
    }

    /// The same of the wait that is on: by when it ends, if the time was fixed by something that
    /// happened once.
    pub(crate) fn deadline(&self, walk: &Walk, phase: Phase) -> u64 {
        let acked = matches!(walk.limits.finish_on, FinishOn::Acked { .. });
        let fixed = match (phase, self.acked_at) {
            (Phase::Confirm, _) => {
                let both = self.eof_at.max(self.fin_at);
                both.map(|both| both + confirm_wait(walk))
            }
            (Phase::Drain, Some(at)) if self.limit_reached(walk) => Some(at + LIMIT_GRACE),
            (Phase::Drain, Some(at)) if acked => Some(at + ACKED_GRACE),
            _ => None,
        };
        fixed.map_or(self.cap(), |fixed| fixed.min(self.cap()))
    }

    pub(crate) fn limit_reached(&self, walk: &Walk) -> bool {
        walk.receive == Receive::Discard && self.received >= DRAIN_BYTES
    }

    /// `phase` is the one before `event`, which came at `now`.
    pub(crate) fn note(&mut self, (action, phase): (Action, Phase), event: Event, now: u64) {
        self.closing = phase == Phase::Close;
        if action == Action::HalfClose
            && matches!(
                event,
                Event::HalfClosed | Event::NotConnected | Event::Failed(..)
            )
        {
            self.half_close_asked += 1;
        }
        let read = matches!(
            event,
            Event::Received { .. }
                | Event::ReceivedFin
                | Event::ReceiveBlocked
                | Event::Failed(Operation::Receive, _)
        );
        if read && phase == Phase::Drain && now >= self.cap() {
            self.late_reads += 1;
        }
        match event {
            Event::Written { bytes } => {
                self.unwritten -= bytes as u64;
                self.unacked = self.unacked.map(|n| n + bytes as u64);
                self.progress_at = now;
            }
            Event::HalfClosed => {
                self.fin_at = Some(now);
                self.progress_at = now;
                self.told_after_fin = false;
            }
            Event::NotConnected => self.not_connected = true,
            Event::Received { bytes } => {
                self.received += bytes as u64;
                self.largest_read = self.largest_read.max(bytes as u64);
                if self.fin_at.is_some() {
                    self.progress_at = now;
                }
            }
            Event::ReceivedFin => {
                self.zero = true;
                if self.first_error.is_none() && self.eof_at.is_none() {
                    self.eof_at = Some(now);
                }
            }
            Event::PendingError(error) => {
                let kind = error.map(|error| error.kind());
                self.first_error = self.first_error.or(kind);
                self.no_error_behind_zero |= self.zero && error.is_none();
            }
            // The connection is settled by then, and this error says nothing of it.
            Event::Failed(Operation::TakeError, _) if self.closing => {}
            Event::Failed(_, error) => {
                self.first_error.get_or_insert(error.kind());
            }
            Event::Ack {
                fin,
                unacknowledged,
            } => self.note_ack(fin, unacknowledged, now),
            Event::Unread(unread) => self.unread = unread,
            Event::Closed => {
                self.releases += 1;
                self.released = Some((now, action == Action::Abort));
            }
            // Its time is not in the event in a form that can be told: see `stop`.
            Event::Stop(_) => {}
            Event::Abort => self.abort_wanted = true,
            Event::Evict => self.evict_wanted = true,
            Event::Readable | Event::Writable | Event::WriteBlocked | Event::ReceiveBlocked => {}
        }
        self.idle_from = self.idle_from.max(self.progress_at);
    }

    pub(crate) fn stop(&mut self, at: u64) {
        self.stop_at = Some(self.stop_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn note_ack(&mut self, fin: Acknowledged, unacknowledged: Option<u64>, now: u64) {
        let before = self.progress_at;
        if let (Some(before), Some(after)) = (self.unacked, unacknowledged)
            && after < before
        {
            self.progress_at = now;
        }
        if unacknowledged.is_some() {
            if self.unacked.is_none() {
                self.idle_from = now;
            }
            self.unacked = unacknowledged;
            self.told_after_fin = self.fin_at.is_some();
        }
        match fin {
            Acknowledged::Yes if self.acked_at.is_none() => {
                self.acked_at = Some(now);
                self.acked_in_time = !self.closing;
                self.unacked = Some(0);
                self.progress_at = now;
            }
            Acknowledged::Unknown => self.ack_unknown = true,
            Acknowledged::Yes | Acknowledged::No => {}
        }
        if self.closing {
            // Too late to keep it alive.
            self.progress_at = before;
        }
    }
}
