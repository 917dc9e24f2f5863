//! The floor's teardown: the system calls that cannot be spared, and nothing else. No verdict, no
//! deadline: a peer that never closes hangs it, an error ends it.

use std::io::{self, Read};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Events, Poll};

/// Half-closes each of `streams`, reads until its peer's FIN, closes. They are registered in `poll`
/// under their indices.
///
/// # Errors
///
/// The first that a call ends with.
pub fn half_close_all(poll: &mut Poll, streams: &mut [Option<TcpStream>]) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut scratch = [0; 4096];
    for slot in &mut *streams {
        if let Some(stream) = slot {
            stream.shutdown(Shutdown::Write)?;
        }
        drain(slot, &mut scratch)?;
    }
    let mut open = streams.iter().flatten().count();
    while open > 0 {
        poll.poll(&mut events, None)?;
        for event in &events {
            if let Some(slot) = streams.get_mut(event.token().0) {
                open -= usize::from(drain(slot, &mut scratch)?);
            }
        }
    }
    Ok(())
}

/// Reads until the FIN, then closes; `true` if it came to that.
///
/// # Errors
///
/// The read's.
pub fn drain(slot: &mut Option<TcpStream>, scratch: &mut [u8]) -> io::Result<bool> {
    let Some(stream) = slot else { return Ok(false) };
    loop {
        match stream.read(scratch) {
            Ok(0) => {
                *slot = None;
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
