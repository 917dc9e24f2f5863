//! Segments of one kind alone are lost: FINs, or acknowledgements.

use std::io::Read;
use std::sync::mpsc;

use finwait::{Delivered, Ending, Fin, FinishOn, Limits};

use crate::common::{BOUND, Peer, tells};
use crate::lab::{CLOSING, long, policies, short};
use crate::namespace::alone;
use crate::truth::{DRAIN_IDLE, agrees, is_graceful, is_one_of, read_all, says};

const FIN: &str = "tcp flags & fin == fin";
/// Waits for the acknowledgement of our FIN as long as need be.
const PROOF: FinishOn = FinishOn::PeerFinAndAcked { confirm: BOUND };
const LONG_GRACE: FinishOn = FinishOn::Acked { grace: BOUND };
/// Without bytes, FIN or anything else: Linux marks the last segment of a write with PSH.
const BARE_ACK: &str = "tcp flags & (fin | syn | rst | psh | ack) == ack";

#[test]
fn our_fins_are_lost() {
    alone(our_fins_are_lost, |lab| {
        lab.fault(&format!("{} {FIN}", lab.to_peer()), "drop");
        let mut begun = Vec::new();
        for limits in policies(short()) {
            let (ours, theirs) = lab.pair();
            let key = lab.begin(ours, b"response".to_vec(), &limits);
            begun.push((key, Peer::plays(move || read_all(theirs))));
        }
        let reports = lab.all();
        assert!(lab.struck() > 0);
        lab.heal();
        for (key, peer) in begun {
            let report = reports[&key];
            is_one_of(
                &report,
                &[(DRAIN_IDLE, "the peer does not know that we are through")],
            );
            // Its TCP has all our bytes, and not our FIN.
            says(&report, Delivered::Yes);
            if tells().fin_acked {
                assert_eq!(report.fin, Fin::Queued, "{report:#?}");
            }
            agrees(&report, peer.done(), "response".len());
        }
    });
}

#[test]
fn the_peers_fins_are_lost() {
    alone(the_peers_fins_are_lost, |lab| {
        lab.fault(&format!("{} {FIN}", lab.to_us()), "drop");
        let mut begun = Vec::new();
        for limits in policies(short()) {
            let (ours, theirs) = lab.pair();
            let acked = matches!(limits.finish_on, FinishOn::Acked { .. });
            let key = lab.begin(ours, b"response".to_vec(), &limits);
            begun.push((key, acked, Peer::plays(move || read_all(theirs))));
        }
        let reports = lab.all();
        assert!(lab.struck() > 0);
        for (key, acked, peer) in begun {
            let report = reports[&key];
            if acked {
                // The FIN that is lost carries the acknowledgement, if the peer is quick.
                is_one_of(
                    &report,
                    &[
                        (Ending::Acked, "a bare acknowledgement came first"),
                        (DRAIN_IDLE, "it was on the FIN that was lost"),
                    ],
                );
            } else {
                is_one_of(&report, &[(DRAIN_IDLE, "the peer's FIN never comes")]);
            }
            assert!(!report.peer_fin, "{report:#?}");
            agrees(&report, peer.done(), "response".len());
        }
    });
}

/// Retransmission is the kernel's; to wait for it is ours. The peer closes when it has read our FIN, so
/// that whoever reads its FIN has the acknowledgement of ours, and need not ask twice.
#[test]
fn fins_that_are_lost_at_first() {
    alone(fins_that_are_lost_at_first, |lab| {
        for way in [lab.to_peer(), lab.to_us()] {
            for finish_on in [FinishOn::PeerFin, PROOF] {
                let limits = Limits {
                    finish_on,
                    ..long()
                };
                lab.fault(&format!("{way} {FIN}"), "drop");
                let (ours, theirs) = lab.pair();
                lab.begin(ours, b"response".to_vec(), &limits);
                let peer = Peer::plays(move || read_all(theirs));
                lab.until("a FIN in the void", |lab| (lab.struck() > 0).then_some(()));
                lab.heal();
                let report = lab.only();
                is_graceful(&report, "sent again");
                agrees(&report, peer.done(), "response".len());
            }
        }
    });
}

