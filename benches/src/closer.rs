//! The same work by finwait.

use std::io;
use std::time::Instant;

use finwait::{Closer, Ending, Limits};
use mio::net::TcpStream;
use mio::{Events, Poll, Token};

const FIRST_CLOSER: Token = Token(1 << 20);

/// Closes all of `streams` through one `Closer`; they are registered in `poll` already.
///
/// # Errors
///
/// The event loop's, and one that names the ending if any was not in order: a bench of failed
/// teardowns measures nothing.
pub fn close_all(poll: &mut Poll, streams: Vec<TcpStream>) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut now = Instant::now();
    let mut closer = Closer::new(FIRST_CLOSER, Limits::default(), now);
    for stream in streams {
        closer.close(poll.registry(), stream, Vec::new(), now);
    }
    while !closer.is_empty() {
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))?;
        now = Instant::now();
        for event in &events {
            closer.handle(event, now);
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
