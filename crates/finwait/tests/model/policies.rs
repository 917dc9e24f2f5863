//! Every combination of policies. The clocks are short, so that few instants matter.

use std::time::Duration;

use finwait::{Limits, Receive};

use crate::combinations::{Waits, every_combination};

pub(crate) const FLUSH_STALL: u64 = 3;
/// How much later a clock may end it that is asked each quarter of its time, but not at once.
pub(crate) const QUARTER: u64 = 1;
pub(crate) const FLUSH_TOTAL: u64 = 7;
pub(crate) const DRAIN_IDLE: u64 = 3;
pub(crate) const DRAIN_TOTAL: u64 = 7;
/// The peer sends one more, and one more again: see `kernel`.
pub(crate) const DRAIN_BYTES: u64 = 2;
pub(crate) const LIMIT_GRACE: u64 = 1;
pub(crate) const ACKED_GRACE: u64 = 1;
pub(crate) const CONFIRM: u64 = 2;

pub(crate) fn every_policy() -> Vec<(Limits, Receive)> {
    let millis = Duration::from_millis;
    let base = Limits {
        flush_stall: millis(FLUSH_STALL),
        flush_total: Some(millis(FLUSH_TOTAL)),
        drain_idle: millis(DRAIN_IDLE),
        drain_total: Some(millis(DRAIN_TOTAL)),
        drain_bytes: Some(DRAIN_BYTES),
        ..Limits::default()
    };
    let waits = Waits {
        acked_grace: millis(ACKED_GRACE),
        confirm: millis(CONFIRM),
        limit_grace: millis(LIMIT_GRACE),
    };
    every_combination(base, &waits)
}
