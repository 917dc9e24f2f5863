//! Closes TCP connections without losing the last byte.
//!
//! # The problem: why does `close()` lose data?
//!
//! A server answers "413 too large" and closes. The client, still uploading, sees a connection
//! reset and never the answer. Nothing was wrong with either program; it is what the protocol
//! does:
//!
//! - If a socket is closed while received bytes lie unread in it, the kernel sends RST instead of
//!   FIN (RFC 2525 section 2.17). The same happens when bytes arrive after the close.
//! - An RST makes the kernel on the other side drop what is still to be sent; beyond what its
//!   application already has in its receive buffer, the response is gone. Some systems drop that
//!   buffer as well.
//! - `close()` has returned long before, without an error. `SO_LINGER` does not help: it blocks,
//!   and it does not read.
//!
//! The cure is as old as TCP: say that you are done (FIN), and keep receiving until the other side
//! has said so too. Only then release the socket. On Windows that is the documented way to
//! disconnect (`shutdown(SD_SEND)`, receive until 0, `closesocket`), for HTTP servers it is
//! RFC 9112 section 9.6, and in TCP itself the half-close of RFC 9293 section 3.6.
//!
//! The loop is five lines long, and has a dozen traps: a peer that never closes, one that floods,
//! one that drips a byte a second; an RST that arrives after the FIN and that no `read` will ever
//! show; an error that is reported once and looks like an orderly end from then on; edge-triggered
//! readiness that is owed only after "would block"; a slow but live reader that a clock on writes
//! cuts off. This crate is that loop with the traps handled, for thousands of non-blocking sockets
//! at once, and with a [`Report`] that says how each one ended and claims nothing the OS did not
//! say.
//!
//! # A working loop
//!
//! The [`Closer`] lives in the event loop that you have. The numbers are the same in the code:
//!
//! 1. Make a `Closer`, and give it the tokens from some number on.
//! 2. When a connection is done, hand its socket over, with the bytes that are still unsent.
//! 3. Wait no longer than [`Closer::poll_timeout`].
//! 4. Show each event to [`Closer::handle`]; what it does not take is yours.
//! 5. Let [`Closer::turn`] do the work: flush, FIN, drain, close, all of it bounded.
//! 6. Take the reports of those that are over.
//!
#![cfg_attr(feature = "mio", doc = "```")]
#![cfg_attr(not(feature = "mio"), doc = "```ignore")]
//! use std::io;
//! use std::time::Instant;
//! use finwait::{Closer, Limits};
//! use mio::net::TcpStream;
//! use mio::{Events, Poll, Token};
//!
//! # fn main() -> io::Result<()> {
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let peer = std::thread::spawn({
//! #     let address = listener.local_addr()?;
//! #     move || -> io::Result<Vec<u8>> {
//! #         let mut stream = std::net::TcpStream::connect(address)?;
//! #         io::Write::write_all(&mut stream, b"a request that nobody reads")?;
//! #         let mut answer = Vec::new();
//! #         io::Read::read_to_end(&mut stream, &mut answer)?;
//! #         Ok(answer)
//! #     }
//! # });
//! # let (stream, _) = listener.accept()?;
//! # stream.set_nonblocking(true)?;
//! # let stream = TcpStream::from_std(stream);
//! let mut poll = Poll::new()?;
//! let mut events = Events::with_capacity(1024);
//! let mut closer = Closer::new(Token(1 << 20), Limits::default(), Instant::now()); // 1
//!
//! let unsent = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n".to_vec();
//! closer.close(poll.registry(), stream, unsent, Instant::now()); // 2
//!
//! while !closer.is_empty() {
//!     poll.poll(&mut events, closer.poll_timeout(Instant::now()))?; // 3
//!     let now = Instant::now();
//!     for event in &events {
//!         if closer.handle(event, now) {
//!             continue; // 4
//!         }
//!         // ... your own connections
//!     }
//!     closer.turn(now); // 5
//!     while let Some(finished) = closer.poll_finished() {
//!         println!("{}: {:?}", finished.report.ending, finished.report.delivered()); // 6
//!         # assert!(finished.report.peer_fin);
//!         # assert_eq!(finished.report.discarded_bytes, 27);
//!     }
//! }
//! # assert!(peer.join().unwrap()?.ends_with(b"close\r\n\r\n"));
//! # Ok(())
//! # }
//! ```
//!
//! A client is the same, with [`Closer::finish`] and [`Closer::turn_with`]: the request is the
//! unsent part, and the response is delivered chunk by chunk after the half-close. Without an
//! event loop, [`close`] and [`finish`] do it for one blocking socket. With another event loop
//! than mio's, drive the machine yourself: [`Teardown`] has no socket and no clock.
//!
//! # What a report says
//!
//! Exactly one [`Ending`] per socket, and beside it facts: what became of our FIN, whether the
//! peer's was read, the first error, bytes that were never written, not acknowledged, discarded,
//! left unread. [`Report::delivered`] is `Yes` only when the peer's TCP acknowledged our FIN, and
//! with it every byte. End of file alone is not delivery: the peer's FIN can be read while
//! megabytes of ours are still under way, and an RST can follow it.
//!
//! # Features
//!
//! - `mio` (default): [`Closer`], [`close`], [`finish`]. Without it the crate is the machine alone
//!   and depends on std only.
//! - `tracing`: a span per teardown at level DEBUG with its ending, an event per change of phase
//!   at TRACE.
//!
//! # Portability
//!
//! Everything works everywhere; how much can be *told* differs. Linux tells what is acknowledged,
//! and wakes the loop when it is. Where a system cannot tell, a report says `Unknown` or `None`,
//! and an orderly end is [`Ending::PeerFin`] instead of [`Ending::Graceful`].
//!
//! Windows: finish before the process exits. Bytes and FINs of sockets that are still open or were
//! just closed may be lost when the process ends, and sockets that are open when the last user of
//! the socket library gives it back (`WSACleanup`) are reset. [`Closer::stop`] sets a deadline, and
//! [`Closer::is_empty`] says when everything is over. WSAECONNRESET is the peer's RST
//! ([`Ending::Reset`]); WSAECONNABORTED is our own side giving up ([`Ending::Lost`]).
#![doc(test(attr(deny(warnings))))]

mod event;
mod limits;
mod report;
mod span;
mod teardown;

pub use event::{Acknowledged, Action, Event};
pub use limits::{FinishOn, Limits, OnDeadline, OnLimit};
pub use report::{Cause, Clock, Delivered, Ending, Fin, Operation, OsError, Phase, Report};
pub use teardown::{Receive, Teardown};

#[cfg(feature = "mio")]
mod blocking;
#[cfg(feature = "mio")]
mod closer;
#[cfg(feature = "mio")]
mod deadlines;
#[cfg(feature = "mio")]
mod peer_end;
#[cfg(feature = "mio")]
mod rings;
#[cfg(feature = "mio")]
mod stream;
#[cfg(feature = "mio")]
#[cfg_attr(not(feature = "tracing"), path = "untraced.rs")]
mod trace;

#[cfg(feature = "mio")]
pub use blocking::{close, finish};
#[cfg(feature = "mio")]
pub use closer::{Closer, Finished, Key, Watch};
#[cfg(feature = "mio")]
pub use peer_end::PeerEnd;
#[cfg(feature = "mio")]
pub use stream::Stream;

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../../../README.md")]
mod readme {}
