//! Where no system's own file is chosen: the fallback.

#[path = "fallback.rs"]
mod fallback;

pub(crate) use fallback::*;
