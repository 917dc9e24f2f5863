//! What operating systems disagree on when a connection ends: the bare calls under `finwait`.
//!
//! This crate decides nothing. Every function is one system call, or the few that make one
//! answer, and says in its documentation which; errors are the system's own [`io::Error`] with
//! nothing added. Where a system cannot answer, the answer is `None` or [`FinAck::Unknown`],
//! never a guess. It is the only crate of the workspace with `unsafe` code.
//!
//! # Portability
//!
//! | | Linux, Android | macOS, FreeBSD, NetBSD, OpenBSD | Windows | elsewhere |
//! |---|---|---|---|---|
//! | half-close, abort, latched error | yes | yes | yes | yes |
//! | [`discard`] | without a copy | through the scratch | through the scratch | through the scratch |
//! | [`set_receive_low_water`] | yes | not used | not used | no |
//! | [`unread`] | yes | yes | yes | unknown |
//! | [`unacknowledged`] | yes | not OpenBSD | unknown | unknown |
//! | [`unsent`] | yes | unknown | unknown | unknown |
//! | [`in_flight`] | yes | unknown | yes (Windows 10 1703) | unknown |
//! | [`tcp_info`], [`fin_acked`] | yes | state; unknown once closed | state (Windows 10 1703); unknown once closed | unknown |
//! | [`listen_shared`] | yes | yes | no such option | unknown |
//! | [`open_file_limit`] | yes | yes | no such limit | unknown |
//! | [`process_cpu_time`] | yes | yes | yes | unknown |
//! | [`kernel_release`] | yes | yes | yes | unknown |
//! | [`time_wait_count`] | yes | unknown | yes | unknown |
//! | kernel settings, [`conntrack_use`] | yes | unknown | unknown | unknown |
//! | [`error_name`] | yes | yes | yes | unknown |
//! | [`describe_lookup_error`] | yes | yes | yes | on Unix |
//!
//! "Elsewhere" is a file of its own that uses socket2 alone. Building with
//! `RUSTFLAGS="--cfg finwait_force_fallback"` selects it on any system, to test it there. [`backend`]
//! tells which one was built, and `docs/portability.md` which one was run.

#![doc(test(attr(deny(warnings))))]

mod acks;
mod errors;
#[cfg_attr(unix, path = "family/unix.rs")]
#[cfg_attr(windows, path = "family/windows.rs")]
mod family;
// No path chosen: imp.rs, which is the fallback.
#[cfg_attr(
    all(
        any(target_os = "linux", target_os = "android"),
        not(finwait_force_fallback)
    ),
    path = "linux/mod.rs"
)]
#[cfg_attr(
    all(
        any(
            target_os = "macos",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd"
        ),
        not(finwait_force_fallback)
    ),
    path = "bsd/mod.rs"
)]
#[cfg_attr(all(windows, not(finwait_force_fallback)), path = "windows/mod.rs")]
mod imp;
mod portable;
mod ports;
mod system;
mod types;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use socket2::SockRef;

pub use acks::{acked_after_peer_fin, fin_acked, unacknowledged_payload};
pub use errors::{
    classify_accept_error, classify_end, classify_lookup_error, describe_error,
    describe_lookup_error, error_meaning, error_name, is_reset_behind_fin,
};
pub use family::AsSocket;
pub use ports::PortWalk;
pub use system::{
    SocketLibrary, backend, conntrack_use, fin_timeout, kernel_release, listen_backlog_cap,
    local_port_range, local_reserved_ports, open_file_limit, orphan_cap, process_cpu_time,
    raise_open_file_limit, tcp_timestamps, time_wait_cap, time_wait_count, time_wait_length,
    time_wait_reuse, wine_version,
};
pub use types::{
    AcceptError, Backend, ConntrackUse, CpuTime, EndCause, FileLimit, FinAck, LookupError, TcpInfo,
    TcpState, TimeWaitReuse,
};

