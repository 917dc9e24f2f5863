//! Where an HTTP/1 response ends (RFC 9112 section 6.3). The head is httparse's business.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Response, Status};

/// The framing of one HTTP/1 response, fed as it arrives: where it ends, and what its head says of
/// the connection.
///
/// ```
/// use finwait_load::Framing;
///
/// let mut framing = Framing::default();
/// let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
/// // What follows belongs to the next response.
/// assert_eq!(framing.receive(bytes), bytes.len() - 8);
/// assert!(framing.is_complete(false));
/// assert_eq!(framing.status(), Some(200));
/// ```
#[derive(Debug, Default)]
pub struct Framing {
    state: State,
    /// It answers a HEAD: whatever its fields say, no body follows.
    head_only: bool,
    /// The server says that it closes after this response.
    closes: bool,
    /// Of the final response; an interim one is only counted.
    status: Option<u16>,
    interim: bool,
    keep_alive_s: Option<u32>,
    /// Of a head, or of a chunk-size line, that came in pieces.
    pending: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// This many bytes of the body are still to come.
    Length(u64),
    ChunkSize,
    /// This many bytes of a chunk, and its CRLF, are still to come.
    Chunk(u64),
    Trailer,
    /// Only the connection's end ends it, and only an orderly one.
    UntilFin,
    Complete,
    Malformed,
}

const MOST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 128;
/// A chunk-size line that is longer than this is an attack, not a size.
const MOST_CHUNK_LINE: usize = 1024;

impl Framing {
    /// Of a response to a HEAD.
    #[must_use]
    pub fn of_head() -> Self {
        Self {
            head_only: true,
            ..Self::default()
        }
    }

    /// Whether the server has said that it closes after this response (RFC 9112 section 9.6).
    #[must_use]
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// The status code, once the head of the final response is there.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether an interim response (1xx) came first.
    #[must_use]
    pub fn has_interim(&self) -> bool {
        self.interim
    }

    /// For how long the server says it keeps the connection when idle (`Keep-Alive: timeout=`).
    #[must_use]
    pub fn keep_alive(&self) -> Option<Duration> {
        self.keep_alive_s.map(|s| Duration::from_secs(s.into()))
    }

    /// Whether only the connection's end says where the response ends: a cut cannot be seen.
    #[must_use]
    pub fn is_close_delimited(&self) -> bool {
        self.state == State::UntilFin
    }

