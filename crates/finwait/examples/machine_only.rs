//! The machine alone, without mio: a blocking std socket, a few lines of driver.
//!
//! `cargo run -p finwait --no-default-features --example machine_only`

#![expect(
    clippy::disallowed_methods,
    reason = "a driver reads the clock; the machine does not"
)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use finwait::{Acknowledged, Action, Event, Limits, Operation, OsError, Receive, Report, Teardown};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let peer = thread::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut request = Vec::new();
        stream.read_to_end(&mut request)?;
        stream.write_all(&request)
    });

    let report = close(TcpStream::connect(address)?, b"hello, and goodbye")?;
    peer.join()
        .map_err(|_| io::Error::other("the peer panicked"))??;
    println!(
        "{}, {} bytes came back",
        report.ending, report.received_bytes
    );
    Ok(())
}

/// Every action has one answer; this driver gives those that std can give, and says `Unknown` or
/// nothing where only a platform crate could tell more.
fn close(mut stream: TcpStream, mut unsent: &[u8]) -> io::Result<Report> {
    let mut buffer = [0; 16 << 10];
    let limits = Limits::for_response();
    let mut teardown = Teardown::new(
        &limits,
        Receive::Discard,
        unsent.len() as u64,
        Instant::now(),
    );
    // A blocking socket "would block" when its read times out, which is when the clocks are read.
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    loop {
        let event = match teardown.poll(Instant::now()) {
            Action::Write => match stream.write(unsent) {
                Ok(bytes) => {
                    unsent = &unsent[bytes..];
                    Event::Written { bytes }
                }
                Err(error) => failed(Operation::Write, &error, Event::WriteBlocked),
            },
            Action::HalfClose => match stream.shutdown(Shutdown::Write) {
                Ok(()) => Event::HalfClosed,
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Event::NotConnected,
                Err(error) => failed(Operation::HalfClose, &error, Event::NotConnected),
            },
            Action::Receive => match stream.read(&mut buffer) {
                Ok(0) => Event::ReceivedFin,
                Ok(bytes) => Event::Received { bytes },
                Err(error) => failed(Operation::Receive, &error, Event::ReceiveBlocked),
            },
            Action::AskError => {
                Event::PendingError(stream.take_error()?.as_ref().map(OsError::from))
            }
            Action::AskAck => Event::Ack {
                fin: Acknowledged::Unknown,
                unacknowledged: None,
            },
            Action::AskUnread => Event::Unread(None),
            // The read with its timeout is the wait.
            Action::Wait { .. } => Event::Readable,
            Action::Close | Action::Abort => {
                drop(stream);
                teardown.handle(Event::Closed, Instant::now());
                return teardown
                    .report()
                    .ok_or_else(|| io::Error::other("no report"));
            }
            Action::Finished => return Err(io::Error::other("finished before it was closed")),
        };
        teardown.handle(event, Instant::now());
    }
}

fn failed(operation: Operation, error: &io::Error, blocked: Event) -> Event {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => blocked,
        _ => Event::Failed(operation, OsError::from(error)),
    }
}
