//! Endings without loss: both FINs, in either order, and the policies that ask for proof.

use std::io::{Read, Write};
use std::net::Shutdown;

use finwait::{Clock, Delivered, Ending, Fin, FinishOn, Limits, Phase, Report};

use crate::common::{BOUND, Driver, Peer, fill, if_told, ms, pair, patient, tells};

const REQUEST: &[u8] = b"request";
const RESPONSE: &[u8] = b"response";

fn proof() -> Limits {
    Limits {
        finish_on: FinishOn::PeerFinAndAcked { confirm: BOUND * 4 },
        ..patient()
    }
}

#[track_caller]
fn assert_graceful(report: &Report) {
    let ending = if tells().fin_acked {
        Ending::Graceful
    } else {
        Ending::PeerFin
    };
    assert_eq!(report.ending, ending, "{report:?}");
    assert_eq!(report.delivered(), if_told(Delivered::Yes), "{report:?}");
    assert!(report.peer_fin && report.error.is_none(), "{report:?}");
    assert_eq!(report.unwritten_bytes, 0);
    assert_eq!(report.unread_bytes, Some(0));
}

#[test]
fn a_client_that_half_closes_first_and_reads_to_the_end_is_graceful() {
    let (ours, mut client) = pair();
    let client = Peer::plays(move || {
        client.write_all(REQUEST).expect("our request");
        client.shutdown(Shutdown::Write).expect("a half-close");
        let mut response = Vec::new();
        client.read_to_end(&mut response).expect("a clean EOF");
        response
    });
    let mut driver = Driver::new(proof());
    driver.close(ours, RESPONSE);
    let report = driver.finished().report;
    assert_eq!(client.done(), RESPONSE);
    assert_graceful(&report);
    assert_eq!(report.received_bytes, REQUEST.len() as u64);
    assert_eq!(report.discarded_bytes, REQUEST.len() as u64);
}

#[test]
fn a_server_that_half_closes_first_is_graceful() {
    let (ours, mut client) = pair();
    let client = Peer::plays(move || {
        let mut response = Vec::new();
        client.read_to_end(&mut response).expect("a clean EOF");
        client.write_all(REQUEST).expect("the other half is open");
        response
    });
    let mut driver = Driver::new(patient());
    driver.close(ours, RESPONSE);
    let report = driver.finished().report;
    assert_eq!(client.done(), RESPONSE);
    assert_graceful(&report);
    assert_eq!(report.discarded_bytes, REQUEST.len() as u64);
    assert!(report.fin_to_ack.is_some() == tells().fin_acked);
}

#[test]
fn both_ends_at_once_are_graceful() {
    let (ours, theirs) = pair();
    let mut driver = Driver::new(proof());
    driver.close(ours, REQUEST);
    driver.close(theirs, RESPONSE);
    // Both FINs go out in one turn, before either end has read anything.
    let reports = [driver.finished().report, driver.finished().report];
    for report in &reports {
        assert_graceful(report);
    }
    let mut received = reports.map(|report| report.discarded_bytes);
    received.sort_unstable();
    assert_eq!(received, [REQUEST.len() as u64, RESPONSE.len() as u64]);
}

/// L5: nothing is waited for where everything is there already.
#[test]
fn a_peer_that_has_closed_already_takes_no_waiting() {
    let (ours, theirs) = pair();
    drop(theirs);
    assert_eq!(ours.peek(&mut [0; 8]).expect("its FIN"), 0);
    let mut driver = Driver::new(patient());
    driver.close(ours, []);
    let report = driver.at_once();
    assert!(report.peer_fin, "{report:?}");
    // A system that has no room for one more TIME-WAIT has forgotten the connection that its
    // application closed, and answers our FIN with an RST: there was nothing left to lose.
    let forgotten = Ending::Reset {
        phase: Phase::Confirm,
        after_fin: true,
    };
    assert!(
        [Ending::Graceful, Ending::PeerFin, forgotten].contains(&report.ending),
        "{report:?}"
    );
    assert_ne!(report.delivered(), Delivered::No);
}

#[test]
fn by_default_the_acknowledgement_is_not_waited_for() {
    let (ours, mut client) = pair();
    client.shutdown(Shutdown::Write).expect("a half-close");
    assert_eq!(ours.peek(&mut [0; 8]).expect("its FIN"), 0);
    let mut driver = Driver::new(patient());
    driver.close(ours, RESPONSE);
    let report = driver.at_once();
    // Over loopback it has usually come by then.
    assert!(
        matches!(report.ending, Ending::Graceful | Ending::PeerFin),
        "{report:?}"
    );
    assert_ne!(report.delivered(), Delivered::No);
    let mut response = Vec::new();
    client.read_to_end(&mut response).expect("a clean EOF");
    assert_eq!(response, RESPONSE);
}

