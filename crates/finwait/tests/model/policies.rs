//! Every combination of policies. The clocks are short, so that few instants matter.

use std::time::Duration;

use finwait::{FinishOn, Limits, OnDeadline, OnLimit, Receive};

pub(crate) const FLUSH_STALL: u64 = 3;
pub(crate) const FLUSH_TOTAL: u64 = 7;
pub(crate) const DRAIN_IDLE: u64 = 3;
pub(crate) const DRAIN_TOTAL: u64 = 7;
/// The peer sends one more, and one more again: see `kernel`.
pub(crate) const DRAIN_BYTES: u64 = 2;
const LIMIT_GRACE: u64 = 1;
const ACKED_GRACE: u64 = 1;
const CONFIRM: u64 = 2;

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
