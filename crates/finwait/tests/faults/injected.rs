//! Somebody between the two ends sends an RST in the peer's name. The peer knows of nothing.

use std::net::TcpStream;

use finwait::{Delivered, Ending, Fin, FinishOn, Phase};

use crate::common::{fill, tells};
use crate::lab::{Lab, long, policies};
use crate::namespace::alone;
use crate::truth::{Allowed, is_one_of, reset, says};

const RST: &str = "reject with tcp reset";

fn forged_on_what_we_send(lab: &Lab) {
    lab.fault(&lab.to_peer(), RST);
}

/// Whatever is sent first draws it: bytes, or the FIN.
#[test]
fn an_rst_in_answer_to_our_first_segment() {
    const ALLOWED: &[Allowed] = &[
        (reset(Phase::Flush, false), "our write found it"),
        (reset(Phase::HalfClose, false), "our shutdown found it"),
        (reset(Phase::Drain, false), "our read found it"),
    ];
    alone(an_rst_in_answer_to_our_first_segment, |lab| {
        for unsent in [0, 100, 32 << 20] {
            for limits in policies(long()) {
                let (ours, theirs) = lab.pair();
                forged_on_what_we_send(lab);
                lab.begin(ours, vec![7; unsent], &limits);
                let report = lab.only();
                is_one_of(&report, ALLOWED);
                assert!(!report.peer_fin && !report.aborted, "{report:#?}");
                match (unsent, report.unwritten_bytes) {
                    // Of no bytes none is lost.
                    (0, _) => says(&report, Delivered::Yes),
                    (_, 0) => says(&report, Delivered::Unknown),
                    _ => says(&report, Delivered::No),
                }
                lab.heal();
                drop(theirs);
            }
        }
    });
}

/// Our FIN had been acknowledged; the RST comes in answer to a segment of the peer's.
#[test]
fn an_rst_while_we_drain() {
    alone(an_rst_while_we_drain, |lab| {
        for limits in policies(long()) {
            if matches!(limits.finish_on, FinishOn::Acked { .. }) {
                // It does not wait for what may come.
                continue;
            }
            let (ours, theirs) = lab.pair();
            lab.begin(ours, b"response".to_vec(), &limits);
            eof(lab, &theirs);
            // The peer goes on; its bytes are acknowledged, and the acknowledgement draws the RST.
            forged_on_what_we_send(lab);
            fill(&theirs);
            let report = lab.only();
            is_one_of(
                &report,
                &[(reset(Phase::Drain, false), "our read found it")],
            );
            assert!(!report.peer_fin, "{report:#?}");
            lab.heal();
        }
    });
}

/// Until the peer has read our FIN.
fn eof(lab: &mut Lab, theirs: &TcpStream) {
    theirs.set_nonblocking(true).expect("non-blocking");
    lab.until("the peer's EOF", |_| {
        let mut buffer = [0; 64];
        let read = std::io::Read::read(&mut &*theirs, &mut buffer);
        matches!(read, Ok(0)).then_some(())
    });
}

/// The hidden reset: `read` said EOF, and never says anything else.
#[test]
fn an_rst_after_the_peers_fin() {
    const HIDDEN: &[Allowed] = &[
        (
            reset(Phase::Confirm, true),
            "only SO_ERROR shows it, after the EOF",
        ),
        (
            reset(Phase::Flush, true),
            "our write found it, after the EOF",
        ),
        (
            reset(Phase::HalfClose, true),
            "our shutdown found it, after the EOF",
        ),
        (
            reset(Phase::Flush, false),
            "our write found it, before the FIN was read: our late acknowledgement drew it",
        ),
        (
            reset(Phase::HalfClose, false),
            "our shutdown found it, before the FIN was read",
        ),
    ];
    alone(an_rst_after_the_peers_fin, |lab| {
        for unsent in [0, 100] {
            for limits in policies(long()) {
                let (ours, theirs) = lab.pair();
                drop(theirs);
                assert_eq!(ours.peek(&mut [0; 1]).expect("an EOF"), 0);
                forged_on_what_we_send(lab);
                lab.begin(ours, vec![7; unsent], &limits);
                let report = lab.only();
                is_one_of(&report, HIDDEN);
                if unsent > 0 {
                    assert_ne!(report.delivered(), Delivered::Yes, "{report:#?}");
                }
                if tells().fin_acked {
                    assert_ne!(report.fin, Fin::Acked, "{report:#?}");
                }
                assert!(report.error.is_some(), "{report:#?}");
                assert_ne!(report.ending, Ending::AlreadyClosed);
                lab.heal();
            }
        }
    });
}
