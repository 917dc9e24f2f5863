//! HTTP/1.1, the part of it that a server needs which has nothing to say.

mod body;
mod head;
mod request;
mod response;

pub(crate) use body::{Body, Chunks};
pub(crate) use head::Head;
pub(crate) use request::{Refusal, Request, Target, parse};
pub(crate) use response::{CONTINUE, Response};

/// What is taken of a request's body; what announces more is refused.
pub(crate) const MOST_BODY: u64 = 16 << 20;
/// What is taken of a request's head.
pub(crate) const MOST_HEAD: usize = 32 << 10;
/// What is taken of a request's target.
pub(crate) const MOST_TARGET: usize = 8 << 10;