/// EOF is not delivery: the peer has said its last word and has not read ours.
#[test]
fn a_peer_fin_with_our_data_unacknowledged_is_no_proof_and_loses_nothing() {
    let (ours, mut client) = pair();
    let written = fill(&ours);
    client.shutdown(Shutdown::Write).expect("a half-close");
    let mut driver = Driver::new(patient());
    driver.close(ours, []);
    let report = driver.finished().report;
    assert_eq!(report.ending, Ending::PeerFin, "{report:?}");
    assert!(report.peer_fin);
    assert_eq!(report.delivered(), Delivered::Unknown);
    if tells().fin_acked {
        assert_eq!(report.fin, Fin::Queued);
        let unacknowledged = report.unacknowledged_bytes.expect("told");
        assert!(
            (1..written).contains(&unacknowledged),
            "{unacknowledged} of {written}"
        );
    }
    // To close at EOF is safe for the data: the kernel goes on sending.
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("a clean EOF");
    assert_eq!(bytes.len() as u64, written);
}

#[test]
fn proof_waits_until_the_peer_has_taken_everything() {
    let (ours, mut client) = pair();
    let written = fill(&ours);
    client.shutdown(Shutdown::Write).expect("a half-close");
    let mut driver = Driver::new(proof());
    driver.close(ours, []);
    if tells().fin_acked {
        driver.turn();
        driver.turn();
        assert!(driver.closer.poll_finished().is_none(), "nothing is proved");
    }
    let client = Peer::plays(move || {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).expect("a clean EOF");
        bytes.len() as u64
    });
    let report = driver.finished().report;
    assert_eq!(client.done(), written);
    if tells().fin_acked {
        assert_eq!(report.ending, Ending::Graceful, "{report:?}");
        assert_eq!(report.unacknowledged_bytes, Some(0));
        assert!(report.fin_to_ack.is_some());
    } else {
        assert_eq!(report.ending, Ending::PeerFin, "{report:?}");
    }
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
}

#[test]
fn proof_that_never_comes_is_waited_for_no_longer_than_was_asked() {
    let (ours, client) = pair();
    fill(&ours);
    client.shutdown(Shutdown::Write).expect("a half-close");
    let mut driver = Driver::new(Limits {
        finish_on: FinishOn::PeerFinAndAcked { confirm: ms(40) },
        ..patient()
    });
    driver.close(ours, []);
    let report = driver.finished().report;
    if tells().fin_acked {
        let ending = Ending::TimedOut {
            phase: Phase::Confirm,
            clock: Clock::Confirm,
        };
        assert_eq!(report.ending, ending, "{report:?}");
        assert!(report.confirm >= ms(40), "{report:?}");
        assert!(report.unacknowledged_bytes > Some(0));
    } else {
        assert_eq!(report.ending, Ending::PeerFin, "{report:?}");
    }
    assert_eq!(report.delivered(), Delivered::Unknown);
    assert!(report.peer_fin);
}

/// RFC 9112 section 9.6: our own TCP has the peer's acknowledgement, and that may be enough.
#[test]
fn our_fin_acknowledged_is_an_end_for_the_policy_that_says_so() {
    let (ours, client) = pair();
    let mut driver = Driver::new(Limits {
        drain_idle: if tells().fin_acked { BOUND * 4 } else { ms(40) },
        finish_on: FinishOn::Acked { grace: ms(20) },
        ..patient()
    });
    driver.close(ours, RESPONSE);
    // The client says nothing and reads nothing; its kernel acknowledges.
    let report = driver.finished().report;
    if tells().fin_acked {
        assert_eq!(report.ending, Ending::Acked, "{report:?}");
        assert_eq!(report.fin, Fin::Acked);
        assert!(report.drain >= ms(20), "{report:?}");
    } else {
        let idle = Ending::TimedOut {
            phase: Phase::Drain,
            clock: Clock::Idle,
        };
        assert_eq!(report.ending, idle, "{report:?}");
    }
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
    assert!(!report.peer_fin);
    drop(client);
}

#[test]
fn the_same_policy_ends_with_the_peers_fin_if_that_comes_first() {
    let (ours, mut client) = pair();
    client.write_all(REQUEST).expect("a connection");
    client.shutdown(Shutdown::Write).expect("a half-close");
    let mut driver = Driver::new(Limits {
        finish_on: FinishOn::Acked { grace: BOUND * 4 },
        ..patient()
    });
    driver.close(ours, RESPONSE);
    assert_graceful(&driver.finished().report);
}
