//! How a run is watched and stopped from another thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mio::Waker;

/// A run's live counters, and the way to stop it. Shared by reference.
#[derive(Debug, Default)]
pub struct Control {
    stopped: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    pub(crate) started: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) good: AtomicU64,
    pub(crate) open: AtomicU64,
    most_open: AtomicU64,
}

/// What [`Control::live`] shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Live {
    /// Connections started so far.
    pub started: u64,
    /// Of those, the ones that are over.
    pub finished: u64,
    /// Of those, the ones with a good verdict.
    pub good: u64,
    /// Connections that are established now.
    pub open: u64,
    /// The highest number of connections that were established at once; 0 until the first is.
    pub most_open: u64,
}

impl Control {
    /// Counters at zero, not stopped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops starting new connections; those that are open are drained.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        for waker in self.lock().iter() {
            // A worker that cannot be woken looks by itself within its poll timeout.
            let _ = waker.wake();
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// The counters now.
    #[must_use]
    pub fn live(&self) -> Live {
        Live {
            started: self.started.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            good: self.good.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Relaxed),
            most_open: self.most_open(),
        }
    }

    /// One more connection is established.
    pub(crate) fn opened(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
    }

    pub(crate) fn most_open(&self) -> u64 {
        self.most_open.load(Ordering::Relaxed)
    }

    /// One established connection is over.
    pub(crate) fn left(&self, connections: u64) {
        self.open.fetch_sub(connections, Ordering::Relaxed);
    }

    pub(crate) fn add_waker(&self, waker: Waker) {
        self.lock().push(waker);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        // A list of wakers is whole even if a thread panicked while it held the lock.
        self.wakers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
