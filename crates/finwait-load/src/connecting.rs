//! From the attempt to the established connection.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use finwait_platform as platform;
use mio::net::TcpStream;
use mio::{Interest, Token};

use crate::control::add;
use crate::exchange::{Exchange, Stage};
use crate::record::{ErrorKey, Phase, Record, Times};
use crate::verdict::{Ending, Progress};
use crate::worker::{FIRST_EXCHANGE, Worker};

/// How long to wait after the OS ran out of ports or files.
const PAUSE: Duration = Duration::from_millis(20);

impl Worker<'_> {
    /// Starts one. `due`: when it should have been, in an open loop.
    pub(crate) fn start_one(&mut self, due: Option<Instant>, late_for_room: bool) {
        let started = Instant::now();
        let intended = due.unwrap_or(started).min(started);
        let id = self.share.numbers.nth(self.starts);
        self.starts += 1;
        let late = started - intended;
        let counted = self.counted();
        counted.started += 1;
        if due.is_some() {
            counted.late.start(late, late_for_room);
        }
        add(&self.control.started, 1);
        let entry = self.exchanges.vacant_entry();
        let token = Token(FIRST_EXCHANGE + entry.key());
        let connecting = self.share.ports.connect(self.plan, id).and_then(|stream| {
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, token, both)?;
            Ok(stream)
        });
        match connecting {
            Ok(stream) => {
                let index = entry.key();
                entry.insert(Exchange::new(stream, id, self.plan, intended, started));
                self.connecting += 1;
                self.set_timer(index, started.checked_add(self.plan.connect_timeout));
            }
            Err(error) => {
                if is_local_shortage(&error) {
                    self.pause_until = Some(started + PAUSE);
                }
                self.attempt_failed((id, intended, started), None, &error);
            }
        }
    }

    /// An attempt that came to nothing.
    fn attempt_failed(
        &mut self,
        (id, intended, started): (u64, Instant, Instant),
        local: Option<SocketAddr>,
        error: &io::Error,
    ) {
        let ending = Ending::of_connect_error(error);
        let now = Instant::now();
        let mut times = Times::default();
        times.set(Phase::Total, now - intended);
        let record = Record {
            id,
            local,
            peer: self.plan.pair(id).0,
            intended: self.since_start(intended),
            started: self.since_start(started),
            ended: self.since_start(now),
            close: self.plan.close.mode(self.plan.seed, id),
            progress: Progress::NoConnection,
            ending,
            responses: 0,
            sent_bytes: 0,
            received_bytes: 0,
            discarded_bytes: 0,
            acked_bytes: None,
            error: Some(ErrorKey::new("connect", error)),
            times,
            wave: self.wave,
        };
        self.settle(record);
    }

    pub(crate) fn connect_expired(&mut self, index: usize) {
        let exchange = self.exchanges.remove(index);
        self.connecting -= 1;
        let local = self.local_addr(&exchange);
        let which = (exchange.id, exchange.intended, exchange.started);
        self.attempt_failed(which, local, &io::ErrorKind::TimedOut.into());
    }

    /// From where it was tried, if anybody wants to know. The port outlives a refusal.
    fn local_addr(&self, exchange: &Exchange) -> Option<SocketAddr> {
        match &exchange.stage {
            Stage::Connecting(stream) if self.wants_records() => stream.local_addr().ok(),
            _ => None,
        }
    }

    /// `trouble`: the event says more than that it can be written to.
    pub(crate) fn on_connect_event(&mut self, index: usize, trouble: bool) {
        let now = Instant::now();
        let Some(Exchange {
            stage: Stage::Connecting(stream),
            end,
            ..
        }) = self.exchanges.get(index)
        else {
            return;
        };
        let has_peer = !trouble && stream.peer_addr().is_ok();
        let failed = if has_peer {
            // What comes from now on, a reset too, has an event of its own.
            None
        } else {
            // A reset that is no pending error may leave the socket unconnected, as one that still connects.
            match end.of_pending(stream.take_error()) {
                Ok(None) => match stream.peer_addr() {
                    Ok(_) => None,
                    // An early event; the real one is still to come.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
                    Err(error) => Some(error),
                },
                Ok(Some(error)) | Err(error) => Some(error),
            }
        };
        self.drop_timer(index);
        self.connecting -= 1;
        if let Some(error) = failed {
            if Ending::of_connect_error(&error) == Ending::Rst {
                if let Some(exchange) = self.exchanges.get_mut(index) {
                    exchange.reset_unseen("connect", error);
                }
                return self.connected(index, now);
            }
            let exchange = self.exchanges.remove(index);
            let local = self.local_addr(&exchange);
            let which = (exchange.id, exchange.intended, exchange.started);
            return self.attempt_failed(which, local, &error);
        }
        self.connected(index, now);
    }

    fn connected(&mut self, index: usize, now: Instant) {
        let wants_addresses = self.wants_records();
        let Some(exchange) = self.exchanges.get_mut(index) else {
            return;
        };
        let stage = std::mem::replace(&mut exchange.stage, Stage::Over);
        let Stage::Connecting(stream) = stage else {
            return;
        };
        if wants_addresses {
            exchange.local = stream.local_addr().ok();
        }
        exchange.stage = Stage::Talking(stream);
        exchange.establish(now);
        self.established += 1;
        self.control.opened();
        self.drive(index);
    }
}

/// Whether the OS has run out of something of ours: ports, descriptors, memory.
pub(crate) fn is_local_shortage(error: &io::Error) -> bool {
    // What the peer or the way to it has answered is none. It must be asked for first: where the
    // platform knows no errors, it calls all that it does not know a lack of resources.
    if Ending::of_connect_error(error) != Ending::LocalError {
        return false;
    }
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse | io::ErrorKind::OutOfMemory
    ) || platform::classify_accept_error(error) == platform::AcceptError::OutOfResources
}
