//! What a run counted. Tallies of workers add up exactly.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::verdict::{Ending, Progress, Verdict};

/// What a run, or one of its workers, counted.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Connections started.
    pub started: u64,
    /// Connections that are over, by how far they got and how they ended.
    pub cells: BTreeMap<(Progress, Ending), u64>,
    /// Connections that the end of the run cut.
    pub open: u64,
    /// Errors of the OS, by number and operation.
    pub errors: BTreeMap<ErrorKey, u64>,
    /// Request bytes that the kernel took.
    pub sent_bytes: u64,
    /// Response bytes received.
    pub received_bytes: u64,
    /// The part of them that was thrown away unseen.
    pub discarded_bytes: u64,
    /// How long each phase took.
    pub phases: Phases,
    /// Connections whose teardown ran: they half-closed, or closed, or aborted.
    pub torn_down: u64,
    /// From the first half-close to the last close; in a storm of several waves, of all together.
    pub teardown_window: Duration,
    /// Highest number of connections established at once.
    pub most_open: u64,
}

/// An error of the OS, and what met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorKey {
    /// What was being done.
    pub operation: &'static str,
    /// The OS's number, if the error has one.
    pub raw: Option<i32>,
    /// The portable kind.
    pub kind: io::ErrorKind,
}

/// A histogram for each phase of a connection, in microseconds.
#[derive(Debug, Clone)]
pub struct Phases {
    /// From the attempt to the established connection.
    pub connect: Histogram<u64>,
    /// From there to our FIN.
    pub send: Histogram<u64>,
    /// From our FIN to the peer's.
    pub fin_to_peer_fin: Histogram<u64>,
    /// From our FIN to the close.
    pub teardown: Histogram<u64>,
}

/// 1 us to 1 h, 3 significant digits, the same for every run so that results can be added up.
fn histogram() -> Histogram<u64> {
    const HOUR_US: u64 = 3_600_000_000;
    // The bounds are constants that the library accepts; if it ever did not, nothing would work.
    Histogram::new_with_bounds(1, HOUR_US, 3).expect("1..1h with 3 digits are valid bounds")
}

pub(crate) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(micros.max(1));
}

impl Default for Phases {
    fn default() -> Self {
        Self {
            connect: histogram(),
            send: histogram(),
            fin_to_peer_fin: histogram(),
            teardown: histogram(),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            started: 0,
            cells: BTreeMap::new(),
            open: 0,
            errors: BTreeMap::new(),
            sent_bytes: 0,
            received_bytes: 0,
            discarded_bytes: 0,
            phases: Phases::default(),
            torn_down: 0,
            teardown_window: Duration::ZERO,
            most_open: 0,
        }
    }
}

impl Tally {
    /// Connections that are over.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.cells.values().sum()
    }

    /// How many connections got each verdict.
    #[must_use]
    pub fn verdicts(&self) -> BTreeMap<Verdict, u64> {
        let mut verdicts = BTreeMap::new();
        for (&(progress, ending), count) in &self.cells {
            *verdicts.entry(Verdict::of(progress, ending)).or_default() += count;
        }
        verdicts
    }

    /// How many connections ended in each way.
    #[must_use]
    pub fn endings(&self) -> BTreeMap<Ending, u64> {
        let mut endings = BTreeMap::new();
        for (&(_, ending), count) in &self.cells {
            *endings.entry(ending).or_default() += count;
        }
        endings
    }

    /// Whether any connection was established.
    #[must_use]
    pub fn tested_anything(&self) -> bool {
        self.most_open > 0
    }

    /// Whether every started connection is in exactly one place.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.finished() + self.open == self.started
    }

    pub(crate) fn error(&mut self, operation: &'static str, raw: Option<i32>, kind: io::ErrorKind) {
        *self
            .errors
            .entry(ErrorKey {
                operation,
                raw,
                kind,
            })
            .or_default() += 1;
    }

    /// Adds another worker's counts; exact, in any order. Not the teardown window, nor
    /// what the control counts for all.
    pub(crate) fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.open += other.open;
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
        for (error, count) in &other.errors {
            *self.errors.entry(*error).or_default() += count;
        }
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.discarded_bytes += other.discarded_bytes;
        self.torn_down += other.torn_down;
        for (mine, others) in [
            (&mut self.phases.connect, &other.phases.connect),
            (&mut self.phases.send, &other.phases.send),
            (
                &mut self.phases.fin_to_peer_fin,
                &other.phases.fin_to_peer_fin,
            ),
            (&mut self.phases.teardown, &other.phases.teardown),
        ] {
            mine.add(others)
                .expect("all histograms have the same bounds");
        }
    }
}

/// From the first half-close to the last close, for each wave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Windows(Vec<Option<(Instant, Instant)>>);

impl Windows {
    pub(crate) fn note(&mut self, wave: usize, first: Instant, last: Instant) {
        if self.0.len() <= wave {
            self.0.resize(wave + 1, None);
        }
        let window = &mut self.0[wave];
        *window = Some(window.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (wave, window) in other.0.iter().enumerate() {
            if let Some((first, last)) = *window {
                self.note(wave, first, last);
            }
        }
    }

    /// All waves together.
    pub(crate) fn total(&self) -> Duration {
        self.0
            .iter()
            .flatten()
            .map(|(first, last)| last.saturating_duration_since(*first))
            .sum()
    }
}
