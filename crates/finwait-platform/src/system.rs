//! The process and its system: limits, ports, settings, the socket library.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::types::{Backend, ConntrackUse, CpuTime, FileLimit, TimeWaitReuse};
use crate::{family, imp};

/// Which module of this crate was built for this system.
///
/// No system call.
pub const fn backend() -> Backend {
    imp::BACKEND
}

/// The version of Wine, such as `8.0`, if this program for Windows runs under it.
///
/// `wine_get_version`, which Wine's ntdll has and that of Windows has not. Wine hides what this
/// crate is about: after most resets a read says EOF and [`take_error`](crate::take_error) nothing, and
/// there is no SIO_TCP_INFO. So a test that finds no reset there has found nothing.
///
/// # Portability
///
/// `None` on Windows and on any other system.
pub fn wine_version() -> Option<String> {
    family::wine_version()
}

/// The process's limit on open files.
///
/// `getrlimit(RLIMIT_NOFILE)`.
///
/// # Errors
///
/// Those of `getrlimit`.
///
/// # Portability
///
/// `None` on Windows, which has no such limit on sockets, and in the fallback.
pub fn open_file_limit() -> io::Result<Option<FileLimit>> {
    imp::open_file_limit()
}

/// Raises the limit on open files towards `want` and returns what is then in force.
///
/// `setrlimit(RLIMIT_NOFILE)`. It never lowers a limit, and passes the hard one only if the
/// process is permitted to raise it (Linux: CAP_SYS_RESOURCE, up to `fs.nr_open`); otherwise it
/// stops there, so compare the answer with what was wanted.
///
/// # Errors
///
/// Those of `getrlimit` and `setrlimit`; not that the hard limit stood in the way.
///
/// # Portability
///
/// `None` where [`open_file_limit`] is.
pub fn raise_open_file_limit(want: u64) -> io::Result<Option<FileLimit>> {
    imp::raise_open_file_limit(want)
}

/// The ports from which the system chooses for outgoing connections.
///
/// Linux: `/proc/sys/net/ipv4/ip_local_port_range`, of the process's network namespace.
///
/// # Portability
///
/// `None` everywhere else. Windows has such a range (49152 to 65535 unless changed), but only
/// `netsh` and WMI tell it: no call of Winsock or IP Helper does, and the registry's `MaxUserPort` is
/// from before Windows Vista.
pub fn local_port_range() -> Option<RangeInclusive<u16>> {
    imp::local_port_range()
}

/// How many ports of [`local_port_range`] the system never chooses by itself.
///
/// Linux: `/proc/sys/net/ipv4/ip_local_reserved_ports`, a list, of which those in the range count.
///
/// # Portability
///
/// `None` everywhere else.
pub fn local_reserved_ports() -> Option<u32> {
    imp::local_reserved_ports()
}

/// Whether new outgoing connections may take a port that is in TIME-WAIT.
///
/// Linux: `/proc/sys/net/ipv4/tcp_tw_reuse`.
///
/// # Portability
///
/// `None` everywhere else.
pub fn time_wait_reuse() -> Option<TimeWaitReuse> {
    imp::time_wait_reuse()
}

/// Whether new connections offer TCP timestamps, by which a peer in TIME-WAIT knows a SYN as new.
///
/// Linux: `/proc/sys/net/ipv4/tcp_timestamps`, which is for IPv6 as well.
///
/// # Portability
///
/// `None` everywhere else.
pub fn tcp_timestamps() -> Option<bool> {
    imp::tcp_timestamps()
}

/// How many connections may be in TIME-WAIT at once; more are dropped without it.
///
/// Linux: `/proc/sys/net/ipv4/tcp_max_tw_buckets`.
///
/// # Portability
///
/// `None` everywhere else.
pub fn time_wait_cap() -> Option<u64> {
    imp::time_wait_cap()
}

/// How many connections are in TIME-WAIT now.
///
/// Linux: `tw` of `TCP` in `/proc/net/sockstat`. It counts what [`time_wait_cap`] bounds: IPv4 and
/// IPv6, all programs of the process's network namespace, and also what waits in FIN-WAIT-2 after
/// its socket was closed. Windows: the rows of `GetTcpTable` and `GetTcp6Table` in that state, of the
/// whole machine; a call that copies both tables.
///
/// # Portability
///
/// `None` everywhere else, and if Windows refuses a table.
pub fn time_wait_count() -> Option<u64> {
    imp::time_wait_count()
}

