//! HTTP/1.1: where responses end, and the connection after them.

mod framing;
mod pipelined;

use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::net::{Id, Seen};
use crate::probe::{Probe, told};
use crate::target::{Ask, Protocol, Resource, Target};

const TRIALS: u32 = 20;
const FEW_TRIALS: u32 = 5;
const LINGER: &str = "own server: shutdown(SHUT_WR), read and discard to EOF within a bound, close";
const HTTP: Needs = Needs {
    http: true,
    ..Needs::NONE
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "http/1",
        title: "Connection: close",
        severity: Severity::High,
        level: Level::Must,
        reference: "RFC 9112, 9.6",
        demand: "After the response to a request with `close` the server closes; it should say so too.",
        does: "Sends a GET with `Connection: close` and reads to the end; 20 times.",
        harm: "Clients that wait for the end of the connection hang until a timeout.",
        remedy: "own server: take Connection as a list, in any case, and close after the response",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(TRIALS),
        run: says_close,
    },
    Check {
        id: "http/2",
        title: "HTTP/1.0 without keep-alive",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.3",
        demand: "Without keep-alive an HTTP/1.0 connection ends with the response.",
        does: "Sends a GET of HTTP/1.0 and reads to the end; 5 times.",
        harm: "Old clients and scripts, which read to the end of the connection, hang.",
        remedy: "own server: close after HTTP/1.0 unless keep-alive was asked; send it no chunks",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(FEW_TRIALS),
        run: old_version,
    },
    Check {
        id: "http/3",
        title: "requests behind one that says close",
        severity: Severity::High,
        level: Level::Must,
        reference: "RFC 9112, 9.6",
        demand: "Nothing that comes behind a request with `close` is processed.",
        does: "Breaks the rules: sends 1, 10 and 64 KiB of GETs behind one with `close`; 3 times each.",
        harm: "Requests are carried out twice, or the RST over unread ones destroys the response.",
        remedy: "nginx: lingering_close always; own server: stop parsing after `close`, and linger",
        needs: HTTP,
        looks_for: LooksFor {
            surplus: true,
            ..LooksFor::CLOSING
        },
        most: BIG,
        run: pipelined::behind_close,
    },
    Check {
        id: "http/4",
        title: "eight pipelined requests",
        severity: Severity::High,
        level: Level::Must,
        reference: "RFC 9112, 9.3.2",
        demand: "Pipelined requests are answered in turn, each in full, or not at all after a `close`.",
        does: "Sends 8 GETs at once, the last with `close`, and counts whole responses; 10 times.",
        harm: "A client takes a response for another's, or cannot tell which requests were done.",
        remedy: "own server: finish the last response before the half-close, and say `close` in it",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(pipelined::TRIALS),
        run: pipelined::in_turn,
    },
    Check {
        id: "http/9",
        title: "GET, POST, chunked POST: then our FIN",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.6",
        demand: "A request that is whole by its framing stays one after the client's FIN.",
        does: "Sends each, half-closes at once, and compares with the same without a FIN; 10 times.",
        harm: "Clients that half-close are answered for one method and not for another.",
        remedy: "Node: httpAllowHalfOpen; hyper: half_close(true); nginx: proxy_ignore_client_abort on",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: Cost {
            connections: 3 * (1 + framing::TRIALS),
            ..BIG
        },
        run: framing::then_our_fin,
    },
    Check {
        id: "http/10",
        title: "framing of responses at the close",
        severity: Severity::Critical,
        level: Level::Should,
        reference: "RFC 9112, 6.3",
        demand: "A response has a length or chunks where possible, and is as long as it says.",
        does: "Asks for each resource and for one that is not there, with `close`; 3 times.",
        harm: "Half a file is stored and cached as a whole one, without any error.",
        remedy: "own server: send a length or chunks; after an error in mid-body no last chunk, but an abort",
        needs: HTTP,
        looks_for: LooksFor::CLOSING,
        most: BIG,
        run: framing::at_the_close,
    },
    Check {
        id: "http/14",
        title: "a request after a response that said close",
        severity: Severity::Medium,
        level: Level::Must,
        reference: "RFC 9112, 9.6",
        demand: "A server that has sent `close` processes no further request on that connection.",
        does: "Breaks the rules: reads a response that says `close`, then sends a GET; 3 times.",
        harm: "A request that the client repeats elsewhere is carried out twice.",
        remedy: LINGER,
        needs: HTTP,
        looks_for: LooksFor {
            surplus: true,
            ..LooksFor::CLOSING
        },
        most: Cost::one_by_one(pipelined::FEW_TRIALS),
        run: pipelined::after_close,
    },
];

