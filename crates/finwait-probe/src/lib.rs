//! A battery of checks on how one server closes its connections.
//!
//! Each check does one thing that clients and networks do - half-close after the request, reset in
//! the middle of the response, vanish - and says what the server did for its user, how it closed,
//! and what that means. [`battery::checks`] lists them; [`battery::Battery`] runs them.
//!
//! Checks are independent of each other, take bounded time and ask no more of the server than
//! their [`Cost`] says; when one ends, all its connections are closed. A check that cannot be
//! done, or was not finished, says so: its word is then [`Word::Skip`] or [`Word::Error`], never
//! [`Word::Pass`].
//!
//! # Portability
//!
//! What needs a call that a system does not have is skipped there, with that as the reason.

mod baseline;
pub mod battery;
mod check;
mod checks;
mod idle;
mod net;
mod observer;
mod probe;
mod target;

pub use check::{
    Check, Closing, Cost, Figure, Finding, Level, LooksFor, Needs, Service, Severity, Share, Word,
};
pub use observer::{Counters, Observer, Sight};
pub use probe::{Patience, Probe};
pub use target::{Http, Protocol, Target};
