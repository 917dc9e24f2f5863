//! Responses that are to arrive whole although the server closes behind them.

use std::time::{Duration, Instant};

use finwait_load::Expect;

use super::{FEW_TRIALS, TRIALS};
use crate::baseline::Plain;
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Net, Opening, Reading, Seen};
use crate::probe::{Probe, counted, found, told};
use crate::target::{Ask, Resource};

/// Long enough for a server to have sent what it can, and closed.
const PAUSE: Duration = Duration::from_secs(1);
/// Long enough for a server to have seen that bytes are unread, and closed all the same.
const SHORT_PAUSE: Duration = Duration::from_millis(300);
/// An RST of the same close() comes right behind the FIN.
const BEHIND: Duration = Duration::from_millis(60);
/// What a client may send too much, in turn: below the 10 segments that a new connection may send
/// at once, and more than servers read at once (they are not to have read it by chance).
const EXTRA: [usize; 2] = [10 << 10, 60 << 10];

/// So much of a response that was cut makes it a big one: more than comes in one piece.
const CUT_BIG: u64 = 64 << 10;
/// More than a server's queue holds, usually.
const TAIL: u64 = 8 << 20;
const NOT_BIG: &str =
    "needs a response of at least 1 MiB: --big-path (or a larger response, of tcp://)";

const PAUSED: Opening = Opening {
    receive_buffer: None,
    source: None,
    reading: Reading::Paused,
};

/// survival/1: what waits in the server's queue when it closes.
pub(super) fn while_paused(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    if probe.baseline.big.is_none() {
        return without_a_whole_one(probe);
    }
    if let Some(finding) = probe.unanswered_now() {
        return finding;
    }
    let (request, ends) = probe.whole_request(Resource::Big);
    probe.repeat(FEW_TRIALS - 1, |probe| {
        let id = probe.connect_as(PAUSED);
        probe.net.send(id, &request);
        if ends {
            probe.net.half_close(id);
        }
        pause(probe, id, Resource::Big, PAUSE);
        let read = read_out_slowly_at_the_end(probe, id);
        read.map_or_else(|why| why, |()| judged(probe, id, Resource::Big))
    })
}

/// There is no big response to compare with: because none is big, or because not even a reader
/// that does not pause gets all of it each time.
fn without_a_whole_one(probe: &mut Probe<'_>) -> Finding {
    let (request, ends) = probe.whole_request(Resource::Big);
    let id = probe.connect_as(PAUSED);
    probe.net.send(id, &request);
    if ends {
        probe.net.half_close(id);
    }
    pause(probe, id, Resource::Plain, PAUSE);
    probe.net.reading(id, slowly(TAIL));
    let (wait, most) = (probe.wait(), 2 * probe.wait());
    if while_bytes_come(probe, id, wait, most, |_| false).is_err() {
        return Finding::skip("its response does not come to an end in time");
    }
    let seen = probe.net.seen(id);
    if seen.service() == Service::Cut && seen.is_over() && seen.inbox.bytes >= CUT_BIG {
        return found(seen);
    }
    Finding::skip(NOT_BIG)
}

/// survival/2, 3: bytes behind the request that a server does not read, and closes upon.
pub(super) fn with_bytes_left_unread(
    probe: &mut Probe<'_>,
    resource: Resource,
    trials: u32,
) -> Finding {
    if let Some(finding) = not_to_be_told(probe).or_else(|| probe.unanswered_now()) {
        return finding;
    }
    let (request, _) = probe.whole_request(resource);
    let requests = EXTRA.map(|extra| [&request[..], &too_much(probe, extra)].concat());
    let mut each = requests.iter().cycle();
    let before = plain_of(probe, resource).status;
    probe.repeat(trials, |probe| {
        let request = each.next().unwrap_or(&request);
        let id = probe.connect_as(PAUSED);
        probe.net.send(id, request);
        pause(probe, id, resource, SHORT_PAUSE);
        let read = match resource {
            Resource::Big => read_out_slowly_at_the_end(probe, id),
            _ => read_out(probe, id, resource, BEHIND),
        };
        let status = probe.net.seen(id).inbox.status();
        match read {
            Err(why) => why,
            // The same request without them was answered as it should be, each time.
            Ok(()) if status != before && matches!(status, Some(400..=499)) => {
                let status = status.unwrap_or_default();
                let seen = probe.net.seen(id);
                let said = format!("answered {status} because of the bytes behind it");
                Finding::new(Word::Fail, said).verdicts(Service::Wrong, seen.closing())
            }
            Ok(()) => judged(probe, id, resource),
        }
    })
}

