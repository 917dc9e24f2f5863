//! The few facts on which Windows and all Unix systems disagree.

/// A borrowed socket: what every function on sockets here takes.
pub use std::os::windows::io::AsSocket;

use windows_sys::Win32::Networking::WinSock::WSAEWOULDBLOCK;

/// What a non-blocking `connect` that is under way fails with.
pub(crate) const CONNECT_STARTED: i32 = WSAEWOULDBLOCK;

/// On Windows SO_REUSEADDR would let a second process take over a port in use; TIME-WAIT does
/// not stand in the way of `bind` there, so nothing is lost without it.
pub(crate) const LISTEN_REUSES_ADDRESS: bool = false;
