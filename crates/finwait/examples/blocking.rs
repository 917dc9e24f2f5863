//! The blocking form, for programs without an event loop: the Winsock recipe in three calls.
//!
//! `cargo run -p finwait --example blocking`

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use finwait::Limits;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));

    // Connect, send, half-close, receive until the server has closed too.
    let stream = TcpStream::connect(address)?;
    let mut response = Vec::new();
    let report = finwait::finish(
        stream,
        b"this is a test",
        &Limits::for_response(),
        |chunk| {
            response.extend_from_slice(chunk);
        },
    )?;
    println!(
        "client: {}, delivered: {:?}",
        report.ending,
        report.delivered()
    );
    println!("client: received {:?}", String::from_utf8_lossy(&response));

    let report = server
        .join()
        .map_err(|_| io::Error::other("the server panicked"))??;
    println!(
        "server: {}, {} bytes of the client discarded",
        report.ending, report.discarded_bytes
    );
    Ok(())
}

/// Answers before it has read the whole request, and still loses nothing.
fn serve(listener: &TcpListener) -> io::Result<finwait::Report> {
    let (mut stream, _) = listener.accept()?;
    let mut first = [0; 4];
    stream.read_exact(&mut first)?;
    stream.write_all(b"that is enough, thank you")?;
    finwait::close(stream, &Limits::default())
}
