//! Windows.

#[path = "plain.rs"]
mod plain;
// What there is of them is in the registry and netsh; none is read yet.
#[path = "no_settings.rs"]
mod settings;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::windows::io::AsRawSocket;
use std::time::Duration;

pub(crate) use plain::{connect_from, discard, send_before_fin};
pub(crate) use settings::{
    conntrack_use, fin_timeout, kernel_release, listen_backlog_cap, local_port_range,
    local_reserved_ports, orphan_cap, tcp_timestamps, time_wait_cap, time_wait_count,
    time_wait_length, time_wait_reuse,
};
use socket2::Socket;
use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::Networking::WinSock::{
    FIONREAD, SOCKET, WSACleanup, WSADATA, WSAStartup, ioctlsocket,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessTimes};

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::{CpuTime, FileLimit, FinAck, TcpInfo};

pub(crate) const ERRORS: ErrorTable = crate::errors::windows::TABLE;

/// Whether the send queue counts our unacknowledged FIN as a byte; it is not asked.
pub(crate) const QUEUE_COUNTS_FIN: bool = false;

pub(crate) fn unacknowledged(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unsent(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn unread(socket: &Socket) -> io::Result<Option<u64>> {
    let mut bytes = 0;
    let raw = socket.as_raw_socket() as SOCKET;
    // SAFETY: FIONREAD writes one u32 to the address given, which is that of a live one.
    let result = unsafe { ioctlsocket(raw, FIONREAD, &raw mut bytes) };
    if result == 0 {
        Ok(Some(bytes.into()))
    } else {
        Err(io::Error::last_os_error())
    }
}

/// SIO_TCP_INFO (Windows 10 1703) would tell; it is not asked yet.
pub(crate) fn tcp_info(_: &Socket) -> io::Result<Option<TcpInfo>> {
    Ok(None)
}

pub(crate) fn fin_acked(_: &Socket) -> io::Result<FinAck> {
    Ok(FinAck::Unknown)
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

pub(crate) fn process_cpu_time() -> Option<CpuTime> {
    // SAFETY: takes nothing and returns a handle that is always valid and need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let [mut created, mut exited, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is this process's, and all four pointers are to live structs.
    let ok = unsafe {
        GetProcessTimes(
            process,
            &raw mut created,
            &raw mut exited,
            &raw mut kernel,
            &raw mut user,
        )
    };
    (ok != 0).then(|| CpuTime {
        user: duration(user),
        system: duration(kernel),
    })
}

/// A FILETIME counts 100 ns.
fn duration(time: FILETIME) -> Duration {
    let ticks = (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    let second = 10_000_000;
    let nanos = u32::try_from(ticks % second).map_or(0, |rest| rest * 100);
    Duration::new(ticks / second, nanos)
}

/// One use of the library, given back on drop.
#[derive(Debug)]
pub(crate) struct SocketLibrary(());

impl SocketLibrary {
    pub(crate) fn start() -> io::Result<Self> {
        const VERSION_2_2: u16 = 0x0202;
        let mut data = WSADATA::default();
        // SAFETY: the call fills the struct behind the pointer, which is of the type it expects.
        let result = unsafe { WSAStartup(VERSION_2_2, &raw mut data) };
        // The error is the result itself: there is no library yet to keep a last error.
        if result == 0 {
            Ok(Self(()))
        } else {
            Err(io::Error::from_raw_os_error(result))
        }
    }
}

impl Drop for SocketLibrary {
    fn drop(&mut self) {
        // A failure could only mean that the library is not started, which this value excludes.
        // SAFETY: pairs with the WSAStartup that made this value.
        let _ = unsafe { WSACleanup() };
    }
}
