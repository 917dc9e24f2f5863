//! What is answered.

use std::fmt::Write;
use std::time::Duration;

use crate::answer::Answer;
use crate::treatment::Framing;

/// What is said to one who waits with the body until it is wanted.
pub(crate) const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// A response that is going to be sent.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Of the filler that is its body, unless there is a text.
    pub(crate) size: u64,
    pub(crate) text: Option<String>,
    pub(crate) framing: Framing,
    /// To a HEAD.
    pub(crate) without_body: bool,
    /// It says that the connection ends after it.
    pub(crate) close: bool,
    /// What it says of the idle timeout.
    pub(crate) keep_alive: Option<Duration>,
}

impl Response {
    /// A response with a line of text for its body.
    pub(crate) fn text(status: u16, text: String) -> Self {
        Self {
            status,
            size: 0,
            text: Some(text + "\n"),
            framing: Framing::Length,
            without_body: false,
            close: false,
            keep_alive: None,
        }
    }

    /// A response that says only that something is wrong, and that this is the end.
    pub(crate) fn refusal(status: u16) -> Self {
        Self {
            close: true,
            ..Self::text(status, reason(status).to_owned())
        }
    }

    /// Without a body, whatever is asked for (RFC 9110 sections 15.3.5 and 15.4.5).
    fn has_none(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    pub(crate) fn answer(&self) -> Answer {
        let mut head = self.head();
        if self.without_body || self.has_none() {
            return Answer::text(head);
        }
        match &self.text {
            Some(text) => {
                head.push_str(text);
                Answer::text(head)
            }
            None => Answer::new(head.into_bytes(), self.size, self.framing),
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let size = self
            .text
            .as_ref()
            .map_or(self.size, |text| text.len() as u64);
        if !self.has_none() {
            head.push_str("Content-Type: text/plain\r\n");
            // Writing to a string cannot fail.
            let _ = match self.framing {
                Framing::Length => write!(head, "Content-Length: {size}\r\n"),
                Framing::Chunked => write!(head, "Transfer-Encoding: chunked\r\n"),
                Framing::Close => Ok(()),
            };
        }
        if self.status == 405 {
            head.push_str("Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n");
        }
        if self.close {
            head.push_str("Connection: close\r\n");
        } else if let Some(seconds) = self.keep_alive.map(|idle| idle.as_secs())
            && seconds > 0
        {
            let _ = write!(head, "Keep-Alive: timeout={seconds}\r\n");
            // A field that is for this connection alone says so (RFC 9110 section 7.6.1).
            head.push_str("Connection: keep-alive\r\n");
        }
        head + "\r\n"
    }
}

/// The usual words for a status; without them where there are none in use here.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
