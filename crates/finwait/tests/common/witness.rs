//! How a peer in a test, with a blocking socket, tells a FIN from an RST.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use finwait::PeerEnd;
use mio::{Events, Interest, Poll, Token};

const BOUND: Duration = Duration::from_secs(60);

/// What the result of a read means: on Windows a 0 alone does not tell a FIN from an RST, so mio's
/// events are asked.
pub(crate) fn of_read(stream: &TcpStream, read: io::Result<usize>) -> io::Result<usize> {
    if !cfg!(windows) || !matches!(read, Ok(0)) {
        return read;
    }
    let same = stream.try_clone().expect("a second descriptor");
    let mut same = mio::net::TcpStream::from_std(same);
    let (mut poll, mut events) = (Poll::new().expect("a poll"), Events::with_capacity(4));
    let registry = poll.registry();
    registry
        .register(&mut same, Token(0), Interest::READABLE)
        .expect("a socket");
    let (mut end, until) = (PeerEnd::default(), Instant::now() + BOUND);
    loop {
        match end.of_read(&same, Ok(0)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            told => return told,
        }
        assert!(Instant::now() < until, "no event tells of the end");
        poll.poll(&mut events, Some(BOUND)).expect("events");
        events.iter().for_each(|event| end.note(event));
    }
}

/// Reads to the end: what came, and the error that ended it, if it was not the peer's FIN.
pub(crate) fn read_to_either_end(mut stream: &TcpStream) -> (Vec<u8>, Option<io::Error>) {
    let mut buffer = vec![0; 65_536];
    let mut bytes = Vec::new();
    loop {
        let read = stream.read(&mut buffer);
        match of_read(stream, read) {
            Ok(0) => return (bytes, None),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (bytes, Some(error)),
        }
    }
}
