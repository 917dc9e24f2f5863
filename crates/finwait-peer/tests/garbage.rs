//! Bytes that nobody meant as a request: whatever they are, the server goes on to serve.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use finwait_peer::Options;
use support::client::Client;
use support::{bind, connect, http_options, stop};

/// Pieces of requests, so that what is random gets beyond the first byte.
const PIECES: [&str; 24] = [
    "GET ",
    "POST ",
    "HEAD ",
    "/",
    "/behave/",
    "trunc=50%",
    "skip-body",
    "linger=0s",
    "?size=1k",
    "&framing=chunked",
    "&status=204",
    " HTTP/1.1",
    " HTTP/1.0",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "Expect: 100-continue",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    ": ",
    "%",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn request(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.below(40) {
            match self.below(4) {
                0 => bytes.extend((0..self.below(9)).map(|_| self.below(256) as u8)),
                _ => bytes.extend(PIECES[self.below(24) as usize].as_bytes()),
            }
        }
        bytes
    }
}

#[test]
fn no_bytes_keep_the_server_from_serving() {
    for behaviour in ["linger", "skip-body", "eof-completes", "early-close"] {
        let server = bind(Options {
            idle: Some(Duration::from_millis(10)),
            ..http_options(behaviour)
        });
        let server = server.spawn().unwrap();
        let mut random = Random(0x1234_5678_9abc_def1);
        for round in 0..300 {
            let request = random.request();
            let mut client = connect(server.addr());
            // It may be refused, and reset, in the middle of it.
            let (one, other) = request.split_at(random.below(request.len() as u64 + 1) as usize);
            let _ = client.write_all(one).and_then(|()| client.write_all(other));
            if round % 2 == 0 {
                let _ = client.shutdown(Shutdown::Write);
            }
            let _ = client.read_to_end(&mut Vec::new());
        }
        assert_eq!(Client::new(server.addr()).get("/").status, 200);
        let summary = stop(server, support::BOUND);
        assert_eq!(summary.failures, Vec::<String>::new());
        assert_eq!(summary.finished, 301, "{summary}");
    }
}
