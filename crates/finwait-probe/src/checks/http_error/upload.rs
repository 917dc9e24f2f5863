//! Large bodies that are not wanted.

use std::time::{Duration, Instant};

use super::super::http_close::{
    announced, answer, ask, unfinished, without_the_resource, worst_of,
};
use super::{has_begun, readable};
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Seen};
use crate::probe::{Probe, told};
use crate::target::{Ask, Resource};

pub(super) const TRIALS: u32 = 6;
pub(super) const FEW_TRIALS: u32 = 2;

/// Announced: more than most servers take.
const LENGTH: &str = "Content-Length: 67108864\r\n";
/// Sent of it, at most.
const MOST_SENT: u64 = 4 << 20;
/// For an RST behind a FIN, which is on its way already if it comes.
const BEHIND: Duration = Duration::from_millis(50);
/// For the close that was announced. Some read on first, as they may, for many seconds.
const CLOSES: Duration = Duration::from_millis(200);

/// A POST with these fields and no body yet, to the resource for it and to none.
fn posts(probe: &Probe<'_>, fields: &str) -> [(&'static str, Vec<u8>); 2] {
    let ask = Ask {
        method: "POST",
        fields,
        ..Ask::get(Resource::Post)
    };
    let nowhere = without_the_resource(probe.target);
    [
        ("POST", probe.target.request(&ask)),
        ("POST to no such path", nowhere.request(&ask)),
    ]
}

/// http/5.
pub(super) fn refused(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let ways = posts(probe, LENGTH);
    worst_of(probe, &ways, |probe, head| {
        probe.repeat(TRIALS, |probe| {
            let id = ask(probe, head);
            stream(probe, id);
            let seen = probe.net.seen(id);
            if seen.closing() == Closing::Open && !has_begun(seen) {
                return Finding::skip(
                    "takes large bodies here; give --post-path of a resource that refuses them",
                );
            }
            readable(seen)
        })
    })
}

/// Sends the body in pieces until it is answered, and reads to the end of the answer.
fn stream(probe: &mut Probe<'_>, id: Id) {
    static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
    let wait = probe.wait_for(Resource::Post);
    let until = Instant::now() + wait;
    let stops = |s: &Seen| s.is_over() || has_begun(s);
    while !stops(probe.net.seen(id)) && probe.net.seen(id).sent < MOST_SENT {
        probe.net.send(id, &PIECE);
        let left = until.saturating_duration_since(Instant::now());
        let free = probe
            .net
            .until(left, |net| net.unsent(id) == 0 || stops(net.seen(id)));
        if !free {
            break;
        }
    }
    probe.net.wait(id, wait, stops);
    to_the_close(probe, id, wait);
}

/// Reads the answer to its end, and the connection to its, if it is to have one.
fn to_the_close(probe: &mut Probe<'_>, id: Id, wait: Duration) {
    if !has_begun(probe.net.seen(id)) {
        return;
    }
    probe.net.wait(id, wait, |s| s.whole() > 0 || s.is_over());
    let closes = announced(probe.net.seen(id));
    let left = if closes { CLOSES } else { BEHIND };
    if probe.net.wait(id, left, Seen::is_over) {
        let seen = probe.net.seen(id);
        let there = seen
            .connected
            .map(|at| at.saturating_duration_since(seen.opened));
        let behind = BEHIND + 2 * there.unwrap_or_default();
        probe.net.wait(id, behind.min(wait), Seen::is_dead);
    }
}

/// http/7.
pub(super) fn expected(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let fields = format!("{LENGTH}Expect: 100-continue\r\n");
    let ways = posts(probe, &fields);
    let wait = probe.wait_for(Resource::Post);
    worst_of(probe, &ways, |probe, head| {
        probe.repeat(FEW_TRIALS, |probe| {
            let id = ask(probe, head);
            probe
                .net
                .wait(id, wait, |s| s.is_over() || has_begun(s) || is_asked_for(s));
            // Some say 100 by themselves, and refuse at once when they come to think of it.
            probe.net.wait(id, CLOSES, |s| s.is_over() || has_begun(s));
            to_the_close(probe, id, wait);
            judge_expected(probe, probe.net.seen(id), wait)
        })
    })
}

/// The server wants the body.
fn is_asked_for(seen: &Seen) -> bool {
    let first = seen.inbox.responses.first();
    first.is_some_and(|r| r.framing.has_interim())
}

fn judge_expected(probe: &Probe<'_>, seen: &Seen, wait: Duration) -> Finding {
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let (answer, closing) = (answer(seen), seen.closing());
    let old = probe.baseline.plain.beginning.starts_with(b"HTTP/1.0");
    let says = announced(seen);
    let (word, said) = match (seen.service(), closing) {
        (Service::Whole, Closing::Fin) if says => {
            (Word::Pass, format!("{answer}, says close, FIN"))
        }
        (Service::Whole, Closing::Fin) => {
            (Word::Warn, format!("{answer}, FIN, and never said `close`"))
        }
        (Service::Whole, Closing::Open) => (Word::Pass, format!("{answer}, and reads on")),
        (Service::Whole, closing) => (Word::Warn, format!("{answer}, {closing}")),
        (_, Closing::Open | Closing::Fin) if is_asked_for(seen) && !has_begun(seen) => (
            Word::Info,
            "asks for the body by 100; it was not sent".to_owned(),
        ),
        (Service::Nothing, Closing::Open) if old => (
            Word::Info,
            "a server of HTTP/1.0, which knows no expectations, waits for the body".to_owned(),
        ),
        (Service::Nothing, Closing::Open) => (
            Word::Fail,
            format!("neither 100 nor a status within {wait:?}"),
        ),
        _ => (Word::Fail, told(seen)),
    };
    let service = match word {
        // Nothing was to be served before the body is sent.
        Word::Info => Service::NotAsked,
        _ => seen.service(),
    };
    Finding::new(word, said).verdicts(service, closing)
}
