//! What is slow without being dead, and what is dead and looks alive.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use finwait::{Delivered, FinishOn, Limits};

use crate::common::{BOUND, Peer, ms, tells};
use crate::lab::{long, policies, short};
use crate::namespace::alone;
use crate::own_network::run;
use crate::truth::{
    Allowed, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_IDLE, FLUSH_TOTAL, agrees, is_graceful, is_one_of,
    read_all, says,
};

const TOO_MUCH: usize = 32 << 20;

/// A link that takes longer than any idle clock, and is never idle.
#[test]
fn a_slow_link_is_not_cut() {
    const BYTES: usize = 768 << 10;
    alone(a_slow_link_is_not_cut, |lab| {
        let (ours, theirs) = lab.pair();
        let (shape, link) = (
            "rate 2mbit burst 16k limit 4mb",
            ["qdisc", "add", "dev", "lo"],
        );
        let args: Vec<&str> = link
            .into_iter()
            .chain(["root", "tbf"])
            .chain(shape.split(' '))
            .collect();
        run("tc", &args, "");
        let limits = Limits {
            flush_stall: ms(1_500),
            drain_idle: ms(1_500),
            ..long()
        };
        lab.begin(ours, vec![7; BYTES], &limits);
        let peer = Peer::plays(move || read_all(theirs));
        let report = lab.only();
        if tells().unacknowledged {
            is_graceful(&report, "it took its time");
            // 752 KiB at 2 Mbit/s: no machine is faster than its link.
            assert!(report.total() > limits.drain_idle, "{report:#?}");
        } else {
            // Where acknowledgements are not told, the time after the last write counts.
            is_one_of(&report, &[(DRAIN_IDLE, "no progress that is told")]);
        }
        run("tc", &["qdisc", "del", "dev", "lo", "root"], "");
        agrees(&report, peer.done(), BYTES);
    });
}

/// The peer lives, acknowledges every probe of its window, and never reads.
#[test]
fn a_window_that_stays_closed_for_ever() {
    alone(a_window_that_stays_closed_for_ever, |lab| {
        let mut full = Vec::new();
        let mut peers = Vec::new();
        for limits in policies(short()) {
            // All in our kernel, and less than all.
            for unsent in [0, TOO_MUCH] {
                let (ours, theirs) = lab.pair();
                lab.fill(&ours);
                full.push((ours, unsent, limits));
                peers.push(theirs);
            }
        }
        let begun = full.into_iter().map(|(ours, unsent, limits)| {
            let key = lab.begin(ours, vec![7; unsent], &limits);
            (key, unsent)
        });
        let begun: Vec<_> = begun.collect();
        let reports = lab.all();
        for (key, unsent) in begun {
            let report = reports[&key];
            if unsent == 0 {
                is_one_of(&report, &[(DRAIN_IDLE, "our FIN waits behind the bytes")]);
                says(&report, Delivered::Unknown);
            } else {
                is_one_of(&report, &[(FLUSH_IDLE, "no room")]);
                says(&report, Delivered::No);
            }
        }
        drop(peers);
    });
}

/// What the peer sends is no progress of ours.
#[test]
fn a_peer_that_floods_and_never_reads() {
    alone(a_peer_that_floods_and_never_reads, |lab| {
        // Read up to a limit, and all the time.
        for drain_bytes in [Some(1 << 20), None] {
            let (ours, mut theirs) = lab.pair();
            let reader = theirs.try_clone().expect("a descriptor");
            let limits = Limits {
                drain_bytes,
                ..short()
            };
            lab.begin(ours, vec![7; TOO_MUCH], &limits);
            let peer = Peer::plays(move || {
                // Until we close.
                while theirs.write_all(&[9; 64 << 10]).is_ok() {}
            });
            let report = lab.only();
            is_one_of(&report, &[(FLUSH_IDLE, "no room, whatever it sends")]);
            says(&report, Delivered::No);
            let most = drain_bytes.map_or(u64::MAX, |limit| limit + (1 << 20));
            assert!(report.received_bytes <= most, "{report:#?}");
            peer.done();
            drop(reader);
        }
    });
}

/// Lets a drip fall every `interval`, and says what the longest time between two of them was, or
/// between `start` and the first, at the most.
fn drips(
    start: Instant,
    interval: Duration,
    until: mpsc::Receiver<()>,
    mut drip: impl FnMut() -> bool,
) -> Duration {
    let (mut last, mut longest) = (start, Duration::ZERO);
    while until.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let before = Instant::now();
        if !drip() {
            break;
        }
        longest = longest.max(last.elapsed());
        last = before;
    }
    longest.max(last.elapsed())
}

/// Each byte just before the idle clock runs out: the total one ends it.
#[test]
fn a_byte_just_before_the_idle_clock_runs_out() {
    alone(a_byte_just_before_the_idle_clock_runs_out, |lab| {
        let mut begun = Vec::new();
        for limits in policies(Limits {
            drain_total: Some(ms(1_200)),
            ..short()
        }) {
            if matches!(limits.finish_on, FinishOn::Acked { .. }) {
                continue;
            }
            let (ours, mut theirs) = lab.pair();
            let (over, until) = mpsc::channel();
            let interval = limits.drain_idle * 9 / 10;
            let start = Instant::now();
            let key = lab.begin(ours, Vec::new(), &limits);
            let peer = Peer::plays(move || {
                drips(start, interval, until, || theirs.write_all(b".").is_ok())
            });
            begun.push((key, over, peer, limits));
        }
        let reports = lab.all();
        for (key, over, peer, limits) in begun {
            let report = reports[&key];
            drop(over);
            if peer.done() < limits.drain_idle {
                is_one_of(&report, &[(DRAIN_TOTAL, "never idle, and out of time")]);
                assert!(report.received_bytes > 0, "{report:#?}");
            } else {
                // The machine was too busy for the peer to be in time.
                let allowed: &[Allowed] =
                    &[(DRAIN_TOTAL, "out of time"), (DRAIN_IDLE, "a late drip")];
                is_one_of(&report, allowed);
            }
        }
    });
}

/// The same in the other direction: it reads a little just before the flush counts as stalled.
#[test]
fn a_peer_that_reads_a_sip_at_a_time() {
    alone(a_peer_that_reads_a_sip_at_a_time, |lab| {
        for sip in [1, 1 << 20] {
            let limits = Limits {
                flush_total: Some(ms(1_500)),
                ..short()
            };
            let (ours, theirs) = lab.pair();
            let (over, until) = mpsc::channel();
            lab.begin(ours, vec![7; TOO_MUCH], &limits);
            let interval = limits.flush_stall * 9 / 10;
            let peer = Peer::plays(move || {
                let mut buffer = vec![0; sip];
                drips(Instant::now(), interval, until, || {
                    std::io::Read::read(&mut &theirs, &mut buffer).is_ok()
                })
            });
            let report = lab.only();
            is_one_of(
                &report,
                &[
                    (FLUSH_TOTAL, "never stalled, and out of time"),
                    (
                        FLUSH_IDLE,
                        "a sip opens no window: nothing was acknowledged for too long",
                    ),
                ],
            );
            says(&report, Delivered::No);
            drop(over);
            assert!(peer.done() < BOUND);
        }
    });
}
