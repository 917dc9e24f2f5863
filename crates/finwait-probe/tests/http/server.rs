//! A small HTTP server that does one thing wrong, and a check run against it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use finwait_probe::battery::{Battery, Settings, checks};
use finwait_probe::{Closing, Finding, Http, Protocol, Service, Target, Word};

/// What is wrong with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It never closes first.
    KeepsOpen,
    /// It never says `close`, and closes after every POST.
    Unsaid,
    /// It ends every connection with an RST.
    Resets,
    /// It closes without discarding what still comes.
    NoLinger,
    /// It takes `close` for nothing, and closes when there is nothing more.
    AnswersAll,
    /// What comes behind a `close` is answered by a 503.
    RefusesRest,
    /// It answers three requests of a connection, says `close` with the last, and closes.
    Three,
    /// It answers three requests of a connection, and half of the fourth.
    ThreeAndAHalf,
    /// Everything is chunked.
    Chunks,
    /// No response has a length.
    CloseDelimited,
    /// Nor has it one here, and an RST ends it.
    ResetsWithoutLength,
    /// Nor here, and another response follows.
    AnswersAllWithoutLength,
    /// Less comes than the response says.
    Short,
    /// The last chunk is missing.
    NoLastChunk,
    /// A POST whose client has half-closed is not answered.
    DeafAfterFin,
    /// What it does not want it resets, without an answer.
    ResetsErrors,
    /// Bodies of any size are taken.
    TakesBodies,
    /// The body of what it refuses is taken for the next request.
    BodyIsRequest,
    /// A body is asked for, or waited for, whatever the head says.
    WaitsForBodies,
}

pub(crate) const BIG: usize = 6 << 20;

/// Starts a server on a free port; it goes on until the process ends.
pub(crate) fn serve(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || Talk::new(stream, fault).talk());
        }
    });
    addr
}

/// What a check finds of a server with this fault, its words and its verdicts.
pub(crate) fn verdict(id: &str, fault: Fault) -> (Word, Service, Closing) {
    let finding = finding(id, fault);
    println!("{id} {fault:?}: {finding:?}");
    (finding.word, finding.service, finding.closing)
}

fn finding(id: &str, fault: Fault) -> Finding {
    let addr = serve(fault);
    let target = Target {
        addr,
        name: addr.to_string(),
        protocol: Protocol::Http(Http {
            host: addr.to_string(),
            path: "/".to_owned(),
            big: Some("/big".to_owned()),
            late: None,
            post: None,
        }),
    };
    let settings = Settings::default();
    let battery = Battery::new(&target, &settings).unwrap();
    battery.run(checks().find(|c| c.id == id).unwrap()).finding
}

/// One connection of the server.
struct Talk {
    stream: TcpStream,
    fault: Fault,
    /// Read, and not taken yet.
    read: Vec<u8>,
    answered: usize,
}

/// The head of a request.
struct Head {
    line: String,
    fields: String,
}

impl Head {
    fn says(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    fn length(&self) -> usize {
        let mut lines = self.fields.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        length.and_then(|length| length.parse().ok()).unwrap_or(0)
    }

    /// The status by which it is refused.
    fn error(&self, fault: Fault) -> Option<u16> {
        let words: Vec<&str> = self.line.split(' ').collect();
        match words[..] {
            [_, target, _] if target.len() > 8 << 10 => Some(414),
            [_, _, version] if !version.starts_with("HTTP/1.") => Some(400),
            _ if self.fields.len() > 64 << 10 => Some(431),
            _ if words.len() != 3 => Some(400),
            _ if self.length() > 1 << 20 && fault != Fault::TakesBodies => Some(413),
            _ => None,
        }
    }
}

impl Talk {
    fn new(stream: TcpStream, fault: Fault) -> Self {
        Self {
            stream,
            fault,
            read: Vec::new(),
            answered: 0,
        }
    }

    /// Reads on; `false` at the end.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 4 << 10];
        let read = self.stream.read(&mut bytes).unwrap_or(0);
        self.read.extend_from_slice(&bytes[..read]);
        read > 0
    }

    fn head(&mut self) -> Option<Head> {
        let mut looked = 0;
        loop {
            let new = &self.read[looked..];
            let end = new.windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(end) = end.map(|end| looked + end) {
                let text: Vec<u8> = self.read.drain(..end + 4).collect();
                let text = String::from_utf8_lossy(&text).into_owned();
                let (line, fields) = text.split_once("\r\n").unwrap();
                return Some(Head {
                    line: line.to_owned(),
                    fields: fields.to_ascii_lowercase(),
                });
            }
            looked = self.read.len().saturating_sub(3);
            if !self.more() {
                return None;
            }
        }
    }

