//! The mio driver: thousands of teardowns inside the caller's own event loop.

use std::time::{Duration, Instant};

use mio::{Registry, Token};

use crate::event::Event;
use crate::limits::Limits;
use crate::report::Report;
use crate::stream::Stream;
use crate::teardown::{Receive, Rules, Teardown};

mod bulk;
mod driver;
mod slot;
mod socket;

#[cfg(test)]
mod simulation;

use driver::Driver;
use socket::Watched;

/// Closes thousands of sockets inside the caller's own mio loop, and reports how each one ended.
///
/// A socket that is handed over with [`close`](Self::close) or [`finish`](Self::finish) is the
/// `Closer`'s until its [`Finished`] comes out: nobody else may read, write or close it.
///
/// The caller's duties, each turn of its loop:
///
/// 1. wait in `Poll::poll` no longer than [`poll_timeout`](Self::poll_timeout);
/// 2. show every event to [`handle`](Self::handle), which says whether it was its own, and those of a
///    socket that was handed over with [`Watch::Kept`] to [`handle_for`](Self::handle_for);
/// 3. call [`turn`](Self::turn) (or [`turn_with`](Self::turn_with)), which does the work;
/// 4. take what is over from [`poll_finished`](Self::poll_finished).
///
/// `B` is whatever holds the bytes that are still unsent when a socket is handed over; a shared
/// buffer saves a copy per connection.
///
/// # Work per turn
///
/// A turn gives each ready teardown at most 16 reads or 64 KiB (one call of up to 1 MiB where the
/// OS discards without copying, of up to 256 KiB to write), and serves at most
/// [`turn_size`](Self::turn_size) of them; the others come first in the next turn, and `poll_timeout`
/// is zero until then. So a peer that floods delays each of the others by no more than its share of a
/// turn, and the caller's own connections have theirs between two turns.
///
/// # Streams that are thrown away
///
/// On Linux a teardown that discards, and has received 64 KiB, sets its socket's SO_RCVLOWAT to
/// 512 KiB: to be woken for each segment costs more than to drop it. The peer's FIN and a reset wake as
/// before. What else comes is looked for after 10 ms, and everything wakes again until 64 KiB more
/// have come; so the last bytes before a pause may count as progress 10 ms late. Whatever a
/// teardown is served for, it reads what is there first, so none ends over bytes of which nobody has
/// told. At most 256 sockets have this at once. Linux enlarges the receive buffer of such a socket to
/// about 1 MiB, for good, if nobody has set its size (net.ipv4.tcp_rmem is the limit).
///
/// # Time
///
/// The clock is the caller's. A turn takes one `now` for all that it does; where the report's
/// durations matter to the microsecond, use a small `turn_size` and a fresh `now` for each turn.
///
/// # Portability
///
/// The descriptor is released by dropping mio's stream, which ends its registration on every
/// system, unless the caller holds a duplicate of the descriptor: then events may still come
/// under its token. They are hints for whichever teardown has the token by then, and harmless.
#[derive(Debug)]
pub struct Closer<B = Vec<u8>> {
    first_token: usize,
    limits: Limits,
    rules: Rules,
    driver: Driver<Watched, B>,
}

/// Who sees to it that a socket's readiness is told. Made with `From`: what takes an `impl Into<Watch>`
/// takes a `&Registry` as it is.
#[derive(Debug, Clone, Copy)]
pub enum Watch<'r> {
    /// The `Closer` registers the socket here, or registers it anew if it is registered already, under
    /// a token of its own. Its events are for [`Closer::handle`].
    By(&'r Registry),
    /// For a loop that has registered the socket already: it stays so, under the caller's token. One
    /// system call less for each teardown, and often one wake-up. Each event under that token is for [`Closer::handle_for`] from now on,
    /// until the teardown is over.
    ///
    /// It must be registered for [`READABLE`](mio::Interest::READABLE) and
    /// [`WRITABLE`](mio::Interest::WRITABLE). Without the second unsent bytes may stay unsent until a
    /// clock ends the teardown, and on Linux the acknowledgement of our FIN is noticed later.
    Kept,
}

impl<'r> From<&'r Registry> for Watch<'r> {
    fn from(registry: &'r Registry) -> Self {
        Self::By(registry)
    }
}

