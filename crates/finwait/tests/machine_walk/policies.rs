//! Every combination of policies, with clocks that are short and all different in effect: few
//! instants at which anything can happen keep the walk small.

use std::time::Duration;

use finwait::{Limits, Receive};

use crate::combinations::{Waits, every_combination};

pub(crate) const FLUSH_STALL: u64 = 3;
pub(crate) const FLUSH_TOTAL: u64 = 7;
pub(crate) const DRAIN_IDLE: u64 = 3;
pub(crate) const DRAIN_TOTAL: u64 = 7;
pub(crate) const DRAIN_BYTES: u64 = 10;
pub(crate) const LIMIT_GRACE: u64 = 2;
pub(crate) const ACKED_GRACE: u64 = 1;
pub(crate) const CONFIRM: u64 = 2;
pub(crate) const UNWRITTEN: u64 = 10;

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

/// Each in one of the two ways to end at a deadline, which are one action apart.
pub(crate) fn every_second_policy() -> Vec<(Limits, Receive)> {
    let all = every_policy();
    // The other way round for the next of the three ways to finish, each of which has as many pairs.
    let each = all.len() / 6;
    let alternate = |pair: usize| pair * 2 + (pair + pair / each) % 2;
    (0..all.len() / 2)
        .map(|pair| all[alternate(pair)])
        .collect()
}