/// With responses of any size that the baseline takes.
const BIG: Cost = Cost {
    connections: 32,
    at_once: 1,
    bytes: 256 << 20,
};

/// Of a whole answer and an RST.
pub(super) const AT_RISK: &str = "a client that reads late may lose it";

fn says_close(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let request = probe.target.request(&Ask::get_and_close(Resource::Plain));
    let wait = probe.wait_for(Resource::Plain);
    probe.repeat(TRIALS, |probe| {
        let id = ask(probe, &request);
        probe.net.wait(id, wait, Seen::is_over);
        let seen = probe.net.seen(id);
        if let Some(finding) = unfinished(seen) {
            return finding;
        }
        let says = if announced(seen) {
            "says close"
        } else {
            "does not say close"
        };
        let (word, said) = match (seen.service(), seen.closing()) {
            (Service::Whole, Closing::Fin) => {
                let word = [Word::Warn, Word::Pass][usize::from(announced(seen))];
                (word, format!("whole, {says}, FIN"))
            }
            (Service::Whole, Closing::Open) => {
                (Word::Fail, format!("whole, {says}, no FIN within {wait:?}"))
            }
            (Service::Whole, Closing::Rst) => {
                (Word::Warn, format!("whole, {says}, RST: {AT_RISK}"))
            }
            (Service::Whole, closing) => (Word::Warn, format!("whole, {says}, {closing}")),
            _ => (Word::Fail, told(seen)),
        };
        Finding::new(word, said).verdicts(seen.service(), seen.closing())
    })
}

fn old_version(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let request = probe.target.request(&Ask {
        version: "HTTP/1.0",
        ..Ask::get(Resource::Plain)
    });
    let wait = probe.wait_for(Resource::Plain);
    let usual = probe.baseline.plain.status;
    probe.repeat(FEW_TRIALS, |probe| {
        let id = ask(probe, &request);
        probe.net.wait(id, wait, Seen::is_over);
        let seen = probe.net.seen(id);
        if let Some(finding) = unfinished(seen) {
            return finding;
        }
        let answer = answer(seen);
        let refused = is_error(seen.inbox.status()) && !is_error(usual);
        let (word, said) = match (seen.service(), seen.closing()) {
            (Service::Whole, _) if is_chunked(seen) => (
                Word::Fail,
                format!("{answer} in chunks, which HTTP/1.0 has not"),
            ),
            (Service::Whole, Closing::Open) => {
                (Word::Fail, format!("{answer}, no FIN within {wait:?}"))
            }
            (Service::Whole, Closing::Fin) if refused => {
                (Word::Info, format!("refuses HTTP/1.0: {answer}, FIN"))
            }
            (Service::Whole, Closing::Fin) => (Word::Pass, format!("{answer}, FIN")),
            (Service::Whole, closing) => (Word::Warn, format!("{answer}, {closing}")),
            _ => (Word::Fail, told(seen)),
        };
        Finding::new(word, said).verdicts(seen.service(), seen.closing())
    })
}

/// Connects and sends.
pub(super) fn ask(probe: &mut Probe<'_>, bytes: &[u8]) -> Id {
    let id = probe.connect();
    probe.net.send(id, bytes);
    id
}

