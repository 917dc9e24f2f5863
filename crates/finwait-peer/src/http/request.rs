//! What a request's head says.

use super::{Body, Chunks, MOST_BODY, MOST_HEAD, MOST_TARGET};
use crate::behaviour::Behaviour;
use crate::treatment::{Params, Treatment};
use crate::units::ParseError;

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) target: Target,
    pub(crate) is_head: bool,
    /// HTTP/1.0.
    pub(crate) old: bool,
    /// The connection is to be closed after it.
    pub(crate) close: bool,
    /// It waits for a `100 Continue`.
    pub(crate) expects: bool,
    pub(crate) body: Body,
}

/// What a target asks for.
#[derive(Debug)]
pub(crate) enum Target {
    /// What the server does anyway, with these parameters.
    Own(Params),
    /// A behaviour of its own.
    Behave(Treatment),
    /// It cannot be understood.
    Unknown(ParseError),
}

/// A request that is refused before its body was received.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// What its target asked for, if it came to that.
    pub(crate) target: Option<Target>,
}

impl Refusal {
    pub(crate) fn of(status: u16) -> Self {
        Self {
            status,
            target: None,
        }
    }
}

const MOST_HEADERS: usize = 128;
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// Whether an unfinished first line may become one.
pub(crate) fn may_begin(bytes: &[u8]) -> bool {
    httparse::Request::new(&mut []).parse(bytes).is_ok()
}

/// Reads a whole head.
pub(crate) fn parse(bytes: &[u8]) -> Result<Request, Refusal> {
    if bytes.len() > MOST_HEAD {
        return Err(Refusal::of(431));
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::of(431)),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Refusal::of(400)),
    }
    let (Some(method), Some(path), Some(version)) = (head.method, head.path, head.version) else {
        return Err(Refusal::of(400));
    };
    if path.len() > MOST_TARGET {
        return Err(Refusal::of(414));
    }
    let target = target(path);
    let fields = match fields(head.headers, version == 0) {
        Ok(fields) => fields,
        Err(status) => return Err(refused(status, target)),
    };
    if !METHODS.contains(&method) {
        let known = matches!(method, "TRACE" | "CONNECT");
        return Err(refused(if known { 405 } else { 501 }, target));
    }
    if let Body::Length(length) = fields.body
        && length > MOST_BODY
    {
        return Err(refused(413, target));
    }
    let old = version == 0;
    Ok(Request {
        target,
        is_head: method == "HEAD",
        old,
        // There is no keep-alive for HTTP/1.0 here: it is an option of old that few ask for.
        close: old || fields.close,
        expects: fields.expects && !old && !fields.body.is_over(),
        body: fields.body,
    })
}

fn refused(status: u16, target: Target) -> Refusal {
    Refusal {
        status,
        target: Some(target),
    }
}

/// What the header fields say that matters here.
struct Fields {
    body: Body,
    close: bool,
    expects: bool,
}

/// The fields, or the status by which they are refused.
fn fields(headers: &[httparse::Header<'_>], old: bool) -> Result<Fields, u16> {
    let (mut length, mut chunked, mut close, mut expects) = (None, false, false, false);
    for header in headers {
        let value = std::str::from_utf8(header.value).unwrap_or("\0").trim();
        let named = |name: &str| header.name.eq_ignore_ascii_case(name);
        if named("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            // What is too large for its type is too large for us.
            let new = digits
                .then(|| value.parse().unwrap_or(u64::MAX))
                .ok_or(400_u16)?;
            if length.is_some_and(|before| before != new) {
                return Err(400);
            }
            length = Some(new);
        } else if named("transfer-encoding") {
            // A length that cannot be known is refused: where the body ends is not to be guessed.
            if chunked || old || value.is_empty() {
                return Err(400);
            }
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(501);
            }
            chunked = true;
        } else if named("connection") {
            let mut options = value.split(',').map(str::trim);
            close |= options.any(|option| option.eq_ignore_ascii_case("close"));
        } else if named("expect") && !old {
            if !value.eq_ignore_ascii_case("100-continue") {
                return Err(417);
            }
            expects = true;
        }
    }
    let body = match (length, chunked) {
        (Some(_), true) => return Err(400),
        (Some(length), false) => Body::Length(length),
        (None, true) => Body::Chunked(Chunks::default()),
        (None, false) => Body::Length(0),
    };
    Ok(Fields {
        body,
        close,
        expects,
    })
}

fn target(path: &str) -> Target {
    let path = without_authority(path);
    let parsed = match path.strip_prefix("/behave/") {
        Some(text) => behaviour(&unescaped(text)).map(Target::Behave),
        None => match path.split_once('?') {
            Some((_, query)) => Params::in_query(&unescaped(query)).map(Target::Own),
            None => Ok(Target::Own(Params::default())),
        },
    };
    parsed.unwrap_or_else(Target::Unknown)
}

fn behaviour(text: &str) -> Result<Treatment, ParseError> {
    let treatment: Treatment = text.parse()?;
    if treatment.behaviour == Behaviour::DropBacklog {
        let message = format!("behaviour {text:?}: it is for a whole server, not for a request");
        return Err(ParseError::new(message));
    }
    Ok(treatment)
}

/// Of `http://host/path` the path: servers must take that form too (RFC 9112 section 3.2.2).
fn without_authority(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else {
        return target;
    };
    if scheme.contains(['/', '?']) {
        return target;
    }
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// `%25` is `%`; a `%` that escapes nothing, as in `trunc=50%`, is one.
fn unescaped(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> u16 {
        parse(head.as_bytes()).map_or_else(|refusal| refusal.status, |_| 200)
    }

    #[test]
    fn heads_are_taken_or_refused_by_what_they_say() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\n\r\n", 200),
            ("GET / HTTP/1.0\n\n", 200),
            ("OPTIONS * HTTP/1.1\r\n\r\n", 200),
            ("BREW / HTTP/1.1\r\n\r\n", 501),
            ("TRACE / HTTP/1.1\r\n\r\n", 405),
            ("GET /\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n",
                200,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                400,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                413,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 16777216\r\n\r\n", 200),
            ("POST / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                400,
            ),
            ("GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417),
            ("GET / HTTP/1.1\r\n bad: line\r\n\r\n", 400),
        ] {
            assert_eq!(status(head), expected, "{head:?}");
        }
        let many = "A: b\r\n".repeat(MOST_HEADERS + 1);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{many}\r\n")), 431);
        let long = "a".repeat(MOST_TARGET);
        assert_eq!(status(&format!("GET /{long} HTTP/1.1\r\n\r\n")), 414);
    }

    #[test]
    fn a_target_names_a_behaviour() {
        for (path, expected) in [
            ("/behave/trunc=50%?size=1k", "trunc=50%?size=1k"),
            ("/behave/trunc=50%25%3Fsize=1k", "trunc=50%?size=1k"),
            ("http://host:80/behave/rst", "rst"),
        ] {
            match target(path) {
                Target::Behave(treatment) => assert_eq!(treatment.to_string(), expected),
                other => panic!("{path}: {other:?}"),
            }
        }
        for path in [
            "/",
            "*",
            "http://host",
            "/x?y=1&size=3",
            "/?x://y/behave/rst",
        ] {
            assert!(matches!(target(path), Target::Own(_)), "{path}");
        }
        for path in ["/behave/", "/behave/x", "/?size=x", "/behave/mix=rst:1"] {
            assert!(matches!(target(path), Target::Unknown(_)), "{path}");
        }
    }
}
