//! The same work by finwait.

use std::io;
use std::time::Instant;

use finwait::{Closer, Ending, Limits, Watch};
use mio::net::TcpStream;
use mio::{Events, Poll, Token};

const FIRST_CLOSER: Token = Token(1 << 20);

/// A `Closer` with room for `count` teardowns, as a server has it when they begin.
#[must_use]
pub fn closer_for(count: usize) -> Closer {
    let mut closer = Closer::new(FIRST_CLOSER, Limits::default(), Instant::now());
    closer.reserve(count);
    closer
}

/// Closes all of `streams` through one `Closer`, under tokens of its own; they are registered in
/// `poll` already.
///
/// # Errors
///
/// The event loop's, and one that names the ending if any was not in order: a bench of failed
/// teardowns measures nothing.
pub fn close_all(poll: &mut Poll, closer: &mut Closer, streams: Vec<TcpStream>) -> io::Result<()> {
    let now = Instant::now();
    for stream in streams {
        closer.close(poll.registry(), stream, Vec::new(), now);
    }
    run(poll, closer, |closer, event, now| {
        closer.handle(event, now);
    })
}

/// The same with the tokens under which they are registered, their indices.
///
/// # Errors
///
/// As for [`close_all`].
pub fn close_registered(
    poll: &mut Poll,
    closer: &mut Closer,
    streams: Vec<TcpStream>,
) -> io::Result<()> {
    let now = Instant::now();
    let close = |stream| closer.close(Watch::Kept, stream, Vec::new(), now);
    let keys: Vec<_> = streams.into_iter().map(close).collect();
    run(poll, closer, |closer, event, now| {
        if let Some(&key) = keys.get(event.token().0) {
            closer.handle_for(key, event, now);
        }
    })
}

fn run(
    poll: &mut Poll,
    closer: &mut Closer,
    handle: impl Fn(&mut Closer, &mio::event::Event, Instant),
) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    while !closer.is_empty() {
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))?;
        let now = Instant::now();
        for event in &events {
            handle(closer, event, now);
        }
        closer.turn(now);
        while let Some(finished) = closer.poll_finished() {
            // Where acknowledgements cannot be asked for the second is all that can be said.
            match finished.report.ending {
                Ending::Graceful | Ending::PeerFin => {}
                ending => return Err(io::Error::other(format!("a teardown ended {ending}"))),
            }
        }
    }
    Ok(())
}