/// survival/7: a plain exchange, watched on.
pub(super) fn behind_the_fin(probe: &mut Probe<'_>) -> Finding {
    const WATCHED: Duration = Duration::from_millis(100);
    // What all other checks are silent about is said here, once. Of a protocol that is not known the
    // request may be the wrong one.
    let plain = &probe.baseline.plain;
    if plain.service != Service::Whole && probe.is_http() {
        let said = format!("a plain request is not answered in full: {}", plain.said());
        return Finding::new(Word::Fail, said).verdicts(plain.service, plain.closing);
    }
    if let Some(finding) = probe.unanswered_now() {
        return finding;
    }
    let (request, ends) = probe.whole_request(Resource::Plain);
    probe.repeat(TRIALS, |probe| {
        let id = probe.connect();
        probe.net.send(id, &request);
        if ends {
            probe.net.half_close(id);
        }
        if let Err(why) = read_out(probe, id, Resource::Plain, WATCHED) {
            return why;
        }
        let seen = probe.net.seen(id);
        if seen.service() == Service::Whole && seen.closing() == Closing::Open {
            return Finding::skip("the server does not close after its response");
        }
        judged(probe, id, Resource::Plain)
    })
}

/// survival/6: half a minute, a third of it with the window closed.
pub(super) fn to_a_slow_reader(probe: &mut Probe<'_>) -> Finding {
    const STEPS: u64 = 1000;
    if let Some(finding) = probe.unanswered_now() {
        return finding;
    }
    // Of 30 s, for somebody who waits up to 90 s for a server to let go of an idle connection.
    let third = probe.patience.max_idle / 9;
    let bytes = size(probe, Resource::Big) / STEPS;
    let (request, ends) = probe.whole_request(Resource::Big);
    let id = probe.connect_as(Opening {
        receive_buffer: Some(32 << 10),
        ..PAUSED
    });
    probe.net.send(id, &request);
    if ends {
        probe.net.half_close(id);
    }
    pause(probe, id, Resource::Big, third);
    // After the server's end nothing can change any more: what is here is here.
    let slowly = match probe.net.peer_ended(id) {
        Some(true) => Reading::Fast,
        _ => Reading::Slow {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX).max(1),
            period: 2 * third / STEPS as u32,
        },
    };
    probe.net.reading(id, slowly);
    let wait = probe.wait_for(Resource::Big);
    if let Err(why) = while_bytes_come(probe, id, wait, 10 * third + wait, |_| false) {
        return why;
    }
    probe.net.wait(id, BEHIND, Seen::is_dead);
    judged(probe, id, Resource::Big)
}

/// Why bytes behind the request say nothing about the response.
fn not_to_be_told(probe: &Probe<'_>) -> Option<Finding> {
    if probe.is_http() {
        return None;
    }
    if probe.baseline.needs_fin {
        let why = "the server reads until our FIN, and so leaves nothing unread";
        return Some(Finding::skip(why));
    }
    // More bytes could be a part of the request; and only a count tells the end before an RST.
    let counted = matches!(probe.target.expect(), Expect::Bytes(_));
    (!counted).then(|| Finding::skip("needs a response of a known length: --expect bytes=N"))
}

/// What a client sends that did not wait: of HTTP more requests, with long fields.
fn too_much(probe: &Probe<'_>, bytes: usize) -> Vec<u8> {
    if !probe.is_http() {
        return vec![b'x'; bytes];
    }
    // No field longer, and no request with more of them, than what servers take.
    let fields: String = (0..5)
        .map(|number| format!("X-Filler-{number}: {}\r\n", "x".repeat(1000)))
        .collect();
    let request = probe.target.request(&Ask {
        fields: &fields,
        ..Ask::get(Resource::Plain)
    });
    let requests = bytes.div_ceil(request.len());
    request.repeat(requests)
}

/// Reads nothing until the server has begun to answer, and then for `time`, or until its FIN or RST
/// is there: with either of them, nothing is left in its queue.
fn pause(probe: &mut Probe<'_>, id: Id, resource: Resource, time: Duration) {
    let wait = probe.wait_for(resource);
    let ended = |net: &Net| net.peer_ended(id) == Some(true);
    probe
        .net
        .until(wait, |net| net.unread(id) != Some(0) || ended(net));
    probe.net.until(time, ended);
}

/// Reads as fast as it can to the end, and watches a little longer.
fn read_out(
    probe: &mut Probe<'_>,
    id: Id,
    resource: Resource,
    behind: Duration,
) -> Result<(), Finding> {
    let wait = probe.wait_for(resource);
    probe.net.reading(id, Reading::Fast);
    while_bytes_come(probe, id, wait, 8 * wait, |_| false)?;
    if probe.net.seen(id).fin.is_some() {
        probe.net.wait(id, behind, Seen::is_dead);
    }
    Ok(())
}