/// Says that we have nothing more to send: a FIN follows what is queued, and we can still receive.
///
/// `shutdown(SHUT_WR)`, on Windows `shutdown(SD_SEND)`. Never blocks. To be called once, after
/// the last write.
///
/// # Errors
///
/// [`NotConnected`](io::ErrorKind::NotConnected) (ENOTCONN, WSAENOTCONN): there is no connection
/// any more, so no FIN was sent and none ever will be. Usually the peer has reset; the reason is
/// still latched: the next read or [`take_error`] returns it. A socket that never was connected
/// gives the same error.
///
/// Windows may give the reason itself: WSAECONNRESET, or WSAECONNABORTED if the local system gave up.
///
/// # Portability
///
/// Linux: `NotConnected` exactly when the state is CLOSED, so also on a second call after both
/// FINs are acknowledged; a second call before that succeeds and does nothing. On a socket that
/// is still connecting it succeeds and gives the attempt up, without a FIN. macOS and the BSDs:
/// `NotConnected` also when the peer has already ended both directions. Windows sends the FIN
/// when all data before it has been acknowledged, not merely sent. Wine (not Windows)
/// accepts a second call where Linux refuses it.
pub fn half_close<S: AsSocket>(socket: &S) -> io::Result<()> {
    imp::half_close(&SockRef::from(socket))
}

/// Makes the coming close an abort: an RST instead of a FIN, and all queued data dropped.
///
/// `setsockopt(SO_LINGER)` with a time of zero. Nothing happens before the socket is closed. No
/// other linger time is offered: one above zero makes `close` block even on a non-blocking
/// socket (Linux) or fail with the handle still open (Windows), and a fraction of a second is
/// cut to zero, which is an abort by accident.
///
/// # Errors
///
/// Those of `setsockopt`.
///
/// # Portability
///
/// macOS refuses with EINVAL once both directions are shut down, be it by the peer's FIN: arm
/// before the drain ends, or close plainly.
pub fn arm_abort<S: AsSocket>(socket: &S) -> io::Result<()> {
    imp::arm_abort(&SockRef::from(socket))
}

/// Receives at most `max` bytes and throws them away; returns how many. 0 means EOF.
///
/// Linux, TCP: `recv(NULL, max, MSG_TRUNC | MSG_DONTWAIT)`, which copies nothing and does not
/// touch `scratch`. Any other socket (EFAULT), and any other system: `recv` into at most `max`
/// bytes of `scratch`. Interrupted calls are repeated. A read after an error has been reported
/// returns 0 as well: latch the first error, it is not an EOF then.
///
/// # Errors
///
/// - [`InvalidInput`](io::ErrorKind::InvalidInput) if `max` is 0, or if `scratch` is empty where
///   it is used: a receive of length 0 returns 0 and would look like EOF.
/// - [`WouldBlock`](io::ErrorKind::WouldBlock): nothing there yet.
/// - The connection's latched error, once: see [`classify_end`].
///
/// # Portability
///
/// Linux never blocks. Elsewhere the socket must be non-blocking, or the call waits for data.
pub fn discard<S: AsSocket>(socket: &S, max: usize, scratch: &mut [u8]) -> io::Result<usize> {
    if max == 0 {
        // The same refusal on every path, before any system call.
        return portable::bounded_scratch(max, scratch).map(|_| 0);
    }
    imp::discard(&SockRef::from(socket), max, scratch)
}

/// Asks to be woken for no fewer than `bytes` received bytes; 1, as it is at first, for any.
///
/// `setsockopt(SO_RCVLOWAT)`. A read that does not wait still returns what there is. The peer's FIN and
/// an error wake as before. The kernel takes no more than half of the receive buffer, which it
/// enlarges first, up to net.ipv4.tcp_rmem, unless its size was set. For who is about to throw away a
/// stream: to be woken for each segment costs more than to drop what came with it. What comes
/// below the mark is told to nobody, so look again after a while: a pause is none of what wakes.
/// `false` where it is not done.
///
/// # Errors
///
/// Those of `setsockopt`.
///
/// # Portability
///
/// Linux, where epoll heeds it on TCP. Since 4.18 it spares the wake-ups and enlarges the buffer; an
/// older one may fill its buffer below the mark, which only a look of one's own finds out. A recent one
/// (6.18 at least) also wakes when the receive window is about to close. Other systems have the option,
/// too; it is not used there, where discarding copies.
pub fn set_receive_low_water<S: AsSocket>(socket: &S, bytes: usize) -> io::Result<bool> {
    imp::set_receive_low_water(&SockRef::from(socket), bytes)
}

