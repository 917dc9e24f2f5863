//! What socket2 does alike on every system.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::family::{CONNECT_STARTED, LISTEN_REUSES_ADDRESS};

pub(crate) fn half_close(socket: &Socket) -> io::Result<()> {
    socket.shutdown(std::net::Shutdown::Write)
}

pub(crate) fn arm_abort(socket: &Socket) -> io::Result<()> {
    // Zero only: any other value makes close() block, even on a non-blocking socket.
    socket.set_linger(Some(Duration::ZERO))
}

pub(crate) fn take_error(socket: &Socket) -> io::Result<Option<io::Error>> {
    socket.take_error()
}

/// The part of `scratch` to read into: never empty, for a read of length 0 returns 0 without
/// looking, which is what EOF looks like.
pub(crate) fn bounded_scratch(max: usize, scratch: &mut [u8]) -> io::Result<&mut [u8]> {
    let len = max.min(scratch.len());
    if len == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a read of length 0 looks like EOF: the bound and the scratch must not be empty",
        ));
    }
    Ok(&mut scratch[..len])
}

pub(crate) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The address to bind to, port 0, before connecting to `target`.
pub(crate) fn source_address(
    target: SocketAddr,
    source: Option<IpAddr>,
) -> io::Result<Option<SockAddr>> {
    let source = match (target, source) {
        (_, None) => return Ok(None),
        (SocketAddr::V4(_), Some(source @ IpAddr::V4(_))) => SocketAddr::new(source, 0),
        // A link-local source is ambiguous without its interface, which is the target's.
        (SocketAddr::V6(target), Some(IpAddr::V6(source))) => {
            SocketAddrV6::new(source, 0, 0, target.scope_id()).into()
        }
        (SocketAddr::V4(_), Some(IpAddr::V6(_))) | (SocketAddr::V6(_), Some(IpAddr::V4(_))) => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the source and the target address must both be IPv4 or both be IPv6",
            ));
        }
    };
    Ok(Some(source.into()))
}

/// Starts to connect a non-blocking socket.
pub(crate) fn start_connect(socket: Socket, target: SocketAddr) -> io::Result<TcpStream> {
    let result = socket.connect(&target.into());
    started(socket, result)
}

/// What `connect` has said of a non-blocking socket.
pub(crate) fn started(socket: Socket, result: io::Result<()>) -> io::Result<TcpStream> {
    match result {
        Ok(()) => Ok(socket.into()),
        // An interrupted connect goes on by itself (POSIX), as one under way does.
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(socket.into()),
        Err(e) if e.raw_os_error() == Some(CONNECT_STARTED) => Ok(socket.into()),
        Err(e) => Err(e),
    }
}

pub(crate) fn connect_bound(
    target: SocketAddr,
    source: Option<SocketAddr>,
    receive_buffer: Option<usize>,
) -> io::Result<TcpStream> {
    let domain = Domain::for_address(target);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source {
        // Checks the families, and gives an IPv6 source the target's zone.
        let checked = source_address(target, Some(source.ip()))?.and_then(|at| at.as_socket());
        if let Some(mut at) = checked {
            at.set_port(source.port());
            socket.bind(&at.into())?;
        }
    }
    start_connect(socket, target)
}

pub(crate) fn listen(addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    listen_after(addr, backlog, |_| Ok(()))
}

/// Listens with a socket that `prepare` has had before it was bound.
pub(crate) fn listen_after(
    addr: SocketAddr,
    backlog: i32,
    prepare: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    prepare(&socket)?;
    if LISTEN_REUSES_ADDRESS {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}
