//! When a run is to start, as typed: the barrier of the parts of a run on several machines.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::units;

/// A wait of more than a day is a slip: a wrong year, or milliseconds instead of seconds.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// `--start-at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartAt {
    /// At this time of the wall clock.
    At(SystemTime),
    /// So long after the wait begins.
    In(Duration),
}

impl StartAt {
    /// `2026-11-22T22:00:00Z`, `1795384800`, `1795384800.5` or `+30s`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(time) = text.strip_prefix('+') {
            return units::time_or_zero(time).map(Self::In);
        }
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        if !text.is_empty() && text.chars().all(is_number) {
            // Seconds like any others, so they are read, and refused, like those.
            let since = units::time_or_zero(text)?;
            let at = UNIX_EPOCH.checked_add(since);
            return at
                .map(Self::At)
                .ok_or_else(|| "is too far ahead".to_owned());
        }
        humantime::parse_rfc3339(text).map(Self::At).map_err(|_| {
            "is not a time in UTC such as 2026-11-22T22:00:00Z, nor seconds since 1970, nor +30s"
                .to_owned()
        })
    }

    /// How long to wait, from `now`.
    pub(crate) fn wait(self, now: SystemTime) -> Result<Duration, String> {
        let wait = match self {
            Self::In(wait) => wait,
            Self::At(at) => at
                .duration_since(now)
                .map_err(|past| format!("lies {} in the past", rough(past.duration())))?,
        };
        if wait > MOST {
            return Err(format!(
                "lies {} ahead; more than {} is not waited",
                rough(wait),
                rough(MOST)
            ));
        }
        Ok(wait)
    }
}

/// A time for people, in whole units; never none, which would look like no reason.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis().max(1)),
        seconds @ ..=119 => format!("{seconds} s"),
        seconds @ ..=7_199 => format!("{} min", seconds / 60),
        seconds @ ..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T22:00:00Z.
    const THEN: u64 = 1_795_384_800;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_date_seconds_and_a_wait_are_read() {
        let parsed = |text: &str| StartAt::parse(text).unwrap();
        assert_eq!(parsed("2026-11-22T22:00:00Z"), StartAt::At(at(THEN)));
        assert_eq!(parsed("1795384800"), StartAt::At(at(THEN)));
        let half = at(THEN) + Duration::from_millis(500);
        assert_eq!(parsed("2026-11-22T22:00:00.5Z"), StartAt::At(half));
        assert_eq!(parsed("1795384800.5"), StartAt::At(half));
        assert_eq!(parsed("+30s"), StartAt::In(Duration::from_secs(30)));
        assert_eq!(parsed("+1.5"), StartAt::In(Duration::from_millis(1_500)));
        assert_eq!(parsed("+0s"), StartAt::In(Duration::ZERO));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "+",
            "+-1s",
            "-5",
            "-5s",
            "30s",
            "now",
            "1.2.3",
            ".",
            "1e9",
            "NaN",
            "2026-11-22",
            "2026-11-22T22:00:00",
            "2026-11-22T22:00:00+01:00",
            "2026-02-30T22:00:00Z",
            "2026-11-22T25:00:00Z",
            "99999999999999999999999",
            "18446744073709551615",
        ] {
            // Either at once, or when it is used.
            let wait = StartAt::parse(text).and_then(|start| start.wait(at(THEN)));
            wait.unwrap_err();
        }
    }

    #[test]
    fn a_wait_lies_ahead_and_is_not_longer_than_a_day() {
        let start = StartAt::At(at(THEN));
        assert_eq!(start.wait(at(THEN - 30)), Ok(Duration::from_secs(30)));
        assert_eq!(start.wait(at(THEN)), Ok(Duration::ZERO));
        assert_eq!(start.wait(at(THEN - 86_400)), Ok(MOST));
        let soon = StartAt::In(Duration::from_secs(30));
        assert_eq!(soon.wait(at(THEN)), Ok(Duration::from_secs(30)));
        for (now, why) in [
            (
                at(THEN) + Duration::from_nanos(1_000),
                "lies 1 ms in the past",
            ),
            (at(THEN + 12), "lies 12 s in the past"),
            (at(THEN + 600), "lies 10 min in the past"),
            (at(THEN + 7_200), "lies 2 h in the past"),
            (at(THEN + 1_000_000), "lies 11 days in the past"),
            (
                at(THEN - 86_401),
                "lies 24 h ahead; more than 24 h is not waited",
            ),
            (at(THEN - 864_000), "lies 10 days ahead"),
        ] {
            let told = start.wait(now).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        StartAt::In(MOST + Duration::from_secs(1))
            .wait(at(THEN))
            .unwrap_err();
        // Milliseconds since 1970 are taken for seconds, and lie too far ahead.
        // The clock of Windows does not go so far at all.
        let slip = StartAt::parse("1795384800000");
        let told = slip.and_then(|slip| slip.wait(at(THEN))).unwrap_err();
        assert!(told.contains("ahead"), "{told}");
    }
}
