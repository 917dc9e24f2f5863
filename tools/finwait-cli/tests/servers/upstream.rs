//! The server behind a proxy, in this process.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::kinds::LARGE;
use crate::common::{BOUND, read};

/// Answers `/large`, with 404 what it does not know, and `/slow` only if the proxy still wants the answer after `patience`.
pub(crate) fn upstream(patience: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    // It ends with the process: nothing tells it when the proxy needs it no more.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A proxy that closes is part of the test, and is seen at its client.
            thread::spawn(move || answer(stream, patience));
        }
    });
    addr
}

fn answer(mut stream: TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(BOUND))?;
    stream.set_write_timeout(Some(BOUND))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let (status, length) = if head.starts_with(b"GET /slow ") {
        stream.set_read_timeout(Some(patience))?;
        if read(&mut stream, &mut [0]).is_ok() {
            return Ok(());
        }
        stream.set_read_timeout(Some(BOUND))?;
        ("200 OK", 5)
    } else if head.starts_with(b"GET /large ") {
        ("200 OK", LARGE)
    } else {
        ("404 Not Found", 0)
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    io::copy(&mut io::repeat(b'x').take(length), &mut stream)?;
    // The rest of a body that is refused, or of what else came, is not to cost the answer.
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink())?;
    Ok(())
}
