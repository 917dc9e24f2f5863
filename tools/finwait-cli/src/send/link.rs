//! What all stages of a conversation share: the event loop, the clock, stdout, the interrupt.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::{Events, Poll, Token, Waker};

use crate::interrupt;

/// Stdin has something, or Ctrl-C came.
pub(super) const WAKE: Token = Token(0);
pub(super) const STREAM: Token = Token(1);
/// The closer's only one.
pub(super) const CLOSER: Token = Token(2);

#[derive(Debug)]
pub(super) struct Link {
    pub(super) poll: Poll,
    pub(super) events: Events,
    pub(super) waker: Arc<Waker>,
    pub(super) timeout: Duration,
    pub(super) stdout: Stdout,
    interrupted: Arc<AtomicBool>,
}

/// Stdout, and the time that it held us up.
#[derive(Debug, Default)]
pub(super) struct Stdout {
    blocked: Duration,
    pub(super) written: u64,
    pub(super) error: Option<io::Error>,
}

impl Link {
    pub(super) fn new(timeout: Duration) -> anyhow::Result<Self> {
        let poll = Poll::new().context("cannot wait for events")?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE).context("cannot be woken")?);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (flag, wake) = (Arc::clone(&interrupted), Arc::clone(&waker));
        interrupt::on_first(move || {
            flag.store(true, Ordering::SeqCst);
            // It fails only when the event loop is gone, and with it all that could stop.
            let _ = wake.wake();
        })?;
        let (events, stdout) = (Events::with_capacity(16), Stdout::default());
        Ok(Self {
            poll,
            events,
            waker,
            timeout,
            stdout,
            interrupted,
        })
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// The time, without the time that our own stdout took: the peer cannot help that, and no
    /// deadline of its may pass meanwhile.
    pub(super) fn now(&self) -> Instant {
        let now = Instant::now();
        now.checked_sub(self.stdout.blocked).unwrap_or(now)
    }

    /// Waits for events, for at most `wait`.
    pub(super) fn wait(&mut self, wait: Option<Duration>) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(error).context("cannot wait for events")
            }
            _ => Ok(()),
        }
    }
}

impl Stdout {
    /// Writes all of `bytes`, unless writing has failed before.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let began = Instant::now();
        let mut stdout = io::stdout().lock();
        // Flushed each time: who watches wants to see what has come.
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => self.written += bytes.len() as u64,
            Err(error) => self.error = Some(error),
        }
        self.blocked += began.elapsed();
    }
}
