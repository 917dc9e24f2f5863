//! What only OpenBSD has, or lacks.

use std::io;

use libc::c_int;
use socket2::Socket;

pub(super) const TCP_INFO: c_int = libc::TCP_INFO;
pub(super) const TCP_INFO_SIZE: usize = size_of::<libc::tcp_info>();

/// The hard limit is the only one there is.
pub(super) const OPEN_MAX: u64 = u64::MAX;

/// There is no call for it alone.
pub(crate) fn unacknowledged(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}
