//! Connections that are established before the clock starts.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Attempts under way at once: above that a listen queue overflows, and a lost SYN costs a second.
const MOST_CONNECTING: usize = 512;

/// Loopback addresses in turn, so that the TIME-WAIT of one run does not take the ports of the
/// next.
#[derive(Debug)]
pub struct Sources {
    next: u32,
    many: u32,
}

impl Sources {
    /// `many` addresses from 127.0.1.1 on; with none, the system chooses.
    #[must_use]
    pub fn new(many: u32) -> Self {
        Self { next: 0, many }
    }

    /// The next one. Elsewhere than on Linux only 127.0.0.1 is configured: the system chooses.
    pub fn next_source(&mut self) -> Option<IpAddr> {
        if self.many == 0 || !cfg!(target_os = "linux") {
            return None;
        }
        let host = self.next;
        self.next = (self.next + 1) % self.many;
        Some(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + host).into())
    }
}

/// Opens `count` connections to `target`, registered in `poll` under the tokens from 0 on.
///
/// # Errors
///
/// The first that an attempt ends with.
pub fn establish(
    poll: &mut Poll,
    target: SocketAddr,
    count: usize,
    sources: &mut Sources,
) -> io::Result<Vec<TcpStream>> {
    let mut events = Events::with_capacity(1024);
    let mut streams = Vec::with_capacity(count);
    let mut connecting = HashSet::new();
    while streams.len() < count || !connecting.is_empty() {
        while streams.len() < count && connecting.len() < MOST_CONNECTING {
            let stream = platform::connect_from(target, sources.next_source())?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(streams.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, token, both)?;
            connecting.insert(token);
            streams.push(stream);
        }
        poll.poll(&mut events, None)?;
        for event in &events {
            let stream = &streams[event.token().0];
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            if event.is_writable() {
                connecting.remove(&event.token());
            }
        }
    }
    Ok(streams)
}
