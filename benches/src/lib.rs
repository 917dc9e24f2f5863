//! What the benches and the programs beside them share.

mod bare;
mod closer;
mod connections;
mod served;

pub use bare::{drain, half_close_all};
pub use closer::close_all;
pub use connections::{Sources, establish};
pub use served::{Served, announce};