/// The same for a big response, its end in small steps. A server that is done with its writing has
/// its queue full then; a fast reader would have emptied it before the server comes to close, and
/// whether an RST destroys anything would be a matter of chance.
fn read_out_slowly_at_the_end(probe: &mut Probe<'_>, id: Id) -> Result<(), Finding> {
    let size = size(probe, Resource::Big);
    let tail = size.min(TAIL);
    let wait = probe.wait_for(Resource::Big);
    let ended = |net: &Net| net.peer_ended(id) == Some(true);
    if size > tail {
        probe.net.reading(id, Reading::Fast);
        let near = |net: &Net| net.seen(id).inbox.bytes >= size - tail;
        while_bytes_come(probe, id, wait, 8 * wait, near)?;
    }
    probe.net.reading(id, slowly(tail));
    while_bytes_come(probe, id, wait, 8 * wait, ended)?;
    read_out(probe, id, Resource::Big, BEHIND)
}

/// So slowly that so many bytes take 400 ms, or longer where the machine is slow.
fn slowly(bytes: u64) -> Reading {
    const STEPS: u64 = 40;
    Reading::Slow {
        bytes: usize::try_from(bytes / STEPS).unwrap_or(usize::MAX),
        period: Duration::from_millis(10),
    }
}

/// Until the server's end or `done`, as long as bytes come. More than `most` is no judgement: the
/// response goes on.
fn while_bytes_come(
    probe: &mut Probe<'_>,
    id: Id,
    wait: Duration,
    most: Duration,
    done: impl Fn(&Net) -> bool,
) -> Result<(), Finding> {
    let end = Instant::now() + most;
    while Instant::now() < end {
        let before = probe.net.seen(id).inbox.bytes;
        let finished = |net: &Net| done(net) || net.seen(id).is_over();
        let came = |net: &Net| finished(net) || net.seen(id).inbox.bytes > before;
        if !probe.net.until(wait, came) || finished(&probe.net) {
            return Ok(());
        }
    }
    let why = format!("the response still came after {most:?}");
    Err(Finding::error(why))
}

fn plain_of(probe: &Probe<'_>, resource: Resource) -> Plain {
    let baseline = probe.baseline;
    let big = baseline.big.as_ref().filter(|_| resource == Resource::Big);
    big.unwrap_or(&baseline.plain).clone()
}

fn size(probe: &Probe<'_>, resource: Resource) -> u64 {
    plain_of(probe, resource).bytes
}

/// As usual, beside what cannot be told: one server is down, another keeps the connection.
fn judged(probe: &mut Probe<'_>, id: Id, resource: Resource) -> Finding {
    let before = plain_of(probe, resource);
    let seen = probe.net.seen(id);
    let lost = before.bytes.saturating_sub(seen.inbox.bytes);
    match (seen.service(), seen.closing()) {
        (_, Closing::NoConnection) => Finding::error(told(seen)),
        (Service::Whole, _) if seen.inbox.status() != before.status => Finding::error(format!(
            "was answered {} this time",
            seen.inbox.status().unwrap_or_default()
        )),
        (Service::Whole, _) if lost > 0 && ends_with_the_fin(probe, &before) => {
            cut_or_other(probe, id, resource)
        }
        (Service::Whole, Closing::Open) if !probe.is_http() => {
            Finding::skip("the server does not close after its response")
        }
        (Service::Whole, _) => found(seen),
        _ => found(seen).figure("lost", lost as f64, "bytes"),
    }
}

/// Whether a response that was cut by a FIN looks as if it were whole.
fn ends_with_the_fin(probe: &Probe<'_>, before: &Plain) -> bool {
    before.close_delimited || probe.target.expect() == Expect::UntilFin
}

/// Fewer bytes than at first, and a FIN: either the rest is lost, or the response is another one
/// each time. Asks once more, and reads at once.
fn cut_or_other(probe: &mut Probe<'_>, id: Id, resource: Resource) -> Finding {
    let before = size(probe, resource);
    let (bytes, closing) = {
        let seen = probe.net.seen(id);
        (seen.inbox.bytes, seen.closing())
    };
    let (request, ends) = probe.whole_request(resource);
    let again = probe.connect();
    probe.net.send(again, &request);
    if ends {
        probe.net.half_close(again);
    }
    if let Err(why) = read_out(probe, again, resource, Duration::ZERO) {
        return why;
    }
    let now = probe.net.seen(again).inbox.bytes;
    if now != before {
        return Finding::error("its responses differ in size: a cut cannot be told");
    }
    let said = format!(
        "{} of {before}, then {closing}: cut, and it looks whole",
        counted(bytes)
    );
    Finding::new(Word::Fail, said)
        .verdicts(Service::Cut, closing)
        .figure("lost", before.saturating_sub(bytes) as f64, "bytes")
}
