//! The fault laboratory: teardowns over a network that loses, cuts, forges and crawls, and with
//! peers that die, freeze, starve and drip. Each test has a network namespace of its own.
//!
//! Of every teardown it is asserted that it ends by its bound, that its ending is one of those that
//! are true of the fault, and that files and slots are back at the start.

#![cfg(all(feature = "mio", target_os = "linux"))]
#![expect(
    clippy::disallowed_methods,
    reason = "a test drives its own loop, reads the clock for it, and has peers that are slow"
)]

#[expect(dead_code, reason = "the laboratory has a loop of its own")]
#[path = "../common/mod.rs"]
mod common;
mod lab;
mod namespace;
#[path = "../common/own_network.rs"]
mod own_network;
mod truth;

mod flags;
mod injected;
mod leaks;
mod loss;
mod partition;
mod process;
mod slow;
