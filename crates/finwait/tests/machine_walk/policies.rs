//! Every combination of policies, with clocks that are short and all different in effect: few
//! instants at which anything can happen keep the walk small.

use std::time::Duration;

use finwait::{FinishOn, Limits, OnDeadline, OnLimit, Receive};

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
    let finishes = [
        FinishOn::PeerFin,
        FinishOn::Acked {
            grace: millis(ACKED_GRACE),
        },
        FinishOn::PeerFinAndAcked {
            confirm: millis(CONFIRM),
        },
    ];
    let pause = OnLimit::PauseAndConfirm {
        grace: millis(LIMIT_GRACE),
    };
    // Delivered bytes have no limit.
    let receives = [
        (Receive::Discard, pause),
        (Receive::Discard, OnLimit::Abort),
        (Receive::Deliver, pause),
    ];
    let mut all = Vec::new();
    for finish_on in finishes {
        for (receive, on_limit) in receives {
            for on_deadline in [OnDeadline::Close, OnDeadline::Abort] {
                let limits = Limits {
                    flush_stall: millis(FLUSH_STALL),
                    flush_total: Some(millis(FLUSH_TOTAL)),
                    drain_idle: millis(DRAIN_IDLE),
                    drain_total: Some(millis(DRAIN_TOTAL)),
                    drain_bytes: Some(DRAIN_BYTES),
                    on_limit,
                    on_deadline,
                    finish_on,
                };
                all.push((limits, receive));
            }
        }
    }
    all
}

/// Each in one of the two ways to end at a deadline, which are one action apart.
pub(crate) fn every_second_policy() -> Vec<(Limits, Receive)> {
    let all = every_policy();
    let alternate = |pair: usize| pair * 2 + pair % 2;
    (0..all.len() / 2)
        .map(|pair| all[alternate(pair)])
        .collect()
}
