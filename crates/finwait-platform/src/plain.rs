//! The calls that Linux does in a better way; compiled into every other system's module.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use crate::portable::{bounded_scratch, retry_interrupted, source_address, start_connect};

/// Reads at most `max` bytes into `scratch`, which is where they end.
pub(crate) fn discard(mut socket: &Socket, max: usize, scratch: &mut [u8]) -> io::Result<usize> {
    let room = bounded_scratch(max, scratch)?;
    retry_interrupted(|| socket.read(room))
}

/// There is no flag that holds the last segment back.
pub(crate) fn send_before_fin(_: &Socket, _: &[u8]) -> io::Result<Option<usize>> {
    Ok(None)
}

/// Here discarding copies all the same.
pub(crate) fn set_receive_low_water(_: &Socket, _: usize) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn connect_from(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let source = source_address(target, source)?;
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    if let Some(source) = source {
        socket.bind(&source)?;
    }
    start_connect(socket, target)
}

pub(crate) fn source_port_can_be_told() -> bool {
    false
}

/// The port is the system's to choose.
pub(crate) fn connect_choosing(
    target: SocketAddr,
    source: Option<IpAddr>,
    _: impl FnMut() -> Option<u16>,
) -> io::Result<TcpStream> {
    connect_from(target, source)
}
