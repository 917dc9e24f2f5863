//! Of connections on which nothing happens: when does the server end them, and how?

use std::time::Duration;

use finwait_load::Expect;

use super::worse;
use crate::check::{Closing, Finding, Service, Word};
use crate::idle::{End, Idle, length};
use crate::probe::{Probe, ms, rank};
use crate::target::Resource;

/// An announced time is in whole seconds, and the response that announces it takes time to come.
const NEARLY: Duration = Duration::from_millis(250);
/// Sooner than this nobody's patience ends: the connection was turned away, or closed for another reason.
const AT_ONCE: Duration = Duration::from_millis(50);
/// What careful clients take off an announced time.
const CARE: Duration = Duration::from_secs(1);

/// leak/3
pub(super) fn unused(probe: &mut Probe<'_>) -> Finding {
    let idle = probe.idle();
    if let Some(finding) = idle.one_at_a_time() {
        return finding;
    }
    let speaks = idle
        .unused
        .iter()
        .any(|end| end.bytes > 0 && end.after.is_some());
    if speaks && !probe.is_http() {
        return Finding::skip("the server answers before it is asked: nothing is idle then");
    }
    ended(idle, &idle.unused)
}

/// leak/4
pub(super) fn in_request(probe: &mut Probe<'_>) -> Finding {
    if probe.target.expect() == Expect::Echo {
        return Finding::skip("of an echo every part of a request is a request");
    }
    let idle = probe.idle();
    if let Some(finding) = idle.one_at_a_time() {
        return finding;
    }
    if !probe.is_http() {
        if idle.in_head.iter().any(|end| end.bytes > 0) {
            return Finding::skip("half of the request is answered: nothing is unfinished then");
        }
        return ended(idle, &idle.in_head);
    }
    let head = ended(idle, &idle.in_head);
    let body = in_body(probe, idle);
    if body.word == Word::Skip || (body.word, &body.said) == (head.word, &head.said) {
        return head;
    }
    let said = format!("in the head: {}; in the body: {}", head.said, body.said);
    Finding {
        said,
        ..worse(head, body)
    }
}

/// A body that stalls, if the server waits for it at all.
fn in_body(probe: &Probe<'_>, idle: &Idle) -> Finding {
    // An answer at once does not depend on the body; it must not be taken for one at the timeout.
    let early = probe.wait_for(Resource::Post);
    let other = |end: &End| end.unasked.filter(|&(status, _)| status != 408);
    let mut answers = idle.in_body.iter().filter_map(other);
    if let Some((status, after)) = answers.find(|&(status, after)| status < 400 && after > early) {
        let said = format!(
            "answered {status} after {}, as if it were whole",
            length(after)
        );
        return Finding::new(Word::Fail, said).verdicts(Service::Wrong, idle.in_body[0].closing);
    }
    let soon = |end: &End| other(end).is_some_and(|(_, after)| after <= early);
    if idle.in_body.iter().any(soon) {
        return Finding::skip("answered without the body");
    }
    ended(idle, &idle.in_body)
}

/// leak/5
pub(super) fn kept(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    if probe.baseline.needs_fin || probe.target.expect() == Expect::UntilFin {
        return Finding::skip("the end of the connection ends the response: none is kept");
    }
    let idle = probe.idle();
    if let Some(finding) = idle.not_kept() {
        return finding;
    }
    let real = idle.kept.iter().filter_map(|end| end.after).max();
    let announced = idle.announced();
    let finding = match (real, announced) {
        (None, Some(announced)) => {
            let none = idle.none_ended();
            Finding {
                said: format!("{}; announced {}", none.said, length(announced)),
                ..none
            }
        }
        (None, None) => idle.none_ended(),
        (Some(_), None) => nothing_announced(probe, idle),
        (Some(real), Some(announced)) => {
            let word = match announced.saturating_sub(real) {
                early if early >= CARE => Word::Fail,
                early if early >= NEARLY => Word::Warn,
                _ => Word::Pass,
            };
            let (real, announced) = (length(real), length(announced));
            Finding::new(word, format!("closed after {real}; announced {announced}"))
        }
    };
    let finding = match real {
        Some(real) => finding.figure("idle", ms(real), "ms"),
        None => finding,
    };
    finding.verdicts(Service::Whole, idle.kept[0].closing)
}

/// How an HTTP server closes is the subject of http/11.
fn nothing_announced(probe: &Probe<'_>, idle: &Idle) -> Finding {
    let finding = ended(idle, &idle.kept);
    let word = match finding.word {
        Word::Warn if probe.is_http() => Word::Pass,
        word => word,
    };
    let said = if probe.is_http() {
        format!("{}; nothing announced", finding.said)
    } else {
        finding.said.clone()
    };
    Finding {
        word,
        said,
        ..finding
    }
}

/// How connections ended: the worst of them, and of those the one that took longest.
fn ended(idle: &Idle, ends: &[End]) -> Finding {
    if let Some(why) = ends.iter().find_map(|end| end.failed.as_ref()) {
        return Finding::error(why.clone());
    }
    let at_once = |end: &End| end.after.is_some_and(|after| after < AT_ONCE);
    if ends.iter().any(at_once) {
        return Finding::skip("the server ends connections at once: none is idle");
    }
    let over = ends.iter().filter_map(|end| Some((end, end.after?)));
    let worst = over.max_by_key(|&(end, after)| (rank(word_of(end)), after));
    if let Some((end, after)) = worst {
        let said = format!("{}{} after {}", answer(end), end.closing, length(after));
        return Finding::new(word_of(end), said)
            .verdicts(Service::NotAsked, end.closing)
            .figure("idle", ms(after), "ms");
    }
    let finding = match ends.iter().find_map(|end| end.unasked) {
        Some((status, after)) => {
            let said = format!("{status} after {}, and no FIN", length(after));
            Finding::new(Word::Warn, said)
        }
        None => idle.none_ended(),
    };
    finding.verdicts(Service::NotAsked, Closing::Open)
}

fn word_of(end: &End) -> Word {
    match end.closing {
        Closing::Fin => Word::Pass,
        _ => Word::Warn,
    }
}

/// `408, `, or nothing.
fn answer(end: &End) -> String {
    let status = end.unasked.map(|(status, _)| format!("{status}, "));
    status.unwrap_or_default()
}
