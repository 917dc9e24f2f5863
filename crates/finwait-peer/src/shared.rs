//! What the threads of one server share.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use finwait_platform as platform;

use crate::behaviour::Behaviour;
use crate::filler;
use crate::mix::Mix;
use crate::server::{Options, Protocol};
use crate::treatment::Treatment;

/// What is the same for all connections of a server.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) mix: Mix,
    pub(crate) protocol: Protocol,
    pub(crate) idle: Option<Duration>,
    pub(crate) brittle: Brittle,
    /// Nothing is accepted: see [`Behaviour::DropBacklog`].
    pub(crate) replaces_listener: bool,
    seed: u64,
    /// One for each part of the mix: what it answers, where that is held in memory.
    answers: Vec<Option<Arc<Vec<u8>>>>,
    accepted: AtomicU64,
}

/// Of a server that speaks HTTP, unless it is told.
const HTTP_IDLE: Duration = Duration::from_secs(10);

impl Shared {
    /// # Errors
    ///
    /// If the options make no sense, or there is no memory for the answers.
    pub(crate) fn new(options: &Options) -> io::Result<Self> {
        let parts = options.behaviour.parts();
        let is_http = options.protocol == Protocol::Http;
        if let Some((treatment, _)) = parts.iter().find(|(t, _)| t.behaviour.needs_http())
            && !is_http
        {
            let message = format!("behaviour \"{treatment}\" is for HTTP alone");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut answers = Vec::new();
        for (treatment, _) in parts {
            let held = !is_http && treatment.is_plain();
            answers.push(if held {
                filler::answer(treatment.behaviour)?
            } else {
                None
            });
        }
        Ok(Self {
            mix: options.behaviour.clone(),
            protocol: options.protocol,
            idle: options.idle.or(is_http.then_some(HTTP_IDLE)),
            brittle: Brittle::new(),
            replaces_listener: false,
            seed: options.seed,
            answers,
            accepted: AtomicU64::new(0),
        })
    }

    /// Opens the listener that the behaviour needs.
    pub(crate) fn listen(&mut self, addr: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
        let mut behaviours = self.mix.parts().iter().map(|(t, _)| t.behaviour);
        if behaviours.any(|behaviour| behaviour == Behaviour::DropBacklog)
            && let Some(listener) = platform::listen_shared(addr, backlog)?
        {
            self.replaces_listener = true;
            return Ok(listener);
        }
        platform::listen(addr, backlog)
    }

    /// How the connection that has just been accepted is treated, and what it is answered with.
    pub(crate) fn next(&self) -> (Treatment, Option<&Arc<Vec<u8>>>) {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let index = self.mix.index(self.seed, number);
        let treatment = self.mix.parts()[index].0;
        (treatment, self.answers.get(index).and_then(Option::as_ref))
    }
}

/// Whether a server with the behaviour of that name is broken at the moment.
#[derive(Debug)]
pub(crate) struct Brittle {
    start: Instant,
    /// Until when, in nanoseconds from the start; 0 if it never was.
    broken_until: AtomicU64,
}

impl Brittle {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            broken_until: AtomicU64::new(0),
        }
    }

    fn since_start(&self, more: Duration) -> u64 {
        let elapsed = self.start.elapsed().saturating_add(more);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }

    /// A connection has ended badly.
    pub(crate) fn break_for(&self, period: Duration) {
        let until = self.since_start(period);
        self.broken_until.fetch_max(until, Ordering::Relaxed);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.since_start(Duration::ZERO) < self.broken_until.load(Ordering::Relaxed)
    }
}
