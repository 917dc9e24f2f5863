//! Requests behind others: in turn, behind one that says `close`, behind a response that does.

use std::time::Duration;

use super::{announced, answer, ask, is_error, unfinished, worst_of};
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Opening, Reading, Seen};
use crate::probe::{Probe, counted, told};
use crate::target::{Ask, Resource};

pub(super) const TRIALS: u32 = 10;
pub(super) const FEW_TRIALS: u32 = 3;

/// The reader's pause: the server has written what it can before anything is read.
const PAUSE: Duration = Duration::from_millis(100);
/// Then a big response is read in so many steps, or in smaller ones.
const STEPS: u64 = 64;
const PERIOD: Duration = Duration::from_millis(2);
const RIGHT_BEHIND: Duration = Duration::from_millis(30);
/// For the RST to a byte that came too late.
const BEHIND: Duration = Duration::from_millis(300);

/// http/3: the response is asked for with `close`, and this many KiB of requests follow.
pub(super) fn behind_close(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let (plain, big) = (Resource::Plain, Resource::Big);
    let mut ways = vec![
        ("1 KiB", (plain, 1)),
        ("10 KiB", (plain, 10)),
        ("64 KiB", (plain, 64)),
    ];
    if probe.baseline.big.is_some() {
        ways.push(("big, 1 KiB", (big, 1)));
        ways.push(("big, 10 KiB", (big, 10)));
        ways.push(("big, 64 KiB", (big, 64)));
    }
    worst_of(probe, &ways, |probe, &(resource, kib)| {
        if bytes_of(probe, resource) > probe.net.left_bytes() {
            return Finding::skip("the response is larger than the allowance of this check");
        }
        probe.repeat(FEW_TRIALS, |probe| behind(probe, resource, kib))
    })
}

fn bytes_of(probe: &Probe<'_>, resource: Resource) -> u64 {
    let big = probe.baseline.big.as_ref();
    let of = big.filter(|_| resource == Resource::Big);
    of.unwrap_or(&probe.baseline.plain).bytes
}

fn behind(probe: &mut Probe<'_>, resource: Resource, kib: usize) -> Finding {
    let mut request = probe.target.request(&Ask::get_and_close(resource));
    let further = probe.plain();
    let many = (kib << 10) / further.len();
    request.extend(further.repeat(many.max(1)));
    let whole = bytes_of(probe, resource);
    let mut wait = probe.wait_for(resource);
    let id = if resource == Resource::Big {
        wait += 20 * PERIOD * STEPS as u32;
        ask_slowly(probe, &request, whole)
    } else {
        ask(probe, &request)
    };
    if probe.net.wait(id, wait, Seen::is_over) {
        // The RST to what came too late follows the FIN at once, if it does.
        probe.net.wait(id, RIGHT_BEHIND, Seen::is_dead);
    }
    judge_behind(probe, probe.net.seen(id), whole)
}

/// Reads so that the server still has a part of the response to send when it closes: it is that
/// part which an RST destroys.
fn ask_slowly(probe: &mut Probe<'_>, request: &[u8], whole: u64) -> Id {
    let step = usize::try_from(whole / STEPS).unwrap_or(usize::MAX);
    let step = step.clamp(32 << 10, 1 << 20);
    let id = probe.connect_as(Opening {
        receive_buffer: Some(step),
        reading: Reading::Paused,
        ..Opening::default()
    });
    probe.net.send(id, request);
    probe.net.watch(PAUSE);
    let reading = Reading::Slow {
        bytes: step,
        period: PERIOD,
    };
    probe.net.reading(id, reading);
    id
}

fn judge_behind(probe: &Probe<'_>, seen: &Seen, whole: u64) -> Finding {
    if let Some(finding) = unfinished(seen) {
        return finding;
    }
    let (service, closing) = (seen.service(), seen.closing());
    let lost = whole.saturating_sub(seen.inbox.bytes);
    let status = seen.inbox.status();
    let spoilt = status != probe.baseline.plain.status && matches!(status, Some(400..=499));
    let finding = match (service, second(probe, seen)) {
        // The same request alone was answered as it should be.
        _ if spoilt => {
            let status = status.unwrap_or_default();
            let said = format!("answered {status} because of what came behind it, {closing}");
            return Finding::new(Word::Fail, said).verdicts(Service::Wrong, closing);
        }
        (Service::Whole, Some(status)) if is_processed(probe, status) => Finding::new(
            Word::Fail,
            format!("a request behind `close` was answered: {status}"),
        ),
        (Service::Whole, Some(status)) => Finding::new(
            Word::Warn,
            format!("whole, and {status} to a request behind `close`"),
        ),
        (Service::Whole, None) => match closing {
            Closing::Fin => Finding::new(Word::Pass, "whole, the rest unanswered, FIN"),
            Closing::Open => Finding::new(Word::Warn, "whole, the rest unanswered, and no FIN"),
            closing => Finding::new(Word::Warn, format!("whole, and {closing} over the rest")),
        },
        (Service::Cut, _) if lost > 0 => Finding::new(
            Word::Fail,
            format!("{} lost, {closing}", counted(lost)),
        )
        .figure("lost", lost as f64, "bytes"),
        _ => Finding::new(Word::Fail, told(seen)),
    };
    finding.verdicts(service, closing)
}

