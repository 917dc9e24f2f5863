//! What a run counted. Tallies of workers add up exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::phases::Phases;
use crate::record::{ErrorKey, Phase, Record};
use crate::verdict::{Ending, Progress, Verdict};

/// What a run, or a part of one, counted: the sum of its [`Record`]s.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Connections started.
    pub started: u64,
    /// Connections that are over, by how far they got and how they ended.
    pub cells: BTreeMap<(Progress, Ending), u64>,
    /// Connections that the end of the run cut.
    pub open: u64,
    /// Errors of the OS, by number and operation.
    pub errors: BTreeMap<ErrorKey, u64>,
    /// Whole responses that came.
    pub responses: u64,
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
    /// From the first half-close to the last close, in each wave of a storm; else in one.
    pub windows: Windows,
    /// What came later than it was due.
    pub late: Late,
    /// Highest number of connections established at once; 0 if none ever was.
    pub most_open: u64,
}

/// What came later than it was due: the generator's own account of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Late {
    /// Connections started more than [`TOLERANCE`](Self::TOLERANCE) after they were due.
    pub starts: u64,
    /// Of those, the ones that waited because all connections that may be open at once were.
    pub starts_for_room: u64,
    /// Connections that were due before the end of the run, or before it was stopped, and never
    /// started.
    pub unstarted: u64,
    /// Closes that a rate of closes wanted and for which no connection was ready in time.
    pub closes: u64,
    /// The longest that a start was late.
    pub most: Duration,
}

impl Late {
    /// What is not called late: an event loop's timer has a resolution of a millisecond, and
    /// other programs want the CPU too.
    pub const TOLERANCE: Duration = Duration::from_millis(10);

    pub(crate) fn start(&mut self, by: Duration, for_room: bool) {
        self.most = self.most.max(by);
        if by > Self::TOLERANCE {
            self.starts += 1;
            self.starts_for_room += u64::from(for_room);
        }
    }

    fn add(&mut self, other: &Self) {
        self.starts += other.starts;
        self.starts_for_room += other.starts_for_room;
        self.unstarted += other.unstarted;
        self.closes += other.closes;
        self.most = self.most.max(other.most);
    }
}

impl Tally {
    /// Counts one connection that is over, or that the end of the run has cut.
    pub fn record(&mut self, record: &Record) {
        self.responses += record.responses;
        self.sent_bytes += record.sent_bytes;
        self.received_bytes += record.received_bytes;
        self.discarded_bytes += record.discarded_bytes;
        if let Some(error) = &record.error {
            *self.errors.entry(error.clone()).or_default() += 1;
        }
        for (phase, time) in record.times.iter() {
            self.phases.record(phase, record.ending, time);
        }
        if let Some(teardown) = record.times.get(Phase::Teardown) {
            self.torn_down += 1;
            let first = record.ended.saturating_sub(teardown);
            self.windows.note(record.wave, first, record.ended);
        }
        if record.ending == Ending::StillOpen {
            self.open += 1;
        } else {
            *self
                .cells
                .entry((record.progress, record.ending))
                .or_default() += 1;
        }
    }

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

    /// Adds another's counts; exact, in any order. Not the highest number open at once: peaks
    /// need not come at the same time.
    pub fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.open += other.open;
        for (cell, count) in &other.cells {
            *self.cells.entry(*cell).or_default() += count;
        }
        for (error, count) in &other.errors {
            *self.errors.entry(error.clone()).or_default() += count;
        }
        self.responses += other.responses;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.discarded_bytes += other.discarded_bytes;
        self.torn_down += other.torn_down;
        self.phases.add(&other.phases);
        self.windows.add(&other.windows);
        self.late.add(&other.late);
    }

    /// Whether a sum would not fit, which only numbers that nobody counted can come to.
    pub(crate) fn would_overflow(&self, other: &Self) -> bool {
        let fits = |a: u64, b: u64| a.checked_add(b).is_some_and(|sum| sum <= u64::MAX / 4);
        let (a, b) = (self, other);
        let errors = |tally: &Self| {
            tally
                .errors
                .values()
                .fold(0, |a: u64, &b| a.saturating_add(b))
        };
        let times = |tally: &Self| {
            let counts = tally.phases.iter().map(|(.., times)| times.len());
            counts.fold(0, u64::saturating_add)
        };
        !(fits(a.started, b.started)
            && fits(a.responses, b.responses)
            && fits(a.sent_bytes, b.sent_bytes)
            && fits(a.received_bytes, b.received_bytes)
            && fits(a.discarded_bytes, b.discarded_bytes)
            && fits(a.torn_down, b.torn_down)
            && fits(a.late.starts, b.late.starts)
            && fits(a.late.starts_for_room, b.late.starts_for_room)
            && fits(a.late.unstarted, b.late.unstarted)
            && fits(a.late.closes, b.late.closes)
            && fits(errors(a), errors(b))
            && fits(times(a), times(b)))
    }

    /// Forgets all counts and keeps the histograms' memory.
    pub(crate) fn clear(&mut self) {
        let mut phases = std::mem::take(&mut self.phases);
        phases.clear();
        *self = Self {
            phases,
            ..Self::default()
        };
    }
}

/// From the first half-close to the last close, by wave, from the run's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Windows(Vec<Option<(Duration, Duration)>>);

impl Windows {
    /// Widens a wave's window.
    pub fn note(&mut self, wave: usize, first: Duration, last: Duration) {
        if self.0.len() <= wave {
            self.0.resize(wave + 1, None);
        }
        // To the microsecond, as everything in a result is.
        let whole = |time: Duration| Duration::from_micros(time.as_micros() as u64);
        let (first, last) = (whole(first), whole(last));
        let window = &mut self.0[wave];
        *window = Some(window.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
    }

    /// Adds another's; exact, in any order.
    pub fn add(&mut self, other: &Self) {
        for (wave, (first, last)) in other.iter() {
            self.note(wave, first, last);
        }
    }

    /// The waves in which anything was torn down.
    pub fn iter(&self) -> impl Iterator<Item = (usize, (Duration, Duration))> {
        let waves = self.0.iter().enumerate();
        waves.filter_map(|(wave, window)| window.map(|window| (wave, window)))
    }

    /// All waves together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.iter()
            .map(|(_, (first, last))| last.saturating_sub(first))
            .sum()
    }
}