/// Takes the socket's latched error, which is gone afterwards.
///
/// `getsockopt(SO_ERROR)`. After EOF it is the only call of Linux and the BSDs that tells of an RST
/// which came after the peer's FIN: `read` says EOF then, for ever. Before EOF leave it alone: it takes
/// the error away from the next read, which then looks like EOF.
///
/// # Errors
///
/// Those of `getsockopt`: the descriptor is not a socket.
///
/// # Portability
///
/// Linux: the late RST is ECONNRESET if we had half-closed, EPIPE if not. What Windows keeps of a
/// reset has not been measured; under Wine it leaves no error behind, and a program sees it only
/// as mio's `is_write_closed`.
pub fn take_error<S: AsSocket>(socket: &S) -> io::Result<Option<io::Error>> {
    imp::take_error(&SockRef::from(socket))
}

/// Bytes written that the peer's TCP has not acknowledged, sent or not.
///
/// Linux: SIOCOUTQ. A FIN that is not acknowledged counts as one more (it has a sequence number),
/// so subtract 1 after [`half_close`] while [`fin_acked`] says no. Still readable after a reset:
/// what was lost. macOS: SO_NWRITE; FreeBSD, NetBSD: FIONWRITE; neither is known to count the FIN.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) (EINVAL) on a listening socket.
///
/// # Portability
///
/// `None` on OpenBSD, Windows and in the fallback; on Linux also for sockets that are not TCP
/// (AF_UNIX answers SIOCOUTQ with the memory its messages occupy) or are MPTCP.
pub fn unacknowledged<S: AsSocket>(socket: &S) -> io::Result<Option<u64>> {
    imp::unacknowledged(&SockRef::from(socket))
}

/// Bytes written that have not even been sent once: what the peer's window or the congestion
/// window holds back.
///
/// Linux: SIOCOUTQNSD; a FIN that has not been sent counts as one more.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) (EINVAL) on a listening socket.
///
/// # Portability
///
/// `None` everywhere else, and for sockets that are not TCP or are MPTCP.
pub fn unsent<S: AsSocket>(socket: &S) -> io::Result<Option<u64>> {
    imp::unsent(&SockRef::from(socket))
}

/// Bytes sent at least once that the peer's TCP has not acknowledged: the part of
/// [`unacknowledged`] that is on its way. 0 proves nothing: all of the rest may wait for the peer's window.
///
/// Linux: SIOCOUTQ less SIOCOUTQNSD, two requests a moment apart; a FIN that has been sent counts as
/// one. Windows: `BytesInFlight` of SIO_TCP_INFO; whether that counts a FIN is not documented.
///
/// # Errors
///
/// Those of [`tcp_info`]; on Linux [`InvalidInput`](io::ErrorKind::InvalidInput) (EINVAL) on a
/// listening socket.
///
/// # Portability
///
/// `None` elsewhere, on Windows before Windows 10 1703 and under Wine, and for sockets that are not TCP.
pub fn in_flight<S: AsSocket>(socket: &S) -> io::Result<Option<u64>> {
    imp::in_flight(&SockRef::from(socket))
}

/// Bytes received that the application has not read. If a socket is closed with any, an RST goes
/// out instead of a FIN.
///
/// `ioctl(FIONREAD)`, which Linux calls SIOCINQ; on Windows `ioctlsocket(FIONREAD)`. The peer's
/// FIN does not count.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) (EINVAL) on a listening socket (Linux).
///
/// # Portability
///
/// `None` in the fallback. Not only for TCP: of a stream socket it is the same everywhere, but that
/// Windows promises no more than what one receive would return, which may be less than all there is.
pub fn unread<S: AsSocket>(socket: &S) -> io::Result<Option<u64>> {
    imp::unread(&SockRef::from(socket))
}

/// The kernel's view of a TCP connection.
///
/// Linux, FreeBSD, NetBSD, OpenBSD: `getsockopt(TCP_INFO)`; macOS:
/// `getsockopt(TCP_CONNECTION_INFO)`; Windows: `WSAIoctl(SIO_TCP_INFO)`, version 0. Only fields that
/// the kernel's answer covers are filled.
///
/// # Errors
///
/// Those of the call, except for those by which it says that it cannot tell of this socket.
///
/// # Portability
///
/// `None` in the fallback, on Windows before Windows 10 1703 and Server 2016 and under Wine, and for
/// sockets that are not TCP. Of an MPTCP socket Linux reports the first subflow. macOS and the BSDs
/// refuse (ECONNRESET) once the connection is over, which is reported as [`TcpState::Closed`]. What
/// Windows answers then has not been measured.
pub fn tcp_info<S: AsSocket>(socket: &S) -> io::Result<Option<TcpInfo>> {
    imp::tcp_info(&SockRef::from(socket))
}

