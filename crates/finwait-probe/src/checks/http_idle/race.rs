//! Requests that cross the server's FIN: whoever sends one cannot know that it will be lost.

use std::time::{Duration, Instant};

use crate::check::{Finding, Word};
use crate::idle::length;
use crate::net::{Id, Net, Seen};
use crate::probe::{Probe, ms};
use crate::target::Resource;

/// Requests, each on a connection of its own and later than the one before.
pub(super) const STEPS: u32 = 43;
/// A sweep that missed the timeout, or that this machine was too busy for, is done once more.
pub(super) const TRIES: u32 = 2;
const STEP: Duration = Duration::from_micros(600);
/// How long before the timeout the first of them is sent.
const BEFORE: Duration = Duration::from_millis(20);
/// A request that went out so much too late says nothing about the time it was meant for.
const LATE: Duration = Duration::from_millis(3);
/// What an announced time must be shorter by, to keep clients that honour it out of the race.
const CARE: Duration = Duration::from_secs(1);
/// A clock that is asked at both ends is late at each.
const NEARLY: Duration = Duration::from_millis(100);

/// What became of the requests of one sweep.
#[derive(Debug, Default)]
struct Sweep {
    answered: u32,
    /// The connection was closed before the request could be sent: nobody loses anything.
    closed_before: u32,
    /// How long those connections had been idle when they were closed.
    closed_after: Vec<Duration>,
    /// How long the connections had been idle on which those were sent that got no answer.
    lost: Vec<Duration>,
    /// Neither answered nor closed.
    open: u32,
    too_late: u32,
}

/// http/13
pub(super) fn around_the_timeout(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let idle = probe.idle();
    if let Some(finding) = idle.not_kept() {
        return finding;
    }
    let Some(timeout) = idle.timeout() else {
        return Finding::skip(idle.none_ended().said);
    };
    if timeout < 5 * BEFORE {
        let timeout = length(timeout);
        return Finding::skip(format!("connections are kept for {timeout} only"));
    }
    let kept = verdict(timeout, idle.announced());
    let (mut around, mut failed) = (timeout, "");
    for _ in 0..TRIES {
        let mut sweep = match sweep(probe, around) {
            Ok(sweep) => sweep,
            Err(why) => return Finding::error(why),
        };
        probe.net.clear();
        if sweep.too_late > STEPS / 4 {
            failed = "this machine was too busy to measure more";
        } else if sweep.answered < STEPS && sweep.closed_before < STEPS {
            return measured(kept, &sweep);
        } else {
            failed = "it varies too much to measure more";
            sweep.closed_after.sort();
            let middle = sweep.closed_after.get(sweep.closed_after.len() / 2);
            around = middle.copied().unwrap_or(around).max(5 * BEFORE);
        }
    }
    let said = format!("{}; {failed}", kept.said);
    Finding { said, ..kept }
}

/// What does not depend on luck: whether clients that honour what is announced are in the race.
fn verdict(timeout: Duration, announced: Option<Duration>) -> Finding {
    let kept = length(timeout);
    match announced {
        Some(time) if time + CARE <= timeout + NEARLY => Finding::new(
            Word::Pass,
            format!("kept {kept}, announced {}", length(time)),
        ),
        Some(time) => Finding::new(
            Word::Info,
            format!("kept {kept}, announced {}", length(time)),
        ),
        None => Finding::new(Word::Info, format!("kept {kept}, not announced")),
    }
}

/// How the requests fared, and how wide the window is in which they are lost.
fn measured(finding: Finding, sweep: &Sweep) -> Finding {
    let (first, last) = (sweep.lost.iter().min(), sweep.lost.iter().max());
    let window = match (first, last) {
        (Some(&first), Some(&last)) => last - first + STEP,
        _ => Duration::ZERO,
    };
    let open = match sweep.open {
        0 => String::new(),
        open => format!(", {open} without an answer"),
    };
    let said = format!(
        "{}; {} answered, {} lost, {} closed before{open}",
        finding.said,
        sweep.answered,
        sweep.lost.len(),
        sweep.closed_before
    );
    Finding { said, ..finding }.figure("window", ms(window), "ms")
}

fn sweep(probe: &mut Probe<'_>, timeout: Duration) -> Result<Sweep, String> {
    let due = kept(probe, timeout)?;
    let plain = probe.plain();
    let mut sweep = Sweep::default();
    let mut sent = Vec::new();
    for (at, idle, id) in due {
        go_on_until(&mut probe.net, at);
        if probe.net.seen(id).is_over() {
            sweep.closed_before += 1;
            sweep.closed_after.extend(closed_after(probe.net.seen(id)));
            continue;
        }
        probe.net.send(id, &plain);
        let late = Instant::now().saturating_duration_since(at);
        sweep.too_late += u32::from(late > LATE);
        sent.push((idle + late, id));
    }
    let wait = probe.wait_for(Resource::Plain);
    let done = |seen: &Seen| seen.whole() > 1 || seen.is_over();
    probe
        .net
        .until(wait, |net| sent.iter().all(|&(_, id)| done(net.seen(id))));
    for (idle, id) in sent {
        let seen = probe.net.seen(id);
        match () {
            () if seen.whole() > 1 => sweep.answered += 1,
            () if seen.is_over() => sweep.lost.push(idle),
            () => sweep.open += 1,
        }
    }
    Ok(sweep)
}

fn closed_after(seen: &Seen) -> Option<Duration> {
    let completed = seen.inbox.responses.first()?.completed?;
    Some(
        seen.fin
            .or(seen.reset)?
            .saturating_duration_since(completed),
    )
}

/// Connections that have had a response: when each is to send again, in that order, and how long
/// it is idle then.
fn kept(probe: &mut Probe<'_>, timeout: Duration) -> Result<Vec<(Instant, Duration, Id)>, String> {
    let ids = probe.connect_all(STEPS as usize);
    let plain = probe.plain();
    for &id in &ids {
        probe.net.send(id, &plain);
    }
    let wait = probe.wait_for(Resource::Plain);
    let done = |seen: &Seen| seen.whole() > 0 || seen.is_over();
    probe
        .net
        .until(wait, |net| ids.iter().all(|&id| done(net.seen(id))));
    let mut due = Vec::new();
    let offsets = (0..STEPS).map(|step| timeout - BEFORE + STEP * step);
    for (&id, offset) in ids.iter().zip(offsets) {
        let response = probe.net.seen(id).inbox.responses.first();
        if let Some(completed) = response.and_then(|response| response.completed) {
            due.push((completed + offset, offset, id));
        }
    }
    due.sort_by_key(|&(at, _, _)| at);
    match due.len() {
        all if all == ids.len() => Ok(due),
        some => Err(format!("{some} of {STEPS} connections were answered")),
    }
}

/// A wait for events is as exact as a millisecond; for the rest of the time they are polled.
fn go_on_until(net: &mut Net, at: Instant) {
    const COARSE: Duration = Duration::from_millis(3);
    let left = at.saturating_duration_since(Instant::now());
    if left > COARSE {
        net.watch(left - COARSE);
    }
    while Instant::now() < at {
        net.now();
    }
    net.now();
}
