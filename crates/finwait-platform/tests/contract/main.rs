//! The contract: what every system must answer, on real loopback sockets, one set of assertions
//! for all. Where a system cannot tell, the assertion is that it says so.

mod closing;
mod connecting;
mod errors;
#[cfg(target_os = "linux")]
mod filtered;
mod fin;
mod queues;
#[cfg(target_os = "linux")]
mod reserved;
#[path = "../common/skipped.rs"]
mod skipped;
mod support;
mod system;
mod wine;
