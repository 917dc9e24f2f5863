//! Every ending over real loopback sockets, through the `Closer`.
//!
//! Peers are `std::net` sockets on threads that follow a script. Deadlines are tens of
//! milliseconds where they are what ends a teardown and minutes where they are not; nothing is
//! asserted about how fast anything was.

#![cfg(feature = "mio")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test drives its own loop, reads the clock for it, and has peers that are slow"
)]

use std::net::TcpStream;

use finwait_platform as platform;

#[path = "../common/mod.rs"]
mod common;

mod blocking;
mod bulk;
mod caller;
mod deadline;
mod delivering;
mod driving;
mod graceful;
mod half_closed;
mod hostile;
mod kept;
mod limit;
mod passive;
mod reset;
#[cfg(unix)]
mod unix_domain;

/// The peer goes away by RST.
fn abort(peer: TcpStream) {
    platform::arm_abort(&peer).expect("SO_LINGER");
    drop(peer);
}
