//! Bytes that come after the server's FIN: who lingers reads them, who has closed answers with RST.

use std::time::Duration;

use super::{FEW_TRIALS, MOST_TRIES};
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Seen};
use crate::probe::{Probe, ms, told};
use crate::target::Resource;

/// Shorter is no lingering: it is how long a server takes from its FIN to its close().
const HARDLY: Duration = Duration::from_millis(100);
const PERIOD: Duration = Duration::from_millis(10);
/// How long is tried where minutes must not be taken.
const USUAL: Duration = Duration::from_secs(5);
/// Longer is long.
const LONG: Duration = Duration::from_secs(60);

/// survival/4: a byte, and another one when a server that just closes has done so.
pub(super) fn taken_at_all(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = no_byte_is_late(probe) {
        return finding;
    }
    probe.repeat(FEW_TRIALS, |probe| {
        let id = match closed_by_the_server(probe) {
            Ok(id) => id,
            Err(why) => return why,
        };
        let reply = HARDLY.max(round_trip(probe, id));
        for _ in 0..2 {
            late_byte(probe, id, reply);
        }
        let seen = probe.net.seen(id);
        if seen.lost.is_some() {
            return Finding::error(told(seen));
        }
        let (word, said) = match seen.reset {
            Some(_) => (Word::Info, "a late byte is answered with RST"),
            None => (Word::Pass, "late bytes are taken"),
        };
        Finding::new(word, said).verdicts(Service::Whole, seen.closing())
    })
}

/// survival/5: the shortest of a few, because it is what clients can rely on.
pub(super) fn for_how_long(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = no_byte_is_late(probe) {
        return finding;
    }
    let limit = if probe.slow {
        (LONG + Duration::from_secs(1)).min(probe.patience.max_idle)
    } else {
        USUAL.min(probe.wait() * 5 / 2)
    };
    let mut shortest: Option<(Duration, Closing)> = None;
    for _ in 0..FEW_TRIALS {
        let id = match closed_by_the_server(probe) {
            Ok(id) => id,
            Err(why) => return why,
        };
        let taken = taken_for(probe, id, limit);
        let seen = probe.net.seen(id);
        if seen.lost.is_some() {
            return Finding::error(told(seen));
        }
        let closing = seen.closing();
        probe.net.clear();
        if shortest.is_none_or(|(least, _)| taken < least) {
            shortest = Some((taken, closing));
        }
        if taken > 2 * HARDLY {
            // No matter of chance any more.
            break;
        }
    }
    let (taken, closing) = shortest.unwrap_or((Duration::ZERO, Closing::NotLooked));
    let word = if taken < HARDLY || taken > LONG {
        Word::Info
    } else {
        Word::Pass
    };
    let said = match closing {
        Closing::Fin => format!("late bytes are taken for {limit:?} and longer"),
        _ if taken.is_zero() => "the first late byte is answered with RST".to_owned(),
        _ => format!("late bytes are taken for {:.0} ms, then RST", ms(taken)),
    };
    Finding::new(word, said)
        .verdicts(Service::Whole, closing)
        .figure("linger", ms(taken), "ms")
}

/// A connection on which a response and the server's FIN have been read; why there is none. Where
/// some responses end otherwise, that is for other checks to tell.
fn closed_by_the_server(probe: &mut Probe<'_>) -> Result<Id, Finding> {
    let mut tries = 1;
    loop {
        match answered_and_closed(probe) {
            Err(why) if why.word == Word::Skip && probe.net.all().any(is_open) => return Err(why),
            Err(_) if tries < MOST_TRIES => tries += 1,
            result => return result,
        }
        probe.net.clear();
    }
}

/// A server that keeps its connections does so each time, and each time costs a wait.
fn is_open(seen: &Seen) -> bool {
    seen.closing() == Closing::Open
}

fn answered_and_closed(probe: &mut Probe<'_>) -> Result<Id, Finding> {
    let (request, _) = probe.whole_request(Resource::Plain);
    let id = probe.connect();
    probe.net.send(id, &request);
    let wait = probe.wait_for(Resource::Plain);
    probe.net.wait(id, wait, Seen::is_over);
    let seen = probe.net.seen(id);
    match (seen.service(), seen.closing()) {
        (_, Closing::Rst) => Err(Finding::skip("the server ends with an RST, not with a FIN")),
        (Service::Whole, Closing::Fin | Closing::FinThenRst) => Ok(id),
        (Service::Whole, Closing::Open) => Err(Finding::skip(
            "the server does not close after its response",
        )),
        _ => Err(Finding::error(told(seen))),
    }
}

fn no_byte_is_late(probe: &mut Probe<'_>) -> Option<Finding> {
    if probe.baseline.needs_fin {
        let why = "the server answers only after our FIN: no byte can be late";
        return Some(Finding::skip(why));
    }
    probe.unanswered_now()
}

/// How long after the server's FIN a byte was still taken; at most about `limit`.
fn taken_for(probe: &mut Probe<'_>, id: Id, limit: Duration) -> Duration {
    let period = PERIOD.max(round_trip(probe, id));
    let mut taken = Duration::ZERO;
    while taken < limit {
        if !late_byte(probe, id, period) {
            return taken;
        }
        let seen = probe.net.seen(id);
        let since = seen.last_sent.zip(seen.fin);
        taken = since.map_or(limit, |(sent, fin)| sent.saturating_duration_since(fin));
    }
    taken
}

/// Sends one; whether no RST came of it.
fn late_byte(probe: &mut Probe<'_>, id: Id, reply: Duration) -> bool {
    // An empty line is nothing to most who read it.
    probe.net.send(id, b"\n");
    !probe.net.wait(id, reply, Seen::is_dead)
}

/// Twice what the handshake took, so that an RST belongs to the byte before it.
fn round_trip(probe: &Probe<'_>, id: Id) -> Duration {
    let seen = probe.net.seen(id);
    let took = seen.connected.map(|at| at - seen.opened);
    (2 * took.unwrap_or_default()).min(Duration::from_millis(500))
}
