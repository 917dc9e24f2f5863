//! Small bodies that nobody reads, and requests that are none.

use std::time::Duration;

use super::super::http_close::{
    announced, answer, ask, unfinished, without_the_resource, worst_of,
};
use super::readable;
use crate::check::{Closing, Finding, Service, Word};
use crate::net::Seen;
use crate::probe::{Probe, told};
use crate::target::{Ask, Resource, Target};

pub(super) const TRIALS: u32 = 10;
pub(super) const FEW_TRIALS: u32 = 2;
/// A server that answers without the body does not wait longer.
const EARLY: Duration = Duration::from_millis(100);
/// For one response too many.
const BEHIND: Duration = Duration::from_millis(500);

/// http/6.
pub(super) fn small_body(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let nowhere = without_the_resource(probe.target);
    let body = nowhere.request(&Ask::get(Resource::Plain));
    let post = |target: &Target| {
        target.request(&Ask {
            method: "POST",
            fields: &format!("Content-Length: {}\r\n", body.len()),
            ..Ask::get(Resource::Post)
        })
    };
    let (here, there) = (post(probe.target), post(&nowhere));
    let ways = [
        ("no such path", (there.clone(), false)),
        ("no such path, body later", (there, true)),
        ("POST", (here.clone(), false)),
        ("POST, body later", (here, true)),
    ];
    worst_of(probe, &ways, |probe, (head, later)| {
        probe.repeat(FEW_TRIALS, |probe| {
            body_like_a_request(probe, head, &body, *later)
        })
    })
}

/// A POST whose body could be a request, and a GET once it is answered.
fn body_like_a_request(probe: &mut Probe<'_>, head: &[u8], body: &[u8], later: bool) -> Finding {
    let wait = probe.wait_for(Resource::Post);
    let answered = |s: &Seen| s.whole() > 0 || s.is_over();
    let id = if later {
        let id = ask(probe, head);
        probe.net.wait(id, EARLY, answered);
        // Whoever reads `close` sends nothing more.
        if !announced(probe.net.seen(id)) {
            probe.net.send(id, body);
        }
        id
    } else {
        ask(probe, &[head, body].concat())
    };
    probe.net.wait(id, wait, answered);
    let seen = probe.net.seen(id);
    let ends = announced(seen);
    if !ends && seen.whole() > 0 && !seen.is_over() {
        let get = probe.target.request(&Ask::get_and_close(Resource::Plain));
        probe.net.send(id, &get);
    }
    let wanted = if ends { 1 } else { 2 };
    let more = |s: &Seen| s.is_over() || s.inbox.responses.len() > wanted;
    if !ends {
        probe.net.wait(id, wait, |s| s.whole() >= wanted || more(s));
    }
    // A server that does not close is not what this is about: it is not waited for long.
    let surplus = !ends && probe.net.wait(id, BEHIND, more);
    if ends || surplus {
        probe.net.wait(id, wait, Seen::is_over);
    }
    judge_small_body(probe, probe.net.seen(id), ends)
}

fn judge_small_body(probe: &Probe<'_>, seen: &Seen, ends: bool) -> Finding {
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let (first, closing) = (answer(seen), seen.closing());
    let responses = &seen.inbox.responses;
    let next = responses.get(1).map(|r| r.status().unwrap_or(0));
    let expected = probe.baseline.plain.status;
    let taken = responses.len() > if ends { 1 } else { 2 };
    let whole = seen.whole();
    let (word, said) = match (next, closing) {
        _ if whole == 0 => (Word::Fail, told(seen)),
        _ if taken => (
            Word::Fail,
            format!("{first}, and its body was taken for a request"),
        ),
        (Some(status), _) if Some(status) != expected => (
            Word::Fail,
            format!("{first}, and {status} to a good request: is its body read as one?"),
        ),
        (Some(status), _) if whole < 2 => (
            Word::Fail,
            format!("{first}, then a part of a {status}, {closing}"),
        ),
        (Some(status), _) => (
            Word::Pass,
            format!("{first}, and {status} to the next request"),
        ),
        (None, Closing::Open) if ends => (Word::Warn, format!("{first}, says close, and no FIN")),
        (None, Closing::Open) => (Word::Fail, format!("{first}, and no answer to the next")),
        (None, Closing::Fin) if ends => (Word::Pass, format!("{first}, says close, FIN")),
        (None, closing) if ends => (Word::Warn, format!("{first}, says close, {closing}")),
        (None, closing) => (
            Word::Warn,
            format!("{first}, {closing}, and never said `close`"),
        ),
    };
    let service = if taken {
        Service::Wrong
    } else {
        seen.service()
    };
    Finding::new(word, said).verdicts(service, closing)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nonsense {
    RequestLine,
    Target,
    Fields,
}

/// http/8.
pub(super) fn nonsense(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let ways = [
        ("request line", Nonsense::RequestLine),
        ("target", Nonsense::Target),
        ("fields", Nonsense::Fields),
    ];
    let wait = probe.wait_for(Resource::Plain);
    worst_of(probe, &ways, |probe, &what| {
        let request = nonsensical(probe.target, what);
        probe.repeat(TRIALS, |probe| {
            let id = ask(probe, &request);
            probe.net.wait(id, wait, Seen::is_over);
            judge_nonsense(probe.net.seen(id), what)
        })
    })
}

/// A request that nobody needs to take, and more than its receiver will read.
fn nonsensical(target: &Target, what: Nonsense) -> Vec<u8> {
    const FIELD: &str = "X-Finwait: 0123456789012345678901234567890123456789\r\n";
    const LONG_TARGET: usize = 64 << 10;
    const LARGE_FIELDS: usize = 256 << 10;
    let get = Ask::get_and_close(Resource::Plain);
    let mut request = match what {
        Nonsense::RequestLine => b"no{request line HTTP/one\r\nHost: x\r\n\r\n".to_vec(),
        Nonsense::Target => {
            let version = b" HTTP/1.1\r\n";
            let mut request = target.request(&get);
            let at = request.windows(version.len()).position(|w| w == version);
            let at = at.unwrap_or(request.len());
            request.splice(at..at, [&b"?"[..], &[b'x'; LONG_TARGET]].concat());
            request
        }
        Nonsense::Fields => target.request(&Ask {
            fields: &FIELD.repeat(LARGE_FIELDS / FIELD.len()),
            ..get
        }),
    };
    request.extend_from_slice(&[b'x'; 16 << 10]);
    request
}

fn judge_nonsense(seen: &Seen, what: Nonsense) -> Finding {
    let mut finding = readable(seen);
    let status = seen.inbox.status().unwrap_or(0);
    let answer = answer(seen);
    let closing = seen.closing();
    match (seen.service(), closing) {
        // Without an answer there is nothing an RST could have destroyed, and 400 is a SHOULD.
        (Service::Nothing, Closing::Fin) if what == Nonsense::RequestLine => {
            finding.word = Word::Warn;
        }
        (Service::Whole, Closing::Open) => {
            finding.word = Word::Warn;
            finding.said = format!("{answer}, and no FIN");
        }
        (Service::Whole, Closing::Fin) => {
            let fits = match (what, status) {
                (Nonsense::RequestLine, 200..=399) => "a malformed request line is carried out",
                (Nonsense::Target, 400 | 431) => "414 would say why",
                (Nonsense::Target | Nonsense::Fields, 500..) => "a 4xx would say who has to change",
                _ => return finding,
            };
            finding.word = Word::Warn;
            finding.said = format!("{answer}, FIN: {fits}");
        }
        _ => {}
    }
    finding
}
