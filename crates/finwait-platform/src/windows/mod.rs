//! Windows.

#[path = "../by_state.rs"]
mod by_state;
mod info;
mod library;
#[path = "../plain.rs"]
mod plain;
mod process;
// What there is of them is kept where only netsh and WMI read it: no call of Winsock or IP Helper tells.
#[path = "../no_settings.rs"]
mod settings;
mod time_wait;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::windows::io::AsRawSocket;

pub(crate) use by_state::fin_acked;
pub(crate) use info::{in_flight, tcp_info};
pub(crate) use library::SocketLibrary;
pub(crate) use plain::{
    connect_choosing, connect_from, discard, send_before_fin, set_receive_low_water,
    source_port_can_be_told,
};
pub(crate) use process::{kernel_release, process_cpu_time};
pub(crate) use settings::{
    conntrack_use, fin_timeout, listen_backlog_cap, local_port_range, local_reserved_ports,
    orphan_cap, tcp_timestamps, time_wait_cap, time_wait_length, time_wait_reuse,
};
use socket2::Socket;
pub(crate) use time_wait::time_wait_count;
use windows_sys::Win32::Networking::WinSock::{FIONREAD, SOCKET, WSAGetLastError, ioctlsocket};

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::{Backend, FileLimit};

pub(crate) const BACKEND: Backend = Backend::Windows;

pub(crate) const ERRORS: ErrorTable = crate::errors::windows::TABLE;

/// Whether the send queue counts our unacknowledged FIN as a byte; there is none to ask.
pub(crate) const QUEUE_COUNTS_FIN: bool = false;

/// SIO_TCP_INFO tells what is in flight, and nothing of what still waits behind it.
pub(crate) fn unacknowledged(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unsent(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unread(socket: &Socket) -> io::Result<Option<u64>> {
    let mut bytes = 0;
    // SAFETY: FIONREAD writes one u32 to the address given, which is that of a live one.
    check(unsafe { ioctlsocket(raw(socket), FIONREAD, &raw mut bytes) })?;
    Ok(Some(bytes.into()))
}

/// SO_REUSEADDR comes near, but lets other users in as well.
pub(crate) fn listen_shared(_: SocketAddr, _: i32) -> io::Result<Option<TcpListener>> {
    Ok(None)
}

/// Sockets are bounded by memory alone.
pub(crate) fn open_file_limit() -> io::Result<Option<FileLimit>> {
    Ok(None)
}

pub(crate) fn raise_open_file_limit(_: u64) -> io::Result<Option<FileLimit>> {
    Ok(None)
}

fn raw(socket: &Socket) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

/// 0 is success; anything else (SOCKET_ERROR) leaves the reason with the library, for this thread.
fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        return Ok(());
    }
    // SAFETY: takes nothing and reads a number of this thread.
    Err(io::Error::from_raw_os_error(unsafe { WSAGetLastError() }))
}
