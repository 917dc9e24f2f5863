//! Receiving without a copy, and connecting without an early port.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_void};
use socket2::{Domain, Protocol, Socket, Type};

use super::unix::check;
use crate::portable::{bounded_scratch, retry_interrupted, source_address, start_connect};

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

pub(crate) fn send_before_fin(socket: &Socket, bytes: &[u8]) -> io::Result<Option<usize>> {
    let flags = libc::MSG_MORE | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    retry_interrupted(|| socket.send_with_flags(bytes, flags)).map(Some)
}

pub(crate) fn connect_from(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let source = source_address(target, source)?;
    let kind = Type::STREAM.nonblocking();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    if let Some(source) = source {
        // Only an optimisation, and absent before Linux 4.2: a failure changes nothing else.
        let _ = defer_port_choice(&socket);
        socket.bind(&source)?;
    }
    start_connect(socket, target)
}

/// IP_BIND_ADDRESS_NO_PORT: the port is chosen by `connect`, when the other three parts of the
/// four-tuple are known, so that connections to different targets can share one local port.
fn defer_port_choice(socket: &Socket) -> io::Result<()> {
    let on: c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer is to a live int, and `size` is the size of an int.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size,
        )
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use socket2::SockRef;

    use super::*;
    use crate::imp::unix::option_bytes;

    #[test]
    fn a_bound_connection_leaves_the_choice_of_port_to_connect() {
        let sources: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for source in sources {
            let Ok(listener) = TcpListener::bind((source, 0)) else {
                println!("skipped: needs {source}");
                continue;
            };
            let stream = connect_from(listener.local_addr().unwrap(), Some(source)).unwrap();
            let mut on = [0; size_of::<c_int>()];
            let option = libc::IP_BIND_ADDRESS_NO_PORT;
            option_bytes(&SockRef::from(&stream), libc::IPPROTO_IP, option, &mut on).unwrap();
            assert_eq!(c_int::from_ne_bytes(on), 1, "{source}");
        }
    }
}
