//! Taking connections from the listener's queue.

use std::io;
use std::net::SocketAddr;
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
    /// Nothing is ever accepted: another listener, like this one, takes its place.
    replaced_by: Option<Like>,
}

/// What a listener was made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Like {
    pub(crate) addr: SocketAddr,
    pub(crate) backlog: i32,
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
            replaced_by: None,
        })
    }

    /// One that never accepts. `listener` shares its address.
    pub(crate) fn dropping(mut self, like: Like) -> Self {
        self.replaced_by = Some(like);
        // An event says if something waits already.
        self.ready = false;
        self
    }

    /// Closes the listener, and with it whatever waits in its queue, which the kernel resets. The
    /// next one is there before, so that nobody is refused.
    fn replace(&mut self, like: Like, registry: &Registry, token: Token) -> io::Result<()> {
        let shared = platform::listen_shared(like.addr, like.backlog)?;
        let shared = shared.ok_or(io::ErrorKind::Unsupported)?;
        let mut next = TcpListener::from_std(shared);
        registry.register(&mut next, token, Interest::READABLE)?;
        let mut last = std::mem::replace(&mut self.listener, next);
        let _ = registry.deregister(&mut last);
        self.ready = false;
        Ok(())
    }

    /// As [`accept`](Self::accept), but where nothing is accepted.
    pub(crate) fn drop_waiting(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
        books: &Books,
    ) {
        if let Some(like) = self.replaced_by
            && self.is_ready(now)
        {
            self.paused_until = None;
            if self.replace(like, registry, token).is_err() {
                books.accept_failed();
                self.paused_until = Some(now + LONG_PAUSE);
            }
        }
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
        if !self.is_ready(now) || self.replaced_by.is_some() {
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
        self.ready = self.replaced_by.is_none();
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
