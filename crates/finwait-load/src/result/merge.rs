//! The results of the parts of one run, added up.

use std::fmt;
use std::time::Duration;

use super::read::difference;
use super::{RunResult, SCHEMA};

/// Why results do not add up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeError {
    /// There are none.
    Nothing,
    /// They are of different runs: this part of their configuration differs.
    Config {
        /// Which one, by its name in the JSON object.
        field: String,
    },
    /// They are parts of a different number of parts.
    Parts(u64, u64),
    /// Two of them have the same part.
    Overlap(u64),
    /// Not all parts are there.
    Missing {
        /// The first of those that are missing.
        first: Vec<u64>,
        /// How many there should be.
        of: u64,
    },
    /// The numbers are too large to be added.
    Overflow,
}

impl RunResult {
    /// Adds up the results of the parts of one run, in any order.
    ///
    /// Counts, histograms and times of CPU are summed. The time of the run is the longest of all
    /// parts, which are taken to have begun together. The highest number of connections open at
    /// once is the sum of the parts' own: a bound, since their peaks need not have coincided.
    ///
    /// # Errors
    ///
    /// If they are not the parts of one run, or (unless `partial`) not all of them.
    pub fn merge(results: &[Self], partial: bool) -> Result<Self, MergeError> {
        let Some((first, others)) = results.split_first() else {
            return Err(MergeError::Nothing);
        };
        let mut sum = first.clone();
        for other in others {
            sum.add(other)?;
        }
        sum.generator.reasons.sort();
        sum.generator.reasons.dedup();
        if !partial && !sum.segments.is_whole() {
            return Err(MergeError::Missing {
                first: sum.segments.missing(5),
                of: sum.segments.of,
            });
        }
        Ok(sum)
    }

    fn add(&mut self, other: &Self) -> Result<(), MergeError> {
        self.belongs_to(other)?;
        let (mine, others) = (&mut self.segments, &other.segments);
        if mine.of != others.of {
            return Err(MergeError::Parts(mine.of, others.of));
        }
        if let Some(&twice) = mine.have.intersection(&others.have).next() {
            return Err(MergeError::Overlap(twice));
        }
        mine.have.extend(&others.have);
        let most_open = self.tally.most_open.checked_add(other.tally.most_open);
        if self.tally.would_overflow(&other.tally) {
            return Err(MergeError::Overflow);
        }
        self.tally.add(&other.tally);
        self.tally.most_open = most_open.ok_or(MergeError::Overflow)?;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.interrupted |= other.interrupted;
        let (mine, others) = (&mut self.generator, &other.generator);
        mine.began_first = mine.began_first.min(others.began_first);
        mine.began_last = mine.began_last.max(others.began_last);
        mine.cpu_user = sum(mine.cpu_user, others.cpu_user);
        mine.cpu_system = sum(mine.cpu_system, others.cpu_system);
        mine.threads = mine.threads.saturating_add(others.threads);
        mine.processes = mine.processes.saturating_add(others.processes);
        mine.nofile = mine.nofile.into_iter().chain(others.nofile).min();
        mine.busy = mine.busy.max(others.busy);
        mine.reasons.extend(others.reasons.iter().cloned());
        mine.embedded_server |= others.embedded_server;
        let (mine, others) = (&mut self.environment, &other.environment);
        mine.os.extend(others.os.iter().cloned());
        mine.kernel.extend(others.kernel.iter().cloned());
        mine.finwait.extend(others.finwait.iter().cloned());
        mine.cpus = mine.cpus.max(others.cpus);
        Ok(())
    }

    fn belongs_to(&self, other: &Self) -> Result<(), MergeError> {
        if self.config == other.config {
            return Ok(());
        }
        let values = (
            serde_json::to_value(&self.config).unwrap_or_default(),
            serde_json::to_value(&other.config).unwrap_or_default(),
        );
        let field = difference("config", &values.0, &values.1);
        let field = field.unwrap_or_else(|| "config".to_owned());
        Err(MergeError::Config { field })
    }
}

/// Of two parts of which one does not know, nobody knows the sum.
fn sum(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.zip(b).map(|(a, b)| a.saturating_add(b))
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("there is nothing to merge"),
            Self::Config { field } => {
                write!(f, "not of the same run: {field} differs")
            }
            Self::Parts(a, b) => {
                write!(
                    f,
                    "not of the same run: one is a part of {a}, the other of {b}"
                )
            }
            Self::Overlap(part) => write!(
                f,
                "part {part} is there twice; each process of a run needs its own --segment I/N"
            ),
            Self::Missing { first, of } => {
                let names: Vec<_> = first.iter().map(u64::to_string).collect();
                write!(
                    f,
                    "of {of} parts these are missing: {}; --allow-partial goes on without them",
                    names.join(", ")
                )
            }
            Self::Overflow => write!(f, "the counts are too large to be those of {SCHEMA}"),
        }
    }
}

impl std::error::Error for MergeError {}
