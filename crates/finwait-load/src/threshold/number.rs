//! Numbers that are compared without rounding: what was typed is a decimal, what was measured a
//! fraction. In floating point `== 0.1%` would depend on the number of connections.

use std::cmp::Ordering;
use std::fmt;

/// `digits` / 10^`places`, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    places: u32,
}

impl Decimal {
    pub(super) const ZERO: Self = Self::whole(0);
    pub(super) const ONE: Self = Self::whole(1);

    /// More digits than these are no number that anybody means, and would not fit.
    const MOST_DIGITS: usize = 20;
    const MOST_PLACES: usize = 12;

    const fn whole(digits: u128) -> Self {
        Self { digits, places: 0 }
    }

    fn new(mut digits: u128, mut places: u32) -> Self {
        while places > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            places -= 1;
        }
        Self { digits, places }
    }

    /// `digits[.digits]`, and nothing else: no sign, no exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !plain(whole, Self::MOST_DIGITS) || !plain(fraction, Self::MOST_PLACES) {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Self::new(digits, u32::try_from(fraction.len()).ok()?))
    }

    pub(super) fn times(self, factor: u128) -> Option<Self> {
        Some(Self::new(self.digits.checked_mul(factor)?, self.places))
    }

    pub(super) fn percent(self) -> Self {
        Self::new(self.digits, self.places + 2)
    }

    pub(super) fn as_whole(self) -> Option<u128> {
        (self.places == 0).then_some(self.digits)
    }

    pub(super) fn fraction(self) -> Fraction {
        Fraction {
            part: self.digits,
            whole: 10_u128.pow(self.places),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places as usize;
        let digits = format!("{:0>width$}", self.digits, width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        match fraction {
            "" => f.write_str(whole),
            _ => write!(f, "{whole}.{fraction}"),
        }
    }
}

/// `part` / `whole`, where `whole` is above zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fraction {
    part: u128,
    whole: u128,
}

impl Fraction {
    pub(super) fn whole(number: u128) -> Self {
        Self {
            part: number,
            whole: 1,
        }
    }

    /// `None` where there is nothing to be a part of.
    pub(super) fn of(part: u128, whole: u128) -> Option<Self> {
        (whole > 0).then_some(Self { part, whole })
    }

    pub(super) fn to_f64(self) -> f64 {
        self.part as f64 / self.whole as f64
    }

    /// By whole parts, then by what remains turned over (Euclid): cross products would overflow.
    pub(super) fn compare(self, other: Self) -> Ordering {
        let (mut a, mut b) = (self, other);
        let mut turned = false;
        loop {
            let (rest_a, rest_b) = (a.part % a.whole, b.part % b.whole);
            let order = (a.part / a.whole).cmp(&(b.part / b.whole));
            let order = order.then_with(|| (rest_a > 0).cmp(&(rest_b > 0)));
            if order != Ordering::Equal || rest_a == 0 {
                return if turned { order.reverse() } else { order };
            }
            (a.part, a.whole) = (a.whole, rest_a);
            (b.part, b.whole) = (b.whole, rest_b);
            turned = !turned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_and_written_without_rounding() {
        for (text, same) in [
            ("0", "0"),
            ("0.1", "0.1"),
            ("00.10", "0.1"),
            ("10.00", "10"),
            ("18446744073709551615", "18446744073709551615"),
            (
                "99999999999999999999.999999999999",
                "99999999999999999999.999999999999",
            ),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), same, "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1.2.3",
            "NaN",
            "inf",
            "1 ",
            "0x1",
            "1_000",
            "100000000000000000000",
            "0.0000000000001",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        let tenth = Decimal::parse("0.1").unwrap();
        assert_eq!(tenth.percent().to_string(), "0.001");
        assert_eq!(tenth.times(1_000).unwrap().as_whole(), Some(100));
        assert_eq!(tenth.as_whole(), None);
        assert_eq!(Decimal::whole(u128::MAX).times(2), None);
    }

    #[test]
    fn fractions_are_compared_exactly_however_large_they_are() {
        let of = |part, whole| Fraction::of(part, whole).unwrap();
        for (a, b, order) in [
            (
                of(1, 1_000),
                Decimal::parse("0.1").unwrap().percent().fraction(),
                Ordering::Equal,
            ),
            (of(0, 7), of(0, 9), Ordering::Equal),
            (of(0, 7), of(1, 9), Ordering::Less),
            (of(1, 3), of(333_333, 1_000_000), Ordering::Greater),
            (of(2, 3), of(4, 6), Ordering::Equal),
            (of(22, 7), of(355, 113), Ordering::Greater),
            (
                of(u128::MAX, u128::MAX - 1),
                of(u128::MAX - 1, u128::MAX - 2),
                Ordering::Less,
            ),
            (of(u128::MAX, 3), of(u128::MAX, 3), Ordering::Equal),
        ] {
            assert_eq!(a.compare(b), order, "{a:?} {b:?}");
            assert_eq!(b.compare(a), order.reverse(), "{b:?} {a:?}");
        }
        for n in 0..40 {
            for d in 1..40 {
                let order = (n * 7_u128).cmp(&(3 * d));
                assert_eq!(of(n, d).compare(of(3, 7)), order, "{n}/{d}");
            }
        }
        assert!(Fraction::of(1, 0).is_none());
    }
}