/// Names one teardown of one [`Closer`], and never another one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// A small number that no other teardown of the same [`Closer`] has at the same time; it is
    /// used again for a later one. For looking up what the caller keeps beside a teardown.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// A teardown that is over.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Finished {
    /// What [`Closer::close`], [`finish`](Closer::finish), [`begin`](Closer::begin) or
    /// [`drain`](Closer::drain) returned.
    pub key: Key,
    /// How it ended.
    pub report: Report,
}

impl<B: AsRef<[u8]>> Closer<B> {
    /// A driver whose sockets are registered under `first_token` and the tokens after it, as many
    /// as [`max_draining`](Self::max_draining) says; the caller keeps its own tokens below.
    #[must_use]
    pub fn new(first_token: Token, limits: Limits, now: Instant) -> Self {
        Self {
            first_token: first_token.0,
            rules: Rules::new(&limits),
            limits,
            driver: Driver::new(now),
        }
    }

    /// How many teardowns may be under way at once; one more evicts the one that has been idle
    /// for the longest time. Default: 16,384. At least 1.
    #[must_use]
    pub fn max_draining(mut self, most: usize) -> Self {
        self.driver.max_draining = most.clamp(1, u32::MAX as usize / 2);
        self
    }

    /// How many ready teardowns one turn serves. Default: 1,024. At least 1.
    #[must_use]
    pub fn turn_size(mut self, most: usize) -> Self {
        self.driver.turn_size = most.max(1);
        self
    }

