//! What every kind of server comes to: one row for each, with its cell and its verdict.

use finwait_load::{Ending, Expect, Progress, Verdict};

use crate::raw_peer::Step::{self, Abort, Await, Drain, Fin, Hold, Send};

/// A server, and what each connection to it comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) sends: Sends,
    pub(crate) expect: Expect,
    pub(crate) closes: Closes,
    /// How far it gets, and how it ends; more than one where the system decides.
    pub(crate) progress: &'static [Progress],
    pub(crate) endings: &'static [Ending],
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    /// `finwait-peer` with this behaviour.
    Peer(&'static str),
    /// The scripted one of these tests.
    Raw(&'static [Step]),
}

/// What the client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    Nothing,
    Hello,
    Get,
    /// More than the kernel of a server takes that reads nothing, so that our FIN waits behind it
    /// and is not acknowledged; and so little that our own kernel takes it in one write.
    Much,
    /// More than both kernels take: the client is still writing when the answer comes.
    TooMuch,
}

/// How the client closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closes {
    Half,
    Fin,
    Rst,
    Abandon,
}

macro_rules! rows {
    ($($name:literal:
        $kind:ident $what:tt, $sends:ident, $expect:ident $(($n:literal))?, $closes:ident
        => $($progress:ident)|+ x $($ending:ident)|+ = $verdict:ident;)*) => {
        &[$(Row {
            name: $name,
            server: Server::$kind(server!($kind $what)),
            sends: Sends::$sends,
            expect: Expect::$expect $(($n))?,
            closes: Closes::$closes,
            progress: &[$(Progress::$progress),+],
            endings: &[$(Ending::$ending),+],
            verdict: Verdict::$verdict,
        }),*]
    };
}

macro_rules! server {
    (Peer $behaviour:literal) => {
        $behaviour
    };
    (Raw $script:tt) => {
        &$script
    };
}

