//! Whether a read of 0 was the peer's FIN, where the read alone does not tell.

use std::io;

use mio::event::Event;
use mio::net::TcpStream;

/// What mio's events have said of the peer's end of one TCP connection, for loops that read
/// sockets themselves. [`Closer`](crate::Closer) keeps its own.
///
/// Each event of the connection is shown to [`note`](Self::note), and the result of each read goes
/// through [`of_read`](Self::of_read), which says whether a 0 is the peer's FIN.
///
/// # Portability
///
/// Windows: under Wine after most RSTs, and perhaps elsewhere after one whose error somebody else was
/// told (nobody has measured it), a read returns 0, which looks like a FIN. The events tell the two apart, so a 0 is believed only
/// once one of them has spoken of the end. Elsewhere a read of 0 is the peer's FIN unless an error
/// was seen before; events do not tell the two apart there, and everything passes unchanged.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PeerEnd {
    /// An event told of the end while there was no abort.
    fin: bool,
    aborted: bool,
}

/// What a read of 0 means.
#[derive(Debug, PartialEq, Eq)]
enum Eof {
    Fin,
    Reset,
    /// No event has spoken of the end yet.
    Unsettled,
}

impl PeerEnd {
    /// Takes note of an event of this connection.
    pub fn note(&mut self, event: &Event) {
        if cfg!(windows) {
            // With an error beside it, it is an attempt to connect that failed, which is no reset.
            // Our own half-close does not set it here.
            self.aborted |= event.is_write_closed() && !event.is_error();
            self.fin |= event.is_read_closed() && !event.is_write_closed();
        }
    }

    /// What the result of a read (or a peek) of more than zero bytes means. Bytes and errors pass
    /// as they are, and so does a 0 that is the peer's FIN.
    ///
    /// # Errors
    ///
    /// - [`ConnectionReset`](io::ErrorKind::ConnectionReset), without a number, in place of a 0:
    ///   the connection was aborted, and the system keeps no error that says so.
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock) in place of a 0: no event has spoken of the end
    ///   yet. One comes at once; read again then. `stream` must be registered.
    pub fn of_read(self, stream: &TcpStream, read: io::Result<usize>) -> io::Result<usize> {
        match read {
            Ok(0) => match self.eof(cfg!(windows)) {
                Eof::Fin => Ok(0),
                Eof::Reset => Err(io::ErrorKind::ConnectionReset.into()),
                // mio arms readiness anew where an operation says that it would block.
                Eof::Unsettled => stream.try_io(|| Err(io::ErrorKind::WouldBlock.into())),
            },
            read => read,
        }
    }

    /// What the pending error (SO_ERROR) is, if it was asked for with this result: there is one,
    /// of kind [`ConnectionReset`](io::ErrorKind::ConnectionReset) and without a number, if the
    /// connection was aborted and the system keeps none. The socket may have no peer address then,
    /// as while it connects: who waits for a connection asks here first.
    ///
    /// # Errors
    ///
    /// Those of `taken`.
    pub fn of_pending(self, taken: io::Result<Option<io::Error>>) -> io::Result<Option<io::Error>> {
        match taken {
            Ok(None) if self.aborted => Ok(Some(io::ErrorKind::ConnectionReset.into())),
            taken => taken,
        }
    }

    fn eof(self, events_tell: bool) -> Eof {
        if self.fin || !events_tell {
            // An RST that comes later does not undo the FIN; it is the pending error then.
            Eof::Fin
        } else if self.aborted {
            Eof::Reset
        } else {
            Eof::Unsettled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(pending: io::Result<Option<io::Error>>) -> Option<io::ErrorKind> {
        pending.expect("asked").map(|error| error.kind())
    }

    #[test]
    fn an_abort_without_a_fin_before_it_is_a_reset() {
        let end = PeerEnd {
            fin: false,
            aborted: true,
        };
        assert_eq!(end.eof(true), Eof::Reset);
        let pending = end.of_pending(Ok(None));
        assert_eq!(kind_of(pending), Some(io::ErrorKind::ConnectionReset));
    }

    #[test]
    fn an_abort_after_the_fin_is_the_pending_error() {
        let end = PeerEnd {
            fin: true,
            aborted: true,
        };
        assert_eq!(end.eof(true), Eof::Fin);
        let pending = end.of_pending(Ok(None));
        assert_eq!(kind_of(pending), Some(io::ErrorKind::ConnectionReset));
        let kept = end.of_pending(Ok(Some(io::ErrorKind::TimedOut.into())));
        assert_eq!(kind_of(kept), Some(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_read_of_0_waits_for_an_event_only_where_events_tell() {
        let none = PeerEnd::default();
        assert_eq!(none.eof(true), Eof::Unsettled);
        assert_eq!(none.eof(false), Eof::Fin);
        let fin = PeerEnd {
            fin: true,
            aborted: false,
        };
        assert_eq!(fin.eof(true), Eof::Fin);
        assert_eq!(kind_of(fin.of_pending(Ok(None))), None);
    }
}
