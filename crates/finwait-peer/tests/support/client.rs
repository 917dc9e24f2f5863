//! An HTTP client that sends what it is told and reads what comes, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{connect, read_to_fin};

/// A connection on which responses are read one by one.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// What came after the response that was read last.
    pub(crate) ahead: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn says_close(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl Client {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self {
            stream: connect(addr),
            ahead: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    /// A GET, without anything that it need not have.
    pub(crate) fn get(&mut self, path: &str) -> Response {
        self.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
        self.response()
    }

    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.response_to(false)
    }

    /// The response to a HEAD has no body, whatever it says.
    #[track_caller]
    pub(crate) fn response_to(&mut self, is_head: bool) -> Response {
        let head = self.head();
        let status: u16 = head[9..12].parse().unwrap();
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        if is_head || matches!(status, 100 | 204 | 304) {
            return response;
        }
        response.body = match response.field("content-length") {
            Some(length) => self.take(length.parse().unwrap()),
            None if response.field("transfer-encoding") == Some("chunked") => self.chunks(),
            None => {
                let mut body = std::mem::take(&mut self.ahead);
                body.extend(read_to_fin(&mut self.stream));
                body
            }
        };
        response
    }

    #[track_caller]
    pub(crate) fn head(&mut self) -> String {
        self.until(b"\r\n\r\n")
    }

    #[track_caller]
    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.until(b"\r\n");
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            body.extend(self.take(size));
            assert_eq!(self.take(2), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    #[track_caller]
    fn until(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.ahead.windows(end.len()).position(|w| w == end) {
                return String::from_utf8(self.take(at + end.len())).unwrap();
            }
            self.more();
        }
    }

    #[track_caller]
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.ahead.len() < bytes {
            self.more();
        }
        let rest = self.ahead.split_off(bytes);
        std::mem::replace(&mut self.ahead, rest)
    }

    #[track_caller]
    fn more(&mut self) {
        let mut buffer = [0; 16 << 10];
        let n = self.stream.read(&mut buffer).unwrap();
        assert!(
            n > 0,
            "ended after {:?}",
            String::from_utf8_lossy(&self.ahead)
        );
        self.ahead.extend_from_slice(&buffer[..n]);
    }

    /// Nothing more comes but a FIN.
    #[track_caller]
    pub(crate) fn assert_fin(&mut self) {
        let rest = read_to_fin(&mut self.stream);
        let rest = [std::mem::take(&mut self.ahead), rest].concat();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}
