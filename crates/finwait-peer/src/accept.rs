//! Taking connections from the listener's queue.

use std::io;
use std::time::{Duration, Instant};

use finwait_platform::{self as platform, AcceptError};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::stats::Books;

/// A listening socket of one thread's own; threads hold duplicates of one descriptor.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    /// Accepting may succeed: an event said so, or it did not end in "would block".
    ready: bool,
    paused_until: Option<Instant>,
    /// After the stop: how many more are taken at most.
    left: Option<usize>,
}

/// What came of one attempt to accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    Connection(TcpStream),
    /// One died in the queue; the next may be there.
    Failed,
    /// The queue is empty, or not to be asked now.
    Nothing,
}

/// Without descriptors nothing can be done but wait until a connection is over.
const PAUSE: Duration = Duration::from_millis(20);
/// The listener itself failed; perhaps an administrator's rule, which may go away again.
const LONG_PAUSE: Duration = Duration::from_secs(1);

impl Acceptor {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(listener);
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self {
            listener,
            ready: true,
            paused_until: None,
            left: None,
        })
    }

    pub(crate) fn readable(&mut self) {
        self.ready = true;
    }

    /// Whether accepting is worth trying at `now`.
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.ready && self.paused_until.is_none_or(|until| until <= now)
    }

    /// When it is worth trying again although no event says so.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    pub(crate) fn accept(&mut self, now: Instant, books: &Books) -> Accepted {
        if !self.is_ready(now) {
            return Accepted::Nothing;
        }
        self.paused_until = None;
        let error = match self.listener.accept() {
            Ok((stream, _)) => {
                self.left = self.left.map(|left| left.saturating_sub(1));
                return Accepted::Connection(stream);
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.ready = false;
                return Accepted::Nothing;
            }
            io::ErrorKind::Interrupted => return Accepted::Failed,
            _ => books.accept_failed(),
        }
        // No edge is owed to one that stops before "would block": `ready` stays.
        let pause = match platform::classify_accept_error(&error) {
            AcceptError::NextConnection => return Accepted::Failed,
            AcceptError::OutOfResources => PAUSE,
            // Fatal, or of a kind that is yet to be invented.
            _ => LONG_PAUSE,
        };
        self.paused_until = Some(now + pause);
        Accepted::Nothing
    }

    /// From now on only what the kernel has accepted for us already is taken: the queue once, even
    /// if new connections come in as fast as they are taken out.
    pub(crate) fn stop(&mut self, backlog: i32) {
        let cap = platform::listen_backlog_cap().unwrap_or(u64::MAX);
        let queue = usize::try_from(cap.min(backlog.unsigned_abs().into())).unwrap_or(usize::MAX);
        // Linux lets one more in than it was told.
        self.left = Some(queue.saturating_add(1));
        self.ready = true;
    }

    /// After [`stop`](Self::stop): whether the queue has been emptied.
    pub(crate) fn is_done(&self) -> bool {
        !self.ready || self.left == Some(0)
    }

    /// Closes this duplicate. The registration belongs to the description that all duplicates
    /// share: it would outlive this one, and report events of a listener that is not ours any more.
    pub(crate) fn close(mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.listener);
    }
}