/// The reference server. Each row: its name, the server, what is sent and expected, how we close
/// => progress x ending = verdict.
pub(crate) const REFERENCE: &[Row] = rows! {
    "echo": Peer "echo", Hello, Echo, Half
        => ResponseComplete x FinClean = Graceful;
    "echo, we close first": Peer "echo", Hello, Echo, Fin
        => ResponseComplete x Closed = Closed;
    "echo, we abort": Peer "echo", Hello, Echo, Rst
        => ResponseComplete x Aborted = Aborted;
    "echo, we leave it unread": Peer "echo", Hello, Echo, Abandon
        => ResponsePartial x Abandoned = Abandoned;
    "echo of much": Peer "echo", Much, Echo, Half
        => ResponseComplete x FinClean = Graceful;
    "not the echo expected": Peer "respond=5", Hello, Echo, Half
        => ResponsePartial x FinClean = Truncated;
    "late fin": Peer "late-fin=50ms", Hello, Echo, Half
        => ResponseComplete x FinClean = Graceful;

    "response": Peer "respond=1000", Hello, Bytes(1000), Half
        => ResponseComplete x FinClean = Graceful;
    "response, of any length": Peer "respond=1000", Hello, UntilFin, Half
        => ResponseComplete x FinClean = Graceful;
    // Where the peer's FIN is there with the response, who closes first is a matter of chance.
    "response, we close first": Peer "no-close?size=1000", Hello, Bytes(999), Fin
        => ResponseComplete x Closed = Closed;
    "response, we wait for its fin": Peer "respond=1000", Hello, UntilFin, Fin
        => ResponseComplete x FinClean = Graceful;
    "response, we leave it unread": Peer "respond=1000", Hello, Bytes(1000), Abandon
        => ResponsePartial x Abandoned = Abandoned;
    "short response": Peer "respond=1000", Hello, Bytes(1001), Half
        => ResponsePartial x FinClean = Truncated;
    "short response, we would close first": Peer "respond=1000", Hello, Bytes(1001), Fin
        => ResponsePartial x FinClean = Truncated;
    "short response, we would abort": Peer "respond=1000", Hello, Bytes(1001), Rst
        => ResponsePartial x FinClean = Truncated;

    "http": Peer "http=1000", Get, Http, Half
        => ResponseComplete x FinClean = Graceful;
    "http, we close first": Raw [Await, Send(WHOLE), Hold], Get, Http, Fin
        => ResponseComplete x Closed = Closed;
    "http, we abort": Peer "http=1000", Get, Http, Rst
        => ResponseComplete x Aborted = Aborted;
    "not http at all": Peer "respond=1000", Get, Http, Half
        => ResponsePartial x FinClean = Truncated;
    "http without a whole request": Peer "http=1000", Hello, Http, Half
        => RequestAcked x FinClean = Truncated;

    "fin at once": Peer "fin", Hello, UntilFin, Half
        => ResponseComplete x FinClean = Graceful;
    "fin at once, bytes expected": Peer "fin", Hello, Bytes(1), Half
        => RequestAcked x FinClean = Truncated;
    "fin at once, http expected": Peer "fin", Get, Http, Half
        => RequestAcked x FinClean = Truncated;
    "fin at once, and nothing sent": Peer "fin", Nothing, Bytes(1), Half
        => Connected x FinClean = Truncated;

    // What the RST itself acknowledges, Linux does not look at: whether the request was
    // acknowledged before it is a matter of delayed acknowledgements.
    "rst": Peer "rst", Hello, Bytes(1), Half
        => RequestUnacked | RequestAcked x Rst = ResetLost;
    "rst, we would close first": Peer "rst", Hello, Bytes(1), Fin
        => RequestUnacked | RequestAcked x Rst = ResetLost;
    "rst, we would abort": Peer "rst", Hello, Bytes(1), Rst
        => RequestUnacked | RequestAcked x Rst = ResetLost;
    "rst at our fin, and nothing sent": Peer "rst", Nothing, Bytes(1), Half
        => Connected x Rst = RetrySafeLoss;

    // So little is answered that it has all left before the RST can destroy it.
    "unread close": Peer "unread-close=1000", Hello, Bytes(1000), Half
        => ResponseComplete x Rst = UncleanComplete;
    "unread close, not http": Peer "unread-close=1000", Get, Http, Half
        => ResponsePartial x Rst = Truncated;
    "unread close, of any length": Peer "unread-close=1000", Hello, UntilFin, Half
        => ResponsePartial x Rst = Truncated;
    "unread close, more expected": Peer "unread-close=64k", Hello, Bytes(65537), Half
        => ResponsePartial x Rst = Truncated;
    // With no more expected it is a matter of chance whether the RST or our close comes first.
    "unread close, more expected, we would close": Peer "unread-close=1000", Hello, Bytes(1001), Fin
        => ResponsePartial x Rst = Truncated;
};

/// Servers that leave us waiting until a limit of ours ends it.
pub(crate) const WAITS: &[Row] = rows! {
    "silent": Peer "silent", Hello, Bytes(1), Half
        => RequestAcked x Timeout = TimedOut;
    "silent, and nothing sent": Peer "silent", Nothing, UntilFin, Half
        => Connected x Timeout = TimedOut;
    "silent, we would close": Peer "silent", Hello, Bytes(1), Fin
        => RequestAcked x Timeout = TimedOut;
    "reads nothing": Raw [Hold], Much, Bytes(1), Half
        => RequestAcked x Timeout = TimedOut;
    "answers, and keeps the connection": Raw [Await, Send("hello"), Hold], Hello, Bytes(5), Half
        => ResponseComplete x Timeout = Leaked;
    "answers a part": Raw [Await, Send("hello"), Hold], Hello, Bytes(6), Half
        => ResponsePartial x Timeout = TimedOut;
    "answers a part, we would close": Raw [Await, Send("hello"), Hold], Hello, Bytes(6), Fin
        => ResponsePartial x Timeout = TimedOut;
    "fin later than we wait": Peer "late-fin=1m", Hello, Echo, Half
        => ResponseComplete x Timeout = Leaked;
};

