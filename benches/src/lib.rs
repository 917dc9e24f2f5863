//! What the benches and the programs beside them share.

mod bare;
mod closer;
mod connections;
mod meter;
mod served;
mod wheel;

// Private to finwait, and meant to stay so: what the benches measure is the same source, compiled here.
#[expect(
    dead_code,
    reason = "the wheel is measured, and what only its driver needs is not"
)]
#[path = "../../crates/finwait/src/deadlines.rs"]
mod deadlines;
#[path = "../../crates/finwait/src/rings.rs"]
mod rings;

pub use bare::{Questions, drain, half_close_all};
pub use closer::{close_all, close_registered, closer_for};
pub use connections::{Sources, establish};
pub use meter::{Meter, Spent};
pub use served::{Served, announce};
pub use wheel::Wheel;
