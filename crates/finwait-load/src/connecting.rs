//! From the attempt to the established connection.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Interest, Token};

use crate::plan::{CloseMode, Mode};
use crate::reception::Reception;
use crate::tally::record;
use crate::verdict::{Ending, Progress};
use crate::worker::{Exchange, FIRST_EXCHANGE, MOST_CONNECTING, Stage, Worker, add};

/// Attempts per turn of the loop, so that established connections are served in between.
const CONNECTS_PER_TURN: usize = 32;
/// How long to wait after the OS ran out of ports or files.
const PAUSE: Duration = Duration::from_millis(20);

impl Worker<'_> {
    /// Starts connections until `most_open` exchanges are under way, within this turn's share.
    pub(crate) fn start_some(&mut self, most_open: usize, now: Instant) {
        if self.pause_until.is_some_and(|until| now < until) {
            return;
        }
        self.pause_until = None;
        for _ in 0..CONNECTS_PER_TURN {
            if self.exchanges.len() >= most_open
                || self.connecting >= MOST_CONNECTING
                || !self.may_start(now)
                || self.pause_until.is_some()
            {
                return;
            }
            self.start_one();
        }
    }

    fn start_one(&mut self) {
        let started = Instant::now();
        self.left = self.left.map(|left| left - 1);
        self.tally.started += 1;
        add(&self.control.started, 1);
        let entry = self.exchanges.vacant_entry();
        let token = Token(FIRST_EXCHANGE + entry.key());
        let source = next_source(&self.plan.sources, &mut self.next_source);
        let connecting = platform::connect_from(self.plan.target, source).and_then(|stream| {
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, both)?;
            Ok(stream)
        });
        match connecting {
            Ok(stream) => {
                let index = entry.key();
                entry.insert(Exchange {
                    stage: Stage::Connecting(stream),
                    started,
                    timer: None,
                    written: 0,
                    reception: Reception::new(self.plan.expect),
                });
                self.connecting += 1;
                self.set_timer(index, Some(started + self.plan.connect_timeout));
            }
            Err(error) => {
                if is_local_shortage(&error) {
                    self.pause_until = Some(started + PAUSE);
                }
                self.connect_failed(&error);
            }
        }
    }

    pub(crate) fn connect_failed(&mut self, error: &io::Error) {
        let ending = Ending::of_connect_error(error.kind());
        self.tally
            .error("connect", error.raw_os_error(), error.kind());
        // RST instead of a refusal: it was established, and reset before we looked.
        let progress = if ending == Ending::Rst {
            Progress::Connected
        } else {
            Progress::NoConnection
        };
        self.settle(progress, ending);
    }

    pub(crate) fn on_connect_event(&mut self, index: usize) {
        let now = Instant::now();
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let Stage::Connecting(stream) = &exchange.stage else {
            return;
        };
        let failed = match stream.take_error() {
            Ok(None) => match stream.peer_addr() {
                Ok(_) => None,
                // An early event; the real one is still to come.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                Err(error) => Some(error),
            },
            Ok(Some(error)) | Err(error) => Some(error),
        };
        self.set_timer(index, None);
        self.connecting -= 1;
        if let Some(error) = failed {
            self.exchanges.remove(index);
            return self.connect_failed(&error);
        }
        self.connected(index, now);
    }

    fn connected(&mut self, index: usize, now: Instant) {
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        record(&mut self.tally.phases.connect, now - exchange.started);
        self.established += 1;
        self.control.opened();
        let stage = std::mem::replace(&mut exchange.stage, Stage::Over);
        let Stage::Connecting(stream) = stage else {
            return;
        };
        match (self.plan.mode, self.plan.close) {
            (Mode::Storm, _) => {
                exchange.stage = Stage::Held(stream);
                self.held.push(index);
                self.write_ahead(index);
            }
            (Mode::ClosedLoop, CloseMode::Half) => {
                exchange.stage = Stage::Held(stream);
                self.begin_close(index, now);
            }
            (Mode::ClosedLoop, CloseMode::Fin | CloseMode::Rst) => {
                exchange.stage = Stage::Direct(stream);
                self.drive_direct(index);
            }
        }
    }
}

fn next_source(sources: &[IpAddr], next: &mut usize) -> Option<IpAddr> {
    let source = *sources.get(*next % sources.len().max(1))?;
    *next = next.wrapping_add(1);
    Some(source)
}

/// Whether the OS has run out of something of ours: ports, descriptors, memory.
pub(crate) fn is_local_shortage(error: &io::Error) -> bool {
    // What the peer or the way to it has answered is none. It must be asked for first: where the
    // platform knows no errors, it calls all that it does not know a lack of resources.
    if Ending::of_connect_error(error.kind()) != Ending::LocalError {
        return false;
    }
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory
    ) || platform::classify_accept_error(error) == platform::AcceptError::OutOfResources
}