/// Servers that never stop sending.
pub(crate) const UNENDING: &[Row] = rows! {
    // Whether a first byte came before the clock ran out, when a thousand wait for theirs, is for the machine to say.
    "drip": Peer "drip=1/5ms", Hello, UntilFin, Half
        => RequestAcked | ResponsePartial x Timeout = TimedOut;
    "drip, we close first": Peer "drip=1/5ms", Hello, Bytes(3), Fin
        => ResponseComplete x Closed = Closed;
    "drip, we abort": Peer "drip=1/5ms", Hello, Bytes(3), Rst
        => ResponseComplete x Aborted = Aborted;
    "drip, we would wait for its fin": Peer "drip=1/5ms", Hello, UntilFin, Fin
        => RequestAcked | ResponsePartial x Timeout = TimedOut;
    "flood": Peer "flood", Hello, UntilFin, Half
        => RequestAcked | ResponsePartial x Timeout = TimedOut;
    "flood, we close first": Peer "flood", Hello, Bytes(1000), Fin
        => ResponseComplete x Closed = Closed;
    "flood, we would wait for its fin": Peer "flood", Hello, UntilFin, Fin
        => RequestAcked | ResponsePartial x Timeout = TimedOut;
};

const CUT_LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello";
const CUT_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const WHOLE_CHUNKS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const UNTIL_FIN: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";

/// The scripted server.
pub(crate) const SCRIPTED: &[Row] = rows! {
    "rst after the bytes": Raw [Await, Send("hello"), Abort], Hello, Bytes(5), Half
        => ResponseComplete x Rst = UncleanComplete;
    "rst after the length": Raw [Await, Send(WHOLE), Abort], Get, Http, Half
        => ResponseComplete x Rst = UncleanComplete;
    "rst after the last chunk": Raw [Await, Send(WHOLE_CHUNKS), Abort], Get, Http, Half
        => ResponseComplete x Rst = UncleanComplete;
    "rst after the echo": Raw [Await, Send("hello"), Abort], Hello, Echo, Half
        => ResponseComplete x Rst = UncleanComplete;

    "rst amid the bytes": Raw [Await, Send("hell"), Abort], Hello, Bytes(5), Half
        => ResponsePartial x Rst = Truncated;
    "rst amid the bytes, we would close": Raw [Await, Send("hell"), Abort], Hello, Bytes(5), Fin
        => ResponsePartial x Rst = Truncated;
    "rst amid the bytes, we would abort": Raw [Await, Send("hell"), Abort], Hello, Bytes(5), Rst
        => ResponsePartial x Rst = Truncated;
    "rst amid the length": Raw [Await, Send(CUT_LENGTH), Abort], Get, Http, Half
        => ResponsePartial x Rst = Truncated;
    "rst amid the chunks": Raw [Await, Send(CUT_CHUNKS), Abort], Get, Http, Half
        => ResponsePartial x Rst = Truncated;
    // Nobody can know whether that was all.
    "rst instead of the fin that would end it":
        Raw [Await, Send(UNTIL_FIN), Abort], Get, Http, Half
        => ResponsePartial x Rst = Truncated;
    "rst instead of any fin": Raw [Await, Send("hello"), Abort], Hello, UntilFin, Half
        => ResponsePartial x Rst = Truncated;

    "fin after the bytes": Raw [Await, Send("hello"), Fin, Drain], Hello, Bytes(5), Half
        => ResponseComplete x FinClean = Graceful;
    "fin ends the body": Raw [Await, Send(UNTIL_FIN), Fin, Drain], Get, Http, Half
        => ResponseComplete x FinClean = Graceful;
    "fin ends the body, we wait for it":
        Raw [Await, Send(UNTIL_FIN), Fin, Drain], Get, Http, Fin
        => ResponseComplete x FinClean = Graceful;
    "fin amid the bytes": Raw [Await, Send("hell"), Fin, Drain], Hello, Bytes(5), Half
        => ResponsePartial x FinClean = Truncated;
    "fin amid the length": Raw [Await, Send(CUT_LENGTH), Fin, Drain], Get, Http, Half
        => ResponsePartial x FinClean = Truncated;
    "fin amid the chunks": Raw [Await, Send(CUT_CHUNKS), Fin, Drain], Get, Http, Half
        => ResponsePartial x FinClean = Truncated;
    "fin amid the length, we would close":
        Raw [Await, Send(CUT_LENGTH), Fin, Drain], Get, Http, Fin
        => ResponsePartial x FinClean = Truncated;
    "fin and nothing, bytes expected": Raw [Await, Fin, Drain], Hello, Bytes(1), Half
        => RequestAcked x FinClean = Truncated;
    "fin and nothing, http expected": Raw [Await, Fin, Drain], Get, Http, Half
        => RequestAcked x FinClean = Truncated;
    "fin and nothing, and nothing expected": Raw [Await, Fin, Drain], Hello, UntilFin, Half
        => ResponseComplete x FinClean = Graceful;

    "rst, and nothing sent": Raw [Abort], Nothing, UntilFin, Half
        => Connected x Rst = RetrySafeLoss;
};

