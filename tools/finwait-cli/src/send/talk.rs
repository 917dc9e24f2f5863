//! The conversation until we have nothing more to send: stdin to the socket, the socket to stdout.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use finwait::{Delivered, PeerEnd};
use finwait_platform as platform;
use mio::net::TcpStream;

use super::Job;
use super::connect::Connected;
use super::link::{Link, STREAM};
use super::stdin::{self, Input};
use super::story::{Ended, Story};

/// A connection that is to be closed, and what has happened on it so far.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) stream: TcpStream,
    /// Read from stdin, and not taken by the socket.
    pub(super) unsent: Vec<u8>,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) connect: Duration,
    pub(super) talk: Duration,
}

/// How the conversation goes on.
#[derive(Debug)]
pub(super) enum End {
    /// With the close.
    Close(Open),
    /// Not at all.
    Over(Story),
}

pub(super) struct Talk<'a> {
    job: &'a Job,
    link: &'a mut Link,
    open: Open,
    began: Instant,
    input: InputState,
    readable: bool,
    writable: bool,
    peer_fin: bool,
    /// What the events have said of it.
    end: PeerEnd,
    /// The last time that the peer took or gave something, as far as we know.
    progress: Instant,
    /// What it had not acknowledged then.
    unacknowledged: Option<u64>,
    buffer: Box<[u8]>,
}

#[derive(Debug)]
enum InputState {
    NotStarted,
    Reading(Receiver<Input>),
    Ended,
}

/// What one look at everything came to.
enum Look {
    Wait,
    Close,
    Over(Ended),
}

impl<'a> Talk<'a> {
    pub(super) fn new(job: &'a Job, connected: Connected, link: &'a mut Link) -> Self {
        let now = link.now();
        let Connected { stream, took, end } = connected;
        let unacknowledged = platform::unacknowledged(&stream).unwrap_or(None);
        let open = Open {
            stream,
            unsent: Vec::new(),
            sent: 0,
            received: 0,
            connect: took,
            talk: Duration::ZERO,
        };
        Self {
            job,
            link,
            open,
            began: now,
            input: InputState::NotStarted,
            readable: true,
            writable: true,
            peer_fin: false,
            end,
            progress: now,
            unacknowledged,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
        }
    }

    pub(super) fn run(mut self) -> anyhow::Result<End> {
        self.input = InputState::Reading(stdin::start(self.link.waker.clone())?);
        loop {
            let look = self.look();
            self.open.talk = self.link.now().saturating_duration_since(self.began);
            match look {
                Look::Close => return Ok(End::Close(self.open)),
                Look::Over(ended) => return Ok(End::Over(self.over(ended))),
                Look::Wait => {}
            }
            let wait = self.patience();
            self.link.wait(wait)?;
            for event in &self.link.events {
                if event.token() == STREAM {
                    self.end.note(event);
                    self.readable |=
                        event.is_readable() || event.is_read_closed() || event.is_error();
                    self.writable |=
                        event.is_writable() || event.is_write_closed() || event.is_error();
                }
            }
        }
    }

    /// Moves what can be moved in both directions, and sees whether that is all.
    fn look(&mut self) -> Look {
        loop {
            let moved = match (self.receive(), self.take_input(), self.send()) {
                (Err(ended), _, _) | (_, Err(ended), _) | (_, _, Err(ended)) => {
                    return Look::Over(ended);
                }
                (Ok(a), Ok(b), Ok(c)) => a | b | c,
            };
            if let Some(error) = self.link.stdout.error.take() {
                return Look::Over(Ended::Stdout(error));
            }
            if self.link.is_interrupted() {
                return Look::Close;
            }
            let ended = matches!(self.input, InputState::Ended);
            // The peer's FIN ends what might never end by itself.
            let enough = self.peer_fin && !moved && (ended || !stdin::is_file());
            if enough || (ended && self.job.half_close && !self.peer_fin) {
                return Look::Close;
            }
            if !moved {
                return if self.is_stalled() {
                    Look::Over(Ended::TimedOut)
                } else {
                    Look::Wait
                };
            }
        }
    }

