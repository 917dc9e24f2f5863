//! The checks of HTTP/1.1, each against a server that does it well and against those that do not.

mod close;
mod error;
mod server;
