//! The client has said all it has to say and half-closes: is it still answered?

use std::time::Duration;

use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::net::{Id, Net, Opening, Reading, Seen};
use crate::probe::{MOST_TO_BE_READY, Probe, found, told};
use crate::target::{Ask, Resource};

const TRIALS: u32 = 20;
/// Of those that transfer megabytes.
const FEW_TRIALS: u32 = 3;

/// Connections of a burst.
const BURST: u32 = 8;
/// Larger responses come one by one, to stay within the allowance.
const MOST_OF_A_BURST: u64 = 64 << 10;
const BURSTS: Cost = Cost {
    connections: TRIALS / 2 * (1 + BURST),
    at_once: BURST,
    bytes: 64 << 20,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "half-close/1",
        title: "request, then our FIN",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.6 (a note); RFC 9293, 3.6.1",
        demand: "A client's half-close neither ends a request nor means that it does not want the response.",
        does: "Sends a request, half-closes at once, and reads to the end; 10 times, and 10 times with 8 connections.",
        harm: "Clients that half-close after the request, as nc and many scripts do, get no answer.",
        remedy: "Node: server.httpAllowHalfOpen = true; hyper: http1::Builder::half_close(true); own server: a read of 0 ends the requests, not the connection",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: BURSTS,
        run: |probe| {
            let request = probe.plain();
            answered(probe, TRIALS, Resource::Plain, |net, id| {
                net.send(id, &request);
                net.half_close(id);
                true
            })
        },
    },
    Check {
        id: "half-close/2",
        title: "our FIN while the server still works",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.6 (a note); RFC 9293, 3.6.1",
        demand: "The wish for a response survives the client's FIN, however long the response takes.",
        does: "Asks for a response that takes its time, half-closes at once, and reads to the end; twice.",
        harm: "Fast pages work and slow ones come back empty, so it shows under load only.",
        remedy: "nginx: proxy_ignore_client_abort on; HAProxy: no option abortonclose; Node: httpAllowHalfOpen; hyper: half_close(true)",
        needs: Needs {
            late: true,
            ..Needs::NONE
        },
        looks_for: LooksFor::CLOSING,
        most: BURSTS,
        run: |probe| {
            let request = probe.target.request(&Ask::get(Resource::Late));
            answered(probe, 2, Resource::Late, |net, id| {
                net.send(id, &request);
                net.half_close(id);
                true
            })
        },
    },
    Check {
        id: "half-close/3",
        title: "our FIN in mid-request",
        severity: Severity::High,
        level: Level::Must,
        reference: "RFC 9112, 6.3 and 8",
        demand: "A message that ends before its Content-Length is incomplete, and its connection is closed.",
        does: "Half-closes in the middle of the head, of a body with a length and of a chunked body.",
        harm: "Half an upload is stored as if it were whole, or its connection is held until some timeout.",
        remedy: "own server: at a read of 0 within a request answer 400, or close; nginx: client_body_timeout; Apache: RequestReadTimeout",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(3),
        run: cut_request,
    },
    Check {
        id: "half-close/4",
        title: "our FIN on the request's last segment",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9293, 3.10.7.4; RFC 9112, 9.6 (a note)",
        demand: "The data of a segment counts before the FIN that it carries.",
        does: "As half-close/1, with the FIN on the last segment of the request; 20 times.",
        harm: "Whether such clients are answered depends on how their bytes were cut into segments.",
        remedy: "own server: read up to the 0 before acting on a hang-up event (EPOLLRDHUP); others as half-close/1",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: BURSTS,
        run: |probe| {
            let request = probe.plain();
            answered(probe, TRIALS, Resource::Plain, |net, id| {
                net.send_with_fin(id, &request)
            })
        },
    },
    Check {
        id: "half-close/5",
        title: "our FIN, then slow reading",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.6 (a note); RFC 9293, 3.6.1",
        demand: "A half-closed connection carries data the other way for as long as they take.",
        does: "Half-closes, and takes a big response in small pieces with a small buffer; 3 times.",
        harm: "Large downloads of slow clients that half-closed are cut, with a clean FIN that hides it.",
        remedy: "nginx: proxy_ignore_client_abort on for what it proxies, nothing for files; Node: httpAllowHalfOpen; own server: go on writing",
        needs: Needs {
            big: true,
            ..Needs::NONE
        },
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(FEW_TRIALS),
        run: slow_reader,
    },
    Check {
        id: "half-close/6",
        title: "our FIN and no request",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9293, 3.6",
        demand: "A server watches for the client's close, and answers it with its own.",
        does: "Connects, half-closes, waits for the FIN, and asks whether others are still served.",
        harm: "Every port scan, pre-connect and health check leaves a socket in CLOSE-WAIT behind.",
        remedy: "own server: close at a read of 0, also before the first byte; nginx: client_header_timeout; HAProxy: timeout client-fin",
        needs: Needs::NONE,
        looks_for: LooksFor {
            outage: true,
            ..LooksFor::CLOSING
        },
        most: Cost::one_by_one(6 + MOST_TO_BE_READY),
        run: no_request,
    },
];

