//! What has come of a response, and whether that is all of it.

use std::fmt;

use crate::http::Framing;

/// What makes a response complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The peer's FIN ends it, whatever came before.
    UntilFin,
    /// This many bytes.
    Bytes(u64),
    /// The request, byte by byte.
    Echo,
    /// An HTTP/1 response to a GET: complete by its own framing.
    Http,
    /// An HTTP/1 response to a HEAD: complete with its head.
    HttpHead,
}

impl Expect {
    /// Whether it is known where a response ends while the connection goes on, so that another
    /// request can follow.
    #[must_use]
    pub fn is_delimited(self) -> bool {
        self != Self::UntilFin
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UntilFin => f.write_str("until-fin"),
            Self::Bytes(bytes) => write!(f, "bytes={bytes}"),
            Self::Echo => f.write_str("echo"),
            Self::Http => f.write_str("http"),
            Self::HttpHead => f.write_str("http-head"),
        }
    }
}

/// What has come of one response.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    pub(crate) bytes: u64,
    /// A byte came that is not the one expected.
    pub(crate) wrong: bool,
    http: Option<Box<Framing>>,
}

impl Reception {
    pub(crate) fn new(expect: Expect) -> Self {
        Self {
            http: match expect {
                Expect::Http => Some(Box::default()),
                Expect::HttpHead => Some(Box::new(Framing::of_head())),
                _ => None,
            },
            ..Self::default()
        }
    }

    pub(crate) fn receive(&mut self, chunk: &[u8], expect: Expect, request: &[u8]) {
        if let Some(framing) = &mut self.http {
            framing.receive(chunk);
        }
        if expect == Expect::Echo {
            let rest = request.get(self.bytes as usize..).unwrap_or_default();
            self.wrong |= !rest.starts_with(chunk);
        }
        self.bytes += chunk.len() as u64;
    }

    /// Whether everything came, given whether the peer's FIN was read after it.
    pub(crate) fn is_complete(&self, expect: Expect, request: &[u8], fin_read: bool) -> bool {
        match expect {
            Expect::UntilFin => fin_read,
            Expect::Bytes(expected) => self.bytes >= expected,
            Expect::Echo => self.bytes == request.len() as u64 && !self.wrong,
            Expect::Http | Expect::HttpHead => self
                .http
                .as_ref()
                .is_some_and(|http| http.is_complete(fin_read)),
        }
    }

    /// Whether the peer has said that it closes after this response.
    pub(crate) fn announced_close(&self) -> bool {
        self.http.as_ref().is_some_and(|http| http.closes())
    }
}
