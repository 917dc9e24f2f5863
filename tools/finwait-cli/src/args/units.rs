//! Numbers as people type them: counts, sizes, times, with suffixes.

use std::time::Duration;

/// A count above zero: `500`, `10k`, `1.5m`, where `k` is 1,000.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    plain_number(text)?;
    let (number, scale) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let count = scaled(number, scale).ok_or_else(|| {
        "is not a whole number such as 500, 10k or 1m, or is too large".to_owned()
    })?;
    if count == 0 {
        return Err("must be at least 1".to_owned());
    }
    Ok(count)
}

/// A count that fits the machine's memory addresses.
pub(crate) fn small_count(text: &str) -> Result<usize, String> {
    usize::try_from(count(text)?).map_err(|_| "is too large".to_owned())
}

/// A number of threads: at least 1, and not so many that it can only be a slip.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_024;
    match small_count(text)? {
        threads if threads <= MOST => Ok(threads),
        _ => Err(format!("must be at most {MOST}")),
    }
}

/// A number of bytes: `0`, `64`, `10k`, `4m`, where `k` is 1,024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    plain_number(text)?;
    finwait_peer::parse_bytes(text)
        .map_err(|_| "is not a size such as 64, 10k or 4m, or is too large".to_owned())
}

/// A time above zero: `500ms`, `1.5s`, `1m`; a bare number is seconds, as nc and curl have it.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    match time_or_zero(text)? {
        Duration::ZERO => Err("must be above zero".to_owned()),
        time => Ok(time),
    }
}

/// The same, zero included.
pub(crate) fn time_or_zero(text: &str) -> Result<Duration, String> {
    plain_number(text)?;
    let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = if bare {
        format!("{text}s")
    } else {
        text.to_owned()
    };
    finwait_peer::parse_duration(&seconds)
        .map_err(|_| "is not a time such as 500ms, 3s or 1m, or is too long".to_owned())
}

/// Refuses what no unit can mend, with the reason.
fn plain_number(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.starts_with('-') {
        return Err("cannot be negative".to_owned());
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err("is not a number".to_owned());
    }
    Ok(())
}

/// `digits[.digits]` times `scale`, if that is a whole number; exact, without floating point.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u128>().ok()).flatten()
    };
    let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = digits(fraction)?.checked_mul(u128::from(scale))?;
    let whole = digits(whole)?.checked_mul(u128::from(scale))?;
    if parts % tenths != 0 {
        return None;
    }
    u64::try_from(whole.checked_add(parts / tenths)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_suffixes_of_a_thousand_and_exact_fractions() {
        assert_eq!(count("500"), Ok(500));
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("1.5K"), Ok(1_500));
        assert_eq!(count("0.3m"), Ok(300_000));
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_count_is_refused_with_the_reason() {
        let reason = |text: &str| count(text).unwrap_err();
        assert!(reason("0").contains("at least 1"));
        assert!(reason("0.0k").contains("at least 1"));
        assert!(reason("-1").contains("negative"));
        assert!(reason("").contains("empty"));
        assert!(reason("NaN").contains("not a number"));
        assert!(reason("inf").contains("not a number"));
        for text in [
            "1.5",
            "18446744073709551616",
            "20000000000g",
            "1e3",
            "1x",
            ".",
            "1.",
            "k",
            "1 k",
        ] {
            reason(text);
        }
    }

    #[test]
    fn sizes_have_suffixes_of_1024_and_may_be_zero() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("10k"), Ok(10_240));
        assert_eq!(size("1.5m"), Ok(1_572_864));
        for text in ["-1", "", "k", "NaN", "16777216t", "99999999999999999999g"] {
            size(text).unwrap_err();
        }
    }

    #[test]
    fn times_have_units_and_a_bare_number_is_seconds() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(time("3"), Ok(Duration::from_secs(3)));
        assert_eq!(time_or_zero("0"), Ok(Duration::ZERO));
        for text in [
            "0",
            "0ms",
            "-1",
            "-1s",
            "",
            "NaN",
            "inf",
            "3 s",
            "3x",
            "1e9",
            "99999999999999999999h",
        ] {
            time(text).unwrap_err();
        }
    }
}