/// One response each, of which nothing may be lost because of our FIN. `ask` says whether it could.
///
/// What a server makes of a FIN may depend on whether it has come by the time the request is read.
/// Every second trial is a burst: while the server is busy with the first of it, the FINs of the
/// others arrive.
fn answered(
    probe: &mut Probe<'_>,
    times: u32,
    resource: Resource,
    ask: impl Fn(&mut Net, Id) -> bool,
) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let wait = probe.wait_for(resource);
    let mut trial = 0;
    probe.repeat(times, |probe| {
        trial += 1;
        let small = probe.baseline.plain.bytes < MOST_OF_A_BURST;
        let burst = if trial % 2 == 0 && small { BURST } else { 1 };
        let ids: Vec<Id> = (0..burst).map(|_| probe.connect()).collect();
        for &id in &ids {
            if !ask(&mut probe.net, id) {
                return Finding::skip("this system cannot put a FIN on a chosen segment");
            }
        }
        probe.finish(wait);
        // A slow handshake of one may have cost others their patience with us.
        let asked = |seen: &&Seen| !seen.ended_unasked();
        let some = probe.net.all().any(|seen| asked(&seen));
        let findings = probe
            .net
            .all()
            .filter(|seen| !some || asked(seen))
            .map(found);
        findings
            .reduce(worse)
            .unwrap_or_else(|| Finding::error("there was no connection"))
    })
}

/// A reader that takes about a second and a half for a big response.
fn slow_reader(probe: &mut Probe<'_>) -> Finding {
    const STEPS: u64 = 75;
    const PERIOD: Duration = Duration::from_millis(20);
    let bytes = probe.baseline.big.as_ref().map_or(0, |big| big.bytes) / STEPS;
    let opening = Opening {
        receive_buffer: Some(32 << 10),
        reading: Reading::Slow {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            period: PERIOD,
        },
        ..Opening::default()
    };
    let request = probe.target.request(&Ask::get(Resource::Big));
    // The reader's own time comes on top, also where the machine is slow.
    let wait = probe.wait_for(Resource::Big) + 20 * PERIOD * STEPS as u32;
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    probe.repeat(FEW_TRIALS, |probe| {
        let id = probe.connect_as(opening);
        probe.net.send(id, &request);
        probe.net.half_close(id);
        probe.finish(wait);
        let seen = probe.net.seen(id);
        let whole = probe.baseline.big.as_ref().map_or(0, |big| big.bytes);
        let lost = whole.saturating_sub(seen.inbox.bytes);
        match seen.service() {
            Service::Whole => found(seen),
            _ => found(seen).figure("lost", lost as f64, "bytes"),
        }
    })
}