/// What ended on this side says nothing about the server.
pub(super) fn unfinished(seen: &Seen) -> Option<Finding> {
    let closing = seen.closing();
    matches!(closing, Closing::NoConnection | Closing::Lost)
        .then(|| Finding::error(told(seen)).verdicts(seen.service(), closing))
}

/// Whether the last whole response says that the connection ends with it.
pub(super) fn announced(seen: &Seen) -> bool {
    let mut whole = seen
        .inbox
        .responses
        .iter()
        .filter(|r| r.completed.is_some());
    whole.next_back().is_some_and(|r| r.framing.closes())
}

/// What came first, in a word or two.
pub(super) fn answer(seen: &Seen) -> String {
    match (seen.service(), seen.inbox.status()) {
        (Service::Whole, Some(status)) => format!("{status}"),
        (Service::Cut, Some(status)) => format!("a part of a {status}"),
        (Service::Wrong, _) => "bytes that are no response".to_owned(),
        (Service::Nothing, _) => "no answer".to_owned(),
        _ => "no final status".to_owned(),
    }
}

pub(super) fn is_error(status: Option<u16>) -> bool {
    status.is_some_and(|status| status >= 400)
}

/// The head of the first response, in small letters, as far as it was kept.
fn head(seen: &Seen) -> String {
    let text = String::from_utf8_lossy(&seen.inbox.beginning).to_ascii_lowercase();
    let end = text.find("\r\n\r\n").unwrap_or(text.len());
    text[..end].to_owned()
}

fn is_chunked(seen: &Seen) -> bool {
    let head = head(seen);
    let mut lines = head.lines();
    lines.any(|line| line.starts_with("transfer-encoding:") && line.contains("chunked"))
}

/// The same server, asked for what it does not have.
pub(super) fn without_the_resource(target: &Target) -> Target {
    let mut target = target.clone();
    if let Protocol::Http(http) = &mut target.protocol {
        http.path = "/finwait-probe-no-such-path".to_owned();
        (http.big, http.late, http.post) = (None, None, None);
    }
    target
}

/// Several ways to do the same: the worst counts. After a failure nothing more is asked, nor of
/// a server that does not close, where each trial would only wait.
///
/// What could be done says more than what could not.
pub(super) fn worst_of<V>(
    probe: &mut Probe<'_>,
    ways: &[(&'static str, V)],
    mut trial: impl FnMut(&mut Probe<'_>, &V) -> Finding,
) -> Finding {
    let order = |word| match word {
        Word::Skip => 0,
        Word::Pass => 1,
        Word::Info => 2,
        Word::Warn => 3,
        Word::Error => 4,
        Word::Fail => 5,
    };
    let mut worst: Option<Finding> = None;
    let mut names = Vec::new();
    let mut dearest = 0;
    for (name, way) in ways {
        let before = probe.net.left_bytes();
        if before < dearest {
            // Fewer ways than were wanted stay within the allowance.
            break;
        }
        let finding = trial(probe, way);
        probe.net.clear();
        dearest = dearest.max(before - probe.net.left_bytes());
        let old = worst.as_ref().map(|worst| order(worst.word));
        if old.is_none_or(|old| order(finding.word) > old) {
            names = vec![*name];
            worst = Some(finding);
        } else if worst
            .as_ref()
            .is_some_and(|worst| worst.said == finding.said)
        {
            names.push(name);
        }
        let ends = |f: &Finding| {
            f.word == Word::Fail || (f.word == Word::Warn && f.closing == Closing::Open)
        };
        if worst.as_ref().is_some_and(ends) {
            break;
        }
    }
    let mut worst = worst.unwrap_or_else(|| Finding::skip("there is no way to do it"));
    if names.len() < ways.len() {
        worst.said = format!("{}: {}", names.join(", "), worst.said);
    }
    worst
}
