//! What only macOS has.

use std::io;
use std::mem::offset_of;
use std::time::Duration;

use libc::c_int;
use socket2::Socket;

use super::unix;

pub(super) const TCP_INFO: c_int = libc::TCP_CONNECTION_INFO;
pub(super) const TCP_INFO_SIZE: usize = size_of::<libc::tcp_connection_info>();
pub(super) const RTT_AT: usize = offset_of!(libc::tcp_connection_info, tcpi_srtt);
/// netinet/tcp.h: "average RTT in ms".
pub(super) const RTT_UNIT: Duration = Duration::from_millis(1);

/// sys/syslimits.h: what setrlimit(2) says RLIMIT_NOFILE is held to.
pub(super) const OPEN_MAX: Option<u64> = Some(10_240);

/// SO_NWRITE: bytes in the send buffer, which leave it when they are acknowledged. Whether it
/// counts the FIN has not been measured.
pub(crate) fn unacknowledged(socket: &Socket) -> io::Result<Option<u64>> {
    let mut bytes = [0; size_of::<c_int>()];
    match unix::option_bytes(socket, libc::SOL_SOCKET, libc::SO_NWRITE, &mut bytes) {
        Ok(_) => Ok(u64::try_from(c_int::from_ne_bytes(bytes)).ok()),
        Err(e) if e.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(None),
        Err(e) => Err(e),
    }
}
