//! What `trace.rs` is without the feature `tracing`: nothing, at no cost.

use crate::report::{Phase, Report};
use crate::teardown::Receive;

#[derive(Debug)]
pub(crate) struct Trace;

impl Trace {
    #[inline]
    pub(crate) fn start(_: usize, _: usize, _: Receive, _: Phase) -> Self {
        Self
    }

    #[inline]
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "the signature of the traced one"
    )]
    pub(crate) fn phase(&mut self, _: Phase) {}

    #[inline]
    pub(crate) fn finished(&self, _: &Report) {}
}
