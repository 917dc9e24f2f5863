//! Asking a server to stop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mio::Waker;

/// What [`Server::run`](crate::Server::run) listens to while it serves.
///
/// One `Stop` may serve several servers; they all stop together.
#[derive(Debug, Default)]
pub struct Stop {
    state: Arc<Mutex<State>>,
}

/// Asks the servers of one [`Stop`], or one [`Running`](crate::Running) server, to stop.
#[derive(Debug, Clone)]
pub struct StopHandle {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    order: Option<Order>,
    wakers: Vec<Weak<Waker>>,
}

/// What a server has been asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Drain what is open, until this time.
    Drain(Instant),
    /// Leave everything as it is.
    AtOnce,
}

impl Stop {
    /// Not stopped yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// To stop it with, from any thread.
    #[must_use]
    pub fn handle(&self) -> StopHandle {
        StopHandle {
            state: Arc::clone(&self.state),
        }
    }

    pub(crate) fn share(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }

    pub(crate) fn order(&self) -> Option<Order> {
        lock(&self.state).order
    }

    pub(crate) fn at_once(&self) {
        give(&self.state, Order::AtOnce);
    }

    /// `waker` will be woken by every order to come. An order given before is not repeated.
    pub(crate) fn wakes(&self, waker: &Arc<Waker>) {
        let mut state = lock(&self.state);
        state.wakers.retain(|waker| waker.strong_count() > 0);
        state.wakers.push(Arc::downgrade(waker));
    }
}

impl StopHandle {
    /// Stops accepting, and drains what is open for at most `deadline` from now; what is left then
    /// is cut. Returns at once. Asking again can only shorten.
    pub fn stop(&self, deadline: Duration) {
        give(&self.state, Order::Drain(after(Instant::now(), deadline)));
    }
}

/// `now` and `wait`; a wait beyond what the clock's own type holds is 30 years.
pub(crate) fn after(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    now.checked_add(wait.min(FAR)).unwrap_or(now)
}

fn give(state: &Mutex<State>, order: Order) {
    let mut state = lock(state);
    state.order = Some(match (state.order, order) {
        (Some(Order::Drain(before)), Order::Drain(deadline)) => Order::Drain(before.min(deadline)),
        (Some(Order::AtOnce), _) | (_, Order::AtOnce) => Order::AtOnce,
        (None, order) => order,
    });
    for waker in state.wakers.iter().filter_map(Weak::upgrade) {
        // It fails only when its event loop is gone, which then has no order to hear either.
        let _ = waker.wake();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
