//! What a worker tells while it goes on: records as they come, and the counts of each second.

use std::time::Instant;

use crate::record::Record;
use crate::tally::Tally;
use crate::worker::Worker;

/// Records are handed on in batches of this size.
const BATCH: usize = 256;

impl Worker<'_> {
    /// Where counts go now.
    pub(crate) fn counted(&mut self) -> &mut Tally {
        if self.seconds_told.is_some() {
            &mut self.this_second
        } else {
            &mut self.tally
        }
    }

    pub(crate) fn wants_records(&self) -> bool {
        self.records.is_some()
    }

    /// Counts one that is over, and hands it on.
    pub(crate) fn count(&mut self, record: Record) {
        self.counted().record(&record);
        if let Some(records) = &mut self.records {
            records.push(record);
            if records.len() >= BATCH {
                let batch = std::mem::replace(records, Vec::with_capacity(BATCH));
                self.observer.records(batch);
            }
        }
    }

    /// Hands on the seconds that are over.
    pub(crate) fn tell_seconds(&mut self, now: Instant) {
        let Some(mut second) = self.seconds_told else {
            return;
        };
        let current = self.since_start(now).as_secs();
        while second < current {
            self.tell_second(second);
            second += 1;
        }
        self.seconds_told = Some(second);
    }

    fn tell_second(&mut self, second: u64) {
        let counted = self.this_second.clone();
        self.this_second.clear();
        self.tally.add(&counted);
        self.observer.second(self.share.worker, second, counted);
    }

    /// Hands on what is left at the end.
    pub(crate) fn tell_rest(&mut self) {
        if let Some(second) = self.seconds_told.take() {
            self.tell_second(second);
        }
        if let Some(records) = self.records.take().filter(|records| !records.is_empty()) {
            self.observer.records(records);
        }
        self.observer.done(self.share.worker);
    }
}
