//! The blocking forms.

use std::io::{Read, Write};

use finwait::{Clock, Delivered, Ending, Limits, Phase, close, finish};

use crate::common::{Peer, if_told, ms, pair, patient, tells};

#[test]
fn close_waits_until_the_peer_has_closed_too() {
    let (mut ours, mut theirs) = pair();
    ours.write_all(b"response").expect("a connection");
    let theirs = Peer::plays(move || {
        let mut response = Vec::new();
        theirs.read_to_end(&mut response).expect("a clean EOF");
        theirs.write_all(b"bytes that nobody wants").expect("open");
        response
    });
    let report = close(ours, &patient()).expect("an event loop");
    assert_eq!(theirs.done(), b"response");
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
    assert_eq!(report.discarded_bytes, 23);
}

#[test]
fn close_is_bounded() {
    let (ours, theirs) = pair();
    let limits = Limits {
        drain_idle: ms(30),
        ..patient()
    };
    let report = close(ours, &limits).expect("an event loop");
    let idle = Ending::TimedOut {
        phase: Phase::Drain,
        clock: Clock::Idle,
    };
    assert_eq!(report.ending, idle, "{report:?}");
    drop(theirs);
}

#[test]
fn finish_sends_the_rest_and_hands_out_the_response() {
    const SOME: usize = 3 << 20;
    let (ours, mut server) = pair();
    let server = Peer::plays(move || {
        let mut request = Vec::new();
        server.read_to_end(&mut request).expect("the request");
        server.write_all(&request).expect("the echo");
        request.len()
    });
    let request: Vec<u8> = (0..SOME).map(|at| (at ^ (at >> 11)) as u8).collect();
    let mut response = Vec::new();
    let report = finish(ours, &request, &patient(), |chunk| {
        response.extend_from_slice(chunk);
    })
    .expect("an event loop");
    assert_eq!(server.done(), SOME);
    assert!(response == request, "byte for byte");
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
    assert_eq!(
        (report.received_bytes, report.discarded_bytes),
        (SOME as u64, 0)
    );
}

#[test]
fn a_peer_that_has_gone_is_a_report_and_no_error() {
    let (ours, theirs) = pair();
    crate::abort(theirs);
    let report = close(ours, &patient()).expect("an event loop");
    assert!(matches!(report.ending, Ending::Reset { .. }), "{report:?}");
}
