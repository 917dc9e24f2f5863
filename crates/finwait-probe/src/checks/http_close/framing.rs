//! Where responses end, and what our FIN behind a request changes.

use std::time::{Duration, Instant};

use super::{answer, ask, is_chunked, is_error, unfinished, without_the_resource, worst_of};
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Seen};
use crate::probe::{Probe, counted, told};
use crate::target::{Ask, Resource};

pub(super) const TRIALS: u32 = 10;
const FEW_TRIALS: u32 = 3;
/// As long as bytes come, but no longer.
const LONGEST: Duration = Duration::from_secs(10);

/// http/9.
pub(super) fn then_our_fin(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let post = |fields, body| Ask {
        method: "POST",
        fields,
        body,
        ..Ask::get(Resource::Post)
    };
    let length = post("Content-Length: 13\r\n", b"finwait=probe");
    let chunks = post(
        "Transfer-Encoding: chunked\r\n",
        b"d\r\nfinwait=probe\r\n0\r\n\r\n",
    );
    let ways = [
        ("GET", Ask::get(Resource::Plain)),
        ("POST", length),
        ("chunked POST", chunks),
    ];
    worst_of(probe, &ways, |probe, way| {
        let request = probe.target.request(way);
        let wait = probe.wait_for(way.resource);
        let id = ask(probe, &request);
        probe.net.wait(id, wait, |s| s.whole() > 0 || s.is_over());
        let without = probe.net.seen(id);
        if without.service() != Service::Whole {
            let why = told(without);
            return Finding::skip(format!("is not answered without our FIN either: {why}"));
        }
        let status = without.inbox.status();
        probe.net.clear();
        probe.repeat(TRIALS, |probe| with_our_fin(probe, &request, wait, status))
    })
}

fn with_our_fin(
    probe: &mut Probe<'_>,
    request: &[u8],
    wait: Duration,
    status: Option<u16>,
) -> Finding {
    let id = ask(probe, request);
    probe.net.half_close(id);
    probe.net.wait(id, wait, Seen::is_over);
    let seen = probe.net.seen(id);
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let now = answer(seen);
    let other = is_error(seen.inbox.status()) && !is_error(status);
    let (word, said) = match (seen.service(), seen.closing()) {
        (Service::Whole, _) if other => {
            let before = status.unwrap_or(0);
            (Word::Fail, format!("{now} with our FIN, {before} without"))
        }
        (Service::Whole, Closing::Fin) => (Word::Pass, "as without our FIN".to_owned()),
        (Service::Whole, Closing::Open) => (Word::Warn, format!("{now}, no FIN within {wait:?}")),
        (Service::Whole, closing) => (Word::Warn, format!("{now}, {closing}")),
        _ => (Word::Fail, told(seen)),
    };
    Finding::new(word, said).verdicts(seen.service(), seen.closing())
}

/// http/10. It does not ask whether a plain response is whole: that is what it is about.
pub(super) fn at_the_close(probe: &mut Probe<'_>) -> Finding {
    let nothing = without_the_resource(probe.target);
    let plain = Ask::get_and_close(Resource::Plain);
    let mut ways = vec![
        ("plain", (Resource::Plain, probe.target.request(&plain))),
        ("404", (Resource::Plain, nothing.request(&plain))),
    ];
    if probe.target.http().is_some_and(|http| http.big.is_some()) {
        let big = Ask::get_and_close(Resource::Big);
        ways.push(("big", (Resource::Big, probe.target.request(&big))));
    }
    worst_of(probe, &ways, |probe, (resource, request)| {
        let wait = probe.wait_for(*resource);
        probe.repeat(FEW_TRIALS, |probe| {
            let id = ask(probe, request);
            let flows = to_its_end(probe, id, wait);
            framed(probe.net.seen(id), flows)
        })
    })
}

/// Reads to the end, as long as bytes come; whether they still did when it was given up.
fn to_its_end(probe: &mut Probe<'_>, id: Id, wait: Duration) -> bool {
    let until = Instant::now() + LONGEST;
    loop {
        let before = probe.net.seen(id).inbox.bytes;
        let done = |s: &Seen| s.is_over() || s.whole() > 0 || s.inbox.bytes > before;
        let moved = probe.net.wait(id, wait, done);
        let seen = probe.net.seen(id);
        if !moved || seen.is_over() {
            return false;
        }
        if seen.whole() > 0 {
            // Bytes beyond its end come right behind it.
            let behind = wait.min(Duration::from_millis(200));
            probe.net.wait(id, behind, Seen::is_over);
            return false;
        }
        if Instant::now() > until || probe.net.left_bytes() == 0 {
            return true;
        }
    }
}

fn framed(seen: &Seen, flows: bool) -> Finding {
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let closing = seen.closing();
    let first = seen.inbox.responses.first();
    let until_fin = first.is_some_and(|r| r.framing.is_close_delimited());
    let chunked = is_chunked(seen);
    let bytes = counted(seen.inbox.bytes);
    let (word, said) = match (seen.service(), closing) {
        (Service::Whole, _) if seen.inbox.responses.len() > 1 => {
            let beyond: u64 = seen.inbox.responses.iter().skip(1).map(|r| r.bytes).sum();
            (Word::Fail, format!("{} beyond its end", counted(beyond)))
        }
        (Service::Whole, _) if until_fin => (
            Word::Warn,
            "only the FIN ends it: a cut cannot be seen".to_owned(),
        ),
        (Service::Whole, _) if chunked => (Word::Pass, "chunks, to the last".to_owned()),
        (Service::Whole, _) => (Word::Pass, "as long as it says".to_owned()),
        (Service::Cut, Closing::Open) if flows => {
            let error = format!("still coming after {LONGEST:?}: {bytes}");
            return Finding::error(error).verdicts(Service::Cut, closing);
        }
        (Service::Cut, Closing::Open) => (Word::Fail, format!("{bytes}, then nothing more")),
        (Service::Cut, _) if until_fin => (
            Word::Fail,
            format!("{bytes}, {closing}: nothing shows whether that was all"),
        ),
        (Service::Cut, _) if chunked => (Word::Fail, format!("{bytes}, no last chunk, {closing}")),
        (Service::Cut, _) => (Word::Fail, format!("{bytes}, less than it says, {closing}")),
        _ => (Word::Fail, told(seen)),
    };
    Finding::new(word, said).verdicts(seen.service(), closing)
}
