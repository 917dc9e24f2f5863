//! Every combination of policies.

use std::time::Duration;

use finwait::{FinishOn, Limits, OnDeadline, OnLimit, Receive};

/// What comes after an event that could end a teardown, and before its end.
pub(crate) struct Waits {
    pub(crate) acked_grace: Duration,
    pub(crate) confirm: Duration,
    pub(crate) limit_grace: Duration,
}

/// With the clocks of `base`. Two that follow each other differ in what is done at a deadline, no more.
pub(crate) fn every_combination(base: Limits, waits: &Waits) -> Vec<(Limits, Receive)> {
    let finishes = [
        FinishOn::PeerFin,
        FinishOn::Acked {
            grace: waits.acked_grace,
        },
        FinishOn::PeerFinAndAcked {
            confirm: waits.confirm,
        },
    ];
    let pause = OnLimit::PauseAndConfirm {
        grace: waits.limit_grace,
    };
    // Delivered bytes have no limit, and neither have those that never come.
    let receives = [
        (Receive::Discard, pause),
        (Receive::Discard, OnLimit::Abort),
        (Receive::Deliver, pause),
        (Receive::Nothing, pause),
    ];
    let mut all = Vec::new();
    for finish_on in finishes {
        for (receive, on_limit) in receives {
            for on_deadline in [OnDeadline::Close, OnDeadline::Abort] {
                let limits = Limits {
                    on_limit,
                    on_deadline,
                    finish_on,
                    ..base
                };
                all.push((limits, receive));
            }
        }
    }
    all
}
