//! What only OpenBSD has, or lacks.

use std::io;
use std::mem::offset_of;
use std::time::Duration;

use libc::c_int;
use socket2::Socket;

pub(super) const TCP_INFO: c_int = libc::TCP_INFO;
pub(super) const TCP_INFO_SIZE: usize = size_of::<libc::tcp_info>();
pub(super) const RTT_AT: usize = offset_of!(libc::tcp_info, tcpi_rtt);
pub(super) const RTT_UNIT: Duration = Duration::from_micros(1);

/// The hard limit is the only one there is.
pub(super) const OPEN_MAX: Option<u64> = None;

/// There is no call for it alone.
pub(crate) fn unacknowledged(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}