    /// One piece from the socket to stdout.
    fn receive(&mut self) -> Result<bool, Ended> {
        if !self.readable || self.peer_fin {
            return Ok(false);
        }
        let read = self.open.stream.read(&mut self.buffer);
        match self.end.of_read(&self.open.stream, read) {
            // Whether an RST came after it is asked by the close, or told by the next write.
            Ok(0) => self.peer_fin = true,
            Ok(length) => {
                self.open.received += length as u64;
                self.link.stdout.write(&self.buffer[..length]);
                self.progress = self.link.now();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(false);
            }
            Err(error) => return Err(Ended::Receive(error)),
        }
        Ok(true)
    }

    /// One piece from stdin, when the one before is sent.
    fn take_input(&mut self) -> Result<bool, Ended> {
        let InputState::Reading(input) = &self.input else {
            return Ok(false);
        };
        if !self.open.unsent.is_empty() {
            return Ok(false);
        }
        match input.try_recv() {
            Ok(Input::Chunk(chunk)) => {
                self.open.unsent = chunk;
                // From here on the peer has something to take.
                self.progress = self.link.now();
            }
            Ok(Input::End) | Err(TryRecvError::Disconnected) => {
                self.input = InputState::Ended;
                self.progress = self.link.now();
            }
            Ok(Input::Failed(error)) => return Err(Ended::Stdin(error)),
            Err(TryRecvError::Empty) => return Ok(false),
        }
        Ok(true)
    }

    /// One piece to the socket.
    fn send(&mut self) -> Result<bool, Ended> {
        if !self.writable || self.open.unsent.is_empty() {
            return Ok(false);
        }
        match self.open.stream.write(&self.open.unsent) {
            Ok(length) => {
                self.open.unsent.drain(..length);
                self.open.sent += length as u64;
                self.progress = self.link.now();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                return Ok(false);
            }
            Err(error) => {
                let peer_fin = self.peer_fin;
                self.receive_the_rest();
                return Err(Ended::Send { error, peer_fin });
            }
        }
        Ok(true)
    }

    /// What came before a reset is still there to be read, although a write has failed already.
    fn receive_the_rest(&mut self) {
        self.readable = true;
        while let Ok(true) = self.receive() {}
    }

    /// Whether we wait for the peer, and not for stdin.
    fn waits_for_peer(&self) -> bool {
        !self.open.unsent.is_empty() || matches!(self.input, InputState::Ended)
    }

    /// How long to wait before the next look. Several looks within the time that is allowed:
    /// no event tells that the peer has acknowledged something while the buffers stay full.
    fn patience(&self) -> Option<Duration> {
        self.waits_for_peer()
            .then(|| (self.link.timeout / 4).max(Duration::from_millis(1)))
    }

    /// Whether the peer has taken and given nothing for too long.
    fn is_stalled(&mut self) -> bool {
        if !self.waits_for_peer() {
            return false;
        }
        let now = self.link.now();
        let unacknowledged = platform::unacknowledged(&self.open.stream).unwrap_or(None);
        if unacknowledged != self.unacknowledged {
            self.unacknowledged = unacknowledged;
            self.progress = now;
        }
        now.saturating_duration_since(self.progress) >= self.link.timeout
    }

    /// The story of a conversation that does not come to an orderly close.
    fn over(self, ended: Ended) -> Story {
        let Open {
            unsent,
            sent,
            received,
            connect,
            talk,
            ..
        } = self.open;
        // An RST hides what it acknowledges: not even an unacknowledged byte is surely lost.
        let delivered = if unsent.is_empty() {
            Delivered::Unknown
        } else {
            Delivered::No
        };
        Story {
            ended,
            delivered,
            sent,
            received,
            connect,
            talk,
            report: None,
        }
    }
}
