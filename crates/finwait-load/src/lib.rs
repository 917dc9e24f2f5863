//! The client side of a close test: many connections, one verdict each.
//!
//! A [`Plan`] says where to connect, how often, what to send and how to close. [`run`] carries it
//! out and returns an [`Outcome`]; a [`Control`] shows its counters meanwhile and stops it.
//!
//! Every connection that was started lands in exactly one cell of [`Progress`] times [`Ending`],
//! and each cell has a name that people read, its [`Verdict`]. Connections are closed through
//! [`finwait::Closer`], so a reset that comes after the peer's FIN is seen, and a request is
//! called safe to try again only if no byte of it was handed to the kernel.
//!
//! Workers share nothing but live counters: each has its own event loop, connections and
//! histograms, which are added up exactly at the end.
//!
//! ```
//! use finwait_load::{Control, Expect, Plan, Verdict};
//! use finwait_peer::{Options, Server};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::bind(([127, 0, 0, 1], 0).into(), Options::default())?.spawn()?;
//!
//! let mut plan = Plan::new(server.addr());
//! plan.connections = 10;
//! plan.total = Some(100);
//! plan.request = b"hello".as_slice().into();
//! plan.expect = Expect::Echo;
//! let outcome = finwait_load::run(&plan, &Control::new())?;
//!
//! assert_eq!(outcome.tally.verdicts()[&Verdict::Graceful], 100);
//! assert!(outcome.tally.adds_up());
//! # Ok(())
//! # }
//! ```

mod clocks;
mod close;
mod closing;
mod connecting;
mod control;
mod exchange;
mod http;
mod limited;
mod observe;
mod phases;
mod plan;
mod ports;
mod reception;
mod record;
mod request;
mod result;
mod run;
mod schedule;
mod shapes;
mod tally;
mod telling;
mod threshold;
mod verdict;
mod worker;

pub use close::{CloseMix, CloseMode, MixError, is_sampled};
pub use control::{Control, Live};
pub use http::Framing;
pub use observe::Observer;
pub use phases::Phases;
pub use plan::{Drip, Mode, Plan, default_limits};
pub use reception::Expect;
pub use record::{ErrorKey, Phase, Record, Times};
pub use result::{
    Config, Environment, Generator, MergeError, ReadError, RunResult, SCHEMA, Segments,
};
pub use run::{Outcome, run, run_observed};
pub use schedule::Segment;
pub use tally::{Late, Tally, Windows};
pub use threshold::{Judgement, Threshold, ThresholdError};
pub use verdict::{Ending, Progress, Verdict};
