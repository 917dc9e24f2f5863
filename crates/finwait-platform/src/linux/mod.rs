//! Linux and Android.

mod errors;
mod queue;
mod socket;
mod sysctl;
#[path = "../unix/mod.rs"]
mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener};

pub(crate) use queue::{fin_acked, in_flight, tcp_info, unacknowledged, unread, unsent};
pub(crate) use socket::{
    connect_choosing, connect_from, discard, send_before_fin, set_receive_low_water,
    source_port_can_be_told,
};
pub(crate) use sysctl::{
    conntrack_use, fin_timeout, kernel_release, listen_backlog_cap, local_port_range,
    local_reserved_ports, orphan_cap, tcp_timestamps, time_wait_cap, time_wait_count,
    time_wait_length, time_wait_reuse,
};
pub(crate) use unix::{SocketLibrary, process_cpu_time};

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::{Backend, FileLimit};

pub(crate) const BACKEND: Backend = Backend::Linux;

pub(crate) const ERRORS: ErrorTable = errors::TABLE;

/// Whether the send queue counts our unacknowledged FIN as a byte: it has a sequence number.
pub(crate) const QUEUE_COUNTS_FIN: bool = true;

pub(crate) fn listen_shared(addr: SocketAddr, backlog: i32) -> io::Result<Option<TcpListener>> {
    unix::listen_shared(addr, backlog).map(Some)
}

pub(crate) fn open_file_limit() -> io::Result<Option<FileLimit>> {
    unix::open_file_limit().map(Some)
}

pub(crate) fn raise_open_file_limit(want: u64) -> io::Result<Option<FileLimit>> {
    unix::raise_open_file_limit(want).map(Some)
}
