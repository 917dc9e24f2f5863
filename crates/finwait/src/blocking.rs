//! The blocking form, for those without an event loop.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use mio::{Events, Poll, Token};

use crate::closer::Closer;
use crate::limits::Limits;
use crate::report::Report;
use crate::stream::Stream;
use crate::teardown::Receive;

/// Closes a connection, waiting until it is over: half-close, discard until the peer's FIN, close.
///
/// The same machine as in [`Closer`], with an event loop of its own for this one socket.
///
/// # Errors
///
/// If the socket cannot be made non-blocking or no event loop can be had (EMFILE); the stream is
/// then closed by being dropped. How the connection ended is never an error but a [`Report`].
///
/// # Portability
///
/// The socket becomes non-blocking, which on Unix also shows in duplicates of its descriptor.
pub fn close(stream: TcpStream, limits: &Limits) -> io::Result<Report> {
    run(stream, &[], Receive::Discard, limits, |_| {})
}

/// Writes `unsent`, half-closes, and hands everything that is received until the peer's FIN to
/// `deliver`: how a client gets its response after its half-close.
///
/// [`Limits::for_response`] suits it.
///
/// # Errors
///
/// As for [`close`].
pub fn finish(
    stream: TcpStream,
    unsent: &[u8],
    limits: &Limits,
    deliver: impl FnMut(&[u8]),
) -> io::Result<Report> {
    run(stream, unsent, Receive::Deliver, limits, deliver)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the blocking form has to read the clock itself"
)]
fn run(
    stream: TcpStream,
    unsent: &[u8],
    receive: Receive,
    limits: &Limits,
    mut deliver: impl FnMut(&[u8]),
) -> io::Result<Report> {
    stream.set_nonblocking(true)?;
    let stream = Stream::from(mio::net::TcpStream::from_std(stream));
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(4);
    let mut closer = Closer::new(Token(0), *limits, Instant::now());
    closer.begin(
        poll.registry(),
        stream,
        unsent,
        receive,
        limits,
        Instant::now(),
    );
    loop {
        closer.turn_with(Instant::now(), |_, chunk| deliver(chunk));
        if let Some(finished) = closer.poll_finished() {
            return Ok(finished.report);
        }
        match poll.poll(&mut events, closer.poll_timeout(Instant::now())) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = Instant::now();
        for event in &events {
            closer.handle(event, now);
        }
    }
}
