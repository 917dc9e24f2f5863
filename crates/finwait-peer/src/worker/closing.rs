//! What a thread hands over to finwait, and what comes back.

use std::time::Instant;

use finwait::{Ending, Finished, Receive, Watch};

use super::Worker;
use super::slots::Closing;
use crate::filler::Unsent;
use crate::stats::Ended;

impl Worker {
    /// Hands a connection over to finwait, registered as it is.
    pub(super) fn close(&mut self, index: usize, unsent: Unsent, now: Instant) {
        self.disarm(index);
        let (closer, server) = (&mut self.closer, &self.limits);
        self.connections.close(index, |connection| {
            let limits = connection.closing_treatment().limits(server);
            let bytes = unsent.as_ref().len() as u64;
            let brittle = connection.brittle;
            let receive = if connection.peer_fin {
                Receive::Nothing
            } else {
                Receive::Discard
            };
            let stream = connection.stream.into();
            let key = closer.begin(Watch::Kept, stream, unsent, receive, &limits, now);
            Closing {
                key,
                bytes,
                brittle,
            }
        });
    }

    pub(super) fn finished(&mut self, finished: &Finished) {
        let report = &finished.report;
        self.service.books.received(report.received_bytes);
        if let Some(closing) = self.connections.finished(finished.key) {
            let sent = closing.bytes.saturating_sub(report.unwritten_bytes);
            self.service.books.sent(sent);
            if let Some(period) = closing.brittle
                && matches!(report.ending, Ending::Reset { .. })
            {
                self.service.shared.brittle.break_for(period);
            }
        }
        self.service.books.ended(Ended::Teardown(report.ending));
    }
}
