//! The sockets that a `Closer` can take, and how each answers the machine's questions.

use std::io::{self, Read, Write};

use finwait_platform as platform;
use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::event::{Acknowledged, Event};
use crate::peer_end::PeerEnd;
use crate::report::{Cause, Fin, Operation, OsError};

/// A connected, non-blocking socket of mio.
///
/// Made with `From`: anything that says `impl Into<Stream>` takes a [`mio::net::TcpStream`] or,
/// on Unix, a [`mio::net::UnixStream`] as it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A Unix-domain connection. There is no wire: what a write took is in the peer's receive
    /// queue, so the FIN counts as acknowledged as soon as `shutdown` has returned.
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<mio::net::UnixStream> for Stream {
    fn from(stream: mio::net::UnixStream) -> Self {
        Self::Unix(stream)
    }
}

/// How much one call may discard where it copies nothing.
const DISCARD_BYTES: usize = 1 << 20;

/// Answers to the machine. Readiness is mio's business, so everything that can say "would block"
/// goes through mio, which re-arms it where the system does not.
impl Stream {
    /// Asks for readiness under `token`, whether or not `registry` knows the socket already.
    pub(crate) fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        // Both, and for good: on Linux the acknowledgement of our FIN shows as a writable edge,
        // and only to those who ask for both.
        let both = Interest::READABLE | Interest::WRITABLE;
        let source: &mut dyn Source = match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        };
        match registry.reregister(source, token, both) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                registry.register(source, token, both)
            }
            known => known,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Event {
        let written = repeat(|| match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        });
        match written {
            Ok(0) => failed(Operation::Write, &io::ErrorKind::WriteZero.into()),
            Ok(bytes) => Event::Written { bytes },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Event::WriteBlocked,
            Err(error) => failed(Operation::Write, &error),
        }
    }

    pub(crate) fn half_close(&self) -> Event {
        let done = match self {
            Self::Tcp(stream) => platform::half_close(stream),
            #[cfg(unix)]
            Self::Unix(stream) => platform::half_close(stream),
        };
        match done {
            Ok(()) => Event::HalfClosed,
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Event::NotConnected,
            Err(error) => failed(Operation::HalfClose, &error),
        }
    }

    /// `buffer` must not be empty: a read of length 0 looks like the peer's FIN.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], end: PeerEnd) -> Event {
        received(match self {
            Self::Tcp(stream) => {
                let read = repeat(|| stream.read(buffer));
                end.of_read(stream, read)
            }
            #[cfg(unix)]
            Self::Unix(stream) => repeat(|| stream.read(buffer)),
        })
    }

    pub(crate) fn discard(&mut self, scratch: &mut [u8], end: PeerEnd) -> Event {
        match self {
            Self::Tcp(stream) => {
                let stream = &*stream;
                let read = stream.try_io(|| platform::discard(stream, DISCARD_BYTES, scratch));
                received(end.of_read(stream, read))
            }
            #[cfg(unix)]
            Self::Unix(_) => self.receive(scratch, end),
        }
    }

    /// Wakes for no fewer bytes from now on; `false` if it does not. One that is dead says so by itself.
    pub(crate) fn wake_from(&self, bytes: usize) -> bool {
        match self {
            Self::Tcp(stream) => platform::set_receive_low_water(stream, bytes).unwrap_or(false),
            #[cfg(unix)]
            Self::Unix(_) => false,
        }
    }

    pub(crate) fn pending_error(&self, end: PeerEnd) -> Event {
        let taken = match self {
            Self::Tcp(stream) => end.of_pending(platform::take_error(stream)),
            #[cfg(unix)]
            Self::Unix(stream) => platform::take_error(stream),
        };
        match taken {
            Ok(error) => Event::PendingError(error.as_ref().map(os_error)),
            Err(error) => failed(Operation::TakeError, &error),
        }
    }

    /// What is acknowledged, given what has become of our FIN so far, and whether the peer's was read.
    pub(crate) fn ack(&self, fin: Fin, peer_fin: bool) -> Event {
        match self {
            Self::Tcp(stream) => tcp_ack(stream, fin, peer_fin),
            #[cfg(unix)]
            Self::Unix(_) => {
                let fin = if fin == Fin::NotSent {
                    Acknowledged::No
                } else {
                    Acknowledged::Yes
                };
                Event::Ack {
                    fin,
                    unacknowledged: Some(0),
                }
            }
        }
    }

    pub(crate) fn unread(&self) -> Event {
        let unread = match self {
            Self::Tcp(stream) => platform::unread(stream),
            #[cfg(unix)]
            Self::Unix(stream) => platform::unread(stream),
        };
        Event::Unread(unread.unwrap_or(None))
    }

    pub(crate) fn arm_abort(&self) -> Result<(), Event> {
        let armed = match self {
            Self::Tcp(stream) => platform::arm_abort(stream),
            #[cfg(unix)]
            Self::Unix(stream) => platform::arm_abort(stream),
        };
        armed.map_err(|error| failed(Operation::Abort, &error))
    }
}

fn tcp_ack(stream: &TcpStream, fin: Fin, peer_fin: bool) -> Event {
    if fin != Fin::NotSent && peer_fin {
        let unknown = (platform::FinAck::Unknown, None);
        let (fin, unacknowledged) = platform::acked_after_peer_fin(stream).unwrap_or(unknown);
        return Event::Ack {
            fin: acknowledged(fin),
            unacknowledged,
        };
    }
    // Without a FIN there is none to ask about, and the OS's answer would mean nothing.
    let acknowledged = match fin {
        Fin::NotSent => Acknowledged::No,
        Fin::Queued | Fin::Acked | Fin::Unknown => {
            platform::fin_acked(stream).map_or(Acknowledged::Unknown, acknowledged)
        }
    };
    let unacknowledged = if acknowledged == Acknowledged::Yes {
        Some(0)
    } else {
        platform::unacknowledged_payload(stream, fin != Fin::NotSent).unwrap_or(None)
    };
    Event::Ack {
        fin: acknowledged,
        unacknowledged,
    }
}

fn acknowledged(fin: platform::FinAck) -> Acknowledged {
    match fin {
        platform::FinAck::Yes => Acknowledged::Yes,
        platform::FinAck::No => Acknowledged::No,
        platform::FinAck::Unknown => Acknowledged::Unknown,
    }
}

fn received(result: io::Result<usize>) -> Event {
    match result {
        Ok(0) => Event::ReceivedFin,
        Ok(bytes) => Event::Received { bytes },
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Event::ReceiveBlocked,
        Err(error) => failed(Operation::Receive, &error),
    }
}

fn failed(operation: Operation, error: &io::Error) -> Event {
    Event::Failed(operation, os_error(error))
}

/// Whose doing an error was is the platform's knowledge: many have no [`io::ErrorKind`].
fn os_error(error: &io::Error) -> OsError {
    OsError::from(error).with_cause(match platform::classify_end(error) {
        platform::EndCause::Reset => Cause::Reset,
        platform::EndCause::Lost => Cause::Lost,
        platform::EndCause::Other => Cause::Other,
    })
}

/// Again, if a signal interrupted it.
fn repeat(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
