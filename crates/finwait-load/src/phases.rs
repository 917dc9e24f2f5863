//! How long each phase took, for each ending apart.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::record::Phase;
use crate::verdict::Ending;

const CELLS: usize = Phase::ALL.len() * Ending::ALL.len();

/// A histogram in microseconds for each [`Phase`] and [`Ending`] that occurred.
///
/// All have the same bounds, 1 us to 1 h with three significant digits, so that they add up
/// exactly. What took less than a microsecond counts as one, what took more than the hour as
/// [`HIGHEST_US`](Self::HIGHEST_US).
#[derive(Debug, Clone, Default)]
pub struct Phases {
    /// One takes about 190 KB, and most never occur.
    cells: Vec<Option<Box<Histogram<u64>>>>,
}

impl Phases {
    /// The longest time that is told apart from longer ones.
    pub const HIGHEST_US: u64 = 3_600_000_000;
    /// Significant decimal digits.
    pub const DIGITS: u8 = 3;

    /// An empty histogram with the bounds that all have.
    #[must_use]
    pub fn histogram() -> Histogram<u64> {
        // The bounds are constants that the library accepts; if it ever did not, nothing would work.
        Histogram::new_with_bounds(1, Self::HIGHEST_US, Self::DIGITS)
            .expect("1 us to 1 h with 3 digits are valid bounds")
    }

    /// Counts one time.
    pub fn record(&mut self, phase: Phase, ending: Ending, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // Neither end is left to the histogram: below its lowest value it would count a zero.
        self.cell(phase, ending)
            .saturating_record(micros.clamp(1, Self::HIGHEST_US));
    }

    /// Takes the times of one phase and ending, which must have the bounds that all have.
    pub(crate) fn put(&mut self, phase: Phase, ending: Ending, times: Histogram<u64>) {
        *self.cell(phase, ending) = times;
    }

    fn cell(&mut self, phase: Phase, ending: Ending) -> &mut Histogram<u64> {
        if self.cells.is_empty() {
            self.cells.resize(CELLS, None);
        }
        self.cells[index(phase, ending)].get_or_insert_with(|| Box::new(Self::histogram()))
    }

    /// The times of this phase of those connections that ended so; `None` if there are none.
    #[must_use]
    pub fn of_ending(&self, phase: Phase, ending: Ending) -> Option<&Histogram<u64>> {
        // One that was cleared keeps its memory, and has no times.
        let times = self.cells.get(index(phase, ending))?.as_deref();
        times.filter(|times| !times.is_empty())
    }

    /// The times of this phase of all connections.
    #[must_use]
    pub fn of(&self, phase: Phase) -> Histogram<u64> {
        let mut sum = Self::histogram();
        for ending in Ending::ALL {
            if let Some(times) = self.of_ending(phase, ending) {
                add(&mut sum, times);
            }
        }
        sum
    }

    /// Every phase and ending that occurred, with its times.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Ending, &Histogram<u64>)> {
        Phase::ALL.into_iter().flat_map(move |phase| {
            Ending::ALL.into_iter().filter_map(move |ending| {
                self.of_ending(phase, ending)
                    .map(|times| (phase, ending, times))
            })
        })
    }

    /// Adds another's counts; exact, in any order.
    pub fn add(&mut self, other: &Self) {
        for (phase, ending, times) in other.iter() {
            add(self.cell(phase, ending), times);
        }
    }

    /// Forgets the counts and keeps the memory.
    pub fn clear(&mut self) {
        for cell in self.cells.iter_mut().flatten() {
            cell.reset();
        }
    }
}

fn index(phase: Phase, ending: Ending) -> usize {
    phase as usize * Ending::ALL.len() + ending as usize
}

fn add(sum: &mut Histogram<u64>, times: &Histogram<u64>) {
    sum.add(times).expect("all histograms have the same bounds");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cleared_did_not_occur() {
        let mut phases = Phases::default();
        phases.record(Phase::Total, Ending::FinClean, Duration::from_millis(1));
        assert_eq!(phases.iter().count(), 1);
        phases.clear();
        assert_eq!(phases.iter().count(), 0);
        assert!(phases.of_ending(Phase::Total, Ending::FinClean).is_none());
    }
}
