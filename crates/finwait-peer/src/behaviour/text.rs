//! How behaviours are written and read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::catalogue::CATALOGUE;
use super::{Behaviour, DEFAULT_BYTES};
use crate::units::{ParseError, format_bytes, format_duration, parse_bytes, parse_duration};

/// Of `unread-close` without a size: beyond what two sockets' buffers usually hold.
const UNREAD_CLOSE_BYTES: u64 = 4 << 20;
/// Of `slow-read` without a rate.
const SLOW_READ: Behaviour = Behaviour::SlowRead {
    bytes: 1 << 10,
    period: Duration::from_millis(100),
};

impl Behaviour {
    /// Its name, without an argument.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Respond { .. } => "respond",
            Self::Http { .. } => "http",
            Self::Fin => "fin",
            Self::LateFin { .. } => "late-fin",
            Self::Silent => "silent",
            Self::Rst => "rst",
            Self::UnreadClose { .. } => "unread-close",
            Self::Drip { .. } => "drip",
            Self::Flood => "flood",
            Self::Linger { .. } => "linger",
            Self::RstAfterResponse => "rst-after-response",
            Self::RstMidResponse => "rst-mid-response",
            Self::Trunc { .. } => "trunc",
            Self::FinThenRst => "fin-then-rst",
            Self::NoClose => "no-close",
            Self::HalfCloseDeaf => "half-close-deaf",
            Self::HalfCloseAbort => "half-close-abort",
            Self::SlowRead { .. } => "slow-read",
            Self::DropBacklog => "drop-backlog",
            Self::IdleClose { .. } => "idle-close",
            Self::IdleRst { .. } => "idle-rst",
            Self::Brittle { .. } => "brittle",
            Self::SkipBody => "skip-body",
            Self::ServeAfterClose => "serve-after-close",
            Self::EofCompletes => "eof-completes",
            Self::QuietLimit { .. } => "quiet-limit",
            Self::EarlyClose => "early-close",
        }
    }

    fn argument(self) -> Option<String> {
        Some(match self {
            Self::Respond { bytes } | Self::Http { bytes } | Self::UnreadClose { bytes } => {
                format_bytes(bytes)
            }
            Self::LateFin { delay: time }
            | Self::Linger { most: time }
            | Self::IdleClose { after: time }
            | Self::IdleRst { after: time }
            | Self::Brittle { period: time } => format_duration(time),
            Self::Drip { bytes, period } | Self::SlowRead { bytes, period } => {
                format!("{}/{}", format_bytes(bytes), format_duration(period))
            }
            Self::Trunc { percent } => format!("{percent}%"),
            Self::QuietLimit { requests } => requests.to_string(),
            _ => return None,
        })
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.argument() {
            Some(argument) => write!(f, "={argument}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Behaviour {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once('=') {
            Some((name, argument)) => with_argument(text, name, argument),
            None => alone(text).ok_or_else(|| misnamed(text, text)),
        }
    }
}

fn alone(name: &str) -> Option<Behaviour> {
    Some(match name {
        "echo" => Behaviour::Echo,
        "http" => Behaviour::Http {
            bytes: DEFAULT_BYTES,
        },
        "fin" => Behaviour::Fin,
        "silent" => Behaviour::Silent,
        "rst" => Behaviour::Rst,
        "unread-close" => Behaviour::UnreadClose {
            bytes: UNREAD_CLOSE_BYTES,
        },
        "flood" => Behaviour::Flood,
        "linger" => Behaviour::LINGER,
        "rst-after-response" => Behaviour::RstAfterResponse,
        "rst-mid-response" => Behaviour::RstMidResponse,
        "fin-then-rst" => Behaviour::FinThenRst,
        "no-close" => Behaviour::NoClose,
        "half-close-deaf" => Behaviour::HalfCloseDeaf,
        "half-close-abort" => Behaviour::HalfCloseAbort,
        "slow-read" => SLOW_READ,
        "drop-backlog" => Behaviour::DropBacklog,
        "skip-body" => Behaviour::SkipBody,
        "serve-after-close" => Behaviour::ServeAfterClose,
        "eof-completes" => Behaviour::EofCompletes,
        "early-close" => Behaviour::EarlyClose,
        _ => return None,
    })
}

