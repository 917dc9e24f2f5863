//! The floor's teardown: the system calls that cannot be spared, and nothing else. No verdict, no
//! deadline: a peer that never closes hangs it, an error ends it.

use std::io::{self, Read};
use std::net::Shutdown;

use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Poll};

/// What a bare loop asks of a socket whose peer's FIN it has read, before it closes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Questions {
    /// Nothing, like the floor.
    None,
    /// Those that a report rests on: is an error hidden behind the FIN, and was ours acknowledged?
    /// The answers are looked at by nobody. So it shows what the questions cost by themselves.
    OfReport,
}

impl Questions {
    fn ask(self, stream: &TcpStream) -> io::Result<()> {
        if self == Self::OfReport {
            std::hint::black_box(platform::take_error(stream)?);
            std::hint::black_box(platform::acked_after_peer_fin(stream)?);
        }
        Ok(())
    }
}

/// Half-closes each of `streams`, reads until its peer's FIN, closes. They are registered in `poll`
/// under their indices.
///
/// # Errors
///
/// The first that a call ends with.
pub fn half_close_all(
    poll: &mut Poll,
    streams: &mut [Option<TcpStream>],
    questions: Questions,
) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut scratch = [0; 4096];
    for slot in &mut *streams {
        if let Some(stream) = slot {
            stream.shutdown(Shutdown::Write)?;
        }
        drain(slot, &mut scratch, questions)?;
    }
    let mut open = streams.iter().flatten().count();
    while open > 0 {
        poll.poll(&mut events, None)?;
        for event in &events {
            if let Some(slot) = streams.get_mut(event.token().0) {
                open -= usize::from(drain(slot, &mut scratch, questions)?);
            }
        }
    }
    Ok(())
}

/// Reads until the FIN, asks, then closes; `true` if it came to that.
///
/// # Errors
///
/// The read's, and those of what is asked.
pub fn drain(
    slot: &mut Option<TcpStream>,
    scratch: &mut [u8],
    questions: Questions,
) -> io::Result<bool> {
    let Some(stream) = slot else { return Ok(false) };
    loop {
        match stream.read(scratch) {
            Ok(0) => {
                questions.ask(stream)?;
                *slot = None;
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