/// A peer that does not wait for our FIN: its own comes while ours is lost, and says nothing of ours.
/// That is all that a policy knows which asks once; the others wait for the second FIN of ours.
#[test]
fn our_first_fin_is_lost_and_the_peer_closes_without_it() {
    alone(
        our_first_fin_is_lost_and_the_peer_closes_without_it,
        |lab| {
            for (once, finish_on) in [
                (true, FinishOn::PeerFin),
                (false, PROOF),
                (false, LONG_GRACE),
            ] {
                let limits = Limits {
                    finish_on,
                    ..long()
                };
                lab.fault(&format!("{} {FIN}", lab.to_peer()), "drop");
                let (ours, mut theirs) = lab.pair();
                lab.begin(ours, b"response".to_vec(), &limits);
                lab.until("our FIN in the void", |lab| {
                    (lab.struck() > 0).then_some(())
                });
                // Nothing unread, or its close would be an RST.
                let all = &mut [0; b"response".len()];
                theirs.read_exact(all).expect("our bytes");
                drop(theirs);
                if once {
                    let report = lab.only();
                    let crossed = (Ending::PeerFin, "it crossed ours, which was lost");
                    is_one_of(&report, &[crossed]);
                    if tells().fin_acked {
                        assert_eq!(report.fin, Fin::Queued, "{report:#?}");
                    }
                    // Our bytes it had acknowledged.
                    says(&report, Delivered::Yes);
                }
                lab.until("both FINs, ours in the void", |lab| {
                    (lab.count(CLOSING) == 1).then_some(())
                });
                lab.heal();
                if !once {
                    is_graceful(&lab.only(), "ours was sent again, and acknowledged");
                }
                // The kernel goes on with ours where nobody waits for it.
                lab.until("the acknowledgement of our FIN", |lab| {
                    (lab.count(CLOSING) == 0).then_some(())
                });
            }
        },
    );
}

/// All that comes from the peer is lost, and it has everything: what it has we cannot know.
#[test]
fn every_answer_is_lost() {
    alone(every_answer_is_lost, |lab| {
        let mut begun = Vec::new();
        for limits in policies(short()) {
            let (ours, theirs) = lab.pair();
            begun.push((ours, theirs, limits));
        }
        lab.fault(&lab.to_us(), "drop");
        let begun = begun.into_iter().map(|(ours, theirs, limits)| {
            let key = lab.begin(ours, b"response".to_vec(), &limits);
            (key, Peer::plays(move || read_all(theirs)))
        });
        let begun: Vec<_> = begun.collect();
        let reports = lab.all();
        for (key, peer) in begun {
            let report = reports[&key];
            is_one_of(&report, &[(DRAIN_IDLE, "no sign of life")]);
            says(&report, Delivered::Unknown);
            let had = peer.done();
            assert!(had.eof && had.bytes == "response".len(), "{had:?}");
        }
    });
}

#[test]
fn bare_acknowledgements_are_lost() {
    alone(bare_acknowledgements_are_lost, |lab| {
        for limits in policies(short()) {
            // The peer's FIN acknowledges too.
            let (ours, theirs) = lab.pair();
            lab.fault(&format!("{} {BARE_ACK}", lab.to_us()), "drop");
            let patient = Limits {
                finish_on: limits.finish_on,
                ..long()
            };
            lab.begin(ours, b"response".to_vec(), &patient);
            let peer = Peer::plays(move || read_all(theirs));
            let report = lab.only();
            is_graceful(&report, "the peer's FIN acknowledges ours");
            agrees(&report, peer.done(), "response".len());
            lab.heal();

            // Of one that keeps its side open, nothing comes.
            let (ours, theirs) = lab.pair();
            lab.fault(&format!("{} {BARE_ACK}", lab.to_us()), "drop");
            lab.begin(ours, b"response".to_vec(), &limits);
            let (saw, sees) = mpsc::channel();
            let mut reader = theirs.try_clone().expect("a descriptor");
            let peer = Peer::plays(move || {
                std::io::copy(&mut reader, &mut std::io::sink()).expect("a clean EOF");
                saw.send(()).expect("a test");
            });
            lab.until("the peer's EOF", |_| sees.try_recv().ok());
            let report = lab.only();
            is_one_of(&report, &[(DRAIN_IDLE, "no acknowledgement, no FIN")]);
            says(&report, Delivered::Unknown);
            peer.done();
            drop(theirs);
            lab.heal();
        }
    });
}
