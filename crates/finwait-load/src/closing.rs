//! How a connection is closed, and what is then known of it.

use std::io;
use std::time::Instant;

use finwait::{Fin, Finished, Receive, Report, Watch};
use finwait_platform as platform;
use mio::net::TcpStream;

use crate::close::CloseMode;
use crate::control::add;
use crate::exchange::{Exchange, Stage};
use crate::plan::Plan;
use crate::record::{ErrorKey, Phase, Record, Times};
use crate::request::Rest;
use crate::verdict::{Ending, Progress, Verdict, request_progress};
use crate::worker::{CLOSER_TURN, Worker};

/// What is known of the end of an exchange that the closer did not see.
struct End {
    progress: Progress,
    ending: Ending,
    error: Option<ErrorKey>,
    acked: Option<u64>,
    at: Instant,
}

impl Worker<'_> {
    /// Closes one that has come to its close, in its own way.
    pub(crate) fn close(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        match exchange.close {
            CloseMode::Half if self.plan.read_rate.is_some() => {
                self.half_close_and_read(index, now)
            }
            CloseMode::Half => self.hand_over(index, now),
            // The peer ends it before the response that was to be left unread.
            CloseMode::Abandon if !exchange.unread => self.hand_over(index, now),
            CloseMode::Fin | CloseMode::Rst | CloseMode::Abandon => self.close_first(index, now),
        }
    }

    /// A slow reader half-closes by itself, because the closer reads as fast as it can.
    fn half_close_and_read(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let Stage::Talking(stream) = &exchange.stage else {
            return;
        };
        match platform::half_close(stream) {
            Ok(()) => {
                exchange.fin_at = Some(now);
                self.drive(index);
            }
            // Why it failed is for the closer to find out.
            Err(_) => self.hand_over(index, now),
        }
    }

    /// Hands the socket to the closer, with what is still to be sent.
    fn hand_over(&mut self, index: usize, now: Instant) {
        let plan = self.plan;
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if !matches!(exchange.stage, Stage::Talking(_)) {
            return;
        }
        let Stage::Talking(stream) = std::mem::replace(&mut exchange.stage, Stage::Over) else {
            return;
        };
        let (limits, closer) = (&plan.limits, &mut self.closer);
        let receive = match exchange.peer_fin_at {
            Some(_) => Receive::Nothing,
            None => Receive::Deliver,
        };
        let key = if exchange.fin_at.is_some() {
            closer.drain(Watch::Kept, stream, receive, limits, now)
        } else {
            let rest = Rest::new(exchange.request(plan), exchange.written);
            closer.begin(Watch::Kept, stream.into(), rest, receive, limits, now)
        };
        exchange.stage = Stage::Closing { since: now, key };
        self.drop_timer(index);
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, usize::MAX);
        }
        self.by_key[key.index()] = index;
    }

    /// The peer has closed first. What it said may be all that was wanted; then one that aborts
    /// aborts. Everything else ends in order, and the closer sees whether an RST follows the FIN.
    pub(crate) fn after_peer_fin(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if exchange.close == CloseMode::Rst && exchange.is_complete(self.plan, true) {
            return self.close_first(index, now);
        }
        self.hand_over(index, now);
    }

    /// Closes without waiting for the peer's FIN: plainly, with the response unread, or by RST.
    fn close_first(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get(index) else {
            return;
        };
        let Stage::Talking(stream) = &exchange.stage else {
            return;
        };
        // What has come since the last read, or behind the peer's FIN, is not our doing.
        let pending = exchange.end.of_pending(stream.take_error());
        if let Some(error) = pending.unwrap_or_else(Some) {
            return self.ended_by_peer(index, error, now);
        }
        if exchange.close == CloseMode::Fin && has_fin_of_peer(stream) {
            return self.hand_over(index, now);
        }
        let (ending, error) = match exchange.close {
            CloseMode::Rst => match platform::arm_abort(stream) {
                Ok(()) => (Ending::Aborted, None),
                Err(error) => (Ending::LocalError, Some(ErrorKey::new("abort", &error))),
            },
            CloseMode::Abandon => (Ending::Abandoned, None),
            CloseMode::Half | CloseMode::Fin => (Ending::Closed, None),
        };
        let progress = if exchange.close == CloseMode::Abandon {
            // How much of it was there nobody has looked.
            Progress::ResponsePartial
        } else {
            Progress::ResponseComplete
        };
        let acked = exchange.acked_bytes();
        let Some(mut exchange) = self.take(index) else {
            return;
        };
        // This closes it.
        exchange.stage = Stage::Over;
        let at = Instant::now();
        exchange.fin_at = Some(now);
        let end = End {
            progress,
            ending,
            error,
            acked,
            at,
        };
        let mut times = self.times_of(&exchange, &end);
        times.set(Phase::Teardown, at - now);
        self.leave(&exchange, end, times);
    }

    /// We were about to close, and the connection was over.
    fn ended_by_peer(&mut self, index: usize, error: io::Error, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        if exchange.peer_fin_at.is_some() {
            let error = Some(ErrorKey::new("close", &error));
            self.break_off(index, Ending::FinThenRst, error, now);
        } else if exchange.close == CloseMode::Abandon {
            // What came of the response stays unread.
            let ending = Ending::of_error(&error);
            self.break_off(index, ending, Some(ErrorKey::new("close", &error)), now);
        } else {
            exchange.reset_unseen("close", error);
            self.drive(index);
        }
    }

    /// Nothing more came in time.
    pub(crate) fn expire(&mut self, index: usize, now: Instant) {
        if self
            .exchanges
            .get(index)
            .is_some_and(|e| matches!(e.stage, Stage::Talking(_)))
        {
            self.break_off(index, Ending::Timeout, None, now);
        }
    }

    /// Ends an exchange before its close, by no will of ours.
    pub(crate) fn break_off(
        &mut self,
        index: usize,
        ending: Ending,
        error: Option<ErrorKey>,
        now: Instant,
    ) {
        let Some(mut exchange) = self.take(index) else {
            return;
        };
        let acked = exchange.acked_bytes();
        let progress = if exchange.established.is_none() {
            Progress::NoConnection
        } else if exchange.is_between_requests()
            || exchange.is_complete(self.plan, exchange.peer_fin_at.is_some())
        {
            Progress::ResponseComplete
        } else if exchange.has_response() {
            Progress::ResponsePartial
        } else {
            match (exchange.written, acked) {
                (0, _) => Progress::Connected,
                (_, Some(acked)) if acked <= exchange.sent_before => Progress::RequestUnacked,
                _ => Progress::RequestAcked,
            }
        };
        exchange.stage = Stage::Over;
        let end = End {
            progress,
            ending,
            error,
            acked,
            at: now,
        };
        let mut times = self.times_of(&exchange, &end);
        if let (Some(fin_at), true) = (exchange.fin_at, ending != Ending::StillOpen) {
            times.set(Phase::Teardown, now - fin_at);
        }
        self.leave(&exchange, end, times);
    }

    /// A teardown is over: what does it say of the exchange?
    pub(crate) fn torn_down(&mut self, finished: &Finished) {
        let index = self.by_key[finished.key.index()];
        let Some(mut exchange) = self.take(index) else {
            return;
        };
        let Stage::Closing { since: handed, .. } = exchange.stage else {
            return;
        };
        let (report, plan) = (&finished.report, self.plan);
        let ending = Ending::of_report(report);
        let own_fin = exchange.fin_at.is_some();
        if !own_fin {
            let request = exchange.request(plan).len();
            exchange.written = request.saturating_sub(report.unwritten_bytes as usize);
            // One whose FIN never went out has nothing to time.
            exchange.fin_at = (report.fin != Fin::NotSent).then_some(handed + report.flush);
            exchange.sent_at = exchange.sent_at.max(exchange.fin_at);
        }
        if report.peer_fin || ending == Ending::FinThenRst {
            let fin_read = handed + report.flush + report.drain;
            exchange.peer_fin_at.get_or_insert(fin_read);
        }
        let end = End {
            progress: progress_of(&exchange, plan, report),
            ending,
            error: report
                .error
                .map(|error| ErrorKey::of("close", error.raw_os_error(), error.kind())),
            acked: acked_of(&exchange, report),
            // The report counts whole microseconds, and nothing comes after the end.
            at: exchange
                .last_byte_at
                .max(Some(handed + report.total()))
                .unwrap_or(handed),
        };
        let mut times = self.times_of(&exchange, &end);
        // One that the end of the run cut has no times of its own to tell.
        if let (Some(fin_at), true) = (exchange.fin_at, ending != Ending::StillOpen) {
            times.set(Phase::Teardown, end.at - fin_at);
            if let Some(peer_fin_at) = exchange.peer_fin_at {
                times.set(
                    Phase::FinToPeerFin,
                    peer_fin_at.saturating_duration_since(fin_at),
                );
            }
            if let (Some(time), false) = (report.fin_to_ack, own_fin) {
                times.set(Phase::FinToAck, time);
            }
        }
        self.leave(&exchange, end, times);
    }

    fn take(&mut self, index: usize) -> Option<Exchange> {
        // Not `set_timer`, which leaves one alone that fires earlier.
        self.drop_timer(index);
        self.exchanges.try_remove(index)
    }

    /// The times that every connection has, as far as it came.
    fn times_of(&self, exchange: &Exchange, end: &End) -> Times {
        let mut times = Times::default();
        let from_start = |at: Instant| at.saturating_duration_since(exchange.intended);
        let established = exchange.established;
        if let Some(at) = established {
            times.set(Phase::Connect, from_start(at));
        }
        if end.ending == Ending::StillOpen {
            return times;
        }
        if let (Some(from), Some(at)) = (established, exchange.sent_at) {
            times.set(Phase::Send, at.saturating_duration_since(from));
        }
        if let Some(at) = exchange.first_byte_at {
            times.set(Phase::FirstByte, from_start(at));
        }
        if let Some(at) = exchange.last_byte_at {
            times.set(Phase::LastByte, from_start(at));
        }
        if let (Some(last), Some(fin)) = (exchange.last_byte_at, exchange.peer_fin_at) {
            times.set(
                Phase::LastByteToPeerFin,
                fin.saturating_duration_since(last),
            );
        }
        if matches!(end.ending, Ending::Rst | Ending::FinThenRst) {
            times.set(Phase::Reset, from_start(end.at));
        }
        times.set(Phase::Total, from_start(end.at));
        times
    }

    /// An established connection is over.
    fn leave(&mut self, exchange: &Exchange, end: End, times: Times) {
        let complete =
            end.progress == Progress::ResponseComplete && !exchange.is_between_requests();
        let record = Record {
            id: exchange.id,
            local: exchange.local,
            peer: self.plan.pair(exchange.id).0,
            intended: self.since_start(exchange.intended),
            started: self.since_start(exchange.started),
            ended: self.since_start(end.at),
            close: exchange.close,
            progress: end.progress,
            ending: end.ending,
            responses: exchange.responses + u64::from(complete),
            sent_bytes: exchange.sent_before + exchange.written as u64,
            received_bytes: exchange.received_before + exchange.reception.bytes,
            discarded_bytes: 0,
            acked_bytes: end.acked,
            error: end.error,
            times,
            wave: self.wave,
        };
        if exchange.established.is_some() {
            self.established -= 1;
            self.control.left(1);
        }
        self.settle(record);
    }

    /// Counts one that is over.
    pub(crate) fn settle(&mut self, record: Record) {
        if record.ending != Ending::StillOpen {
            add(&self.control.finished, 1);
            let good = Verdict::of(record.progress, record.ending).is_good();
            add(&self.control.good, u64::from(good));
        }
        self.count(record);
    }

    /// What is still there when the time is up counts as open.
    pub(crate) fn cut(&mut self) {
        let now = Instant::now();
        // What became of those that the closer has, the closer knows.
        self.closer.stop(now, now);
        for _ in 0..self.closer.len().div_ceil(CLOSER_TURN) {
            self.turn_closer();
        }
        let open: Vec<_> = self.exchanges.iter().map(|(index, _)| index).collect();
        for index in open {
            self.break_off(index, Ending::StillOpen, None, now);
        }
        let unstarted = self.unstarted();
        self.counted().late.unstarted += unstarted;
    }
}

/// Whether the peer's FIN is there, be it behind bytes that nobody has read. `false` where the OS cannot tell.
fn has_fin_of_peer(stream: &TcpStream) -> bool {
    let info = platform::tcp_info(stream).ok().flatten();
    info.is_some_and(|info| info.state == platform::TcpState::CloseWait)
}

fn progress_of(exchange: &Exchange, plan: &Plan, report: &Report) -> Progress {
    // What came before a FIN came whole, whatever follows the FIN.
    if exchange.is_complete(plan, exchange.peer_fin_at.is_some()) || exchange.is_between_requests()
    {
        Progress::ResponseComplete
    } else if exchange.has_response() || report.unread_bytes.is_some_and(|unread| unread > 0) {
        // A teardown that its time has ended may leave bytes in the kernel that nobody read.
        Progress::ResponsePartial
    } else {
        request_progress(exchange.written as u64, report)
    }
}

fn acked_of(exchange: &Exchange, report: &Report) -> Option<u64> {
    let sent = exchange.sent_before + exchange.written as u64;
    report
        .unacknowledged_bytes
        .map(|unacked| sent.saturating_sub(unacked))
}
