//! The numbers of a run that have a name.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::kind::Kind;
use super::number::Fraction;
use crate::record::Phase;
use crate::tally::Tally;
use crate::verdict::{Ending, Verdict};

/// A number of a run that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Count(Set),
    Rate(Set),
    /// Of all connections, or of those with one ending.
    Time(Phase, Option<Ending>, Stat),
    Throughput(Work),
}

/// Things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Verdict(Verdict),
    Good,
    Bad,
    Ending(Ending),
    Open,
    Errors,
    Late,
    Started,
    Finished,
    Responses,
}

/// What is told of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stat {
    Min,
    Mean,
    /// In hundredths of a per cent.
    Percentile(u16),
    Max,
    Count,
}

/// What is counted per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Finished,
    Teardown,
}

impl Set {
    /// Every one, those that have a rate first.
    pub(super) fn all() -> Vec<Self> {
        let mut all: Vec<_> = Verdict::ALL.into_iter().map(Self::Verdict).collect();
        all.extend([Self::Good, Self::Bad]);
        all.extend(Ending::ALL.into_iter().map(Self::Ending));
        all.extend([Self::Open, Self::Errors, Self::Late]);
        all.extend([Self::Started, Self::Finished, Self::Responses]);
        all
    }

    pub(super) fn has_rate(self) -> bool {
        !matches!(self, Self::Started | Self::Finished | Self::Responses)
    }

    fn count(self, tally: &Tally) -> u64 {
        let over = |wanted: &dyn Fn(Verdict, Ending) -> bool| {
            let cells = tally.cells.iter();
            cells
                .filter(|((progress, ending), _)| wanted(Verdict::of(*progress, *ending), *ending))
                .map(|(_, count)| count)
                .sum()
        };
        match self {
            // They are open, and so in no cell.
            Self::Open | Self::Verdict(Verdict::StillOpen) | Self::Ending(Ending::StillOpen) => {
                tally.open
            }
            Self::Verdict(wanted) => over(&|verdict, _| verdict == wanted),
            Self::Good => over(&|verdict, _| verdict.is_good()),
            Self::Bad => over(&|verdict, _| !verdict.is_good()),
            Self::Ending(wanted) => over(&|_, ending| ending == wanted),
            Self::Errors => tally.errors.values().sum(),
            Self::Late => tally.late.starts.saturating_add(tally.late.unstarted),
            Self::Started => tally.started,
            Self::Finished => tally.finished(),
            Self::Responses => tally.responses,
        }
    }

    /// What it is a share of.
    fn whole(self, tally: &Tally) -> u64 {
        match self {
            Self::Late => tally.started.saturating_add(tally.late.unstarted),
            // A connection that was cut while open may have met an error too.
            Self::Open
            | Self::Errors
            | Self::Verdict(Verdict::StillOpen)
            | Self::Ending(Ending::StillOpen) => tally.finished().saturating_add(tally.open),
            _ => tally.finished(),
        }
    }
}

impl Stat {
    pub(super) const ALL: [Self; 10] = [
        Self::Min,
        Self::Mean,
        Self::Percentile(50_00),
        Self::Percentile(90_00),
        Self::Percentile(95_00),
        Self::Percentile(99_00),
        Self::Percentile(99_90),
        Self::Percentile(99_99),
        Self::Max,
        Self::Count,
    ];

    /// Times in nanoseconds; none of no times, except how many there are.
    fn of(self, times: Option<&Histogram<u64>>) -> Option<Fraction> {
        let count = times.map_or(0, Histogram::len);
        if self == Self::Count {
            return Some(Fraction::whole(count.into()));
        }
        let times = times.filter(|_| count > 0)?;
        let micros = match self {
            Self::Min => times.min(),
            Self::Max => times.max(),
            Self::Percentile(p) => times.value_at_quantile(f64::from(p) / 10_000.0),
            // What `Histogram::mean` does, without rounding.
            Self::Mean | Self::Count => {
                let sum: u128 = times
                    .iter_recorded()
                    .map(|at| {
                        let middle = times.median_equivalent(at.value_iterated_to());
                        u128::from(middle) * u128::from(at.count_at_value())
                    })
                    .sum();
                return Fraction::of(sum.saturating_mul(1_000), count.into());
            }
        };
        Some(Fraction::whole(u128::from(micros) * 1_000))
    }
}

impl Work {
    pub(super) const ALL: [Self; 2] = [Self::Finished, Self::Teardown];

    fn per_second(self, tally: &Tally, elapsed: Duration) -> Option<Fraction> {
        let (count, time) = match self {
            Self::Finished => (tally.finished(), elapsed),
            Self::Teardown => (tally.torn_down, tally.windows.total()),
        };
        Fraction::of(u128::from(count) * 1_000_000_000, time.as_nanos())
    }
}

