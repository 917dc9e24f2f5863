//! Any other system: socket2 alone, and an honest "unknown" for all that it does not offer.

#[path = "plain.rs"]
mod plain;
#[path = "no_settings.rs"]
mod settings;

use std::io;
use std::net::{SocketAddr, TcpListener};

pub(crate) use plain::{
    connect_choosing, connect_from, discard, send_before_fin, set_receive_low_water,
    source_port_can_be_told,
};
pub(crate) use settings::{
    conntrack_use, fin_timeout, listen_backlog_cap, local_port_range, local_reserved_ports,
    orphan_cap, tcp_timestamps, time_wait_cap, time_wait_length, time_wait_reuse,
};
use socket2::Socket;

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::{Backend, CpuTime, FileLimit, FinAck, TcpInfo};

pub(crate) const BACKEND: Backend = Backend::Fallback;

/// Which numbers this system has is not known; its errors are classified by their kind.
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    entries: &[],
    reset: &[],
    reset_behind_fin: &[],
    lost: &[],
    next_connection: &[],
    out_of_resources: &[],
};

/// Whether the send queue counts our unacknowledged FIN as a byte.
pub(crate) const QUEUE_COUNTS_FIN: bool = false;

pub(crate) fn unacknowledged(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unsent(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn in_flight(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unread(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn tcp_info(_: &Socket) -> io::Result<Option<TcpInfo>> {
    Ok(None)
}

pub(crate) fn fin_acked(_: &Socket) -> io::Result<FinAck> {
    Ok(FinAck::Unknown)
}

pub(crate) fn listen_shared(_: SocketAddr, _: i32) -> io::Result<Option<TcpListener>> {
    Ok(None)
}

pub(crate) fn open_file_limit() -> io::Result<Option<FileLimit>> {
    Ok(None)
}

pub(crate) fn raise_open_file_limit(_: u64) -> io::Result<Option<FileLimit>> {
    Ok(None)
}

pub(crate) fn time_wait_count() -> Option<u64> {
    None
}

pub(crate) fn kernel_release() -> Option<String> {
    None
}

pub(crate) fn process_cpu_time() -> Option<CpuTime> {
    None
}

#[derive(Debug)]
pub(crate) struct SocketLibrary;

impl SocketLibrary {
    /// socket2 starts the library itself where there is one.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self)
    }
}
