//! The calls that Linux and the BSD family share; compiled into each of the two.

pub(crate) mod errors;

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::time::Duration;

use libc::{c_int, rlim_t};
use socket2::Socket;

use crate::portable::listen_after;
use crate::types::{CpuTime, FileLimit};

/// 0 is success; anything else leaves the reason in errno.
pub(crate) fn check(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// FIONREAD: bytes that a read would find. Linux calls it SIOCINQ on a socket.
pub(crate) fn unread(socket: &Socket) -> io::Result<u64> {
    let mut bytes: c_int = 0;
    // SAFETY: FIONREAD writes one int to the address given, which is that of a live int.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut bytes) })?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(crate) fn listen_shared(addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    listen_after(addr, backlog, |socket| socket.set_reuse_port(true))
}

/// Fills as much of `value` as the kernel has of the option, and returns that length.
pub(crate) fn option_bytes(
    socket: &Socket,
    level: c_int,
    name: c_int,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut len = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `value` is writable for `len` bytes, and the kernel writes no more than that; both
    // pointers live through the call.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut len,
        )
    })?;
    Ok(usize::try_from(len).map_or(value.len(), |len| len.min(value.len())))
}

pub(crate) fn open_file_limit() -> io::Result<FileLimit> {
    let limit = limit()?;
    Ok(FileLimit {
        soft: count(limit.rlim_cur),
        hard: count(limit.rlim_max),
    })
}

/// Raises the soft limit towards `want`, and the hard one with it where that is permitted.
pub(crate) fn raise_open_file_limit(want: u64) -> io::Result<FileLimit> {
    let now = open_file_limit()?;
    if want <= now.soft {
        return Ok(now);
    }
    if want > now.hard && set_limit(want, want).is_ok() {
        return open_file_limit();
    }
    let soft = want.min(now.hard);
    if soft > now.soft {
        set_limit(soft, now.hard)?;
    }
    open_file_limit()
}

fn limit() -> io::Result<libc::rlimit> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the call fills the struct behind the pointer, which is of the type it expects.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, so it has filled the struct.
    Ok(unsafe { limit.assume_init() })
}

fn set_limit(soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: raw_count(soft),
        rlim_max: raw_count(hard),
    };
    // SAFETY: the call reads one struct of this type through a pointer to a live one.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

/// `rlim_t` is 32 or 64 bits wide, signed or not, by system; "no limit" is a value of its own.
fn count(raw: rlim_t) -> u64 {
    if raw == libc::RLIM_INFINITY {
        u64::MAX
    } else {
        convert(raw, u64::MAX)
    }
}

fn raw_count(count: u64) -> rlim_t {
    if count >= convert(libc::RLIM_INFINITY, u64::MAX) {
        libc::RLIM_INFINITY
    } else {
        convert(count, libc::RLIM_INFINITY)
    }
}

fn convert<T: TryInto<U>, U>(value: T, otherwise: U) -> U {
    value.try_into().unwrap_or(otherwise)
}

pub(crate) fn process_cpu_time() -> Option<CpuTime> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the call fills the struct behind the pointer, which is of the type it expects.
    check(unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) }).ok()?;
    // SAFETY: the call succeeded, so it has filled the struct.
    let usage = unsafe { usage.assume_init() };
    Some(CpuTime {
        user: duration(usage.ru_utime)?,
        system: duration(usage.ru_stime)?,
    })
}

fn duration(time: libc::timeval) -> Option<Duration> {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).ok()?);
    Some(seconds + Duration::from_micros(u64::try_from(time.tv_usec).ok()?))
}

/// There is no socket library to start.
#[derive(Debug)]
pub(crate) struct SocketLibrary;

impl SocketLibrary {
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self)
    }
}
