//! Exchanges that end without a half-close: `--close fin` and `--close rst`.

use std::io::{self, Read, Write};
use std::time::Instant;

use finwait_platform as platform;

use crate::plan::{CloseMode, Plan};
use crate::verdict::{Ending, Progress};
use crate::worker::{Exchange, Stage, Worker};

/// What one look at a socket came to.
enum Look {
    /// Nothing more for now; whether there was any progress.
    Blocked(bool),
    /// The response is complete, and the peer has not closed.
    Complete,
    /// The peer's FIN.
    Fin,
    Failed(&'static str, io::Error),
}

impl Worker<'_> {
    /// Writes as much of the request as fits, ahead of the storm.
    pub(crate) fn write_ahead(&mut self, index: usize) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let Stage::Held(stream) = &mut exchange.stage else {
            return;
        };
        while exchange.written < self.plan.request.len() {
            match stream.write(&self.plan.request[exchange.written..]) {
                Ok(written) if written > 0 => exchange.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Full, or failed: the teardown will see the same, and report it.
                _ => return,
            }
        }
    }

    pub(crate) fn drive_direct(&mut self, index: usize) {
        let now = Instant::now();
        match self.look(index) {
            Look::Blocked(progress) => {
                let idle = self.exchanges.get(index).is_some_and(|e| e.timer.is_none());
                if progress || idle {
                    self.set_timer(index, Some(now + self.plan.limits.drain_idle));
                }
            }
            Look::Complete => self.close_direct(index, now, false),
            Look::Fin => self.close_direct(index, now, true),
            Look::Failed(operation, error) => {
                self.tally
                    .error(operation, error.raw_os_error(), error.kind());
                let ending = Ending::of_connect_error(error.kind());
                self.leave_direct(index, ending, false);
            }
        }
    }

    /// Writes and reads until blocked, complete, or over.
    fn look(&mut self, index: usize) -> Look {
        let (plan, mut progress) = (self.plan, false);
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return Look::Blocked(false);
        };
        let Exchange {
            stage,
            written,
            reception,
            ..
        } = exchange;
        let Stage::Direct(stream) = stage else {
            return Look::Blocked(false);
        };
        while *written < plan.request.len() {
            match stream.write(&plan.request[*written..]) {
                Ok(n) => {
                    *written += n;
                    progress = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Look::Failed("write", error),
            }
        }
        let mut buffer = [0; 16 << 10];
        loop {
            if *written == plan.request.len()
                && reception.is_complete(plan.expect, &plan.request, false)
            {
                return Look::Complete;
            }
            match stream.read(&mut buffer) {
                Ok(0) => return Look::Fin,
                Ok(n) => {
                    reception.receive(&buffer[..n], plan.expect, &plan.request);
                    progress = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Look::Blocked(progress);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Look::Failed("read", error),
            }
        }
    }

    /// Closes as the plan says, after the response or the peer's FIN.
    fn close_direct(&mut self, index: usize, now: Instant, peer_fin: bool) {
        let Some(Exchange {
            stage: Stage::Direct(stream),
            ..
        }) = self.exchanges.get(index)
        else {
            return;
        };
        // EOF hides an RST that came after it.
        let hidden = if peer_fin {
            stream.take_error().unwrap_or_else(Some)
        } else {
            None
        };
        let complete = self.is_complete(index, peer_fin);
        let mut ending = match (&hidden, self.plan.close) {
            (Some(_), _) => Ending::FinThenRst,
            // Only what was complete is aborted as planned; the rest broke off before.
            (None, CloseMode::Rst) if complete => Ending::Aborted,
            (None, _) if peer_fin => Ending::FinClean,
            (None, _) => Ending::Closed,
        };
        if let Some(error) = hidden {
            self.tally
                .error("close", error.raw_os_error(), error.kind());
        } else if ending == Ending::Aborted
            && let Err(error) = platform::arm_abort(stream)
        {
            self.tally
                .error("abort", error.raw_os_error(), error.kind());
            ending = Ending::LocalError;
        }
        self.leave_direct(index, ending, peer_fin);
        let closed = Instant::now();
        crate::tally::record(&mut self.tally.phases.teardown, closed - now);
        self.note_teardown(now, closed);
    }

    pub(crate) fn direct_expired(&mut self, index: usize, _now: Instant) {
        self.leave_direct(index, Ending::Timeout, false);
    }

    fn is_complete(&self, index: usize, fin_read: bool) -> bool {
        let Plan {
            expect, request, ..
        } = self.plan;
        let exchange = self.exchanges.get(index);
        exchange.is_some_and(|e| e.reception.is_complete(*expect, request, fin_read))
    }

    fn leave_direct(&mut self, index: usize, ending: Ending, fin_read: bool) {
        self.set_timer(index, None);
        let complete = self.is_complete(index, fin_read);
        let Some(exchange) = self.exchanges.try_remove(index) else {
            return;
        };
        let bytes = exchange.reception.bytes;
        let progress = match exchange.written {
            _ if complete => Progress::ResponseComplete,
            _ if bytes > 0 => Progress::ResponsePartial,
            0 => Progress::Connected,
            written => match unacknowledged(&exchange.stage) {
                Some(unacked) if unacked >= written as u64 => Progress::RequestUnacked,
                _ => Progress::RequestAcked,
            },
        };
        self.tally.sent_bytes += exchange.written as u64;
        self.tally.received_bytes += bytes;
        drop(exchange);
        self.leave(progress, ending);
    }
}

fn unacknowledged(stage: &Stage) -> Option<u64> {
    let Stage::Direct(stream) = stage else {
        return None;
    };
    platform::unacknowledged(stream).ok().flatten()
}
