//! What there is, in one line each.

use super::Behaviour;

/// A behaviour, as a list of them shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// How it is written: `late-fin=DURATION`.
    pub syntax: &'static str,
    /// What it does, without HTTP unless it needs that, in one line.
    pub what: &'static str,
    /// What sort of behaviour it is.
    pub kind: Kind,
    /// Whether it is for HTTP alone.
    pub needs_http: bool,
}

/// What sort of behaviour one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Delivers everything and ends the connection with a FIN.
    Good,
    /// Loses something, or may.
    Bad,
    /// Does not end by itself.
    Endless,
}

impl Entry {
    /// The name alone: `late-fin`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.syntax.split(['=', '[']).next().unwrap_or_default()
    }
}

impl Behaviour {
    /// Every behaviour: how it is written, and what it does. The good ones come first, the endless
    /// ones last.
    #[must_use]
    pub fn catalogue() -> &'static [Entry] {
        CATALOGUE
    }
}

const fn entry(kind: Kind, syntax: &'static str, what: &'static str) -> Entry {
    Entry {
        syntax,
        what,
        kind,
        needs_http: false,
    }
}

/// One that is a way to treat HTTP requests.
const fn http(syntax: &'static str, what: &'static str) -> Entry {
    Entry {
        syntax,
        what,
        kind: Kind::Bad,
        needs_http: true,
    }
}

pub(super) static CATALOGUE: &[Entry] = &[
    entry(
        Kind::Good,
        "echo",
        "sends back what it receives; at the peer's FIN it flushes, sends its own, and closes",
    ),
    entry(
        Kind::Good,
        "respond=BYTES",
        "at the first byte or FIN answers BYTES of filler, then FIN, drain, close",
    ),
    entry(
        Kind::Good,
        "http[=BYTES]",
        "reads one HTTP request head, answers 200 with BYTES of body (64), then FIN, drain, close",
    ),
    entry(
        Kind::Good,
        "fin",
        "sends its FIN as soon as a connection is there, then drains",
    ),
    entry(
        Kind::Good,
        "late-fin=DURATION",
        "echo, but its FIN comes DURATION after the peer's",
    ),
    entry(
        Kind::Good,
        "linger[=DURATION]",
        "answers, FIN, receives and discards until the peer's FIN or for DURATION (30s)",
    ),
    entry(
        Kind::Good,
        "slow-read[=BYTES/PERIOD]",
        "receives BYTES every PERIOD (1k/100ms), and echoes; healthy otherwise",
    ),
    entry(
        Kind::Good,
        "idle-close=DURATION",
        "echo; after DURATION without a byte FIN, drain, close",
    ),
    entry(
        Kind::Bad,
        "rst",
        "aborts with an RST at the first byte or FIN",
    ),
    entry(
        Kind::Bad,
        "unread-close[=BYTES]",
        "answers BYTES (4m) without reading the request, then close(): the RST destroys what is queued",
    ),
    entry(
        Kind::Bad,
        "rst-after-response",
        "answers, waits until all is acknowledged, aborts",
    ),
    entry(
        Kind::Bad,
        "rst-mid-response",
        "aborts when half of the answer is sent",
    ),
    entry(
        Kind::Bad,
        "trunc=PERCENT%",
        "sends PERCENT of the answer, and then a FIN as if it were all",
    ),
    entry(
        Kind::Bad,
        "fin-then-rst",
        "answers, FIN, and an RST when the FIN is acknowledged, or after 20ms",
    ),
    entry(
        Kind::Bad,
        "half-close-deaf",
        "waits (delay=50ms); if the peer's FIN came by then, closes without an answer",
    ),
    entry(
        Kind::Bad,
        "half-close-abort",
        "waits (delay=50ms), answers; aborts if the peer's FIN comes before it has finished",
    ),
    entry(
        Kind::Bad,
        "idle-rst=DURATION",
        "echo; after DURATION without a byte aborts",
    ),
    entry(
        Kind::Bad,
        "brittle=DURATION",
        "healthy until a client ends badly, then aborts everything for DURATION",
    ),
    entry(
        Kind::Bad,
        "drop-backlog",
        "never accepts: resets what waits in the queue (on Windows accepts and aborts)",
    ),
    http(
        "skip-body",
        "answers at the end of the head, and takes the body for the next request",
    ),
    http(
        "serve-after-close",
        "answers requests that follow a Connection: close, then closes",
    ),
    http(
        "eof-completes",
        "takes a request that was cut short by a FIN for a complete one",
    ),
    http(
        "quiet-limit=N",
        "closes after N requests without announcing it",
    ),
    http(
        "early-close",
        "refuses early as it should, then close() with the body unread: an RST",
    ),
    entry(
        Kind::Endless,
        "silent",
        "receives and ignores everything, the FIN too; never closes",
    ),
    entry(
        Kind::Endless,
        "no-close",
        "answers, and never closes, whatever the peer does",
    ),
    entry(
        Kind::Endless,
        "drip=BYTES/PERIOD",
        "sends BYTES every PERIOD without end; ignores the FIN",
    ),
    entry(
        Kind::Endless,
        "flood",
        "sends as fast as the peer takes, without end; ignores the FIN",
    ),
];