/// Starts to connect to `target` from the address `source`, or from one that the system chooses.
///
/// `socket`, non-blocking and closed on exec, `bind(source, port 0)` if there is a source, and
/// `connect`. Returns while the connection is being set up: when the stream becomes writable,
/// [`take_error`] tells whether it was.
///
/// Linux sets IP_BIND_ADDRESS_NO_PORT (4.2) before it binds: the port is then chosen by `connect`
/// and may be shared with connections to other targets; otherwise one source address is good for
/// one port range of connections in all.
///
/// # Errors
///
/// - [`InvalidInput`](io::ErrorKind::InvalidInput) if one address is IPv4 and the other IPv6.
/// - [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable): `source` is not an address of this
///   host, or all its ports to this target are taken (also
///   [`AddrInUse`](io::ErrorKind::AddrInUse)).
/// - What `connect` can tell at once, for instance that the network is unreachable, or over
///   loopback that nobody listens.
pub fn connect_from(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    imp::connect_from(target, source)
}

/// [`connect_from`], with the source's port given too, or with a receive buffer of a chosen size.
///
/// `socket`, SO_RCVBUF if there is a size, `bind` if there is a source, `connect`. A buffer that is
/// set before the connection bounds the window from its first segment on; Linux doubles the number
/// and has a least size of its own.
///
/// # Errors
///
/// Those of [`connect_from`], and [`AddrInUse`](io::ErrorKind::AddrInUse) if the source's port is
/// taken: also by a connection of this host that is in TIME-WAIT, whatever its peer was.
pub fn connect_bound(
    target: SocketAddr,
    source: Option<SocketAddr>,
    receive_buffer: Option<usize>,
) -> io::Result<TcpStream> {
    portable::connect_bound(target, source, receive_buffer)
}

/// Sends, and tells the kernel that more follows at once, so that the last segment is held back:
/// a [`half_close`] right after puts the FIN on it.
///
/// `send` with MSG_MORE. `None` if this system has no such flag; nothing is sent then.
///
/// # Errors
///
/// Those of `send`: [`WouldBlock`](io::ErrorKind::WouldBlock) if the send buffer is full.
///
/// # Portability
///
/// Linux. Elsewhere a FIN that follows the data closely may ride on it, or not: nobody promises.
pub fn send_before_fin<S: AsSocket>(socket: &S, bytes: &[u8]) -> io::Result<Option<usize>> {
    imp::send_before_fin(&SockRef::from(socket), bytes)
}

/// Listens on `addr` with a queue of `backlog` connections; the listener is non-blocking.
///
/// `socket`, SO_REUSEADDR, `bind`, `listen`. The system caps the backlog without a word: see
/// [`listen_backlog_cap`]. Whether `[::]` takes IPv4 connections as well is left as the system
/// has it.
///
/// # Errors
///
/// Those of `bind` and `listen`: [`AddrInUse`](io::ErrorKind::AddrInUse) if somebody listens there.
///
/// # Portability
///
/// SO_REUSEADDR is set on Unix, where it lets a restarted server bind in spite of TIME-WAIT, and never
/// on Windows, where it makes the port one that others may share. Nor is SO_EXCLUSIVEADDRUSE set there:
/// with it a restarted server waits until the connections of the one before are over. Without it nobody
/// binds the same address again either (since Windows Server 2003 and Vista), but if it is the wildcard
/// address, a program of the same user may take a single one from it. See `docs/winsock.md`, "Traps".
pub fn listen(addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    imp::listen(addr, backlog)
}

/// Listens as [`listen`] does, on an address that several listeners of this user may share.
///
/// SO_REUSEPORT, before `bind`, for each of them: the first one too. A listener can be replaced
/// without a moment of refusals: open the second, close the first, which resets what waits in it.
///
/// # Errors
///
/// As [`listen`]; also [`AddrInUse`](io::ErrorKind::AddrInUse) if one that does not share is there.
///
/// # Portability
///
/// `None`, and no listener, on Windows, which has no such option, and in the fallback.
pub fn listen_shared(addr: SocketAddr, backlog: i32) -> io::Result<Option<TcpListener>> {
    imp::listen_shared(addr, backlog)
}
