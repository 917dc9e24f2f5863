//! An HTTP server that closes its connections well or badly, one thread for each of them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use finwait_platform as platform;
use finwait_probe::battery::{self, Battery, Settings};
use finwait_probe::{Closing, Finding, Http, Patience, Protocol, Service, Target, Word};

/// What a server does. It keeps connections, without an idle timeout, unless told otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serve {
    /// After so long without a byte it ends the connection.
    pub idle: Option<Duration>,
    /// How long after that: what comes meanwhile is lost.
    pub hesitates: Duration,
    /// How it does that.
    pub end: End,
    /// What it says in the field Keep-Alive.
    pub announces: Option<&'static str>,
    /// It closes after so many responses, and has said so with the last.
    pub most: Option<u32>,
    /// It says nothing of that.
    pub silent: bool,
    /// It does not close when the client has, if the connection is in this state.
    pub deaf: Option<State>,
    /// It answers a FIN with RST.
    pub resets: bool,
    /// It answers requests before their body has come.
    pub ignores_bodies: bool,
    /// A body that stalls is answered at the timeout as if it were whole.
    pub believes: bool,
    /// It serves connections one after the other.
    pub serial: bool,
}

/// How a server ends an idle connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Fin,
    Rst,
    /// A response with this status, and FIN.
    Status408,
}

/// What has happened on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Unused,
    InRequest,
    Answered,
}

enum Got {
    Request { close: bool, late: bool },
    Fin(State),
    Idle,
}

impl Serve {
    /// Runs for as long as the tests do.
    pub(crate) fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let serve = Arc::new(self);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serve = Arc::clone(&serve);
                if serve.serial {
                    serve.connection(stream);
                } else {
                    thread::spawn(move || serve.connection(stream));
                }
            }
        });
        addr
    }

    fn connection(&self, mut stream: TcpStream) {
        stream.set_read_timeout(self.idle).unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut answered, mut rest) = (0, Vec::new());
        loop {
            match self.request(&mut stream, &mut rest, answered > 0) {
                Got::Request { close, late } => {
                    answered += 1;
                    let last = close || self.most.is_some_and(|most| answered >= most);
                    self.respond(&mut stream, last && !self.silent);
                    if last || late {
                        return;
                    }
                }
                Got::Fin(state) if self.deaf == Some(state) => loop {
                    thread::park();
                },
                Got::Fin(_) if self.resets => return platform::arm_abort(&stream).unwrap(),
                Got::Fin(_) => return,
                Got::Idle => return self.end(&mut stream),
            }
        }
    }

    fn respond(&self, stream: &mut TcpStream, close: bool) {
        let mut head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n".to_owned();
        if let Some(value) = self.announces {
            head.push_str(&format!("Keep-Alive: {value}\r\n"));
        }
        if close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\nhello");
        // The client may be gone.
        let _ = stream.write_all(head.as_bytes());
    }

    fn end(&self, stream: &mut TcpStream) {
        thread::sleep(self.hesitates);
        match self.end {
            End::Fin => {}
            End::Rst => platform::arm_abort(stream).unwrap(),
            End::Status408 => {
                let response = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\
                    Connection: close\r\n\r\n";
                let _ = stream.write_all(response.as_bytes());
            }
        }
    }

    fn request(&self, stream: &mut TcpStream, rest: &mut Vec<u8>, answered: bool) -> Got {
        let state = |rest: &[u8]| match () {
            () if !rest.is_empty() => State::InRequest,
            () if answered => State::Answered,
            () => State::Unused,
        };
        loop {
            let head = rest.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = head {
                let text = String::from_utf8_lossy(&rest[..end]).to_lowercase();
                let body = if text.contains("content-length: 10") {
                    10
                } else {
                    0
                };
                if self.ignores_bodies || rest.len() >= end + 4 + body {
                    rest.drain(..rest.len().min(end + 4 + body));
                    // What is no HTTP/1.1 is not kept, be it HTTP at all.
                    let close = text.contains("connection: close") || !text.contains("http/1.1");
                    return Got::Request { close, late: false };
                }
            }
            let mut piece = [0; 1024];
            match stream.read(&mut piece) {
                Ok(0) => return Got::Fin(state(rest)),
                Ok(bytes) => rest.extend_from_slice(&piece[..bytes]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) if head.is_some() && self.believes => {
                    let (close, late) = (true, true);
                    return Got::Request { close, late };
                }
                // A reset looks like it; there is nobody left to tell then.
                Err(_) => return Got::Idle,
            }
        }
    }
}

/// The finding of one check about an HTTP server.
pub(crate) fn find(id: &str, addr: SocketAddr, settings: &Settings) -> Finding {
    let http = Http {
        host: addr.to_string(),
        path: "/".to_owned(),
        big: None,
        late: None,
        post: None,
    };
    find_at(id, addr, Protocol::Http(http), settings)
}

/// The finding of one check.
pub(crate) fn find_at(
    id: &str,
    addr: SocketAddr,
    protocol: Protocol,
    settings: &Settings,
) -> Finding {
    let target = Target {
        addr,
        name: addr.to_string(),
        protocol,
    };
    let battery = Battery::new(&target, settings).unwrap();
    let check = battery::checks().find(|check| check.id == id).unwrap();
    let result = battery.run(check);
    println!("{id}: {:?} {:?}", result.finding, result.took);
    result.finding
}

/// Slow checks are wanted, and idle connections are watched for so long.
pub(crate) fn slow(milliseconds: u64) -> Settings {
    Settings {
        patience: Patience {
            max_idle: Duration::from_millis(milliseconds),
            ..Patience::default()
        },
        slow: true,
        ..Settings::default()
    }
}

/// The three words of a finding.
pub(crate) fn words(finding: &Finding) -> (Word, Service, Closing) {
    (finding.word, finding.service, finding.closing)
}
