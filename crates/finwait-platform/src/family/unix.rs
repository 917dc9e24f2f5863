//! The few facts on which all Unix systems agree and Windows does not.

/// A borrowed socket: what every function on sockets here takes.
pub use std::os::fd::AsFd as AsSocket;

/// What a non-blocking `connect` that is under way fails with.
pub(crate) const CONNECT_STARTED: i32 = libc::EINPROGRESS;

/// On Unix SO_REUSEADDR lets a restarted server bind while connections of the old one are in
/// TIME-WAIT, and still refuses an address on which somebody listens.
pub(crate) const LISTEN_REUSES_ADDRESS: bool = true;

/// Wine runs programs for Windows.
pub(crate) fn wine_version() -> Option<String> {
    None
}
