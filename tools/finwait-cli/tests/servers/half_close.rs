//! One connection that is half-closed by its client, seen from the client.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::common::BOUND;

/// What the client sends before its FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Whole,
    /// As HTTP/1.1 has it: the connection would stay open for another request.
    KeepAlive,
    HalfLine,
    HalfHead,
    Nothing,
    /// The server is a proxy for an upstream that takes its time.
    Slow,
    /// The response does not fit into the socket buffers.
    Large,
}

impl Request {
    fn bytes(self) -> String {
        let get =
            |path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        match self {
            Self::Whole => get("/"),
            Self::KeepAlive => "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            Self::HalfLine => "GET / HT".to_owned(),
            Self::HalfHead => "GET / HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
            Self::Nothing => String::new(),
            Self::Slow => get("/slow"),
            Self::Large => get("/large"),
        }
    }
}

/// What the client sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole response with this status, then a FIN.
    Answered(u16),
    /// A FIN, and no byte before it.
    Silent,
    /// A FIN, and the response is not whole.
    Cut,
    /// An RST, or anything else that is no FIN.
    Failed(String),
}

/// Sends the request and a FIN at once, waits for `before_reading`, and reads to the end.
#[track_caller]
pub(crate) fn ask(addr: SocketAddr, request: Request, before_reading: impl FnOnce()) -> Outcome {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a bound");
    stream
        .write_all(request.bytes().as_bytes())
        .expect("little enough");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    before_reading();
    let mut response = Vec::new();
    if let Err(error) = stream.read_to_end(&mut response) {
        return Outcome::Failed(format!("{error} after {} bytes", response.len()));
    }
    // An RST after the FIN is seen here alone.
    if let Some(error) = stream.take_error().expect("it can be asked") {
        return Outcome::Failed(error.to_string());
    }
    judge(&response)
}

fn judge(response: &[u8]) -> Outcome {
    if response.is_empty() {
        return Outcome::Silent;
    }
    let head = response
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(response.len(), |position| position + 4);
    let text = String::from_utf8_lossy(&response[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("all of them say how long it is");
    if length.parse() != Ok(response.len() - head) {
        return Outcome::Cut;
    }
    let status = text.split(' ').nth(1).expect("a status line");
    Outcome::Answered(status.parse().expect("a number"))
}
