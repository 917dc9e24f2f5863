//! macOS, FreeBSD, NetBSD and OpenBSD.

mod errors;
mod info;
#[cfg_attr(target_os = "macos", path = "macos.rs")]
#[cfg_attr(target_os = "freebsd", path = "freebsd.rs")]
#[cfg_attr(target_os = "netbsd", path = "netbsd.rs")]
#[cfg_attr(target_os = "openbsd", path = "openbsd.rs")]
mod own;
#[path = "../plain.rs"]
mod plain;
// They exist as sysctl(3) names that differ by system; none is read yet.
#[path = "../no_settings.rs"]
mod settings;
#[path = "../unix/mod.rs"]
mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener};

pub(crate) use info::{fin_acked, tcp_info};
pub(crate) use own::unacknowledged;
pub(crate) use plain::{connect_from, discard, send_before_fin};
pub(crate) use settings::{
    conntrack_use, fin_timeout, kernel_release, listen_backlog_cap, local_port_range,
    local_reserved_ports, orphan_cap, tcp_timestamps, time_wait_cap, time_wait_count,
    time_wait_length, time_wait_reuse,
};
use socket2::Socket;
pub(crate) use unix::{SocketLibrary, process_cpu_time};

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::FileLimit;

pub(crate) const ERRORS: ErrorTable = errors::TABLE;

/// Whether the send queue counts our unacknowledged FIN as a byte; not known of any of them.
pub(crate) const QUEUE_COUNTS_FIN: bool = false;

/// None of them tells sent from unsent bytes.
pub(crate) fn unsent(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unread(socket: &Socket) -> io::Result<Option<u64>> {
    unix::unread(socket).map(Some)
}

pub(crate) fn listen_shared(addr: SocketAddr, backlog: i32) -> io::Result<Option<TcpListener>> {
    unix::listen_shared(addr, backlog).map(Some)
}

pub(crate) fn open_file_limit() -> io::Result<Option<FileLimit>> {
    unix::open_file_limit().map(Some)
}

pub(crate) fn raise_open_file_limit(want: u64) -> io::Result<Option<FileLimit>> {
    match unix::raise_open_file_limit(want) {
        // macOS reports a hard limit of "none" and refuses what lies above OPEN_MAX.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
            unix::raise_open_file_limit(want.min(own::OPEN_MAX)).map(Some)
        }
        result => result.map(Some),
    }
}