impl Metric {
    /// Every one.
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for set in Set::all() {
            all.push(Self::Count(set));
            all.extend(set.has_rate().then_some(Self::Rate(set)));
        }
        let endings = || [None].into_iter().chain(Ending::ALL.map(Some));
        for phase in Phase::ALL {
            for ending in endings() {
                all.extend(Stat::ALL.map(|stat| Self::Time(phase, ending, stat)));
            }
        }
        all.extend(Work::ALL.map(Self::Throughput));
        all
    }

    /// The one of this name, in which `-` and `_` are the same.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let plain = name.replace('_', "-");
        let all = Self::all();
        let found = all
            .iter()
            .find(|metric| metric.to_string().replace('_', "-") == plain);
        found.copied().ok_or_else(|| {
            let near = near(&plain, &all);
            let hint = match near.as_slice() {
                [] => String::new(),
                near => format!("; near it are {}", near.join(", ")),
            };
            format!("unknown metric '{}'{hint}; see --help", name.escape_debug())
        })
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Count(_) | Self::Time(_, _, Stat::Count) => Kind::Count,
            Self::Rate(_) => Kind::Rate,
            Self::Time(..) => Kind::Time,
            Self::Throughput(_) => Kind::PerSecond,
        }
    }

    /// What it was in a run; `None` if the run has nothing of which it could be told.
    pub(super) fn of(self, tally: &Tally, elapsed: Duration) -> Option<Fraction> {
        match self {
            Self::Count(set) => Some(Fraction::whole(set.count(tally).into())),
            Self::Rate(set) => Fraction::of(set.count(tally).into(), set.whole(tally).into()),
            Self::Time(phase, None, stat) => stat.of(Some(&tally.phases.of(phase))),
            Self::Time(phase, Some(ending), stat) => stat.of(tally.phases.of_ending(phase, ending)),
            Self::Throughput(work) => work.per_second(tally, elapsed),
        }
    }
}

/// Up to three names that may have been meant, the nearest first.
fn near(typed: &str, all: &[Metric]) -> Vec<String> {
    // No name is half as long, and the distance takes time.
    if typed.is_empty() || typed.len() > 100 {
        return Vec::new();
    }
    let group = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let begun = format!("{typed}.");
    // What is only not finished comes first, then the same group, then what looks alike: of a
    // short name nearly all of it.
    let alike = (group(typed).len() / 2).min(3);
    let distance = |name: &str| {
        let name = name.replace('_', "-");
        let edits = edits(typed, &name);
        match name.starts_with(&begun) {
            true => Some((0, name.matches('.').count())),
            false if group(&name) == group(typed) => Some((1, edits)),
            false => (edits <= alike).then_some((2, edits)),
        }
    };
    let mut names: Vec<_> = all
        .iter()
        .map(Metric::to_string)
        .filter_map(|name| Some((distance(&name)?, name)))
        .collect();
    // Stable: names as near as each other stay in their order.
    names.sort_by_key(|(distance, _)| *distance);
    names.truncate(3);
    names.into_iter().map(|(_, name)| name).collect()
}

/// How many characters must be put in, left out or replaced (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(set) => write!(f, "{set}.count"),
            Self::Rate(set) => write!(f, "{set}.rate"),
            Self::Time(phase, None, stat) => write!(f, "{phase}.{stat}"),
            Self::Time(phase, Some(ending), stat) => write!(f, "{phase}.{ending}.{stat}"),
            Self::Throughput(work) => write!(f, "throughput.{work}"),
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => f.write_str(verdict.name()),
            Self::Ending(ending) => write!(f, "ending.{}", ending.name()),
            Self::Good => f.write_str("good"),
            Self::Bad => f.write_str("bad"),
            Self::Open => f.write_str("open"),
            Self::Errors => f.write_str("errors"),
            Self::Late => f.write_str("late"),
            Self::Started => f.write_str("started"),
            Self::Finished => f.write_str("finished"),
            Self::Responses => f.write_str("responses"),
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Min => f.write_str("min"),
            Self::Mean => f.write_str("mean"),
            // 99.9 % is p999.
            Self::Percentile(p) if p % 100 == 0 => write!(f, "p{}", p / 100),
            Self::Percentile(p) if p % 10 == 0 => write!(f, "p{}", p / 10),
            Self::Percentile(p) => write!(f, "p{p}"),
            Self::Max => f.write_str("max"),
            Self::Count => f.write_str("count"),
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Teardown => "teardown",
        })
    }
}