    /// Whether this is no HTTP/1 response at all, or one whose framing contradicts itself.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.state == State::Malformed
    }

    /// Takes what has come; how much of it belongs to this response. Of what is malformed, all.
    pub fn receive(&mut self, all: &[u8]) -> usize {
        let mut bytes = all;
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Head => self.head(bytes),
                State::Length(left) => {
                    let (rest, left) = take(bytes, left);
                    self.state = if left == 0 {
                        State::Complete
                    } else {
                        State::Length(left)
                    };
                    rest
                }
                State::ChunkSize => self.chunk_size(bytes),
                State::Chunk(left) => {
                    let (rest, left) = take(bytes, left);
                    self.state = if left == 0 {
                        State::ChunkSize
                    } else {
                        State::Chunk(left)
                    };
                    rest
                }
                State::Trailer => self.trailer(bytes),
                State::UntilFin | State::Malformed => return all.len(),
                State::Complete => break,
            };
        }
        all.len() - bytes.len()
    }

    /// Whether all of it is there, given whether the peer's FIN was read after it.
    #[must_use]
    pub fn is_complete(&self, fin_read: bool) -> bool {
        self.state == State::Complete || (self.state == State::UntilFin && fin_read)
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let before = self.pending.len();
        // Not all that came: one that is too long is so however its bytes were cut.
        let more = bytes.len().min(MOST_HEAD - before);
        self.pending.extend_from_slice(&bytes[..more]);
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut response = Response::new(&mut headers);
        match response.parse(&self.pending) {
            Ok(Status::Complete(length)) => {
                self.state = match body_of(&response) {
                    odd @ (State::Head | State::Malformed) => odd,
                    _ if self.head_only => State::Complete,
                    body => body,
                };
                self.closes = self.state == State::UntilFin || says_close(&response);
                match response.code {
                    Some(100..=199) => self.interim = true,
                    code => self.status = code,
                }
                self.keep_alive_s = keep_alive(&response);
                self.pending.clear();
                &bytes[length.saturating_sub(before).min(bytes.len())..]
            }
            Ok(Status::Partial) if self.pending.len() < MOST_HEAD => &[],
            Ok(Status::Partial) | Err(_) => self.malformed(),
        }
    }

    fn chunk_size<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let before = self.pending.len();
        let more = bytes.len().min(MOST_CHUNK_LINE - before);
        self.pending.extend_from_slice(&bytes[..more]);
        match httparse::parse_chunk_size(&self.pending) {
            Ok(Status::Complete((length, size))) => {
                self.pending.clear();
                self.state = match size {
                    0 => State::Trailer,
                    // The CRLF after the chunk goes with it.
                    size => State::Chunk(size.saturating_add(2)),
                };
                &bytes[length.saturating_sub(before).min(bytes.len())..]
            }
            Ok(Status::Partial) if self.pending.len() < MOST_CHUNK_LINE => &[],
            Ok(Status::Partial) | Err(_) => self.malformed(),
        }
    }

    /// Trailer fields are lines; an empty one ends the message.
    fn trailer<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        for (i, &byte) in bytes.iter().enumerate() {
            self.pending.push(byte);
            if byte == b'\n' {
                let empty = matches!(self.pending.as_slice(), b"\r\n" | b"\n");
                self.pending.clear();
                if empty {
                    self.state = State::Complete;
                    return &bytes[i + 1..];
                }
            } else if self.pending.len() > MOST_HEAD {
                return self.malformed();
            }
        }
        &[]
    }

    fn malformed(&mut self) -> &'static [u8] {
        self.state = State::Malformed;
        self.pending = Vec::new();
        &[]
    }
}

/// Up to `left` bytes off the front: what remains of both.
fn take(bytes: &[u8], left: u64) -> (&[u8], u64) {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (&bytes[taken..], left - taken as u64)
}

/// RFC 9112 section 9.3: the option `close`, or HTTP/1.0 without `keep-alive`.
fn says_close(response: &Response<'_, '_>) -> bool {
    let has = |option: &[u8]| {
        let fields = response.headers.iter();
        let mut fields = fields.filter(|h| h.name.eq_ignore_ascii_case("connection"));
        fields.any(|h| {
            let mut options = h.value.split(|&b| b == b',');
            options.any(|o| o.trim_ascii().eq_ignore_ascii_case(option))
        })
    };
    has(b"close") || (response.version == Some(0) && !has(b"keep-alive"))
}

/// The parameter `timeout` of the field `Keep-Alive`: it is in no RFC since 2068, yet widely sent.
fn keep_alive(response: &Response<'_, '_>) -> Option<u32> {
    let mut fields = response.headers.iter();
    let field = fields.find(|h| h.name.eq_ignore_ascii_case("keep-alive"))?;
    let mut parameters = std::str::from_utf8(field.value).ok()?.split(',');
    parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| value.trim().parse().ok()).flatten()
    })
}