fn with_argument(text: &str, name: &str, argument: &str) -> Result<Behaviour, ParseError> {
    let time = || parse_duration(argument).map_err(|error| within(text, &error));
    Ok(match name {
        "respond" => Behaviour::Respond {
            bytes: answered(text, argument)?,
        },
        "http" => Behaviour::Http {
            bytes: answered(text, argument)?,
        },
        "unread-close" => Behaviour::UnreadClose {
            bytes: parse_bytes(argument).map_err(|error| within(text, &error))?,
        },
        "late-fin" => Behaviour::LateFin { delay: time()? },
        "linger" => Behaviour::Linger { most: time()? },
        "idle-close" => Behaviour::IdleClose {
            after: above_zero(text, time()?)?,
        },
        "idle-rst" => Behaviour::IdleRst {
            after: above_zero(text, time()?)?,
        },
        "brittle" => Behaviour::Brittle {
            period: above_zero(text, time()?)?,
        },
        "drip" => {
            let (bytes, period) = rate(text, name, argument)?;
            Behaviour::Drip { bytes, period }
        }
        "slow-read" => {
            let (bytes, period) = rate(text, name, argument)?;
            Behaviour::SlowRead { bytes, period }
        }
        "trunc" => Behaviour::Trunc {
            percent: percent(text, argument)?,
        },
        "quiet-limit" => Behaviour::QuietLimit {
            requests: requests(text, argument)?,
        },
        _ => return Err(misnamed(text, name)),
    })
}

fn answered(text: &str, bytes: &str) -> Result<u64, ParseError> {
    let bytes = parse_bytes(bytes).map_err(|error| within(text, &error))?;
    if bytes > Behaviour::MOST_ANSWERED {
        let most = format_bytes(Behaviour::MOST_ANSWERED);
        return Err(ParseError::new(format!(
            "behaviour {text:?}: at most {most}, because the answer is held in memory"
        )));
    }
    Ok(bytes)
}

fn above_zero(text: &str, time: Duration) -> Result<Duration, ParseError> {
    if time.is_zero() {
        let message = format!("behaviour {text:?}: DURATION must be above zero");
        return Err(ParseError::new(message));
    }
    Ok(time)
}

fn rate(text: &str, name: &str, argument: &str) -> Result<(u64, Duration), ParseError> {
    let Some((bytes, period)) = argument.split_once('/') else {
        return Err(misnamed(text, name));
    };
    let bytes = parse_bytes(bytes).map_err(|error| within(text, &error))?;
    let period = parse_duration(period).map_err(|error| within(text, &error))?;
    if bytes == 0 || period.is_zero() {
        return Err(ParseError::new(format!(
            "behaviour {text:?}: BYTES and PERIOD must be above zero"
        )));
    }
    Ok((bytes, period))
}

fn percent(text: &str, argument: &str) -> Result<u8, ParseError> {
    let digits = argument.strip_suffix('%').unwrap_or(argument);
    whole(digits)
        .filter(|percent| *percent <= 100)
        .and_then(|percent| u8::try_from(percent).ok())
        .ok_or_else(|| {
            ParseError::new(format!(
                "behaviour {text:?}: not a share: {argument:?} (0% to 100%)"
            ))
        })
}

fn requests(text: &str, argument: &str) -> Result<u32, ParseError> {
    whole(argument).filter(|n| *n > 0).ok_or_else(|| {
        ParseError::new(format!(
            "behaviour {text:?}: not a number of requests: {argument:?} (1 or more)"
        ))
    })
}

/// Digits alone: `parse` would take a sign as well.
pub(crate) fn whole(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

pub(crate) fn within(text: &str, error: &ParseError) -> ParseError {
    ParseError::new(format!("behaviour {text:?}: {error}"))
}

/// The name is unknown, or known and its value is missing or too much.
fn misnamed(text: &str, name: &str) -> ParseError {
    let mut entries = CATALOGUE.iter();
    ParseError::new(match entries.find(|entry| entry.name() == name) {
        Some(entry) => format!("behaviour {text:?}: it is written {}", entry.syntax),
        None => {
            let syntaxes: Vec<&str> = CATALOGUE.iter().map(|entry| entry.syntax).collect();
            format!(
                "unknown behaviour {text:?} (one of: {})",
                syntaxes.join(", ")
            )
        }
    })
}
