//! What the report says beside the ending.

use std::io;
use std::io::ErrorKind::{ConnectionReset, TimedOut};

use finwait::{
    Acknowledged, Delivered, Ending, Event, Fin, Limits, Operation, OsError, Phase, Receive, Report,
};

use crate::{
    ACKED, CANNOT_TELL, Driven, NO_ERROR, abort_on_deadline, error, failed, got, limits, ms,
    pending, proof_policy, reset, unacked, wrote,
};

fn report(limits: &Limits, receive: Receive, unwritten: u64, history: &[(u64, Event)]) -> Report {
    let mut driven = Driven::new(limits, receive, unwritten);
    for &(millis, event) in history {
        driven.handle(millis, event, "report");
    }
    assert_eq!(
        driven.teardown.report(),
        None,
        "no report before the descriptor is released"
    );
    let (last, _) = *history.last().expect("a history");
    driven.close(last, "report").1
}

#[test]
fn a_graceful_end_says_everything() {
    let history = [
        (3, wrote(10)),
        (5, Event::HalfClosed),
        (6, got(400)),
        (6, Event::ReceiveBlocked),
        (9, Event::Readable),
        (9, Event::ReceivedFin),
        (9, NO_ERROR),
        (9, ACKED),
        (11, Event::Closed),
    ];
    let mut driven = Driven::new(&limits(), Receive::Discard, 10);
    for (millis, event) in history {
        driven.handle(millis, event, "graceful");
    }
    let report = driven.teardown.report().expect("a report");
    assert!(report.is_graceful());
    assert_eq!(report.ending, Ending::Graceful);
    assert_eq!(report.delivered(), Delivered::Yes);
    assert_eq!((report.fin, report.peer_fin), (Fin::Acked, true));
    assert_eq!(report.error, None);
    assert_eq!(report.unwritten_bytes, 0);
    assert_eq!(report.unacknowledged_bytes, Some(0));
    assert_eq!((report.received_bytes, report.discarded_bytes), (400, 400));
    assert_eq!(report.unread_bytes, Some(0));
    assert_eq!(
        (report.flush, report.drain, report.confirm),
        (ms(5), ms(4), ms(2))
    );
    assert_eq!(report.total(), ms(11));
    assert_eq!(report.fin_to_ack, Some(ms(4)));
}

#[test]
fn delivered_bytes_are_not_discarded_ones() {
    let history = [(0, Event::HalfClosed), (0, got(400)), (0, Event::Evict)];
    let report = report(&limits(), Receive::Deliver, 0, &history);
    assert_eq!((report.received_bytes, report.discarded_bytes), (400, 0));
}

#[test]
fn a_peer_fin_before_ours_leaves_the_drain_without_length() {
    let history = [
        (2, Event::WriteBlocked),
        (2, Event::ReceivedFin),
        (7, Event::Writable),
        (7, wrote(10)),
        (7, Event::HalfClosed),
        (7, NO_ERROR),
        (8, unacked(10)),
    ];
    let report = report(&limits(), Receive::Discard, 10, &history);
    assert_eq!(report.ending, Ending::PeerFin);
    assert_eq!(
        (report.flush, report.drain, report.confirm),
        (ms(7), ms(0), ms(1))
    );
    assert_eq!(report.total(), ms(8));
    assert_eq!(report.unacknowledged_bytes, Some(10));
    assert_eq!(report.delivered(), Delivered::Unknown, "still under way");
    assert_eq!(report.fin_to_ack, None);
}

#[test]
fn a_reset_says_how_many_bytes_it_may_have_cost() {
    let history = [
        (0, Event::HalfClosed),
        (4, failed(Operation::Receive, ConnectionReset)),
        (4, unacked(3_000)),
        (4, Event::Unread(Some(17))),
    ];
    let report = report(&limits(), Receive::Discard, 0, &history);
    assert_eq!(report.delivered(), Delivered::Unknown);
    assert_eq!(report.unacknowledged_bytes, Some(3_000));
    assert_eq!(report.unread_bytes, Some(17));
    assert_eq!(report.error, Some(reset()));
    assert!(!report.peer_fin);
    assert_eq!(
        (report.flush, report.drain, report.confirm),
        (ms(0), ms(4), ms(0))
    );
}

#[test]
fn a_reset_after_everything_was_acknowledged_cost_nothing() {
    let history = [
        (0, Event::HalfClosed),
        (4, failed(Operation::Receive, ConnectionReset)),
        (4, ACKED),
    ];
    let report = report(&limits(), Receive::Discard, 0, &history);
    assert_eq!(
        (report.fin, report.delivered()),
        (Fin::Acked, Delivered::Yes)
    );
}

#[test]
fn bytes_that_were_never_written_are_not_delivered() {
    for event in [Event::Evict, Event::Abort] {
        let report = report(
            &limits(),
            Receive::Discard,
            10,
            &[(0, wrote(4)), (1, event)],
        );
        assert_eq!((report.fin, report.unwritten_bytes), (Fin::NotSent, 6));
        assert_eq!(report.delivered(), Delivered::No);
        assert_eq!(report.flush, ms(1));
    }
}

