//! What a server counts, while it runs and in the end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use finwait::{Clock, Ending};

/// A running server's counters, as they were when they were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are over.
    pub finished: u64,
    /// Those of them that ended as [`Ending::Graceful`].
    pub graceful: u64,
    /// Those that were cut because the deadline of the stop had come.
    pub cut: u64,
    /// Bytes received. Those that finwait drained count when the connection is over.
    pub received_bytes: u64,
    /// Bytes that the OS took from us. Those that finwait flushed count when the connection is
    /// over.
    pub sent_bytes: u64,
    /// Times that accepting a connection failed, out of descriptors for instance.
    pub accept_errors: u64,
}

impl Stats {
    /// Connections that are neither over nor waiting to be accepted.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.accepted.saturating_sub(self.finished)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.finished += other.finished;
        self.graceful += other.graceful;
        self.cut += other.cut;
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        self.accept_errors += other.accept_errors;
    }
}

/// What a server did, from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are over, in whatever way. Less than `accepted` only if the server was
    /// not given the time, or failed.
    pub finished: u64,
    /// Those of them that ended as [`Ending::Graceful`].
    pub graceful: u64,
    /// How many ended how, named by [`Ending`]'s `Display` for those that finwait closed. The
    /// others: `reset before the close`, `lost before the close`, `failed before the close`,
    /// `aborted` (by `rst`, and what else ends in one), `closed without a drain` (by
    /// `unread-close`, `early-close` and `half-close-deaf`), and
    /// `cut at the deadline`. They add up to `finished`.
    pub endings: BTreeMap<String, u64>,
    /// Connections that were cut because the deadline of the stop had come.
    pub cut: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes that the OS took from us.
    pub sent_bytes: u64,
    /// Times that accepting a connection failed.
    pub accept_errors: u64,
    /// What went wrong with the server itself: one line per thread that did not end well.
    pub failures: Vec<String>,
}

impl Summary {
    pub(crate) fn new(stats: Stats, tallies: &[Tally], failures: Vec<String>) -> Self {
        let mut endings = BTreeMap::new();
        for (ended, count) in tallies.iter().flat_map(|tally| &tally.counts) {
            *endings.entry(ended.to_string()).or_default() += count;
        }
        Self {
            accepted: stats.accepted,
            finished: stats.finished,
            graceful: stats.graceful,
            endings,
            cut: stats.cut,
            received_bytes: stats.received_bytes,
            sent_bytes: stats.sent_bytes,
            accept_errors: stats.accept_errors,
            failures,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted, {} finished, {} graceful, {} cut",
            counted(self.accepted, "connection"),
            self.finished,
            self.graceful,
            self.cut
        )?;
        if self.accept_errors > 0 {
            write!(f, ", {}", counted(self.accept_errors, "accept error"))?;
        }
        write!(
            f,
            "\n{} received, {} sent",
            counted(self.received_bytes, "byte"),
            counted(self.sent_bytes, "byte")
        )?;
        for (i, (ending, count)) in self.endings.iter().enumerate() {
            f.write_str(if i == 0 { "\nendings: " } else { " · " })?;
            write!(f, "{ending} {count}")?;
        }
        for failure in &self.failures {
            write!(f, "\nfailed: {failure}")?;
        }
        Ok(())
    }
}

/// `1 byte`, `2 bytes`.
fn counted(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// finwait closed it.
    Teardown(Ending),
    /// The peer reset it while it was served.
    Reset,
    /// The local stack gave it up while it was served.
    Lost,
    /// Something else failed while it was served.
    Failed,
    /// `rst` did what it is for, or another that ends in one.
    Aborted,
    /// `unread-close` did what it is for, or another that closes plainly.
    ClosedUnread,
    /// The stop's deadline had come.
    Cut,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Teardown(ending) => return ending.fmt(f),
            Self::Aborted => return Ending::Aborted.fmt(f),
            Self::Reset => "reset before the close",
            Self::Lost => "lost before the close",
            Self::Failed => "failed before the close",
            Self::ClosedUnread => "closed without a drain",
            Self::Cut => "cut at the deadline",
        })
    }
}

/// How many ended how, on one thread. There are only so many ways, and most end in the same one.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Vec<(Ended, u64)>,
}

/// One thread's counters; it alone writes them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    accepted: AtomicU64,
    finished: AtomicU64,
    graceful: AtomicU64,
    cut: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    accept_errors: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        // `finished` first: it is raised last, so all that belongs to it shows as well.
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let finished = read(&self.finished);
        Stats {
            finished,
            accepted: read(&self.accepted),
            graceful: read(&self.graceful),
            cut: read(&self.cut),
            received_bytes: read(&self.received_bytes),
            sent_bytes: read(&self.sent_bytes),
            accept_errors: read(&self.accept_errors),
        }
    }
}

/// One thread's books.
#[derive(Debug)]
pub(crate) struct Books {
    counters: Arc<Counters>,
    tally: Tally,
}

impl Books {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self {
            counters,
            tally: Tally::default(),
        }
    }

    pub(crate) fn accepted(&self) {
        grow(&self.counters.accepted, 1);
    }

    pub(crate) fn accept_failed(&self) {
        grow(&self.counters.accept_errors, 1);
    }

    pub(crate) fn received(&self, bytes: u64) {
        grow(&self.counters.received_bytes, bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        grow(&self.counters.sent_bytes, bytes);
    }

    pub(crate) fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Teardown(Ending::Graceful) => grow(&self.counters.graceful, 1),
            Ended::Cut
            | Ended::Teardown(Ending::TimedOut {
                clock: Clock::Stop, ..
            }) => grow(&self.counters.cut, 1),
            _ => {}
        }
        let counts = &mut self.tally.counts;
        match counts.iter_mut().find(|(known, _)| *known == ended) {
            Some((_, count)) => *count += 1,
            None => counts.push((ended, 1)),
        }
        grow(&self.counters.finished, 1);
    }

    pub(crate) fn into_tally(self) -> Tally {
        self.tally
    }
}

/// Adds where nobody else writes: no locked instruction is needed.
fn grow(counter: &AtomicU64, by: u64) {
    let before = counter.load(Ordering::Relaxed);
    counter.store(before.wrapping_add(by), Ordering::Release);
}