fn no_request(probe: &mut Probe<'_>) -> Finding {
    // Else it would be blamed for what came before it.
    let is_well = probe.unanswered().is_none();
    if let Some(finding) = probe.unanswered_now().filter(|_| is_well) {
        return finding;
    }
    let wait = probe.wait();
    let closed = probe.repeat(3, |probe| {
        let id = probe.connect();
        probe.net.half_close(id);
        probe.net.wait(id, wait, Seen::is_over);
        let seen = probe.net.seen(id);
        let word = match seen.closing() {
            Closing::Fin => Word::Pass,
            Closing::Open => Word::Fail,
            Closing::Rst | Closing::FinThenRst => Word::Warn,
            Closing::NoConnection | Closing::Lost => Word::Error,
            Closing::NotLooked => Word::Error,
        };
        let said = match seen.closing() {
            Closing::Open => format!("no FIN within {wait:?}"),
            Closing::NoConnection | Closing::Lost => told(seen),
            closing => format!("{closing}"),
        };
        Finding::new(word, said).verdicts(Service::NotAsked, seen.closing())
    });
    if closed.word == Word::Fail || probe.unanswered().is_some() {
        return closed;
    }
    match probe.still_answers() {
        Ok(()) => closed,
        Err(why) => Finding::new(Word::Fail, format!("after it others are not served: {why}"))
            .verdicts(Service::Nothing, closed.closing),
    }
}

/// half-close/3: every way to cut a request short, once.
fn cut_request(probe: &mut Probe<'_>) -> Finding {
    let plain = probe.plain();
    let head = &plain[..plain.len() / 2];
    let mut worst = probe.repeat(1, |probe| cut_at(probe, head, false));
    worst.share = None;
    if !probe.is_http() {
        return worst;
    }
    for (fields, body) in [
        ("Content-Length: 10\r\n", &b"half"[..]),
        ("Transfer-Encoding: chunked\r\n", b"4\r\nhalf\r\n"),
    ] {
        let ask = Ask {
            method: "POST",
            fields,
            body,
            ..Ask::get(Resource::Post)
        };
        let request = probe.target.request(&ask);
        let finding = cut_at(probe, &request, true);
        probe.net.clear();
        worst = worse(worst, finding);
    }
    worst
}

fn worse(one: Finding, other: Finding) -> Finding {
    if crate::probe::rank(other.word) > crate::probe::rank(one.word) {
        other
    } else {
        one
    }
}

/// Sends the beginning of a request and our FIN.
fn cut_at(probe: &mut Probe<'_>, beginning: &[u8], in_body: bool) -> Finding {
    /// A server that answers without the body does not wait longer.
    const EARLY: Duration = Duration::from_millis(300);
    let id = probe.connect();
    probe.net.send(id, beginning);
    // An answer that does not wait for the body says nothing about a body that was cut.
    let early = in_body
        && probe
            .net
            .wait(id, EARLY, |s| s.first_byte.is_some() || s.is_over());
    probe.net.half_close(id);
    let wait = probe.wait();
    probe.net.wait(id, wait, Seen::is_over);
    let seen = probe.net.seen(id);
    let taken = probe.is_http() && !early && seen.inbox.status().is_some_and(|s| s < 400);
    let place = if in_body {
        "in the body"
    } else {
        "in the head"
    };
    let status = seen.inbox.status().unwrap_or_default();
    let answer = match status {
        0 => String::new(),
        status => format!("{status}, "),
    };
    let (word, said) = match seen.closing() {
        _ if taken => (
            Word::Fail,
            format!("{place}: answered {status} as if it were whole"),
        ),
        Closing::Open => (
            Word::Fail,
            format!("{place}: {answer}no FIN within {wait:?}"),
        ),
        Closing::Fin => (Word::Pass, format!("{place}: {answer}FIN")),
        closing @ (Closing::Rst | Closing::FinThenRst) => {
            (Word::Warn, format!("{place}: {answer}{closing}"))
        }
        _ => (Word::Error, told(seen)),
    };
    Finding::new(word, said).verdicts(Service::NotAsked, seen.closing())
}
