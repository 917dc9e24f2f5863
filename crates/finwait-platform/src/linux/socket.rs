//! Receiving without a copy, and connecting without an early port.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_void};
use socket2::{Domain, Protocol, Socket, Type};

use super::unix::check;
use crate::portable::{bounded_scratch, retry_interrupted, source_address, start_connect, started};

pub(crate) fn discard(socket: &Socket, max: usize, scratch: &mut [u8]) -> io::Result<usize> {
    // On TCP, MSG_TRUNC drops the bytes from the receive queue instead of copying them (tcp(7)).
    match retry_interrupted(|| recv_nowhere(socket, max)) {
        // Other stream sockets do try to copy, and find no buffer; nothing has been taken yet.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EFAULT | libc::EINVAL)) => {
            let room = bounded_scratch(max, scratch)?;
            retry_interrupted(|| recv_into(socket, room))
        }
        result => result,
    }
}

fn recv_nowhere(socket: &Socket, max: usize) -> io::Result<usize> {
    let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    // SAFETY: the kernel checks the address itself: where it would have to copy to this null
    // pointer the call fails with EFAULT, and no memory of ours is touched.
    length(unsafe { libc::recv(socket.as_raw_fd(), ptr::null_mut(), max, flags) })
}

fn recv_into(socket: &Socket, room: &mut [u8]) -> io::Result<usize> {
    let buffer: *mut c_void = room.as_mut_ptr().cast();
    // SAFETY: `buffer` is writable for the length given with it, through the whole call.
    length(unsafe { libc::recv(socket.as_raw_fd(), buffer, room.len(), libc::MSG_DONTWAIT) })
}

/// A negative length is an error, and errno says which.
fn length(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

pub(crate) fn set_receive_low_water(socket: &Socket, bytes: usize) -> io::Result<bool> {
    let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes).map(|()| true)
}

pub(crate) fn send_before_fin(socket: &Socket, bytes: &[u8]) -> io::Result<Option<usize>> {
    let flags = libc::MSG_MORE | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    retry_interrupted(|| socket.send_with_flags(bytes, flags)).map(Some)
}

pub(crate) fn connect_from(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    start_connect(socket_from(target, source)?, target)
}

/// A non-blocking socket that has its source address.
fn socket_from(target: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
    let source = source_address(target, source)?;
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    if let Some(source) = source {
        // IP_BIND_ADDRESS_NO_PORT: the port is chosen by `connect`, when the other three parts of the four-tuple are known,
        // so that connections to different targets can share one local port. Absent before Linux 4.2: a failure
        // changes nothing else.
        let _ = set_ip_option(&socket, libc::IP_BIND_ADDRESS_NO_PORT, 1);
        socket.bind(&source)?;
    }
    Ok(socket)
}

/// IP_LOCAL_PORT_RANGE of linux/in.h, since 6.3: the ports that `connect` may choose from, the lowest in the lower half of the
/// number. Zero takes it back. It is good for IPv6 sockets too.
const IP_LOCAL_PORT_RANGE: c_int = 51;

pub(crate) fn source_port_can_be_told() -> bool {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))
        .and_then(|socket| set_ip_option(&socket, IP_LOCAL_PORT_RANGE, 0))
        .is_ok()
}

/// `next_port` says which to try; `None`: any.
pub(crate) fn connect_choosing(
    target: SocketAddr,
    source: Option<IpAddr>,
    mut next_port: impl FnMut() -> Option<u16>,
) -> io::Result<TcpStream> {
    let socket = socket_from(target, source)?;
    while let Some(port) = next_port() {
        if set_ip_option(&socket, IP_LOCAL_PORT_RANGE, only(port)).is_err() {
            break;
        }
        match socket.connect(&target.into()) {
            Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => {}
            result => return started(socket, result),
        }
    }
    // Where it could not be set there is nothing to be taken back.
    let _ = set_ip_option(&socket, IP_LOCAL_PORT_RANGE, 0);
    start_connect(socket, target)
}

/// A range of one port.
fn only(port: u16) -> c_int {
    let port = u32::from(port);
    (port << 16 | port).cast_signed()
}

fn set_ip_option(socket: &Socket, name: c_int, value: c_int) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_IP, name, value)
}

fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the pointer is to a live int, and `size` is the size of an int.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size,
        )
    })
}

#[cfg(test)]
#[path = "../../tests/common/port_range.rs"]
mod port_range;
#[cfg(test)]
#[path = "../../tests/common/skipped.rs"]
mod skipped;

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use socket2::SockRef;

    use super::port_range::skipped_without_port_range;
    use super::skipped::skipped;
    use super::*;
    use crate::imp::unix::option_bytes;

    #[test]
    fn a_bound_connection_leaves_the_choice_of_port_to_connect() {
        let sources: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for source in sources {
            let Ok(listener) = TcpListener::bind((source, 0)) else {
                skipped(&source.to_string());
                continue;
            };
            let stream = connect_from(listener.local_addr().unwrap(), Some(source)).unwrap();
            let mut on = [0; size_of::<c_int>()];
            let option = libc::IP_BIND_ADDRESS_NO_PORT;
            option_bytes(&SockRef::from(&stream), libc::IPPROTO_IP, option, &mut on).unwrap();
            assert_eq!(c_int::from_ne_bytes(on), 1, "{source}");
        }
    }

    /// A connection to `target` that is given `ports` to choose from.
    fn from_one_of(target: SocketAddr, source: Option<IpAddr>, ports: &[u16]) -> TcpStream {
        let mut left = ports.iter().copied();
        connect_choosing(target, source, || left.next()).unwrap()
    }

    #[test]
    fn a_port_that_is_free_can_be_chosen_and_one_that_is_taken_is_passed_over() {
        if !source_port_can_be_told() {
            return skipped_without_port_range(crate::kernel_release());
        }
        for ip in [Ipv4Addr::LOCALHOST.into(), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else {
                skipped(&ip.to_string());
                continue;
            };
            let target = listener.local_addr().unwrap();
            for source in [None, Some(ip)] {
                // One that the system has just found free for this pair of addresses.
                let first = connect_from(target, source).unwrap();
                let taken = first.local_addr().unwrap().port();
                let others: Vec<_> = (taken + 1..=u16::MAX).chain(1024..taken).collect();
                let ports: Vec<_> = [taken].into_iter().chain(others).collect();
                let second = from_one_of(target, source, &ports);
                let port = second.local_addr().unwrap().port();
                assert_ne!(port, taken);
                // Those between are taken by others, or outside of the system's range.
                let passed = ports.iter().position(|p| *p == port).unwrap();
                assert!(passed < 30_000, "{passed}");
                let again = from_one_of(target, source, &[port, taken]);
                let any = again.local_addr().unwrap().port();
                assert!(
                    any != port && any != taken,
                    "with none left, the system chooses"
                );
            }
        }
    }
}