/// Servers that answer before they were asked, or before they have read the question.
pub(crate) const EARLY: &[Row] = rows! {
    "unread close under what we still send": Peer "unread-close=1000", TooMuch, Bytes(1000), Half
        => ResponseComplete x Rst = UncleanComplete;
    // An early answer: 413, then close() over the rest of the request.
    "early answer under what we still send": Raw [Await, Send(WHOLE)], TooMuch, Http, Half
        => ResponseComplete x Rst = UncleanComplete;
    "early answer, we close first": Raw [Await, Send(WHOLE)], TooMuch, Http, Fin
        => ResponseComplete x Rst = UncleanComplete;
    "cut early answer, we close first": Raw [Await, Send(CUT_LENGTH)], TooMuch, Http, Fin
        => ResponsePartial x Rst = Truncated;
    "banner, then rst": Raw [Send("hello"), Abort], Nothing, Bytes(5), Half
        => ResponseComplete x Rst = UncleanComplete;
    "banner, then rst, we would close": Raw [Send("hello"), Abort], Nothing, Bytes(6), Fin
        => ResponsePartial x Rst = Truncated;
    "banner, then fin": Raw [Send("hello"), Fin, Drain], Nothing, Bytes(5), Half
        => ResponseComplete x FinClean = Graceful;
};

/// The RST that `read` never shows: the client has read, or is to read, the FIN before it, and its
/// own FIN is not acknowledged, because the server left its window full. Were it acknowledged, the
/// connection would be over with the FIN, and no RST could hurt it. Of storms only, where one write
/// hands over the whole request before the teardown begins.
pub(crate) const FIN_THEN_RST: &[Row] = rows! {
    "fin then rst, complete": Raw [Await, Send("hello"), Fin, Abort], Much, Bytes(5), Half
        => ResponseComplete x FinThenRst = UncleanComplete;
    // The FIN came, so this was all of it.
    "fin then rst, any length": Raw [Await, Send("hello"), Fin, Abort], Much, UntilFin, Half
        => ResponseComplete x FinThenRst = UncleanComplete;
    "fin then rst, http": Raw [Await, Send(WHOLE), Fin, Abort], Much, Http, Half
        => ResponseComplete x FinThenRst = UncleanComplete;
    "fin then rst, the fin ends the body":
        Raw [Await, Send(UNTIL_FIN), Fin, Abort], Much, Http, Half
        => ResponseComplete x FinThenRst = UncleanComplete;
    "fin then rst, cut": Raw [Await, Send(CUT_LENGTH), Fin, Abort], Much, Http, Half
        => ResponsePartial x FinThenRst = Truncated;
    // What fits the window may have been acknowledged, or the RST was quicker.
    "fin then rst, nothing": Raw [Await, Fin, Abort], Much, Bytes(1), Half
        => RequestUnacked | RequestAcked x FinThenRst = ResetLost;
};

/// The same while we are still writing. A write that fails takes the error, and what `read` says
/// after it is no proof of a FIN: so the ending tells whether the FIN was read before; but for Linux,
/// whose error itself tells. It does not change the verdict where the response says itself what is
/// all of it.
pub(crate) const FIN_THEN_RST_WHILE_WRITING: &[Row] = rows! {
    "fin, then rst while we write, complete":
        Raw [Await, Send("hello"), Fin, Abort], Much, Bytes(5), Half
        => ResponseComplete x FinThenRst | Rst = UncleanComplete;
    "fin, then rst while we write, http": Raw [Await, Send(WHOLE), Fin, Abort], Much, Http, Half
        => ResponseComplete x FinThenRst | Rst = UncleanComplete;
    "fin, then rst while we write, cut":
        Raw [Await, Send(CUT_LENGTH), Fin, Abort], Much, Http, Half
        => ResponsePartial x FinThenRst | Rst = Truncated;
    // What fits the window may have been acknowledged, or the RST was quicker.
    "fin, then rst while we write, nothing": Raw [Await, Fin, Abort], Much, Bytes(1), Half
        => RequestUnacked | RequestAcked x FinThenRst | Rst = ResetLost;
};
