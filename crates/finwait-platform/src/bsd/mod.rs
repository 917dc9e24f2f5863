//! macOS, FreeBSD, NetBSD and OpenBSD.

#[path = "../by_state.rs"]
mod by_state;
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

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};

pub(crate) use by_state::fin_acked;
pub(crate) use info::tcp_info;
pub(crate) use own::unacknowledged;
pub(crate) use plain::{
    connect_choosing, connect_from, discard, send_before_fin, set_receive_low_water,
    source_port_can_be_told,
};
pub(crate) use settings::{
    conntrack_use, fin_timeout, listen_backlog_cap, local_port_range, local_reserved_ports,
    orphan_cap, tcp_timestamps, time_wait_cap, time_wait_length, time_wait_reuse,
};
use socket2::Socket;
pub(crate) use unix::{SocketLibrary, process_cpu_time};

use crate::errors::ErrorTable;
pub(crate) use crate::portable::{arm_abort, half_close, listen, take_error};
use crate::types::{Backend, FileLimit};

pub(crate) const BACKEND: Backend = Backend::Bsd;

pub(crate) const ERRORS: ErrorTable = errors::TABLE;

/// Whether the send queue counts our unacknowledged FIN as a byte; not known of any of them.
pub(crate) const QUEUE_COUNTS_FIN: bool = false;

/// None of them tells sent from unsent bytes.
pub(crate) fn unsent(_: &Socket) -> io::Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn in_flight(_: &Socket) -> io::Result<Option<u64>> {
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
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => match own::OPEN_MAX {
            Some(most) => unix::raise_open_file_limit(want.min(most)).map(Some),
            None => Err(e),
        },
        result => result.map(Some),
    }
}

/// The tables that `netstat` prints have a layout of each release's own.
pub(crate) fn time_wait_count() -> Option<u64> {
    None
}

pub(crate) fn kernel_release() -> Option<String> {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the call fills the struct behind the pointer, which is of the type it expects.
    unix::check(unsafe { libc::uname(names.as_mut_ptr()) }).ok()?;
    // SAFETY: all zeros are a valid value, and the call has written over some of them.
    let names = unsafe { names.assume_init() };
    // SAFETY: the field ends in a zero byte (uname(3)), and lives through the next line.
    let release = unsafe { CStr::from_ptr(names.release.as_ptr()) };
    Some(release.to_string_lossy().into_owned())
}
