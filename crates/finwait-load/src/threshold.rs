//! Conditions under which a run has failed, as typed: `reset-lost.rate > 0.1%`.

mod help;
mod kind;
mod metric;
mod number;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use self::kind::Kind;
use self::metric::Metric;
use self::number::Decimal;
use crate::tally::Tally;

/// A condition under which a run has *failed*: a metric, a comparison, and a bound.
///
/// What is compared are whole numbers and fractions, never rounded ones. Times come from
/// histograms of three digits, and so are up to 0.1 % longer than what was measured.
///
/// ```
/// use finwait_load::{Judgement, Tally, Threshold};
/// use std::time::Duration;
///
/// let threshold: Threshold = "reset-lost.rate>0.10%".parse()?;
/// assert_eq!(threshold.to_string(), "reset-lost.rate > 0.1%");
/// assert!("lost.rate > 0.1%".parse::<Threshold>().is_err());
///
/// // Nothing is a share of no connections.
/// let judgement = threshold.judge(&Tally::default(), Duration::ZERO);
/// assert_eq!(judgement, Judgement::NoValue);
/// # Ok::<(), finwait_load::ThresholdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    metric: Metric,
    comparison: Comparison,
    /// Times in nanoseconds.
    bound: Decimal,
}

/// What a [`Threshold`] says of a run. The value is the one of [`Threshold::value`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// The condition is false.
    Passed {
        /// What was compared.
        value: f64,
    },
    /// The condition is true.
    Failed {
        /// What was compared.
        value: f64,
    },
    /// The run has nothing of which the metric could be told. Not a success: a server that never
    /// came to a teardown has not passed a limit on its teardowns.
    NoValue,
}

/// Why a text is no threshold: one line that names the part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdError(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

impl Threshold {
    /// What the metric was: a share from 0 to 1, seconds, a count, or a number per second. `None`
    /// if the run has nothing of which it could be told: no time of that phase, no connection of
    /// which anything could be a share.
    #[must_use]
    pub fn value(&self, tally: &Tally, elapsed: Duration) -> Option<f64> {
        let value = self.metric.of(tally, elapsed)?;
        Some(self.metric.kind().value(value.to_f64()))
    }

    /// Whether the run failed by this condition.
    #[must_use]
    pub fn judge(&self, tally: &Tally, elapsed: Duration) -> Judgement {
        let Some(measured) = self.metric.of(tally, elapsed) else {
            return Judgement::NoValue;
        };
        let value = self.metric.kind().value(measured.to_f64());
        if self
            .comparison
            .holds(measured.compare(self.bound.fraction()))
        {
            Judgement::Failed { value }
        } else {
            Judgement::Passed { value }
        }
    }

    /// The name of its metric.
    #[must_use]
    pub fn metric(&self) -> String {
        self.metric.to_string()
    }

    /// A value for people: `teardown.p99 is 61.2 ms`. It has as many digits as it takes not to
    /// look like the bound when it is not.
    #[must_use]
    pub fn format_value(&self, value: f64) -> String {
        let kind = self.metric.kind();
        let bound = kind.value(self.bound.fraction().to_f64());
        format!("{} is {}", self.metric, kind.show(value, bound))
    }

    /// A judgement's value for people, or that there is none.
    #[must_use]
    pub fn describe(&self, judgement: Judgement) -> String {
        match judgement {
            Judgement::Passed { value } | Judgement::Failed { value } => self.format_value(value),
            Judgement::NoValue => format!("{} has no value in this run", self.metric),
        }
    }

    /// The names of all metrics, in a few lines for a command's help.
    #[must_use]
    pub fn metrics_help() -> String {
        help::metrics()
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let is_sign = |c: char| "<>=!".contains(c);
        let Some(from) = text.find(is_sign) else {
            return Err(ThresholdError(format!(
                "'{}' has no comparison; METRIC OP VALUE is wanted, such as reset-lost.rate > 0.1%",
                text.escape_debug()
            )));
        };
        let (metric, rest) = text.split_at(from);
        let to = rest.find(|c| !is_sign(c)).unwrap_or(rest.len());
        let (sign, bound) = rest.split_at(to);
        let (metric, bound) = (metric.trim(), bound.trim());
        if metric.is_empty() {
            return Err(ThresholdError(format!("no metric before '{sign}'")));
        }
        let metric = Metric::parse(metric).map_err(ThresholdError)?;
        let comparison = Comparison::parse(sign)?;
        if bound.is_empty() {
            return Err(ThresholdError(format!("{metric}: no value after '{sign}'")));
        }
        let bound = metric
            .kind()
            .parse(bound)
            .map_err(|why| ThresholdError(format!("{metric}: '{}' {why}", bound.escape_debug())))?;
        let threshold = Self {
            metric,
            comparison,
            bound,
        };
        if threshold.is_never_true() {
            return Err(ThresholdError(format!(
                "'{threshold}' can never be true, so it would never fail"
            )));
        }
        Ok(threshold)
    }
}

impl Threshold {
    /// Whoever types one of these means another one: `rate > 1` is often meant as a per cent.
    fn is_never_true(&self) -> bool {
        let all = self.metric.kind() == Kind::Rate && self.bound == Decimal::ONE;
        match self.comparison {
            Comparison::Below => self.bound == Decimal::ZERO,
            Comparison::Above => all,
            _ => false,
        }
    }
}

impl Comparison {
    const ALL: [Self; 6] = [
        Self::Above,
        Self::AtLeast,
        Self::Below,
        Self::AtMost,
        Self::Equal,
        Self::Unequal,
    ];

    fn parse(sign: &str) -> Result<Self, ThresholdError> {
        let mut all = Self::ALL.into_iter();
        all.find(|comparison| comparison.sign() == sign)
            .ok_or_else(|| {
                let signs = Self::ALL.map(Self::sign).join(" ");
                ThresholdError(format!("'{sign}' is no comparison; it is one of {signs}"))
            })
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.metric.kind().text(self.bound);
        write!(f, "{} {} {bound}", self.metric, self.comparison.sign())
    }
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ThresholdError {}
