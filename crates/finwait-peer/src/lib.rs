//! A TCP server with named good and bad ways to close, to test clients and closing itself with.
//!
//! Does a client notice that a response was cut? Does it wait for a FIN that never comes, or read
//! what a reset destroys? Point it at a server that does exactly that, on purpose:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{Ipv4Addr, Shutdown, TcpStream};
//! use std::time::Duration;
//!
//! use finwait_peer::{Options, Server};
//!
//! // A server in the same process, on a free port, that echoes and closes well.
//! let options = Options { behaviour: "echo".parse()?, ..Options::default() };
//! let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options)?.spawn()?;
//!
//! let mut client = TcpStream::connect(server.addr())?;
//! client.write_all(b"to the last byte")?;
//! client.shutdown(Shutdown::Write)?;
//! let mut echoed = String::new();
//! client.read_to_string(&mut echoed)?;
//! assert_eq!(echoed, "to the last byte");
//!
//! // It stops accepting, drains what is open, and says how every connection ended.
//! let summary = server.stop(Duration::from_secs(5));
//! assert_eq!(summary.accepted, 1);
//! assert_eq!(summary.endings.values().sum::<u64>(), 1);
//! println!("{summary}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Behaviour`] names all there is, good and bad; with `"unread-close".parse()?` instead, the
//! client above gets ECONNRESET. The good ones close through [`finwait::Closer`]: this crate is
//! also an example of a whole server around it.
//!
//! A behaviour may have parameters ([`Treatment`]), and a server several behaviours by weight
//! ([`Mix`]). With [`Protocol::Http`] it speaks HTTP/1.1, and the path of a request may choose:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{Ipv4Addr, TcpStream};
//!
//! use finwait_peer::{Options, Protocol, Server};
//!
//! let options = Options {
//!     behaviour: "linger".parse()?,
//!     protocol: Protocol::Http,
//!     ..Options::default()
//! };
//! let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options)?.spawn()?;
//!
//! let mut client = TcpStream::connect(server.addr())?;
//! client.write_all(b"GET /behave/trunc=50%?size=1k HTTP/1.1\r\n\r\n")?;
//! let mut response = String::new();
//! client.read_to_string(&mut response)?;
//! let (head, body) = response.split_once("\r\n\r\n").ok_or("no head")?;
//! assert!(head.contains("Content-Length: 1024"));
//! assert_eq!(body.len(), 512);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A server of one's own thread
//!
//! [`Server::run`] serves in the calling thread until a [`StopHandle`] stops it; [`Server::spawn`]
//! serves in the background, and [`Running`] is the hold on it. Both serve in as many threads as
//! [`Options::threads`] says.
//!
//! # What is bounded
//!
//! One connection's share of a turn of the event loop, so that one that floods starves nobody;
//! what an echo holds for a connection (64 KiB, and nothing while the peer keeps up), and what HTTP
//! holds (one head of at most 32 KiB; bodies, answers and pipelined requests are not held); every
//! good teardown, by [`Options::limits`] or by its behaviour. Silence is bounded by
//! [`Options::idle`]; not how long a connection may stay open on which something moves, or whose
//! peer does not read: it is the test's own business to end. Out of descriptors, the server pauses accepting until there are
//! some again, and counts how often that happened.

mod accept;
mod answer;
mod behaviour;
mod connection;
mod exchange;
mod filler;
mod http;
mod mix;
mod server;
mod service;
mod shared;
mod stats;
mod stop;
mod treatment;
mod units;
mod worker;

pub use behaviour::{Behaviour, Entry, Kind};
pub use mix::Mix;
pub use server::{Options, Protocol, Running, Server};
pub use stats::{Stats, Summary};
pub use stop::{Stop, StopHandle};
pub use treatment::{Framing, Params, Treatment};
pub use units::{ParseError, format_bytes, format_duration, parse_bytes, parse_duration};
