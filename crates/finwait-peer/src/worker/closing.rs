//! What a thread hands over to finwait, and what comes back.

use std::time::Instant;

use finwait::{Ending, Finished, Receive, Watch};
use mio::net::TcpStream;

use super::Worker;
use super::slots::Closing;
use crate::filler::Unsent;
use crate::stats::Ended;
use crate::treatment::Treatment;

impl Worker {
    /// Hands a connection over to finwait, registered as it is.
    pub(super) fn close(&mut self, index: usize, unsent: Unsent, now: Instant) {
        self.disarm(index);
        let (closer, server) = (&mut self.closer, &self.limits);
        self.connections.close(index, |connection| {
            let limits = connection.closing_treatment().limits(server);
            let bytes = unsent.as_ref().len() as u64;
            let brittle = connection.brittle;
            let (stream, receive) = (connection.stream.into(), Receive::Discard);
            let key = closer.begin(Watch::Kept, stream, unsent, receive, &limits, now);
            Closing {
                key,
                bytes,
                brittle,
            }
        });
    }

    /// The same for one that nobody has registered yet.
    pub(super) fn close_at_once(&mut self, stream: TcpStream, treatment: Treatment, now: Instant) {
        let limits = treatment.limits(&self.limits);
        let (stream, unsent, receive) = (stream.into(), Unsent::Nothing, Receive::Discard);
        let watch = self.poll.registry();
        let key = (self.closer).begin(watch, stream, unsent, receive, &limits, now);
        self.connections.add_closing(Closing {
            key,
            bytes: 0,
            brittle: None,
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
