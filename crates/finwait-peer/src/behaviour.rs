//! The named ways to treat a connection.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{ParseError, format_bytes, format_duration, parse_bytes, parse_duration};

/// How the server treats its connections, and how it closes them.
///
/// Read and written as on a command line; [`catalogue`](Self::catalogue) lists them all.
///
/// ```
/// use finwait_peer::Behaviour;
///
/// let behaviour: Behaviour = "respond=4m".parse()?;
/// assert_eq!(behaviour, Behaviour::Respond { bytes: 4 << 20 });
/// assert_eq!(behaviour.to_string(), "respond=4m");
/// # Ok::<(), finwait_peer::ParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends back what it receives, as it comes. At the peer's FIN it flushes and closes through
    /// finwait. It holds at most 64 KiB for a connection and receives no more until the peer has
    /// taken them: a client that writes megabytes must read meanwhile.
    #[default]
    Echo,
    /// At the first byte, or the peer's FIN, answers with filler and closes through finwait: FIN,
    /// drain, close. The answer is held in memory, once for all connections.
    Respond {
        /// The size of the answer, at most [`Behaviour::MOST_ANSWERED`].
        bytes: u64,
    },
    /// Reads one HTTP request head, answers `200` with a body of filler and `Connection: close`,
    /// and closes through finwait, which drains the request's body, if there is one.
    Http {
        /// The size of the body, at most [`Behaviour::MOST_ANSWERED`].
        bytes: u64,
    },
    /// Half-closes as soon as a connection is there, and drains it.
    Fin,
    /// Echoes, but its FIN comes late: the peer has to wait for it.
    LateFin {
        /// How long after the peer's FIN.
        delay: Duration,
    },
    /// Receives and ignores everything, the peer's FIN too, and never closes.
    Silent,
    /// Aborts at the first byte, or the peer's FIN.
    Rst,
    /// The classic mistake: waits until request bytes are there, answers without reading them,
    /// and closes plainly. The bytes left unread make the kernel send an RST, which overtakes
    /// whatever part of the answer is still queued.
    UnreadClose {
        /// The size of the answer.
        bytes: u64,
    },
    /// Sends a little again and again without end, and ignores the peer's FIN.
    Drip {
        /// How much each time.
        bytes: u64,
        /// The time from one to the next; at least a microsecond is taken.
        period: Duration,
    },
    /// Sends as fast as the peer takes, without end, and ignores the peer's FIN.
    Flood,
}

/// Of `unread-close` without a size: beyond what two sockets' buffers usually hold.
const UNREAD_CLOSE_BYTES: u64 = 4 << 20;
/// Of `http` without a size.
const HTTP_BYTES: u64 = 64;

impl Behaviour {
    /// The largest answer of [`Respond`](Self::Respond) and [`Http`](Self::Http): 1 GiB, because
    /// it is held in memory.
    pub const MOST_ANSWERED: u64 = 1 << 30;

    /// Every behaviour: how it is written, and what it does, in one line each.
    #[must_use]
    pub fn catalogue() -> &'static [(&'static str, &'static str)] {
        &[
            (
                "echo",
                "sends back what it receives; at the peer's FIN it flushes, sends its own, and closes (default)",
            ),
            (
                "respond=BYTES",
                "at the first byte or FIN answers BYTES of filler, then FIN, drain, close",
            ),
            (
                "http[=BYTES]",
                "reads one HTTP request head, answers 200 with BYTES of body (64), then FIN, drain, close",
            ),
            (
                "fin",
                "sends its FIN as soon as a connection is there, then drains",
            ),
            (
                "late-fin=DURATION",
                "echo, but its FIN comes DURATION after the peer's",
            ),
            (
                "silent",
                "receives and ignores everything, the FIN too; never closes",
            ),
            ("rst", "aborts with an RST at the first byte or FIN"),
            (
                "unread-close[=BYTES]",
                "answers BYTES (4m) without reading the request, then close(): the RST destroys what is queued",
            ),
            (
                "drip=BYTES/PERIOD",
                "sends BYTES every PERIOD without end; ignores the FIN",
            ),
            (
                "flood",
                "sends as fast as the peer takes, without end; ignores the FIN",
            ),
        ]
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("echo"),
            Self::Respond { bytes } => write!(f, "respond={}", format_bytes(*bytes)),
            Self::Http { bytes } => write!(f, "http={}", format_bytes(*bytes)),
            Self::Fin => f.write_str("fin"),
            Self::LateFin { delay } => write!(f, "late-fin={}", format_duration(*delay)),
            Self::Silent => f.write_str("silent"),
            Self::Rst => f.write_str("rst"),
            Self::UnreadClose { bytes } => write!(f, "unread-close={}", format_bytes(*bytes)),
            Self::Drip { bytes, period } => {
                write!(
                    f,
                    "drip={}/{}",
                    format_bytes(*bytes),
                    format_duration(*period)
                )
            }
            Self::Flood => f.write_str("flood"),
        }
    }
}

impl FromStr for Behaviour {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        match (name, value) {
            ("echo", None) => Ok(Self::Echo),
            ("fin", None) => Ok(Self::Fin),
            ("silent", None) => Ok(Self::Silent),
            ("rst", None) => Ok(Self::Rst),
            ("flood", None) => Ok(Self::Flood),
            ("respond", Some(bytes)) => Ok(Self::Respond {
                bytes: answered(text, bytes)?,
            }),
            ("http", None) => Ok(Self::Http { bytes: HTTP_BYTES }),
            ("http", Some(bytes)) => Ok(Self::Http {
                bytes: answered(text, bytes)?,
            }),
            ("unread-close", None) => Ok(Self::UnreadClose {
                bytes: UNREAD_CLOSE_BYTES,
            }),
            ("unread-close", Some(bytes)) => Ok(Self::UnreadClose {
                bytes: parse_bytes(bytes).map_err(|error| within(text, &error))?,
            }),
            ("late-fin", Some(delay)) => Ok(Self::LateFin {
                delay: parse_duration(delay).map_err(|error| within(text, &error))?,
            }),
            ("drip", Some(value)) => drip(text, value),
            _ => Err(misnamed(text, name)),
        }
    }
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

fn drip(text: &str, value: &str) -> Result<Behaviour, ParseError> {
    let Some((bytes, period)) = value.split_once('/') else {
        return Err(misnamed(text, "drip"));
    };
    let bytes = parse_bytes(bytes).map_err(|error| within(text, &error))?;
    let period = parse_duration(period).map_err(|error| within(text, &error))?;
    if bytes == 0 || period.is_zero() {
        return Err(ParseError::new(format!(
            "behaviour {text:?}: BYTES and PERIOD must be above zero"
        )));
    }
    Ok(Behaviour::Drip { bytes, period })
}

fn within(text: &str, error: &ParseError) -> ParseError {
    ParseError::new(format!("behaviour {text:?}: {error}"))
}

/// The name is unknown, or known and its value is missing or too much.
fn misnamed(text: &str, name: &str) -> ParseError {
    let name_of = |syntax: &str| syntax.split(['=', '[']).next() == Some(name);
    let syntaxes = || Behaviour::catalogue().iter().map(|(syntax, _)| *syntax);
    ParseError::new(match syntaxes().find(|syntax| name_of(syntax)) {
        Some(syntax) => format!("behaviour {text:?}: it is written {syntax}"),
        None => format!(
            "unknown behaviour {text:?} (one of: {})",
            syntaxes().collect::<Vec<_>>().join(", ")
        ),
    })
}
