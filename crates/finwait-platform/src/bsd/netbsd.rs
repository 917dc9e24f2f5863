//! What only NetBSD has.

use std::io;
use std::os::fd::AsRawFd;

use libc::c_int;
use socket2::Socket;

use super::unix::check;

pub(super) const TCP_INFO: c_int = libc::TCP_INFO;
pub(super) const TCP_INFO_SIZE: usize = size_of::<libc::tcp_info>();

/// The hard limit is the only one there is.
pub(super) const OPEN_MAX: u64 = u64::MAX;

/// FIONWRITE: bytes in the send buffer, which leave it when they are acknowledged. Whether it
/// counts the FIN has not been measured.
pub(crate) fn unacknowledged(socket: &Socket) -> io::Result<Option<u64>> {
    let mut bytes: c_int = 0;
    // SAFETY: FIONWRITE writes one int to the address given, which is that of a live int.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONWRITE, &raw mut bytes) })?;
    Ok(u64::try_from(bytes).ok())
}
