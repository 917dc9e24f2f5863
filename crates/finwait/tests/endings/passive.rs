//! The peer closes first, and the caller has read its FIN.

use std::io::Read;
use std::net::Shutdown;

use finwait::{Delivered, Ending, FinishOn, Limits, Phase};

use crate::abort;
use crate::common::{BOUND, Driver, Peer, if_told, ms, pair, patient, tells, until_reset};

#[test]
fn what_is_unsent_arrives_after_the_peers_fin_and_nothing_is_received() {
    const UNSENT: usize = 8 << 20;
    let (mut ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        theirs.shutdown(Shutdown::Write).expect("a half-close");
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).expect("all, and our FIN");
        bytes.len()
    });
    assert_eq!(ours.read(&mut [0]).expect("its FIN"), 0);
    let proof = Limits {
        finish_on: FinishOn::PeerFinAndAcked { confirm: BOUND * 4 },
        ..patient()
    };
    let mut driver = Driver::new(patient());
    driver.close_after_peer_fin(ours, vec![7; UNSENT], &proof);
    let report = driver.finished().report;
    assert_eq!(theirs.done(), UNSENT);
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
    assert_eq!((report.received_bytes, report.drain), (0, ms(0)));
}

/// One that has nothing to send is over in one turn: nobody waits for an event.
#[test]
fn with_nothing_unsent_it_is_over_at_once() {
    let (mut ours, theirs) = pair();
    theirs.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(ours.read(&mut [0]).expect("its FIN"), 0);
    let mut driver = Driver::new(patient());
    driver.close_after_peer_fin(ours, [], &patient());
    let report = driver.at_once();
    assert!(
        matches!(report.ending, Ending::Graceful | Ending::PeerFin),
        "{report:?}"
    );
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
}

#[test]
fn a_reset_behind_the_fin_that_the_caller_has_read_is_told() {
    let (mut ours, theirs) = pair();
    theirs.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(ours.read(&mut [0]).expect("its FIN"), 0);
    abort(theirs);
    until_reset(&ours);
    let mut driver = Driver::new(patient());
    driver.close_after_peer_fin(ours, [], &patient());
    let report = driver.at_once();
    assert!(report.peer_fin, "{report:?}");
    if cfg!(windows) {
        // Only an event tells of it there, and none has come before the last question.
        assert_ne!(report.delivered(), Delivered::No, "{report:?}");
        return;
    }
    let after_fin = Ending::Reset {
        phase: Phase::HalfClose,
        after_fin: true,
    };
    assert_eq!(report.ending, after_fin, "{report:?}");
    assert!(report.error.is_some(), "{report:?}");
}
