//! Sizes and durations as people write them: `64`, `10k`, `4m`, `500ms`, `1.5s`.

use std::fmt;
use std::time::Duration;

/// Why a text is not a size, a duration or a behaviour: one line that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(String);

impl ParseError {
    pub(crate) fn new(message: String) -> Self {
        Self(message)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

type Unit = (&'static str, u128);

/// In bytes, the largest first.
const SIZES: [Unit; 4] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10), ("", 1)];

/// In nanoseconds, the largest first.
const DURATIONS: [Unit; 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A number of bytes: `64`, `10k`, `1.5m`, `1g`, where `k` is 1,024.
///
/// ```
/// assert_eq!(finwait_peer::parse_bytes("10k"), Ok(10_240));
/// assert!(finwait_peer::parse_bytes("10 apples").is_err());
/// ```
///
/// # Errors
///
/// If `text` is anything else, or not a whole number of bytes, or more than 64 bits hold.
pub fn parse_bytes(text: &str) -> Result<u64, ParseError> {
    scaled(text, &SIZES)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| {
            ParseError::new(format!(
                "not a size: {text:?} (a number of bytes, or of k, m or g: 64, 10k, 4m)"
            ))
        })
}

/// A duration: `500ms`, `3s`, `1.5m`, `1h`; also `us` and `ns`. The unit must be there.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(finwait_peer::parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
/// assert!(finwait_peer::parse_duration("3").is_err());
/// ```
///
/// # Errors
///
/// If `text` is anything else, or finer than a nanosecond, or more than a [`Duration`] holds.
pub fn parse_duration(text: &str) -> Result<Duration, ParseError> {
    scaled(text, &DURATIONS)
        .and_then(|nanos| {
            let whole = u64::try_from(nanos / 1_000_000_000).ok()?;
            Some(Duration::new(whole, (nanos % 1_000_000_000) as u32))
        })
        .ok_or_else(|| {
            ParseError::new(format!(
                "not a duration: {text:?} (a number with its unit: 500ms, 3s, 1m)"
            ))
        })
}

/// A size in the largest unit that leaves no fraction; [`parse_bytes`] reads it back.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    in_units(u128::from(bytes), &SIZES)
}

/// A duration in the largest unit that leaves no fraction; [`parse_duration`] reads it back.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    in_units(duration.as_nanos(), &DURATIONS)
}

/// `digits[.digits]unit` in the smallest of `units`, exactly: no floating point, so `0.1s` is
/// 100 ms and nothing near it.
fn scaled(text: &str, units: &[Unit]) -> Option<u128> {
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (_, scale) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u128>().ok()).flatten()
    };
    let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = digits(fraction)?.checked_mul(*scale)?;
    let whole = digits(whole)?.checked_mul(*scale)?;
    (parts % tenths == 0)
        .then(|| whole.checked_add(parts / tenths))
        .flatten()
}

fn in_units(amount: u128, units: &[Unit]) -> String {
    let exact = units
        .iter()
        .find(|(_, scale)| amount != 0 && amount.is_multiple_of(*scale));
    match exact {
        Some((name, scale)) => format!("{}{name}", amount / scale),
        None => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("0", 0),
            ("64", 64),
            ("10k", 10_240),
            ("4M", 4 << 20),
            ("1g", 1 << 30),
            ("1.5k", 1_536),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for bytes in [0, 1, 1_023, 1_024, 1_536, 4 << 20, 1 << 30, u64::MAX] {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
        assert_eq!(format_bytes(4 << 20), "4m");
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, ms) in [("500ms", 500), ("3s", 3_000), ("1m", 60_000), ("0.1s", 100)] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for duration in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_millis(1_500),
            Duration::from_secs(7_200),
            Duration::MAX,
        ] {
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
        assert_eq!(format_duration(Duration::from_secs(60)), "1m");
    }

    #[test]
    fn what_is_neither_is_refused_and_named() {
        let sizes = [
            "",
            "k",
            "-1",
            "+1",
            "1x",
            "1 k",
            "1.",
            ".5k",
            "1.1",
            "1..2k",
            "1e3",
            "0x10",
            "1kk",
            "99999999999g",
            "é",
            "１",
        ];
        for text in sizes {
            let error = parse_bytes(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let long = "9".repeat(60) + "s";
        let durations = ["", "3", "s", "-1s", "1 s", "1d", "0.1ns", "3sms", &long];
        for text in durations {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
