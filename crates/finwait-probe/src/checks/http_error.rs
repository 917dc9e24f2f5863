//! HTTP/1.1: is an early error still readable?

mod unread;
mod upload;

use super::http_close::{AT_RISK, answer, unfinished};
use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::net::Seen;
use crate::probe::told;

const HTTP: Needs = Needs {
    http: true,
    ..Needs::NONE
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "http/5",
        title: "a large body refused while it comes",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.6",
        demand: "A server may refuse a body, and closes so that a client still sending can read why.",
        does: "Posts up to 4 MiB of a body of 64 MiB, reading meanwhile; here, and to a path that is not there; 6 times.",
        harm: "Users see `connection reset` instead of 413 or 401, and send the same again.",
        remedy: "nginx: lingering_close on; Node: req.resume(); own server: half-close, discard to EOF, close",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost {
            connections: 2 * upload::TRIALS,
            at_once: 1,
            bytes: 128 << 20,
        },
        run: upload::refused,
    },
    Check {
        id: "http/6",
        title: "a small body that an error leaves unread",
        severity: Severity::Critical,
        level: Level::Must,
        reference: "RFC 9112, 9.3",
        demand: "A server reads the whole body, or closes after its response.",
        does: "Posts a body that looks like a request, and then a GET, each in two ways; twice.",
        harm: "Request smuggling: one user's body is carried out as the next one's request.",
        remedy: "own server: discard the body up to a bound, else say `close`, and linger",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(4 * unread::FEW_TRIALS),
        run: unread::small_body,
    },
    Check {
        id: "http/7",
        title: "Expect: 100-continue",
        severity: Severity::Medium,
        level: Level::Must,
        reference: "RFC 9110, 10.1.1",
        demand: "An expectation is answered at once, by 100 or a final status, not after the body.",
        does: "Announces a body of 64 MiB and waits for leave to send it; here, and to a path that is not there; twice.",
        harm: "Clients wait for a 100 that never comes, or send what nobody reads.",
        remedy: "own server: refuse with `close`, half-close and discard; Node: checkContinue",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(2 * upload::FEW_TRIALS),
        run: upload::expected,
    },
    Check {
        id: "http/8",
        title: "no request line, a long target, large fields",
        severity: Severity::High,
        level: Level::Must,
        reference: "RFC 9112, 3; RFC 9110, 5.4",
        demand: "A target that is too long gets 414, fields that are too large a 4xx, other nonsense should get 400.",
        does: "Sends each (64 KiB, 256 KiB) with more behind it, and reads the answer; 10 times.",
        harm: "The client sees a reset and no reason, and the network is searched for a fault.",
        remedy: "nginx: lingering_close always; Node: on clientError socket.end(..) and read on for a while",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(3 * unread::TRIALS),
        run: unread::nonsense,
    },
];

/// A final status has begun, or something else came that is no interim one.
fn has_begun(seen: &Seen) -> bool {
    seen.inbox.status().is_some() || seen.service() == Service::Wrong
}

fn is_close_delimited(seen: &Seen) -> bool {
    let first = seen.inbox.responses.first();
    first.is_some_and(|r| r.framing.is_close_delimited())
}

/// An answer that must be readable although the server does not want what else is sent.
fn readable(seen: &Seen) -> Finding {
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let (answer, closing) = (answer(seen), seen.closing());
    let (word, said) = match (seen.service(), closing) {
        (Service::Whole, Closing::Fin) => (Word::Pass, format!("{answer}, FIN")),
        (Service::Whole, Closing::Open) => (Word::Pass, format!("{answer}, and reads on")),
        (Service::Whole, _) => (Word::Warn, format!("{answer}, {closing}: {AT_RISK}")),
        // All that it said is there, only not that it was all.
        (Service::Cut, _) if is_close_delimited(seen) => {
            (Word::Warn, format!("{answer}, {closing}: {AT_RISK}"))
        }
        (Service::Wrong, _) => (Word::Warn, format!("{answer}, {closing}")),
        (Service::Nothing, closing) => (Word::Fail, format!("no answer, {closing}")),
        _ => (Word::Fail, told(seen)),
    };
    Finding::new(word, said).verdicts(seen.service(), closing)
}