    /// Begins to close `stream`: flushes `unsent`, half-closes, discards what still comes until
    /// the peer's FIN, closes.
    ///
    /// The socket should be connected; one that still is connecting is waited for, and a connection
    /// that is refused ends as [`Ending::Failed`](crate::Ending::Failed).
    ///
    /// Nothing is done before the next turn, and nothing can fail here: a socket that cannot be
    /// registered is closed and reported as [`Ending::Failed`](crate::Ending::Failed).
    pub fn close<'r>(
        &mut self,
        watch: impl Into<Watch<'r>>,
        stream: impl Into<Stream>,
        unsent: B,
        now: Instant,
    ) -> Key {
        let unwritten = unsent.as_ref().len() as u64;
        let teardown = Teardown::by(&self.rules, Receive::Discard, unwritten, now);
        self.admit(watch.into(), stream.into(), unsent, teardown, now)
    }

    /// The same, delivering what still comes: [`turn_with`](Self::turn_with) hands it out. This is
    /// how a client gets its response after its half-close.
    pub fn finish<'r>(
        &mut self,
        watch: impl Into<Watch<'r>>,
        stream: impl Into<Stream>,
        unsent: B,
        now: Instant,
    ) -> Key {
        let unwritten = unsent.as_ref().len() as u64;
        let teardown = Teardown::by(&self.rules, Receive::Deliver, unwritten, now);
        self.admit(watch.into(), stream.into(), unsent, teardown, now)
    }

    /// [`close`](Self::close) or [`finish`](Self::finish) with limits for this connection alone, and the
    /// way to close a socket whose peer's FIN was read already ([`Receive::Nothing`]).
    pub fn begin<'r>(
        &mut self,
        watch: impl Into<Watch<'r>>,
        stream: Stream,
        unsent: B,
        receive: Receive,
        limits: &Limits,
        now: Instant,
    ) -> Key {
        let unwritten = unsent.as_ref().len() as u64;
        let teardown = self.teardown(limits, receive, unwritten, now);
        self.admit(watch.into(), stream, unsent, teardown, now)
    }

    /// Takes note of an event of a socket that was handed over with [`Watch::Kept`]; `false` if that
    /// teardown is over.
    pub fn handle_for(&mut self, key: Key, event: &mio::event::Event, now: Instant) -> bool {
        self.driver.has(key) && self.note(key.index(), event, now)
    }

    /// Makes room for so many more teardowns at once, so that none of them has to wait for memory. Room
    /// is made in steps without it; what is there is kept.
    pub fn reserve(&mut self, more: usize) {
        self.driver.reserve(more);
    }

    /// Takes note of an event of `Poll::poll`; `false` if its token is not one of ours.
    pub fn handle(&mut self, event: &mio::event::Event, now: Instant) -> bool {
        let Some(index) = event.token().0.checked_sub(self.first_token) else {
            return false;
        };
        // Else of a teardown that is over, within our range of tokens.
        self.note(index, event, now) || index < self.driver.max_draining
    }

    /// `false` if no teardown has this index.
    fn note(&mut self, index: usize, event: &mio::event::Event, now: Instant) -> bool {
        let Some(socket) = self.driver.socket(index) else {
            return false;
        };
        socket.end.note(event);
        // Every flag but plain writability means that a read may tell something.
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        self.driver.hint(index, readable, writable, now);
        true
    }

    /// How long `Poll::poll` may wait before the next [`turn`](Self::turn); `None`: for ever.
    #[must_use]
    pub fn poll_timeout(&self, now: Instant) -> Option<Duration> {
        self.driver.poll_timeout(now)
    }

    /// Does what can be done now: flushes, FINs, reads, deadlines, closes.
    ///
    /// Bytes of teardowns begun with [`finish`](Self::finish) are dropped here (and still count as
    /// delivered): those need [`turn_with`](Self::turn_with).
    pub fn turn(&mut self, now: Instant) {
        self.turn_with(now, |_, _| {});
    }

    /// [`turn`](Self::turn), with a receiver for the bytes of teardowns begun with
    /// [`finish`](Self::finish): it is handed each chunk, in order, with its teardown's key.
    pub fn turn_with(&mut self, now: Instant, mut deliver: impl FnMut(Key, &[u8])) {
        self.driver.turn(now, &mut deliver);
    }

    /// Whether a turn has something to do now, without waiting for events.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.driver.is_ready()
    }

    /// The next teardown that is over.
    pub fn poll_finished(&mut self) -> Option<Finished> {
        self.driver.poll_finished()
    }

    /// Wants every teardown, present or to come, to end by `deadline`. Only ever shortens: no FIN
    /// is skipped, and a later deadline than one already given changes nothing.
    pub fn stop(&mut self, deadline: Instant, now: Instant) {
        self.driver.stop(deadline, now);
    }

    /// Ends one teardown by RST, in the next turn. `false` if it is over already.
    pub fn abort(&mut self, key: Key, now: Instant) -> bool {
        self.driver.abort(key, now)
    }

    /// How many teardowns are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.driver.len()
    }

    /// Whether no teardown is under way and no report waits to be taken: the process may exit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.driver.is_empty()
    }

    fn teardown(
        &self,
        limits: &Limits,
        receive: Receive,
        unwritten: u64,
        now: Instant,
    ) -> Teardown {
        if *limits == self.limits {
            return Teardown::by(&self.rules, receive, unwritten, now);
        }
        Teardown::new(limits, receive, unwritten, now)
    }

    fn admit(
        &mut self,
        watch: Watch<'_>,
        stream: Stream,
        unsent: B,
        teardown: Teardown,
        now: Instant,
    ) -> Key {
        let first_token = self.first_token;
        let watch = |socket: &mut Watched, index: usize| match watch {
            Watch::Kept => Ok(()),
            Watch::By(registry) => match first_token.checked_add(index) {
                Some(token) => socket.stream.watch(registry, Token(token)),
                None => Err(std::io::ErrorKind::InvalidInput.into()),
            },
        };
        self.driver
            .admit(Watched::new(stream), unsent, teardown, now, watch)
    }
}

impl<B: AsRef<[u8]> + Default> Closer<B> {
    /// Takes over `stream` where the caller has already half-closed: receives until the peer's
    /// FIN, and closes. Without this, a second `shutdown` would be needed to find out that the
    /// first was done, and it fails once the connection has come to its end meanwhile.
    ///
    /// The report counts from here: its `flush` is zero, and its `drain` begins now.
    ///
    /// The caller has half-closed only if its `shutdown` returned without an error. A socket whose
    /// `shutdown` failed is one for [`close`](Self::close), which finds out why.
    pub fn drain<'r>(
        &mut self,
        watch: impl Into<Watch<'r>>,
        stream: impl Into<Stream>,
        receive: Receive,
        limits: &Limits,
        now: Instant,
    ) -> Key {
        let mut teardown = self.teardown(limits, receive, 0, now);
        teardown.handle(Event::HalfClosed, now);
        self.admit(watch.into(), stream.into(), B::default(), teardown, now)
    }
}
