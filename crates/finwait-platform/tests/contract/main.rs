//! The contract: what every system must answer, on real loopback sockets, one set of assertions
//! for all. Where a system cannot tell, the assertion is that it says so.

mod closing;
mod connecting;
mod errors;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod filtered;
mod fin;
mod queues;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod reserved;
mod support;
mod system;