/// RFC 9112 section 6.3, for a response to a GET.
fn body_of(response: &Response<'_, '_>) -> State {
    let field = |name: &str| {
        let name = name.to_owned();
        response
            .headers
            .iter()
            .filter(move |h| h.name.eq_ignore_ascii_case(&name))
    };
    match response.code {
        // An interim response (103, say) comes before the real one.
        Some(100..=199) => return State::Head,
        Some(204 | 304) => return State::Complete,
        _ => {}
    }
    let chunked = field("transfer-encoding").next_back().map(|h| {
        let last = h.value.rsplit(|&b| b == b',').next().unwrap_or_default();
        last.trim_ascii().eq_ignore_ascii_case(b"chunked")
    });
    match chunked {
        Some(true) => return State::ChunkSize,
        Some(false) => return State::UntilFin,
        None => {}
    }
    let mut lengths = field("content-length").map(|h| {
        std::str::from_utf8(h.value)
            .ok()
            .and_then(|value| value.trim().parse::<u64>().ok())
    });
    match lengths.next() {
        None => State::UntilFin,
        Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
            if length == 0 {
                State::Complete
            } else {
                State::Length(length)
            }
        }
        Some(_) => State::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(response: &str, fin_read: bool) -> bool {
        // However the bytes are cut.
        let mut answers = (1..=response.len()).map(|size| {
            let mut framing = Framing::default();
            for piece in response.as_bytes().chunks(size) {
                framing.receive(piece);
            }
            framing.is_complete(fin_read)
        });
        let first = answers.next().unwrap();
        assert!(answers.all(|answer| answer == first), "{response:?}");
        first
    }

    #[test]
    fn a_length_is_complete_with_its_last_byte() {
        assert!(complete(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            false
        ));
        assert!(!complete(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            true
        ));
        assert!(complete(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            false
        ));
    }

    #[test]
    fn chunks_are_complete_with_the_empty_line_after_the_last() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(complete(
            &format!("{head}5\r\nhello\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n"),
            false
        ));
        assert!(complete(
            &format!("{head}5\r\nhello\r\n0\r\nA: b\r\n\r\n"),
            false
        ));
        assert!(!complete(&format!("{head}5\r\nhello\r\n0\r\n"), true));
        assert!(!complete(&format!("{head}5\r\nhello\r\n"), true));
        assert!(!complete(&format!("{head}nonsense\r\n"), true));
    }

    #[test]
    fn what_is_too_long_is_refused_however_it_is_cut() {
        let malformed = |response: &str, size: usize| {
            let mut framing = Framing::default();
            for piece in response.as_bytes().chunks(size) {
                framing.receive(piece);
            }
            framing.is_malformed()
        };
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (size, too_long) in [(MOST_CHUNK_LINE - 4, false), (MOST_CHUNK_LINE - 3, true)] {
            let response = format!("{head}5;{}\r\nhello", "x".repeat(size));
            for size in 1..=response.len() {
                assert_eq!(malformed(&response, size), too_long, "{size}");
            }
        }
        for (size, too_long) in [(MOST_HEAD - 24, false), (MOST_HEAD - 23, true)] {
            let response = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\nhello", "x".repeat(size));
            for size in [1_000, 4_096, MOST_HEAD - 1, MOST_HEAD, response.len()] {
                assert_eq!(malformed(&response, size), too_long, "{size}");
            }
        }
    }

    #[test]
    fn without_a_length_only_an_orderly_end_completes_it() {
        let response = "HTTP/1.0 200 OK\r\n\r\nwhatever";
        assert!(complete(response, true));
        assert!(!complete(response, false));
    }

    #[test]
    fn some_answers_have_no_body() {
        assert!(complete("HTTP/1.1 204 No Content\r\n\r\n", false));
        assert!(complete(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
            false
        ));
        let interim =
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert!(complete(interim, false));
        assert!(!complete("HTTP/1.1 103 Early Hints\r\n\r\n", true));
    }

    #[test]
    fn responses_that_follow_each_other_are_told_apart_however_they_are_cut() {
        let all = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 200 OK\r\nKeep-Alive: max=5, timeout=7\r\nContent-Length: 2\r\n\r\nok\
            HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nno\r\n0\r\n\r\n";
        for size in 1..=all.len() {
            let mut seen = vec![Framing::default()];
            for mut piece in all.chunks(size) {
                while !piece.is_empty() {
                    let framing = seen.last_mut().unwrap();
                    piece = &piece[framing.receive(piece)..];
                    if framing.is_complete(false) {
                        seen.push(Framing::default());
                    }
                }
            }
            assert_eq!(seen.len(), 3, "{size}");
            let told = |framing: &Framing| {
                let seconds = framing.keep_alive().map(|t| t.as_secs());
                (
                    framing.status(),
                    framing.has_interim(),
                    framing.closes(),
                    seconds,
                )
            };
            assert_eq!(told(&seen[0]), (Some(200), true, false, Some(7)));
            assert_eq!(told(&seen[1]), (Some(404), false, true, None));
        }
    }

    #[test]
    fn what_is_no_answer_is_never_complete() {
        for bad in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(!complete(bad, true), "{bad:?}");
        }
    }
}
