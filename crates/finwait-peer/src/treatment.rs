//! A behaviour with its parameters.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use finwait::Limits;

use crate::behaviour::{Behaviour, LINGER, whole, within};
use crate::units::{ParseError, format_bytes, format_duration, parse_bytes, parse_duration};

/// A behaviour and its parameters: `NAME[=ARG][?PARAM=V[&PARAM=V...]]`.
///
/// The same text on a command line and, after `/behave/`, in the path of an HTTP request.
///
/// ```
/// use std::time::Duration;
/// use finwait_peer::{Behaviour, Treatment};
///
/// let slow: Treatment = "rst-after-response?size=1m&delay=20ms".parse()?;
/// assert_eq!(slow.behaviour, Behaviour::RstAfterResponse);
/// assert_eq!(slow.params.size, Some(1 << 20));
/// assert_eq!(slow.params.delay, Some(Duration::from_millis(20)));
/// # Ok::<(), finwait_peer::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Treatment {
    /// What is done.
    pub behaviour: Behaviour,
    /// With what.
    pub params: Params,
}

/// What can be said of an answer, whatever is done around it. What is absent is the behaviour's
/// own.
///
/// Behaviours without an answer (`echo`, `late-fin`, `silent`, `fin`, and without HTTP `drip`,
/// `flood`, `idle-close`, `idle-rst`, `slow-read`) make no use of it there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Params {
    /// The size of the answer, or of the response's body. Default: 64 bytes, or what the
    /// behaviour's own argument says, over which this wins.
    pub size: Option<u64>,
    /// How long the server waits before the answer begins. Default: not at all, and 50 ms where
    /// the behaviour is about that wait.
    pub delay: Option<Duration>,
    /// The status of an HTTP response, 200 to 599. Default: 200.
    pub status: Option<u16>,
    /// How an HTTP response's body is delimited. Default: [`Framing::Length`], and
    /// [`Framing::Chunked`] for one without end.
    pub framing: Option<Framing>,
}

/// How the body of an HTTP response is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// By `Content-Length`.
    Length,
    /// In chunks; by the end of the connection for a client of HTTP/1.0, which knows none.
    Chunked,
    /// By the end of the connection.
    Close,
}

const PARAMS: &str = "size=BYTES, delay=DURATION, status=N, framing=length|chunked|close";

impl Treatment {
    pub(crate) fn size(&self) -> u64 {
        self.params.size.unwrap_or(self.behaviour.own_size())
    }

    /// Whether it is the behaviour alone.
    pub(crate) fn is_plain(&self) -> bool {
        self.params == Params::default()
    }

    pub(crate) fn delay(&self) -> Duration {
        self.params.delay.unwrap_or(self.behaviour.own_delay())
    }

    /// What bounds its close. What was there before `linger` keeps to what the server was told.
    pub(crate) fn limits(&self, server: &Limits) -> Limits {
        let most = match self.behaviour {
            Behaviour::Echo
            | Behaviour::Respond { .. }
            | Behaviour::Http { .. }
            | Behaviour::Fin
            | Behaviour::LateFin { .. } => return *server,
            Behaviour::Linger { most } => most,
            _ => LINGER,
        };
        Limits {
            drain_idle: most,
            drain_total: Some(most),
            drain_bytes: None,
            ..*server
        }
    }

    /// The same with what `params` says, where they say something.
    pub(crate) fn overridden(mut self, params: Params) -> Self {
        let own = &mut self.params;
        own.size = params.size.or(own.size);
        own.delay = params.delay.or(own.delay);
        own.status = params.status.or(own.status);
        own.framing = params.framing.or(own.framing);
        self
    }
}

impl From<Behaviour> for Treatment {
    fn from(behaviour: Behaviour) -> Self {
        Self {
            behaviour,
            params: Params::default(),
        }
    }
}

impl FromStr for Treatment {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (behaviour, params) = match text.split_once('?') {
            Some((behaviour, params)) => (behaviour, Some(params)),
            None => (text, None),
        };
        Ok(Self {
            behaviour: behaviour.parse()?,
            params: match params {
                Some(params) => Params::parse(text, params)?,
                None => Params::default(),
            },
        })
    }
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.behaviour.fmt(f)?;
        let Params {
            size,
            delay,
            status,
            framing,
        } = self.params;
        let params = [
            size.map(|size| format!("size={}", format_bytes(size))),
            delay.map(|delay| format!("delay={}", format_duration(delay))),
            status.map(|status| format!("status={status}")),
            framing.map(|framing| format!("framing={framing}")),
        ];
        for (i, param) in params.into_iter().flatten().enumerate() {
            write!(f, "{}{param}", if i == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl Params {
    /// `PARAM=V[&PARAM=V...]`, a part of `text`.
    fn parse(text: &str, params: &str) -> Result<Self, ParseError> {
        let mut parsed = Self::default();
        for param in params.split('&') {
            let known = parsed.take(param).map_err(|error| within(text, &error))?;
            if !known {
                return Err(ParseError::new(format!(
                    "behaviour {text:?}: unknown parameter {param:?} (one of: {PARAMS})"
                )));
            }
        }
        Ok(parsed)
    }

    /// What a query says of them, and anything else in it is somebody else's.
    pub(crate) fn in_query(query: &str) -> Result<Self, ParseError> {
        let mut parsed = Self::default();
        for param in query.split('&') {
            parsed.take(param)?;
        }
        Ok(parsed)
    }

    /// `false` if `param` is none of them.
    fn take(&mut self, param: &str) -> Result<bool, ParseError> {
        let Some((name, value)) = param.split_once('=') else {
            return Ok(false);
        };
        match name {
            "size" => self.size = Some(parse_bytes(value)?),
            "delay" => self.delay = Some(parse_duration(value)?),
            "status" => self.status = Some(status(value)?),
            "framing" => self.framing = Some(value.parse()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// One that ends the answer: those below 200 only announce it.
fn status(text: &str) -> Result<u16, ParseError> {
    whole(text)
        .filter(|status| (200..600).contains(status))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or_else(|| ParseError::new(format!("not a status: {text:?} (200 to 599)")))
}

impl FromStr for Framing {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "length" => Ok(Self::Length),
            "chunked" => Ok(Self::Chunked),
            "close" => Ok(Self::Close),
            _ => Err(ParseError::new(format!(
                "not a framing: {text:?} (one of: length, chunked, close)"
            ))),
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "length",
            Self::Chunked => "chunked",
            Self::Close => "close",
        })
    }
}
