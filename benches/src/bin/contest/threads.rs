//! A thread for each connection, with blocking sockets.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;

use finwait_benches::{Meter, Spent};

use crate::READ_TIMEOUT;

/// In the threads' favour: all of them are there when the clock starts. It stops when the last has
/// ended.
pub(crate) fn tear_down(streams: Vec<TcpStream>) -> io::Result<Spent> {
    let ready = Arc::new(Barrier::new(streams.len() + 1));
    let go = Arc::new(Barrier::new(streams.len() + 1));
    let mut threads = Vec::with_capacity(streams.len());
    for stream in streams {
        stream.set_nonblocking(false)?;
        let (ready, go) = (Arc::clone(&ready), Arc::clone(&go));
        let thread = thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || {
                ready.wait();
                go.wait();
                one(stream)
            })
            // Those that wait at a barrier for the rest end with the process.
            .map_err(|error| io::Error::other(format!("a thread: {error}")))?;
        threads.push(thread);
    }
    ready.wait();
    let meter = Meter::start()?;
    go.wait();
    for thread in threads {
        let ended = thread.join();
        ended.map_err(|_| io::Error::other("a thread panicked"))??;
    }
    meter.spent()
}

fn one(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.shutdown(Shutdown::Write)?;
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch)? > 0 {}
    Ok(())
}
