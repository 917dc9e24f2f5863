//! tokio, a task for each connection, on one thread.

use std::io;

use finwait_benches::{Meter, Spent};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use crate::READ_TIMEOUT;

/// In tokio's favour: the tasks are there when the clock starts, the runtime has seen that each socket
/// is writable, and none holds a buffer while it waits.
pub(crate) fn tear_down(streams: Vec<std::net::TcpStream>) -> io::Result<Spent> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let streams = runtime.block_on(async {
        let streams = streams.into_iter().map(TcpStream::from_std);
        let streams = streams.collect::<io::Result<Vec<_>>>()?;
        for stream in &streams {
            stream.writable().await?;
        }
        io::Result::Ok(streams)
    })?;
    // They run when the runtime does.
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|stream| runtime.spawn(one(stream)))
        .collect();
    let meter = Meter::start()?;
    runtime.block_on(async {
        for task in tasks {
            task.await??;
        }
        io::Result::Ok(())
    })?;
    meter.spent()
}

async fn one(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::time::timeout(READ_TIMEOUT, drain(&stream)).await?
}

async fn drain(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
