//! The network is cut: before, during and after the FIN.

use std::io::{Read, Write};
use std::sync::mpsc;

use finwait::{Delivered, Ending, Fin, Limits, OnDeadline, Phase};

use crate::common::{BOUND, Peer, tells};
use crate::lab::{FIN_WAIT_2, long, policies, short};
use crate::namespace::alone;
use crate::own_network::run;
use crate::truth::{
    CONFIRM, DRAIN_IDLE, FLUSH_IDLE, Had, agrees, is_graceful, is_one_of, read_all, says,
};

/// More than the buffers of both ends take.
const TOO_MUCH: usize = 32 << 20;

#[test]
fn a_cut_before_anything_is_written() {
    alone(a_cut_before_anything_is_written, |lab| {
        for on_deadline in [OnDeadline::Close, OnDeadline::Abort] {
            let limits = Limits {
                on_deadline,
                ..short()
            };
            let mut begun = Vec::new();
            let mut peers = Vec::new();
            for limits in policies(limits) {
                for unsent in [100, TOO_MUCH] {
                    let (ours, theirs) = lab.pair();
                    peers.push(theirs);
                    begun.push((ours, unsent, limits));
                }
            }
            lab.partition();
            let begun = begun.into_iter().map(|(ours, unsent, limits)| {
                let key = lab.begin(ours, vec![7; unsent], &limits);
                lab.is_silent(key);
                (key, unsent)
            });
            let begun: Vec<_> = begun.collect();
            let reports = lab.all();
            assert!(lab.struck() > 0);
            for (key, unsent) in begun {
                let report = reports[&key];
                if unsent == TOO_MUCH {
                    is_one_of(&report, &[(FLUSH_IDLE, "the buffer never got room")]);
                    says(&report, Delivered::No);
                    assert_eq!(report.fin, Fin::NotSent, "{report:#?}");
                } else {
                    is_one_of(&report, &[(DRAIN_IDLE, "all written, and no answer")]);
                    says(&report, Delivered::Unknown);
                    if tells().unacknowledged {
                        assert_eq!(report.unacknowledged_bytes, Some(100), "{report:#?}");
                    }
                }
                assert_eq!(report.aborted, on_deadline == OnDeadline::Abort);
                assert!(!report.peer_fin, "{report:#?}");
            }
            lab.heal();
        }
    });
}

#[test]
fn a_cut_in_the_middle_of_a_flush() {
    alone(a_cut_in_the_middle_of_a_flush, |lab| {
        let (ours, mut theirs) = lab.pair();
        let (has_read, reads) = mpsc::channel();
        let peer = Peer::plays(move || {
            let mut megabyte = vec![0; 1 << 20];
            theirs.read_exact(&mut megabyte).expect("the first of many");
            has_read.send(()).expect("a test");
            // It reads on: nothing but the cut stops us.
            let rest = read_all(theirs);
            Had {
                bytes: megabyte.len() + rest.bytes,
                ..rest
            }
        });
        lab.begin(ours, vec![7; TOO_MUCH], &short());
        lab.until("the peer reads", |_| reads.try_recv().ok());
        lab.partition();
        let report = lab.only();
        is_one_of(
            &report,
            &[(FLUSH_IDLE, "nothing was acknowledged any more")],
        );
        says(&report, Delivered::No);
        // Our kernel still has some of it to send.
        lab.heal();
        agrees(&report, peer.done(), TOO_MUCH);
    });
}

/// Our FIN arrives and is acknowledged; the peer's never comes.
#[test]
fn a_cut_between_the_two_fins() {
    alone(a_cut_between_the_two_fins, |lab| {
        let mut begun = Vec::new();
        for limits in policies(short()) {
            let (ours, theirs) = lab.pair();
            let acked = matches!(limits.finish_on, finwait::FinishOn::Acked { .. });
            let key = lab.begin(ours, b"response".to_vec(), &limits);
            begun.push((key, acked, theirs));
        }
        let all = begun.len();
        lab.until("acknowledged FINs", |lab| {
            // One that wants no more than that may be over by then.
            (lab.count(FIN_WAIT_2) + lab.over() == all).then_some(())
        });
        lab.partition();
        let begun = begun.into_iter().map(|(key, acked, mut theirs)| {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).expect("a clean EOF");
            assert_eq!(all, b"response");
            // Here its FIN goes, and is lost.
            (key, acked)
        });
        let begun: Vec<_> = begun.collect();
        let reports = lab.all();
        for (key, acked) in begun {
            let report = reports[&key];
            if acked {
                is_one_of(&report, &[(Ending::Acked, "ours was, before the cut")]);
            } else {
                is_one_of(&report, &[(DRAIN_IDLE, "the peer's FIN was lost")]);
            }
            says(&report, Delivered::Yes);
        }
    });
}

