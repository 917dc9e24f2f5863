//! Several requests on a connection, and the ways in which it ends before the last.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use finwait_load::{CloseMode, Ending, Expect, Plan, Progress, Verdict};

use crate::support::{
    HANG, MODES, Scripted, closing, plan, read_bytes, read_head, reset, run, send, serve,
};

const EARLIER: &[u8] = b"GET /earlier HTTP/1.1\r\nHost: x\r\n\r\n";
const LAST: &[u8] = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const FAREWELL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

fn http(plan: &mut Plan, requests: u32) {
    plan.requests = requests;
    plan.earlier_request = Some(Arc::from(EARLIER));
    plan.request = Arc::from(LAST);
    plan.expect = Expect::Http;
}

/// Answers all requests, and tells the paths of each connection when that is over.
fn answering(response: &'static [u8]) -> (Scripted, Receiver<Vec<String>>) {
    let (sender, paths) = channel();
    let server = Scripted::new(move |mut stream| {
        let mut seen = Vec::new();
        while let Some(head) = read_head(&mut stream) {
            seen.extend(head.split(' ').nth(1).map(String::from));
            send(&mut stream, response);
        }
        let _ = sender.send(seen);
    });
    (server, paths)
}

#[test]
fn the_earlier_request_comes_before_the_last_as_often_as_it_should() {
    let (server, paths) = answering(RESPONSE);
    for close in MODES {
        let mut plan = plan(server.addr);
        http(&mut plan, 4);
        plan.close = closing(close);
        let seen = run(&plan);
        let (verdict, responses) = match close {
            CloseMode::Half => (Verdict::Graceful, 4),
            CloseMode::Fin => (Verdict::Closed, 4),
            CloseMode::Rst => (Verdict::Aborted, 4),
            // The last is left unread.
            CloseMode::Abandon => (Verdict::Abandoned, 3),
        };
        seen.all_are(verdict, 10);
        for record in &seen.records {
            assert_eq!(record.responses, responses);
            assert_eq!(record.received_bytes, responses * RESPONSE.len() as u64);
            assert_eq!(record.sent_bytes, plan.request_bytes());
        }
        for _ in 0..10 {
            let paths = paths.recv_timeout(HANG).unwrap();
            assert_eq!(paths, ["/earlier", "/earlier", "/earlier", "/last"]);
        }
    }
}

#[test]
fn an_echo_is_told_from_the_one_before_it() {
    let server = serve("echo");
    for close in [CloseMode::Half, CloseMode::Fin] {
        let mut plan = plan(server.addr());
        plan.requests = 5;
        plan.earlier_request = Some((0..100_000_u32).map(|i| i as u8).collect());
        plan.expect = Expect::Echo;
        plan.close = closing(close);
        let seen = run(&plan);
        assert!(seen.verdicts().keys().all(|verdict| verdict.is_good()));
        assert_eq!(seen.outcome.tally.responses, 50);
        assert_eq!(seen.outcome.tally.sent_bytes, 10 * plan.request_bytes());
        assert_eq!(seen.outcome.tally.received_bytes, 10 * plan.request_bytes());
    }
}

#[test]
fn a_number_of_bytes_is_a_response_too() {
    let server = Scripted::new(|mut stream| {
        while let Some(_request) = read_bytes(&mut stream, 5) {
            send(&mut stream, b"1234567");
        }
    });
    let mut plan = plan(server.addr);
    plan.request = (*b"hello").into();
    plan.requests = 3;
    plan.expect = Expect::Bytes(7);
    let seen = run(&plan);
    seen.all_are(Verdict::Graceful, 10);
    assert_eq!(seen.outcome.tally.responses, 30);
    assert_eq!(seen.outcome.tally.received_bytes, 10 * 3 * 7);
}

#[test]
fn responses_without_a_body_are_complete_with_their_head() {
    let cases: [(Expect, &'static [u8]); 4] = [
        (
            Expect::HttpHead,
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        ),
        (
            Expect::HttpHead,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (Expect::Http, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (
            Expect::Http,
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        ),
    ];
    for (expect, response) in cases {
        let (server, _paths) = answering(response);
        let mut plan = plan(server.addr);
        http(&mut plan, 3);
        plan.expect = expect;
        // It is over with the last response, not with the server's FIN.
        plan.close = closing(CloseMode::Fin);
        let seen = run(&plan);
        seen.all_are(Verdict::Closed, 10);
        assert_eq!(seen.outcome.tally.responses, 30);
    }
}

/// Says farewell with the second response; then closes, or leaves that to the client.
fn parting(closes: bool) -> Scripted {
    Scripted::new(move |mut stream| {
        for response in [RESPONSE, FAREWELL] {
            if read_head(&mut stream).is_none() {
                return;
            }
            send(&mut stream, response);
        }
        if !closes {
            assert!(read_head(&mut stream).is_none(), "a request too many");
        }
    })
}

#[test]
fn a_server_that_announces_its_close_is_asked_no_more() {
    for closes in [true, false] {
        let server = parting(closes);
        for close in MODES {
            let mut plan = plan(server.addr);
            http(&mut plan, 5);
            plan.close = closing(close);
            let seen = run(&plan);
            for record in &seen.records {
                let verdict = record.verdict();
                let expected = match close {
                    // There is nothing to leave unread.
                    CloseMode::Half | CloseMode::Abandon => verdict == Verdict::Graceful,
                    // Who was faster?
                    CloseMode::Fin if closes => verdict.is_good(),
                    CloseMode::Fin => verdict == Verdict::Closed,
                    CloseMode::Rst => verdict == Verdict::Aborted,
                };
                assert!(expected, "{record:?}");
                assert_eq!(record.responses, 2);
                assert_eq!(record.sent_bytes, 2 * EARLIER.len() as u64);
            }
        }
    }
}

#[test]
fn a_server_that_closes_between_requests_leaves_one_unanswered() {
    let server = Scripted::new(|mut stream| {
        for _ in 0..2 {
            if read_head(&mut stream).is_none() {
                return;
            }
            send(&mut stream, RESPONSE);
        }
        crate::support::close_in_order(stream);
    });
    for close in MODES {
        let mut plan = plan(server.addr);
        http(&mut plan, 5);
        plan.close = closing(close);
        let seen = run(&plan);
        seen.all_are(Verdict::Truncated, 10);
        for record in &seen.records {
            assert_eq!(record.ending, Ending::FinClean);
            assert_eq!(record.responses, 2);
            assert_eq!(record.received_bytes, 2 * RESPONSE.len() as u64);
        }
    }
}

#[test]
fn a_reset_in_the_middle_of_a_later_response_truncates_it() {
    let server = Scripted::new(|mut stream| {
        for response in [RESPONSE, &RESPONSE[..20]] {
            if read_head(&mut stream).is_none() {
                return;
            }
            send(&mut stream, response);
        }
        reset(stream);
    });
    for close in [CloseMode::Half, CloseMode::Fin, CloseMode::Rst] {
        for requests in [2, 5] {
            let mut plan = plan(server.addr);
            http(&mut plan, requests);
            plan.close = closing(close);
            let seen = run(&plan);
            for record in &seen.records {
                assert_eq!(record.ending, Ending::Rst, "{record:?}");
                assert_eq!(record.responses, 1, "{record:?}");
                // An RST may take bytes with it that nobody has read yet, but not on every system.
                if cfg!(target_os = "linux") {
                    assert_eq!(record.progress, Progress::ResponsePartial, "{record:?}");
                    assert_eq!(record.received_bytes, RESPONSE.len() as u64 + 20);
                }
            }
        }
    }
}
