//! What kind of number a metric is: how its bound is typed, and how its value is shown.

use super::number::Decimal;

/// The kind of a metric's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// How many.
    Count,
    /// A share, from 0 to 1.
    Rate,
    /// In nanoseconds when compared, in seconds when told.
    Time,
    /// A number per second.
    PerSecond,
}

type Unit = (&'static str, u128);

/// In nanoseconds, the largest first.
const TIMES: [Unit; 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const THOUSANDS: [Unit; 4] = [
    ("", 1),
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
];

impl Kind {
    /// Reads a bound.
    pub(super) fn parse(self, text: &str) -> Result<Decimal, &'static str> {
        if text.starts_with('-') {
            return Err("cannot be negative");
        }
        self.number(text).ok_or(match self {
            Self::Count => "is not a whole number such as 0, 500 or 10k",
            Self::Rate => "is not a percentage such as 0.1%, nor a share from 0 to 1 such as 0.001",
            Self::Time => "is not a time with its unit, such as 200us, 50ms, 1.5s or 1m",
            Self::PerSecond => "is not a number per second such as 500, 1.5k or 10k/s",
        })
    }

    fn number(self, text: &str) -> Option<Decimal> {
        match self {
            Self::Count => in_units(text, &THOUSANDS).filter(|bound| bound.as_whole().is_some()),
            Self::PerSecond => in_units(text.strip_suffix("/s").unwrap_or(text), &THOUSANDS),
            Self::Time => in_units(text, &TIMES).filter(|bound| bound.as_whole().is_some()),
            Self::Rate => {
                let share = match text.strip_suffix('%') {
                    Some(percent) => Decimal::parse(percent.trim_end())?.percent(),
                    None => Decimal::parse(text)?,
                };
                let most = Decimal::ONE.fraction();
                share.fraction().compare(most).is_le().then_some(share)
            }
        }
    }

    /// A bound as it is typed: read back, it is the same.
    pub(super) fn text(self, bound: Decimal) -> String {
        match self {
            Self::Count => bound.to_string(),
            // A bound in nanoseconds is whole.
            Self::Time => time_text(bound.as_whole().unwrap_or_default()),
            // A share has at most 14 places, so that a hundred of it fits.
            Self::Rate => format!("{}%", bound.times(100).unwrap_or(bound)),
            Self::PerSecond => format!("{bound}/s"),
        }
    }

    /// A number in the unit in which values are told: seconds for times.
    pub(super) fn value(self, number: f64) -> f64 {
        match self {
            Self::Time => number / 1e9,
            _ => number,
        }
    }

    /// A value for people, in at least three digits, and in so many that it does not look like the
    /// bound, or like all, if it is not.
    pub(super) fn show(self, value: f64, bound: f64) -> String {
        let (scale, unit) = match self {
            Self::Count => (1.0, ""),
            Self::Rate => (100.0, " %"),
            Self::PerSecond => (1.0, "/s"),
            Self::Time if value < 1e-3 => (1e6, " us"),
            Self::Time if value < 1.0 => (1e3, " ms"),
            Self::Time => (1.0, " s"),
        };
        let all = (self == Self::Rate).then_some(1.0);
        let distinct = |shown: f64, other: f64| shown != other * scale || value == other;
        let mut text = String::new();
        for digits in 3..=15 {
            text = significant(value * scale, digits);
            let shown = text.parse().unwrap_or(f64::NAN);
            if distinct(shown, bound) && all.is_none_or(|all| distinct(shown, all)) {
                break;
            }
        }
        text + unit
    }
}

/// A number and its unit, in the smallest of `units`.
fn in_units(text: &str, units: &[Unit]) -> Option<Decimal> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let (_, scale) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Decimal::parse(number)?.times(*scale)
}

fn time_text(nanos: u128) -> String {
    let exact = TIMES
        .iter()
        .find(|(_, scale)| nanos != 0 && nanos.is_multiple_of(*scale));
    match exact {
        Some((name, scale)) => format!("{}{name}", nanos / scale),
        None => "0s".to_owned(),
    }
}

/// So many significant digits, or all those before the point, without zeros at the end.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let before = value.abs().log10().floor() as i32;
    let places = digits.saturating_sub(1).saturating_sub(before).clamp(0, 20);
    let text = format!("{value:.*}", places as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Threshold;

    fn threshold(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    #[test]
    fn values_are_shown_with_their_unit() {
        for (text, value, shown) in [
            ("teardown.p99 > 50ms", 0.0612, "teardown.p99 is 61.2 ms"),
            ("teardown.p99 > 50ms", 0.000_021, "teardown.p99 is 21 us"),
            ("teardown.p99 > 50ms", 3.0155, "teardown.p99 is 3.02 s"),
            ("reset-lost.rate > 0.1%", 0.003, "reset-lost.rate is 0.3 %"),
            ("reset-lost.rate > 0.1%", 0.0, "reset-lost.rate is 0 %"),
            ("bad.count > 0", 1_234.0, "bad.count is 1234"),
            (
                "throughput.finished < 5",
                1_234.56,
                "throughput.finished is 1235/s",
            ),
            (
                "throughput.finished < 5",
                4.5,
                "throughput.finished is 4.5/s",
            ),
            // Not what it is not: the bound, or all.
            (
                "reset-lost.rate > 0.1%",
                0.001_000_4,
                "reset-lost.rate is 0.10004 %",
            ),
            ("reset-lost.rate > 0.1%", 0.001, "reset-lost.rate is 0.1 %"),
            ("teardown.p99 > 50ms", 0.050_014, "teardown.p99 is 50.01 ms"),
            ("good.rate < 99%", 0.999_999, "good.rate is 99.9999 %"),
            ("good.rate < 99%", 1.0, "good.rate is 100 %"),
        ] {
            assert_eq!(threshold(text).format_value(value), shown);
        }
        // Nobody's value, and no panic either.
        for odd in [f64::NAN, f64::INFINITY, -1.0, f64::MIN_POSITIVE, f64::MAX] {
            let _ = threshold("bad.rate > 0.1%").format_value(odd);
            let _ = threshold("teardown.p99 > 1ms").format_value(odd);
        }
    }
}
