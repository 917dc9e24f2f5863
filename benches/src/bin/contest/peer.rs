//! The server: as little as can be, so that the clients are what is measured.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;

use finwait_benches::{Questions, announce, drain};
use finwait_platform as platform;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX - 1);

/// Sends each of up to `count` connections a byte when it accepts it, reads until the client's FIN,
/// closes. Serves until stdin ends.
pub(crate) fn serve(count: usize) -> io::Result<()> {
    super::need_files(count)?;
    let listener = platform::listen((Ipv4Addr::LOCALHOST, 0).into(), 4096)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    announce(listener.local_addr()?);
    std::thread::spawn(|| {
        // However it ends, nobody is there any more.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let mut streams: Vec<Option<TcpStream>> = Vec::with_capacity(count);
    let mut free = Vec::with_capacity(count);
    let mut events = Events::with_capacity(1024);
    let mut scratch = [0; 4096];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let index = event.token().0;
            if event.token() == LISTENER {
                while let Some(stream) = accept(&listener)? {
                    let index = free.pop().unwrap_or(streams.len());
                    let stream = begin(&registry, stream, index)?;
                    if index == streams.len() {
                        streams.push(Some(stream));
                    } else {
                        streams[index] = Some(stream);
                    }
                }
            } else if drain(&mut streams[index], &mut scratch, Questions::None)? {
                free.push(index);
            }
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn begin(registry: &mio::Registry, mut stream: TcpStream, index: usize) -> io::Result<TcpStream> {
    registry.register(&mut stream, Token(index), Interest::READABLE)?;
    stream.write_all(b".")?;
    Ok(stream)
}
