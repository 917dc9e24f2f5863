//! A server that follows a script on each connection, for what `finwait-peer` does not do.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use finwait_platform as platform;
use mio::{Events, Interest, Poll, Token, Waker};

/// The longest wait for anything; reached only by a test that fails.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// One step of a script. What is open at the end of a script is closed plainly.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Waits for the first byte of the request, or the peer's FIN; leaves it unread.
    Await,
    /// Sends this.
    Send(&'static str),
    /// Half-closes: FIN.
    Fin,
    /// Receives up to the peer's FIN, so that closing afterwards sends no RST.
    Drain,
    /// Closes by RST, whatever is queued or unread.
    Abort,
    /// Keeps the connection as it is until the server is stopped.
    Hold,
}

/// A scripted server on a thread of its own. Stopped when dropped; a step that failed fails the
/// test.
#[derive(Debug)]
pub(crate) struct RawPeer {
    addr: SocketAddr,
    stopped: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<io::Result<()>>>,
}

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

impl RawPeer {
    /// Listens on a free port and serves one connection after the other. A script never waits for
    /// anything but its own client, which is a client that does not wait for other connections.
    pub(crate) fn follows(script: &'static [Step]) -> Self {
        let listener = listen();
        let addr = listener.local_addr().expect("it is bound");
        let mut listener = mio::net::TcpListener::from_std(listener);
        let poll = Poll::new().expect("a poll");
        let registry = poll.registry();
        registry
            .register(&mut listener, LISTENER, Interest::READABLE)
            .expect("it is registered");
        let waker = Waker::new(registry, STOP).expect("a waker");
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stopped);
        let thread = thread::spawn(move || serve(poll, &listener, script, &is_stopped));
        Self {
            addr,
            stopped,
            waker,
            thread: Some(thread),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.waker.wake().expect("it is woken");
        let served = self.thread.take().expect("joined once").join();
        if !thread::panicking() {
            served.expect("the server lives").expect("the script plays");
        }
    }
}

/// On a free port, with room for all connections of a test in its queue.
pub(crate) fn listen() -> TcpListener {
    platform::listen((Ipv4Addr::LOCALHOST, 0).into(), 4096).expect("a free port")
}

/// Waits until `done`.
#[track_caller]
pub(crate) fn until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !done() {
        assert!(Instant::now() < deadline, "not within {BOUND:?}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

fn serve(
    mut poll: Poll,
    listener: &mio::net::TcpListener,
    script: &[Step],
    is_stopped: &AtomicBool,
) -> io::Result<()> {
    let mut events = Events::with_capacity(2);
    let mut held = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        loop {
            if is_stopped.load(Ordering::SeqCst) {
                return Ok(());
            }
            match listener.accept() {
                Ok((stream, _)) => held.extend(play(stream.into(), script)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Plays the script; returns what is to be held.
fn play(mut stream: TcpStream, script: &[Step]) -> io::Result<Option<TcpStream>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.set_write_timeout(Some(BOUND))?;
    for step in script {
        match step {
            Step::Await => {
                stream.peek(&mut [0])?;
            }
            Step::Send(bytes) => stream.write_all(bytes.as_bytes())?,
            Step::Fin => stream.shutdown(Shutdown::Write)?,
            Step::Drain => while stream.read(&mut [0; 16 << 10])? > 0 {},
            Step::Abort => platform::arm_abort(&stream)?,
            Step::Hold => return Ok(Some(stream)),
        }
    }
    Ok(None)
}
