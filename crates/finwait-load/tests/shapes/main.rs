//! Every shape of load does what its plan says, on schedule, and counts each connection once.

mod closes;
mod holding;
mod observing;
mod open_loop;
mod precedence;
mod ramps;
mod requests;
mod slowness;
mod spreading;
mod stopping;
mod support;
mod timeouts;