    /// Takes the body; `false` if it does not come.
    fn body(&mut self, head: &Head) -> bool {
        if head.says("chunked") {
            while !self.read.windows(5).any(|w| w == b"0\r\n\r\n") {
                if !self.more() {
                    return false;
                }
            }
            self.read.clear();
            return true;
        }
        while self.read.len() < head.length() {
            if !self.more() {
                return false;
            }
        }
        self.read.drain(..head.length());
        true
    }

    fn answers_all(&self) -> bool {
        matches!(
            self.fault,
            Fault::AnswersAll | Fault::AnswersAllWithoutLength
        )
    }

    fn talk(&mut self) {
        let mut surplus = false;
        while let Some(head) = self.head() {
            if surplus {
                self.respond(503, b"", true);
                break;
            }
            let Some(ends) = self.one(&head) else {
                break;
            };
            match self.fault {
                Fault::AnswersAll | Fault::AnswersAllWithoutLength | Fault::KeepsOpen => {}
                Fault::RefusesRest if ends => surplus = true,
                _ if ends => break,
                _ => {}
            }
            let waits = (self.answers_all() && ends) || surplus;
            let timeout = waits.then_some(Duration::from_millis(100));
            self.stream.set_read_timeout(timeout).unwrap();
        }
        self.close();
    }

    /// Answers one request; whether the connection ends with it, `None` if it is not answered.
    fn one(&mut self, head: &Head) -> Option<bool> {
        let fault = self.fault;
        let error = head.error(fault);
        if error.is_some() && fault == Fault::ResetsErrors {
            finwait_platform::arm_abort(&self.stream).ok()?;
            return None;
        }
        if fault == Fault::WaitsForBodies {
            self.body(head);
        }
        if let Some(status) = error {
            self.respond(status, b"refused\n", true);
            return Some(true);
        }
        if head.says("expect: 100-continue") {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .ok()?;
        }
        let path = head.line.split(' ').nth(1)?;
        let found = path == "/" || path == "/big";
        let skips = fault == Fault::BodyIsRequest && !found;
        if !skips && !self.body(head) {
            return None;
        }
        if fault == Fault::DeafAfterFin && head.line.starts_with("POST") && self.has_fin() {
            return None;
        }
        let old = head.line.ends_with("1.0");
        let unsaid = fault == Fault::Unsaid && head.line.starts_with("POST");
        let three = self.answered == 2 && fault == Fault::Three;
        let ends = old
            || three
            || head.says("connection: close")
            || unsaid
            || fault == Fault::CloseDelimited;
        let (status, body) = match path {
            "/" => (200, b"hello\n".to_vec()),
            "/big" => (200, vec![b'x'; BIG]),
            _ => (404, b"not here\n".to_vec()),
        };
        if fault == Fault::ThreeAndAHalf && self.answered == 3 {
            self.stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel")
                .ok()?;
            return None;
        }
        self.respond(status, &body, ends);
        Some(ends)
    }

    /// Whether the client has half-closed, or does so at once.
    fn has_fin(&self) -> bool {
        self.stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let fin = matches!(self.stream.peek(&mut [0]), Ok(0));
        self.stream.set_read_timeout(None).unwrap();
        fin
    }

    fn respond(&mut self, status: u16, body: &[u8], ends: bool) {
        self.answered += 1;
        let mut length = body.len();
        let says = ends && self.fault != Fault::Unsaid && !self.answers_all();
        let close = ["", "Connection: close\r\n"][usize::from(says)];
        let (framing, end) = match self.fault {
            Fault::Chunks | Fault::NoLastChunk => {
                let first = format!("Transfer-Encoding: chunked\r\n{close}\r\n{length:x}");
                let last = ["\r\n0\r\n\r\n", ""][usize::from(self.fault == Fault::NoLastChunk)];
                (first, last)
            }
            Fault::CloseDelimited | Fault::ResetsWithoutLength | Fault::AnswersAllWithoutLength => {
                (close.to_owned(), "")
            }
            fault => {
                length += usize::from(fault == Fault::Short);
                (format!("{close}Content-Length: {length}\r\n"), "")
            }
        };
        let mut bytes = format!("HTTP/1.1 {status} X\r\n{framing}\r\n").into_bytes();
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(end.as_bytes());
        let _ = self.stream.write_all(&bytes);
    }

    fn close(&mut self) {
        match self.fault {
            Fault::Resets | Fault::ResetsWithoutLength => {
                finwait_platform::arm_abort(&self.stream).unwrap()
            }
            Fault::NoLinger | Fault::ResetsErrors => {}
            _ => self.linger(),
        }
    }

    /// Half-closes, and discards until the client closes, or for ten seconds.
    fn linger(&mut self) {
        let until = Instant::now() + Duration::from_secs(10);
        let _ = self.stream.shutdown(Shutdown::Write);
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut bytes = vec![0; 64 << 10];
        while Instant::now() < until {
            match self.stream.read(&mut bytes) {
                Ok(0) => return,
                Err(e) if e.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}
