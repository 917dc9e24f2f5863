//! What only NetBSD has.

use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::time::Duration;

use libc::c_int;
use socket2::Socket;

use super::unix::check;

pub(super) const TCP_INFO: c_int = libc::TCP_INFO;
pub(super) const TCP_INFO_SIZE: usize = size_of::<libc::tcp_info>();
pub(super) const RTT_AT: usize = offset_of!(libc::tcp_info, tcpi_rtt);
pub(super) const RTT_UNIT: Duration = Duration::from_micros(1);

/// The hard limit is the only one there is.
pub(super) const OPEN_MAX: Option<u64> = None;

/// FIONWRITE: bytes in the send buffer, which leave it when they are acknowledged. Whether it
/// counts the FIN has not been measured.
pub(crate) fn unacknowledged(socket: &Socket) -> io::Result<Option<u64>> {
    let mut bytes: c_int = 0;
    // SAFETY: FIONWRITE writes one int to the address given, which is that of a live int.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONWRITE, &raw mut bytes) })?;
    Ok(u64::try_from(bytes).ok())
}
