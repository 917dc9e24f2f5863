//! Numbers as people read them.

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and the unit that fits: `21 us`, `1.24 ms`, `3.02 s`.
pub(crate) fn time_us(micros: u64) -> String {
    let micros = micros as f64;
    // What would round up to 1000 of a unit is 1 of the next.
    match micros {
        _ if micros < 999.5 => format!("{micros:.0} us"),
        _ if micros < 999.5e3 => format!("{} ms", three_digits(micros / 1e3)),
        _ => format!("{} s", three_digits(micros / 1e6)),
    }
}

/// `512 B`, `1.50 KiB`, `4.00 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1 << 10 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), units[unit])
}

/// A share in per cent. What is not all never looks like all, and what is not none never like none.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole.max(1) as f64 * 100.0;
    match percent {
        _ if part > 0 && percent < 0.01 => "<0.01%".to_owned(),
        _ if part < whole && percent > 99.99 => ">99.99%".to_owned(),
        _ => format!("{percent:.2}%"),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn times_have_three_digits_and_the_unit_that_fits() {
        let cases = [
            0,
            21,
            999,
            1_000,
            1_239,
            99_960,
            999_499,
            999_500,
            3_020_000,
            3_600_000_000,
        ];
        let texts = [
            "0 us", "21 us", "999 us", "1.00 ms", "1.24 ms", "100 ms", "999 ms", "1.00 s",
            "3.02 s", "3600 s",
        ];
        assert_eq!(cases.map(time_us), texts);
    }

    #[test]
    fn sizes_have_three_digits_and_the_unit_that_fits() {
        let cases = [0, 1_023, 1_024, 1_536, 4 << 20, (1 << 20) - 1, u64::MAX];
        let texts = [
            "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "4.00 MiB", "1.00 MiB", "16.0 EiB",
        ];
        assert_eq!(cases.map(bytes), texts);
    }

    #[test]
    fn a_share_shows_what_is_not_all_and_not_none() {
        assert_eq!(share(0, 0), "0.00%");
        assert_eq!(share(1, 3), "33.33%");
        assert_eq!(share(3, 3), "100.00%");
        assert_eq!(share(1, 1_000_000), "<0.01%");
        assert_eq!(share(999_999, 1_000_000), ">99.99%");
    }
}
