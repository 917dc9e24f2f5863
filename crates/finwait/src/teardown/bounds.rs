//! The limits, as the machine keeps them.

use crate::limits::{FinishOn, Limits, OnDeadline, OnLimit};
use crate::span::Span;

/// [`Limits`] in the machine's own small units, for all teardowns that have the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(super) bounds: Bounds,
    pub(super) drain_bytes: u64,
}

impl Rules {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds::new(limits),
            drain_bytes: limits.drain_bytes.unwrap_or(u64::MAX),
        }
    }
}

/// What a teardown keeps of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) flush_stall: Span,
    pub(super) flush_total: Span,
    pub(super) drain_idle: Span,
    pub(super) drain_total: Span,
    /// The grace or the wait of `finish`.
    pub(super) finish_wait: Span,
    pub(super) limit_grace: Span,
    pub(super) finish: Finish,
    pub(super) abort_on_limit: bool,
    pub(super) abort_on_deadline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    PeerFin,
    Acked,
    PeerFinAndAcked,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        let (finish, finish_wait) = match limits.finish_on {
            FinishOn::PeerFin => (Finish::PeerFin, Span::ZERO),
            FinishOn::Acked { grace } => (Finish::Acked, Span::bound(grace)),
            FinishOn::PeerFinAndAcked { confirm } => {
                (Finish::PeerFinAndAcked, Span::bound(confirm))
            }
        };
        let (abort_on_limit, limit_grace) = match limits.on_limit {
            OnLimit::PauseAndConfirm { grace } => (false, Span::bound(grace)),
            OnLimit::Abort => (true, Span::ZERO),
        };
        Self {
            flush_stall: Span::bound(limits.flush_stall),
            flush_total: Span::optional(limits.flush_total),
            drain_idle: Span::bound(limits.drain_idle),
            drain_total: Span::optional(limits.drain_total),
            finish_wait,
            limit_grace,
            finish,
            abort_on_limit,
            abort_on_deadline: limits.on_deadline == OnDeadline::Abort,
        }
    }
}
