//! A server of a few lines for each way to treat a connection, and one check against it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use finwait_load::Expect;
use finwait_probe::battery::{self, Battery, Settings};
use finwait_probe::{Closing, Finding, Http, Protocol, Service, Target, Word};

#[path = "../../../finwait/tests/common/witness.rs"]
mod witness;

/// No thread of a test outlives it for longer, whatever the client does.
const LONGEST: Duration = Duration::from_secs(20);

/// Whether the server goes on accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Die,
}

/// A server that treats each connection in a thread of its own.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(treat: impl Fn(TcpStream) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, treat) = (Arc::clone(&stop), Arc::new(treat));
        let accepting = thread::spawn(move || {
            loop {
                let accepted = listener.accept();
                if stopped.load(Ordering::SeqCst) {
                    // Who is told of the end is not to find a listener any more.
                    drop(listener);
                    return;
                }
                let Ok((stream, _)) = accepted else { continue };
                stream.set_read_timeout(Some(LONGEST)).unwrap();
                let (stopped, treat) = (Arc::clone(&stopped), Arc::clone(&treat));
                thread::spawn(move || {
                    if treat(stream) == Then::Die {
                        stopped.store(true, Ordering::SeqCst);
                    }
                });
            }
        });
        Self {
            addr,
            stop,
            accepting: Some(accepting),
        }
    }

    /// What one check finds with this server as an HTTP server, asked for `/`.
    pub(crate) fn http(&self, id: &str, settings: &Settings) -> Finding {
        let http = Http {
            host: self.addr.to_string(),
            path: "/".to_owned(),
            big: None,
            late: None,
            post: None,
        };
        self.check(id, Protocol::Http(http), settings)
    }

    /// The same with a server that takes `hello`.
    pub(crate) fn tcp(&self, id: &str, expect: Expect, settings: &Settings) -> Finding {
        let send = b"hello\n".to_vec();
        self.check(id, Protocol::Tcp { send, expect }, settings)
    }

    fn check(&self, id: &str, protocol: Protocol, settings: &Settings) -> Finding {
        check(self.addr, id, protocol, settings)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Whoever still accepts looks at the flag; nobody does if it has died.
        let _ = TcpStream::connect(self.addr);
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

pub(crate) fn check(
    addr: SocketAddr,
    id: &str,
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
    battery.run(check).finding
}

/// The three words of a finding.
pub(crate) fn verdict(finding: &Finding) -> (Word, Service, Closing) {
    (finding.word, finding.service, finding.closing)
}

/// What came instead of the head of a request, if anything did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// The head.
    Whole,
    /// The client's FIN, or its RST, when a part of the head was there, or nothing of it.
    Ended { begun: bool, reset: bool },
}

/// Reads the head of a request, and not a byte more.
pub(crate) fn head(stream: &mut TcpStream) -> Head {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1..) => head.push(byte[0]),
            other => {
                return Head::Ended {
                    begun: !head.is_empty(),
                    reset: witness::of_read(stream, other).is_err(),
                };
            }
        }
    }
    Head::Whole
}

/// A response with a body of so many bytes.
pub(crate) fn response(body: usize) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {body}\r\n\r\n").into_bytes();
    text.resize(text.len() + body, b'.');
    text
}

/// Reads to the client's end.
pub(crate) fn drain(stream: &TcpStream) -> io::Result<()> {
    witness::read_to_either_end(stream).1.map_or(Ok(()), Err)
}

/// Closes with an RST.
pub(crate) fn abort(stream: TcpStream) {
    finwait_platform::arm_abort(&stream).unwrap();
    drop(stream);
}

/// Writes a response; whether the client took it.
pub(crate) fn answer(stream: &mut TcpStream, body: usize) -> bool {
    stream.write_all(&response(body)).is_ok()
}
