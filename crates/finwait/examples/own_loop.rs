//! A `Closer` inside an existing mio server: a tiny "time of day" service that answers whatever
//! it is asked, and closes each connection without losing the answer.
//!
//! `cargo run -p finwait --example own_loop` starts it, serves three clients, and ends.
//! With an address (`-- 127.0.0.1:7777`) it serves there until it is interrupted.

#![expect(
    clippy::disallowed_methods,
    reason = "an event loop reads the clock for all its parts"
)]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use finwait::{Closer, Limits};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);
/// Our own connections have the tokens below this one.
const CLOSER: Token = Token(1 << 20);

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1);
    let address = argument
        .as_deref()
        .unwrap_or("127.0.0.1:0")
        .parse()
        .map_err(io::Error::other)?;
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    if argument.is_some() {
        return serve(listener, None);
    }
    let address = listener.local_addr()?;
    let clients = thread::spawn(move || (0..3).try_for_each(|_| ask(address)));
    serve(listener, Some(3))?;
    clients
        .join()
        .map_err(|_| io::Error::other("a client panicked"))?
}

fn serve(mut listener: TcpListener, mut accepts: Option<u32>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = HashMap::new();
    let mut closer = Closer::new(CLOSER, Limits::default(), Instant::now());
    let started = Instant::now();

    while accepts != Some(0) || !connections.is_empty() || !closer.is_empty() {
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))?;
        let now = Instant::now();
        for event in &events {
            if closer.handle(event, now) {
                continue;
            }
            if event.token() == LISTENER {
                accept(&listener, poll.registry(), &mut connections, &mut accepts)?;
            } else if let Some(stream) = asked(&mut connections, event.token()) {
                let answer = format!("up for {:?}\n", started.elapsed()).into_bytes();
                // Whatever the client is still sending will be discarded, not reset.
                closer.close(poll.registry(), stream, answer, now);
            }
        }
        closer.turn(now);
        while let Some(finished) = closer.poll_finished() {
            println!(
                "{} after {:?}",
                finished.report.ending,
                finished.report.total()
            );
        }
    }
    Ok(())
}

fn accept(
    listener: &TcpListener,
    registry: &mio::Registry,
    connections: &mut HashMap<Token, TcpStream>,
    accepts: &mut Option<u32>,
) -> io::Result<()> {
    while *accepts != Some(0) {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        let token = (1..CLOSER.0)
            .map(Token)
            .find(|token| !connections.contains_key(token));
        let token = token.ok_or_else(|| io::Error::other("too many connections"))?;
        registry.register(&mut stream, token, Interest::READABLE)?;
        connections.insert(token, stream);
        *accepts = accepts.map(|left| left - 1);
    }
    Ok(())
}

/// The connection, if the first byte of its question has come, or its end.
fn asked(connections: &mut HashMap<Token, TcpStream>, token: Token) -> Option<TcpStream> {
    let mut first = [0];
    match connections.get_mut(&token)?.read(&mut first) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        _ => connections.remove(&token),
    }
}

fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(&[b'?'; 100_000])?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    println!("answered: {}", answer.trim_end());
    Ok(())
}
