//! How do kept HTTP connections end, and is it said before?

mod race;

use std::time::{Duration, Instant};

use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::idle::{CONNECTIONS, End, length};
use crate::net::Seen;
use crate::probe::{Probe, ms, rank, told};
use crate::target::Resource;

const NEEDS: Needs = Needs {
    http: true,
    ..Needs::NONE
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "http/11",
        title: "how an idle connection is closed",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9112, 9.2; RFC 9110, 15.5.9",
        demand: "An idle connection ends gracefully, and without a response nobody asked for.",
        does: "Keeps connections after a response, and sees how the server ends them.",
        harm: "An RST hits a request on its way; an unasked 408 is taken for the next answer.",
        remedy: "HAProxy: timeout http-keep-alive; nginx: no 408 here; own server: half-close",
        needs: NEEDS,
        looks_for: LooksFor::CLOSING,
        most: Cost::together(CONNECTIONS),
        run: how_it_ends,
    },
    Check {
        id: "http/12",
        title: "close announced with the last response",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.6; RFC 9112, 9.3",
        demand: "Who is going to close says so with `close` in the last message.",
        does: "Sends up to 120 requests on one connection (1,200 with --slow).",
        harm: "The next request is lost; one that may not be repeated, a POST, fails.",
        remedy: "own server: count, and say `Connection: close` in the last response",
        needs: NEEDS,
        looks_for: LooksFor {
            surplus: true,
            ..LooksFor::CLOSING
        },
        most: Cost::one_by_one(2),
        run: last_response,
    },
    Check {
        id: "http/13",
        title: "requests sent around the idle timeout",
        severity: Severity::High,
        level: Level::Info,
        reference: "RFC 9112, 9.5; RFC 9110, 9.2.2",
        demand: "The server may close at any time; the client has to cope. No rule is broken.",
        does: "Sends on kept connections from 20 ms before the timeout to 5 ms after it.",
        harm: "Rare 502s and resets, mostly of POST, where a proxy keeps connections longer.",
        remedy: "announce a second less than is kept: nginx keepalive_timeout 75s 60s",
        needs: NEEDS,
        looks_for: LooksFor::CLOSING,
        most: Cost {
            connections: CONNECTIONS + race::TRIES * race::STEPS,
            at_once: race::STEPS,
            bytes: 64 << 20,
        },
        run: race::around_the_timeout,
    },
];

/// http/11
fn how_it_ends(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let idle = probe.idle();
    if let Some(finding) = idle.not_kept() {
        return finding;
    }
    let word = |end: &End| match end.closing {
        Closing::Fin if end.unasked.is_none() => Word::Pass,
        _ => Word::Warn,
    };
    let over = idle.kept.iter();
    let over = over.filter_map(|end| Some((end, end.after.or(end.unasked.map(|u| u.1))?)));
    let Some((end, after)) = over.max_by_key(|(end, after)| (rank(word(end)), *after)) else {
        return Finding::skip(idle.none_ended().said);
    };
    let how = match (end.unasked, end.closing) {
        (Some((status, _)), Closing::Open) => format!("unasked {status}, and no FIN,"),
        (Some((status, _)), closing) => format!("unasked {status}, {closing}"),
        (None, closing) => closing.to_string(),
    };
    let announced = match idle.announced() {
        Some(time) => format!("announced {}", length(time)),
        None => "not announced".to_owned(),
    };
    Finding::new(
        word(end),
        format!("{how} after {}; {announced}", length(after)),
    )
    .verdicts(Service::Whole, end.closing)
    .figure("idle", ms(after), "ms")
}

/// What ended a series of requests on one connection.
#[derive(Debug)]
enum Last {
    /// The response of this number said `close`; whether the connection was closed then.
    Announced(u32, Closing),
    /// After so many responses the connection was closed.
    Unannounced(u32, Closing),
    /// So many were answered; why there were no more.
    NotReached(u32, &'static str),
    /// It was not finished.
    Unfinished(String),
}

/// http/12
fn last_response(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let (count, closing) = match series(probe) {
        Last::Announced(count, closing) => return announced(count, closing, probe.wait()),
        Last::NotReached(count, why) => {
            let said = format!("not closed within {count} requests{why}");
            return Finding::new(Word::Info, said).verdicts(Service::Whole, Closing::Open);
        }
        Last::Unfinished(why) => return Finding::error(why),
        Last::Unannounced(count, closing) => (count, closing),
    };
    // Once may be a restart, or a limit on something else than the number of requests.
    let same = matches!(series(probe), Last::Unannounced(again, _) if again == count);
    let (word, times) = if same {
        (Word::Fail, "")
    } else {
        (Word::Warn, "; the next connection not so")
    };
    let said = format!("closed after {count} responses without a word{times}");
    Finding::new(word, said)
        .verdicts(Service::Nothing, closing)
        .figure("answered", count.into(), "requests")
}

fn announced(count: u32, closing: Closing, wait: Duration) -> Finding {
    let (word, then) = match closing {
        Closing::Open => (Word::Warn, format!(", and no FIN within {wait:?}")),
        Closing::Fin => (Word::Pass, String::new()),
        closing => (Word::Warn, format!(", then {closing}")),
    };
    Finding::new(word, format!("`close` said in response {count}{then}"))
        .verdicts(Service::Whole, closing)
        .figure("answered", count.into(), "requests")
}

/// Requests one after the other on one connection, until something ends them.
fn series(probe: &mut Probe<'_>) -> Last {
    let (most, time) = if probe.slow {
        (1200, Duration::from_secs(120))
    } else {
        (120, Duration::from_secs(6))
    };
    let began = Instant::now();
    let (plain, wait) = (probe.plain(), probe.wait_for(Resource::Plain));
    let id = probe.connect();
    let mut last = None;
    for count in 0..most {
        if count > 0 && began.elapsed() >= time {
            last = Some(Last::NotReached(count, " in the time there is"));
            break;
        }
        // One response more, and its head may be longer next time.
        if probe.net.left_bytes() < 2 * probe.baseline.plain.bytes + 4096 {
            last = Some(Last::NotReached(count, ", which are enough bytes"));
            break;
        }
        probe.net.send(id, &plain);
        let done = |seen: &Seen| seen.whole() > count as usize || seen.is_over();
        probe.net.wait(id, wait, done);
        last = answered(probe, id, count);
        if last.is_some() {
            break;
        }
    }
    probe.net.clear();
    let more = if probe.slow {
        ""
    } else {
        "; --slow sends 1,200"
    };
    last.unwrap_or(Last::NotReached(most, more))
}

/// Whether a request that so many came before was the last, and how.
fn answered(probe: &mut Probe<'_>, id: crate::net::Id, before: u32) -> Option<Last> {
    let seen = probe.net.seen(id);
    if seen.whole() <= before as usize {
        let ended = matches!(
            seen.closing(),
            Closing::Fin | Closing::Rst | Closing::FinThenRst
        );
        let last = match before {
            // FIN or RST: that depends on whether our request came before it.
            1.. if ended => Last::Unannounced(before, seen.closing()),
            _ => Last::Unfinished(format!("request {}: {}", before + 1, told(seen))),
        };
        return Some(last);
    }
    let response = seen.inbox.responses.get(before as usize)?;
    if !response.framing.closes() {
        return None;
    }
    let wait = probe.wait();
    probe.net.wait(id, wait, Seen::is_over);
    Some(Last::Announced(before + 1, probe.net.seen(id).closing()))
}