/// How long a connection stays in TIME-WAIT.
///
/// Linux: 60 s, a constant of the kernel (TCP_TIMEWAIT_LEN) that no setting changes. RFC 9293
/// section 3.6.1 asks for two maximum segment lifetimes, which it takes to be two minutes each.
///
/// # Portability
///
/// `None` everywhere else, where it is a setting. On Windows that is `TcpTimedWaitDelay` in the registry,
/// which takes effect at the next start of the system, so that reading it would not tell what is in force.
pub fn time_wait_length() -> Option<Duration> {
    imp::time_wait_length()
}

/// How long a connection whose socket was closed waits in FIN-WAIT-2 for the peer's FIN.
///
/// Linux: `/proc/sys/net/ipv4/tcp_fin_timeout`. Not TIME-WAIT, which it is often taken for, and
/// not FIN-WAIT-2 of a socket that is still open, which has no bound.
///
/// # Portability
///
/// `None` everywhere else.
pub fn fin_timeout() -> Option<Duration> {
    imp::fin_timeout()
}

/// How many closed sockets may still have a connection to end; more are reset.
///
/// Linux: `/proc/sys/net/ipv4/tcp_max_orphans`, for the whole machine. What is in TIME-WAIT, or
/// waits in FIN-WAIT-2 for no longer than TIME-WAIT would last, is not counted against it.
///
/// # Portability
///
/// `None` everywhere else, and in any network namespace but the first (as in a container), where
/// Linux does not show it.
pub fn orphan_cap() -> Option<u64> {
    imp::orphan_cap()
}

/// How many connections the firewall keeps track of, and how many it can.
///
/// Linux: `/proc/sys/net/netfilter/nf_conntrack_count`, of the process's network namespace, and
/// `nf_conntrack_max`. A connection is one entry even if both ends are here, and keeps it for a
/// while after it is over: 2 minutes after two FINs, 10 s after an RST, by default. A namespace
/// that the connections pass through later has a table of its own, which is not seen from here.
///
/// # Portability
///
/// `None` everywhere else, and where the module nf_conntrack is not loaded.
pub fn conntrack_use() -> Option<ConntrackUse> {
    imp::conntrack_use()
}

/// What the system cuts the backlog of [`listen`](crate::listen) to.
///
/// Linux: `/proc/sys/net/core/somaxconn`.
///
/// # Portability
///
/// `None` everywhere else.
pub fn listen_backlog_cap() -> Option<u64> {
    imp::listen_backlog_cap()
}

/// CPU time used by this process until now.
///
/// `getrusage(RUSAGE_SELF)`; on Windows `GetProcessTimes`.
///
/// # Portability
///
/// `None` in the fallback.
pub fn process_cpu_time() -> Option<CpuTime> {
    imp::process_cpu_time()
}

/// The release of the running kernel, such as `6.1.0-18-amd64`.
///
/// Linux: `/proc/sys/kernel/osrelease`. macOS and the BSDs: `uname`. Windows: `RtlGetVersion`, such as `10.0.19045`; under Wine the
/// version that it is set up to be.
///
/// # Portability
///
/// `None` in the fallback.
pub fn kernel_release() -> Option<String> {
    imp::kernel_release()
}

/// A hold on the system's socket library: it stays loaded while the value lives.
///
/// Windows: `WSAStartup` (version 2.2) and, on drop, `WSACleanup`. The library counts its users, and
/// the last one out closes it for the whole process: a socket still open then is reset and its handle
/// is no longer one, a call that waits is cancelled, and what a closed socket has not yet sent may be
/// lost, as it may when the process exits. So end every teardown first, and drop this last.
///
/// The standard library is a user too, from its first socket on, and socket2 and mio start the
/// library through it. It never leaves before the process does, so that in a program which has made
/// one of its sockets no drop of this value closes anything. A hold is for those who make sockets by
/// raw calls, and for programs that follow the Winsock recipe to the letter.
///
/// Elsewhere there is no such library and nothing happens, as in the fallback.
#[derive(Debug)]
#[must_use = "the library is released again when this is dropped"]
pub struct SocketLibrary {
    _held: imp::SocketLibrary,
}

impl SocketLibrary {
    /// Starts the library, or counts one user more.
    ///
    /// # Errors
    ///
    /// On Windows those of `WSAStartup`: WSASYSNOTREADY, WSAVERNOTSUPPORTED (also if the library is older
    /// than 2.2), WSAEINPROGRESS, WSAEPROCLIM, WSAEFAULT.
    pub fn start() -> io::Result<Self> {
        imp::SocketLibrary::start().map(|held| Self { _held: held })
    }
}