#[test]
fn where_the_os_cannot_tell_nothing_is_claimed() {
    let history = [(0, Event::HalfClosed), (0, Event::ReceivedFin)];
    let report = report(&limits(), Receive::Discard, 0, &history);
    assert_eq!(report.ending, Ending::PeerFin);
    assert_eq!(
        (report.fin, report.delivered()),
        (Fin::Unknown, Delivered::Unknown)
    );
    assert_eq!(report.unacknowledged_bytes, None);
}

#[test]
fn without_a_fin_of_ours_an_empty_queue_is_no_evidence() {
    let nothing_queued = Event::Ack {
        fin: Acknowledged::No,
        unacknowledged: Some(0),
    };
    let history = [
        (0, Event::NotConnected),
        (0, Event::ReceivedFin),
        (0, NO_ERROR),
        (0, nothing_queued),
    ];
    let report = report(&limits(), Receive::Discard, 0, &history);
    assert_eq!(report.ending, Ending::AlreadyClosed);
    assert!(!report.peer_fin, "a 0 after ENOTCONN vouches for nothing");
    assert_eq!(
        (report.fin, report.delivered()),
        (Fin::NotSent, Delivered::Unknown)
    );
}

#[test]
fn already_closed_claims_neither_a_fin_nor_an_error() {
    // An error that says nothing about the peer: the ending must not pretend there was none.
    let history = [
        (0, Event::NotConnected),
        (0, Event::ReceivedFin),
        (0, pending(io::ErrorKind::PermissionDenied)),
    ];
    let report = report(&limits(), Receive::Discard, 0, &history);
    if report.ending == Ending::AlreadyClosed {
        assert_eq!((report.error, report.peer_fin), (None, false));
    }
}

#[test]
fn bytes_unacknowledged_at_an_rst_of_ours_may_have_arrived_whoever_wanted_it() {
    let aborted = report(
        &limits(),
        Receive::Discard,
        0,
        &[
            (0, Event::HalfClosed),
            (0, Event::Abort),
            (0, NO_ERROR),
            (0, unacked(9)),
        ],
    );
    assert_eq!(aborted.delivered(), Delivered::Unknown);
    let timed_out = report(
        &abort_on_deadline(),
        Receive::Discard,
        0,
        &[
            (0, Event::HalfClosed),
            (0, Event::ReceiveBlocked),
            (25, CANNOT_TELL),
            (100, CANNOT_TELL),
            (100, NO_ERROR),
            (100, unacked(9)),
        ],
    );
    assert_eq!(
        timed_out.delivered(),
        Delivered::Unknown,
        "the same RST, the same doubt"
    );
}

#[test]
fn the_first_error_is_the_one_that_is_told() {
    let history = [
        (0, failed(Operation::Write, ConnectionReset)),
        (0, failed(Operation::Receive, TimedOut)),
    ];
    let report = report(&limits(), Receive::Deliver, 10, &history);
    assert_eq!(report.error, Some(reset()));
    assert_eq!(
        report.ending,
        Ending::Reset {
            phase: Phase::Flush,
            after_fin: false
        }
    );
}

#[test]
fn proof_is_the_acknowledgement() {
    let history = [
        (0, Event::HalfClosed),
        (0, Event::ReceivedFin),
        (0, NO_ERROR),
        (0, unacked(0)),
        (0, NO_ERROR),
        (60, unacked(0)),
    ];
    let report = report(&proof_policy(), Receive::Discard, 0, &history);
    assert!(matches!(report.ending, Ending::TimedOut { .. }));
    // Every byte is acknowledged, our FIN is not: the bytes are what was asked about.
    assert_eq!(
        (report.fin, report.delivered()),
        (Fin::Unknown, Delivered::Unknown)
    );
}

/// Those that `io::ErrorKind` has a name for; the driver knows more of them, by their numbers.
#[test]
fn every_kind_of_error_by_which_the_kernel_gives_up_is_lost() {
    for kind in [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkDown,
        io::ErrorKind::NetworkUnreachable,
        TimedOut,
    ] {
        let history = [
            (0, Event::HalfClosed),
            (0, failed(Operation::Receive, kind)),
        ];
        let report = report(&limits(), Receive::Discard, 0, &history);
        let lost = Ending::Lost {
            phase: Phase::Drain,
        };
        assert_eq!(report.ending, lost, "{kind:?}");
    }
}

#[test]
fn an_error_keeps_its_number_and_its_kind() {
    let raw = OsError::from(&io::Error::from_raw_os_error(13));
    assert_eq!(raw.raw_os_error(), Some(13));
    assert_eq!(io::Error::from(raw).raw_os_error(), Some(13));
    let plain = error(TimedOut);
    assert_eq!((plain.raw_os_error(), plain.kind()), (None, TimedOut));
    assert_eq!(io::Error::from(plain).kind(), TimedOut);
}
