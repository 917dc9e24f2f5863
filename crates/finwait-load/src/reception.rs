//! What has come of a response, and whether that is all of it.

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
            http: (expect == Expect::Http).then(Box::default),
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
            Expect::Http => self
                .http
                .as_ref()
                .is_some_and(|http| http.is_complete(fin_read)),
        }
    }
}