/// The status of a second response, 0 if it has none: also where only the connection's end ends
/// the first, so that the second looks like a part of it.
fn second(probe: &Probe<'_>, seen: &Seen) -> Option<u16> {
    let responses = &seen.inbox.responses;
    if let Some(response) = responses.get(1) {
        return Some(response.status().unwrap_or(0));
    }
    let first = responses.first().filter(|r| r.framing.is_close_delimited());
    let again = |bytes: &[u8]| {
        let mut others = bytes.windows(7).enumerate().skip(1);
        others
            .find(|(_, bytes)| bytes == b"HTTP/1.")
            .map(|(at, _)| at)
    };
    let rest = &seen.inbox.beginning;
    // A page about HTTP has such words of its own.
    let own = again(&probe.baseline.plain.beginning).is_some();
    let at = first.filter(|_| !own).and_then(|_| again(rest))?;
    let status = rest.get(at + 9..at + 12).map(String::from_utf8_lossy)?;
    status.parse().ok()
}

/// An error may be all that a server says to whatever follows; what it answers as usual it did.
fn is_processed(probe: &Probe<'_>, status: u16) -> bool {
    status != 0 && (!is_error(Some(status)) || Some(status) == probe.baseline.plain.status)
}

/// http/4.
pub(super) fn in_turn(probe: &mut Probe<'_>) -> Finding {
    const MANY: usize = 8;
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    if MANY as u64 * probe.baseline.plain.bytes > probe.net.left_bytes() {
        return Finding::skip("eight responses are larger than the allowance of this check");
    }
    let mut requests = probe.plain().repeat(MANY - 1);
    requests.extend(probe.target.request(&Ask::get_and_close(Resource::Plain)));
    let time = probe.baseline.time_of(Resource::Plain);
    let wait = probe.wait() + 2 * MANY as u32 * time;
    probe.repeat(TRIALS, |probe| {
        let id = ask(probe, &requests);
        probe.net.wait(id, wait, Seen::is_over);
        let seen = probe.net.seen(id);
        if let Some(finding) = unfinished(seen) {
            return finding;
        }
        let (whole, begun, closing) = (seen.whole(), seen.inbox.responses.len(), seen.closing());
        let all = whole == MANY;
        let (word, said) = match closing {
            _ if begun > MANY => (Word::Fail, format!("{begun} responses to {MANY} requests")),
            _ if whole == 0 => (Word::Fail, told(seen)),
            _ if begun > whole => (Word::Fail, format!("response {begun} is cut, {closing}")),
            Closing::Open if all => (Word::Warn, format!("{whole} of {MANY}, and no FIN")),
            Closing::Open => (
                Word::Fail,
                format!("{whole} of {MANY}, then nothing more, and no FIN"),
            ),
            Closing::Fin if all => (Word::Pass, format!("{whole} of {MANY}, FIN")),
            Closing::Fin if announced(seen) => (
                Word::Info,
                format!("{whole} of {MANY}, the last with `close`, FIN"),
            ),
            closing if announced(seen) => (Word::Warn, format!("{whole} of {MANY}, {closing}")),
            closing => (
                Word::Warn,
                format!("{whole} of {MANY}, {closing}, and never said `close`"),
            ),
        };
        let service = match seen.service() {
            _ if begun > MANY => Service::Wrong,
            Service::Whole if begun > whole => Service::Cut,
            service => service,
        };
        Finding::new(word, said).verdicts(service, closing)
    })
}

/// http/14.
pub(super) fn after_close(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let request = probe.target.request(&Ask::get_and_close(Resource::Plain));
    let wait = probe.wait_for(Resource::Plain);
    probe.repeat(FEW_TRIALS, |probe| {
        let id = ask(probe, &request);
        probe.net.wait(id, wait, |s| s.whole() > 0 || s.is_over());
        let seen = probe.net.seen(id);
        if seen.whole() == 0 || seen.is_dead() {
            return unfinished(seen).unwrap_or_else(|| {
                Finding::skip(format!(
                    "the first response was already lost: {}",
                    told(seen)
                ))
            });
        }
        let late = probe.plain();
        probe.net.send(id, &late);
        // After its FIN nothing can be answered any more, but an RST tells what became of it.
        let after_fin = wait.min(BEHIND);
        let further = |s: &Seen| {
            s.inbox
                .responses
                .get(1)
                .is_some_and(|r| r.status().is_some())
        };
        probe.net.wait(id, wait, |s| further(s) || s.is_over());
        probe.net.wait(id, after_fin, |s| further(s) || s.is_dead());
        let seen = probe.net.seen(id);
        if let Some(finding) = unfinished(seen) {
            return finding;
        }
        let first = answer(seen);
        let (word, said) = match (second(probe, seen), seen.closing()) {
            (Some(status), _) if is_processed(probe, status) => (
                Word::Fail,
                format!("{first} with `close`, and then {status} to a further request"),
            ),
            (Some(status), _) => (
                Word::Warn,
                format!("{first}, then {status} to what followed"),
            ),
            (None, Closing::Open) => (Word::Info, format!("{first}, then no answer and no FIN")),
            (None, Closing::Fin) => (Word::Info, format!("{first}, FIN; what followed was taken")),
            (None, closing) => (
                Word::Info,
                format!("{first}, {closing}: RST to what followed"),
            ),
        };
        Finding::new(word, said).verdicts(seen.service(), seen.closing())
    })
}
