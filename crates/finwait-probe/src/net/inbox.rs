//! What has come on one connection, and what of it is a response.

use std::time::Instant;

use finwait_load::{Expect, Framing};

use crate::check::Service;

/// How much of the beginning is kept, to be shown or looked into.
const MOST_KEPT: usize = 4 << 10;

/// What has come on one connection.
#[derive(Debug)]
pub(crate) struct Inbox {
    expect: Expect,
    /// What an echo is compared with.
    sent: Vec<u8>,
    pub(crate) bytes: u64,
    /// The first of them.
    pub(crate) beginning: Vec<u8>,
    /// A byte came that an echo would not have.
    wrong: bool,
    /// Of HTTP, in order; the last may be under way.
    pub(crate) responses: Vec<Response>,
}

/// One HTTP response, whole or not.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) framing: Framing,
    pub(crate) bytes: u64,
    pub(crate) completed: Option<Instant>,
}

impl Response {
    fn new() -> Self {
        Self {
            framing: Framing::default(),
            bytes: 0,
            completed: None,
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.framing.status()
    }
}

impl Inbox {
    pub(crate) fn new(expect: Expect) -> Self {
        Self {
            expect,
            sent: Vec::new(),
            bytes: 0,
            beginning: Vec::new(),
            wrong: false,
            responses: Vec::new(),
        }
    }

    /// What was handed to the kernel, which an echo must bring back.
    pub(crate) fn asked(&mut self, bytes: &[u8]) {
        if self.expect == Expect::Echo {
            self.sent.extend_from_slice(bytes);
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], now: Instant) {
        let room = MOST_KEPT.saturating_sub(self.beginning.len());
        self.beginning
            .extend_from_slice(&bytes[..room.min(bytes.len())]);
        match self.expect {
            Expect::Http | Expect::HttpHead => self.responses(bytes, now),
            Expect::Echo => {
                let rest = self.sent.get(self.bytes as usize..).unwrap_or_default();
                self.wrong |= !rest.starts_with(bytes);
            }
            Expect::UntilFin | Expect::Bytes(_) => {}
        }
        self.bytes += bytes.len() as u64;
    }

    fn responses(&mut self, mut bytes: &[u8], now: Instant) {
        while !bytes.is_empty() {
            if self.responses.last().is_none_or(|r| r.completed.is_some()) {
                self.responses.push(Response::new());
            }
            let Some(response) = self.responses.last_mut() else {
                return;
            };
            let taken = response.framing.receive(bytes);
            response.bytes += taken as u64;
            if response.framing.is_complete(false) {
                response.completed = Some(now);
            } else if taken == 0 {
                return;
            }
            bytes = &bytes[taken..];
        }
    }

    /// The peer's FIN, which completes a response that has no other end.
    pub(crate) fn fin(&mut self, now: Instant) {
        if let Some(response) = self.responses.last_mut()
            && response.completed.is_none()
            && response.framing.is_complete(true)
        {
            response.completed = Some(now);
        }
    }

    /// How many responses are whole, given whether the peer's FIN was read.
    pub(crate) fn whole(&self, fin: bool) -> usize {
        let whole = match self.expect {
            Expect::Http | Expect::HttpHead => {
                return self
                    .responses
                    .iter()
                    .filter(|r| r.completed.is_some())
                    .count();
            }
            Expect::UntilFin => fin && self.bytes > 0,
            Expect::Bytes(wanted) => self.bytes >= wanted,
            Expect::Echo => !self.wrong && self.bytes > 0 && self.bytes >= self.sent.len() as u64,
        };
        usize::from(whole)
    }

    /// What the server did for somebody who asked for one response.
    pub(crate) fn service(&self, fin: bool) -> Service {
        let not_http = self.responses.first().map(|r| r.framing.is_malformed());
        match () {
            () if self.wrong || not_http == Some(true) => Service::Wrong,
            () if self.whole(fin) > 0 => Service::Whole,
            () if self.bytes == 0 => Service::Nothing,
            () => Service::Cut,
        }
    }

    /// The status of the first response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.responses.first().and_then(Response::status)
    }
}
