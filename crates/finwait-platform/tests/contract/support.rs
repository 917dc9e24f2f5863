//! Connections to test with, and waiting that is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use finwait_platform::{AsSocket, Backend, TcpState, backend, half_close, tcp_info};

use crate::wine::{self, Hidden};

pub(crate) const LINUX: bool = matches!(backend(), Backend::Linux);
pub(crate) const BSD: bool = matches!(backend(), Backend::Bsd);
pub(crate) const WINDOWS: bool = matches!(backend(), Backend::Windows);

pub(crate) const TELLS_UNREAD: bool = LINUX || BSD || WINDOWS;
pub(crate) const TELLS_UNACKNOWLEDGED: bool = LINUX || (BSD && !cfg!(target_os = "openbsd"));

/// On Windows from Windows 10 1703 on.
pub(crate) fn tells_state() -> bool {
    LINUX || BSD || (WINDOWS && !wine::hides(Hidden::State))
}

/// Long enough for a machine under load; reached only by a test that fails.
const BOUND: Duration = Duration::from_secs(30);

/// Asks until there is an answer: for changes of the kernel's state, which are no events.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The answer, or `None` where `tells` says that this system has none; anything else fails.
#[track_caller]
pub(crate) fn told<T>(what: &str, tells: bool, answer: Option<T>) -> Option<T> {
    assert_eq!(answer.is_some(), tells, "{what}: answered?");
    if !tells {
        println!("{what}: this system cannot tell");
    }
    answer
}

/// A connection over loopback: who connected, who accepted.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = accept(&listener, client.local_addr().unwrap());
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(BOUND)).unwrap();
    }
    (client, server)
}

/// The connection from `from`; others that strayed to this port are turned away.
pub(crate) fn accept(listener: &TcpListener, from: SocketAddr) -> TcpStream {
    until("the connection in the queue", || match listener.accept() {
        Ok((stream, peer)) if peer == from => {
            // Inherited from the listener on some systems, not on others.
            stream.set_nonblocking(false).unwrap();
            Some(stream)
        }
        Ok(_) => None,
        Err(e) if e.kind() == ErrorKind::WouldBlock => None,
        Err(e) => panic!("accept: {e}"),
    })
}

#[track_caller]
pub(crate) fn read_to_eof(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Waits until the peer's RST has arrived, without taking its error.
#[track_caller]
pub(crate) fn wait_reset(stream: &TcpStream) {
    until("the peer's RST", || {
        let gone = match tcp_info(stream).unwrap() {
            Some(info) => info.state == TcpState::Closed,
            None => half_close(stream).is_err(),
        };
        gone.then_some(())
    });
}

#[track_caller]
pub(crate) fn wait_state<S: AsSocket>(socket: &S, state: TcpState) {
    until("the state", || {
        let info = tcp_info(socket).unwrap()?;
        (info.state == state).then_some(())
    });
}

/// Writes until both kernels' buffers are full, and returns how much that was.
pub(crate) fn fill(mut stream: &TcpStream) -> u64 {
    stream.set_nonblocking(true).unwrap();
    let chunk = [7; 65_536];
    let mut written = 0;
    loop {
        match stream.write(&chunk) {
            Ok(n) => written += n as u64,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return written,
            Err(e) => panic!("write: {e}"),
        }
    }
}
