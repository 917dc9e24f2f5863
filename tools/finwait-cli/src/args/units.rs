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

/// Requests on a connection.
pub(crate) fn requests(text: &str) -> Result<u32, String> {
    u32::try_from(count(text)?).map_err(|_| "is too large".to_owned())
}

/// A share of a whole, above 0 and at most 1: `1%`, `0.01`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    plain_number(number)?;
    let share = number.parse::<f64>().ok().map(|share| share / scale);
    match share.filter(|share| *share > 0.0 && *share <= 1.0) {
        Some(share) => Ok(share),
        None => Err("is not a share above 0 and up to 1, such as 1% or 0.01".to_owned()),
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

/// A number per second above zero: `500`, `1.5k`, `10k/s`, `0.5`, where `k` is 1,000.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    const MOST: f64 = 10e6;
    plain_number(text)?;
    let number = text.strip_suffix("/s").unwrap_or(text);
    let (number, zeros) = match number.char_indices().last() {
        Some((at, 'k' | 'K')) => (&number[..at], 3),
        Some((at, 'm' | 'M')) => (&number[..at], 6),
        _ => (number, 0),
    };
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // As an exponent the suffix is rounded together with the number, and not after it.
    let rate = (plain(whole) && plain(fraction))
        .then(|| format!("{number}e{zeros}").parse::<f64>().ok())
        .flatten()
        .ok_or_else(|| "is not a number per second such as 500, 0.5 or 10k".to_owned())?;
    match rate {
        _ if rate <= 0.0 => Err("must be above zero".to_owned()),
        _ if rate > MOST => Err("must be at most 10m per second".to_owned()),
        _ => Ok(rate),
    }
}

/// Bytes per second, above zero: `64k`, `1m/s`, where `k` is 1,024.
pub(crate) fn byte_rate(text: &str) -> Result<u64, String> {
    match size(text.strip_suffix("/s").unwrap_or(text)) {
        Ok(0) => Err("must be above zero".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(why) if why.contains("size") => {
            Err("is not a number of bytes per second such as 64k or 1m, or is too large".to_owned())
        }
        Err(why) => Err(why),
    }
}

/// Some bytes at a time: `BYTES/PERIOD`, such as `1/100ms`.
pub(crate) fn drip(text: &str) -> Result<(usize, Duration), String> {
    let Some((bytes, period)) = text.split_once('/') else {
        return Err("is not BYTES/PERIOD such as 1/100ms".to_owned());
    };
    let part =
        |what: &str, part: &str, why: &str| format!("{what} '{}' {why}", part.escape_debug());
    let size = size(bytes).map_err(|why| part("BYTES", bytes, &why))?;
    let size = match usize::try_from(size) {
        Ok(0) => return Err(part("BYTES", bytes, "must be at least 1")),
        Ok(size) => size,
        Err(_) => return Err(part("BYTES", bytes, "is too large")),
    };
    let period = time(period).map_err(|why| part("PERIOD", period, &why))?;
    Ok((size, period))
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

    #[test]
    fn rates_are_per_second_and_may_be_below_one() {
        for (text, per_second) in [
            ("500", 500.0),
            ("1.5k", 1_500.0),
            ("10k/s", 10_000.0),
            ("0.5", 0.5),
            ("1.001K", 1_001.0),
            ("10m", 10e6),
            ("0.3m/s", 300_000.0),
        ] {
            assert_eq!(rate(text), Ok(per_second), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("-1", "negative"),
            ("NaN", "not a number"),
            ("inf", "not a number"),
            ("+5", "not a number"),
            ("/s", "not a number"),
            ("0", "above zero"),
            ("0.0k/s", "above zero"),
            ("10.000001m", "at most 10m"),
            ("99999999999999999999999999", "at most 10m"),
            ("1e3", "such as 500"),
            ("5.", "such as 500"),
            (".5", "such as 500"),
            ("1g", "such as 500"),
            ("5/m", "such as 500"),
            ("5/s/s", "such as 500"),
            ("5 k", "such as 500"),
            ("1.2.3", "such as 500"),
            ("5\u{b5}", "such as 500"),
        ] {
            let why = rate(text).unwrap_err();
            assert!(why.contains(reason), "{text:?}: {why}");
        }
        // So small that no float is below it.
        assert!(
            rate(&format!("0.{}1", "0".repeat(400)))
                .unwrap_err()
                .contains("above zero")
        );
        assert!(rate(&"9".repeat(400)).unwrap_err().contains("at most"));
    }

    #[test]
    fn bytes_per_second_are_sizes_above_zero() {
        assert_eq!(byte_rate("64k"), Ok(65_536));
        assert_eq!(byte_rate("1m/s"), Ok(1 << 20));
        assert_eq!(byte_rate("1"), Ok(1));
        for (text, reason) in [
            ("0", "above zero"),
            ("-1", "negative"),
            ("", "empty"),
            ("/s", "empty"),
            ("64x", "bytes per second"),
            ("64k/m", "bytes per second"),
            ("64k/s/s", "bytes per second"),
            ("NaN", "not a number"),
            ("99999999999999999999g", "bytes per second"),
        ] {
            let why = byte_rate(text).unwrap_err();
            assert!(why.contains(reason), "{text:?}: {why}");
        }
    }

    #[test]
    fn a_drip_is_bytes_and_a_period() {
        assert_eq!(drip("1/100ms"), Ok((1, Duration::from_millis(100))));
        assert_eq!(drip("4k/1.5s"), Ok((4_096, Duration::from_millis(1_500))));
        assert_eq!(drip("64/1"), Ok((64, Duration::from_secs(1))));
        for (text, reason) in [
            ("", "BYTES/PERIOD"),
            ("64", "BYTES/PERIOD"),
            ("0/1s", "BYTES '0' must be at least 1"),
            ("/1s", "BYTES '' is empty"),
            ("x/1s", "BYTES 'x' is not"),
            ("-1/1s", "negative"),
            ("1/", "PERIOD '' is empty"),
            ("1/0s", "PERIOD '0s' must be above zero"),
            ("1/s", "PERIOD 's' is not"),
            ("1/1s/1s", "PERIOD '1s/1s' is not"),
            ("1/-1s", "negative"),
        ] {
            let why = drip(text).unwrap_err();
            assert!(why.contains(reason), "{text:?}: {why}");
        }
    }
}