/// The peer's FIN is there; ours goes into the void.
#[test]
fn a_cut_after_the_peers_fin() {
    alone(a_cut_after_the_peers_fin, |lab| {
        for limits in policies(short()) {
            let (ours, theirs) = lab.pair();
            drop(theirs);
            let mut one = [0; 1];
            assert_eq!(ours.peek(&mut one).expect("an EOF"), 0);
            lab.partition();
            lab.begin(ours, b"response".to_vec(), &limits);
            let report = lab.only();
            match limits.finish_on {
                finwait::FinishOn::PeerFin => {
                    is_one_of(&report, &[(Ending::PeerFin, "this policy waits no longer")]);
                }
                _ => is_one_of(&report, &[(CONFIRM, "no acknowledgement came")]),
            }
            says(&report, Delivered::Unknown);
            assert!(report.peer_fin, "{report:#?}");
            lab.heal();
        }
    });
}

/// It is the kernel that gives up first, and it says so.
#[test]
fn a_cut_that_outlasts_the_kernels_patience() {
    alone(a_cut_that_outlasts_the_kernels_patience, |lab| {
        // Two retransmissions instead of fifteen: about a second instead of a quarter of an hour.
        run(
            "sh",
            &["-ec", "echo 1 >/proc/sys/net/ipv4/tcp_retries2"],
            "",
        );
        let mut begun = Vec::new();
        for limits in policies(Limits {
            finish_on: finwait::FinishOn::PeerFin,
            ..long()
        }) {
            for (unsent, phase) in [(100, Phase::Drain), (TOO_MUCH, Phase::Flush)] {
                let (ours, theirs) = lab.pair();
                begun.push((ours, theirs, unsent, phase, limits));
            }
        }
        lab.partition();
        let mut keys = Vec::new();
        let mut peers = Vec::new();
        for (ours, theirs, unsent, phase, limits) in begun {
            keys.push((lab.begin(ours, vec![7; unsent], &limits), phase));
            peers.push(theirs);
        }
        let reports = lab.all();
        for (key, phase) in keys {
            let report = reports[&key];
            is_one_of(&report, &[(Ending::Lost { phase }, "ETIMEDOUT")]);
            let error = report.error.expect("the kernel's word");
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{report:#?}");
        }
    });
}

/// A cut that ends in time is no ending at all.
#[test]
fn a_cut_that_heals() {
    alone(a_cut_that_heals, |lab| {
        for limits in policies(long()) {
            let limits = Limits {
                finish_on: match limits.finish_on {
                    finwait::FinishOn::PeerFinAndAcked { .. } => {
                        finwait::FinishOn::PeerFinAndAcked { confirm: BOUND }
                    }
                    other => other,
                },
                ..limits
            };
            let (ours, mut theirs) = lab.pair();
            theirs.write_all(b"request").expect("a connection");
            lab.partition();
            lab.begin(ours, b"response".to_vec(), &limits);
            // The bytes, the FIN, and at least one of them again.
            lab.until("packets in the void", |lab| {
                (lab.struck() > 2).then_some(())
            });
            lab.heal();
            let peer = Peer::plays(move || {
                let mut all = Vec::new();
                theirs.read_to_end(&mut all).expect("a clean EOF");
                all
            });
            let report = lab.only();
            assert_eq!(peer.done(), b"response");
            match limits.finish_on {
                finwait::FinishOn::Acked { .. } => is_one_of(
                    &report,
                    &[
                        (Ending::Acked, "sent again, and acknowledged"),
                        (Ending::Graceful, "and the peer closed within the grace"),
                    ],
                ),
                _ => is_graceful(&report, "sent again"),
            }
            says(&report, Delivered::Yes);
        }
    });
}
