//! Does the server let go of connections that nobody needs?

mod idle;

use std::time::{Duration, Instant};

use finwait_load::Expect;

use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::idle::CONNECTIONS;
use crate::net::{Id, Net, Seen};
use crate::probe::{Probe, ms, rank, told};
use crate::target::Resource;

const KEPT: usize = 20;
const ROUNDS: u32 = 3;
/// After a response: a server that closes by itself does it within this time.
const MOMENT: Duration = Duration::from_millis(40);
/// Connections of each kind in a round.
const EACH: usize = 10;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "leak/1",
        title: "the server's answer to our FIN",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9293, 3.6",
        demand: "When the client has closed, the server closes its side too.",
        does: "Half-closes 20 kept connections after a response each, and waits for the FIN.",
        harm: "Sockets pile up in CLOSE-WAIT until the server has no descriptors left.",
        remedy: "own server: close on every path after a read of 0; HAProxy: timeout client-fin",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::together(KEPT as u32),
        run: answer_to_fin,
    },
    Check {
        id: "leak/2",
        title: "connections that the client gave up",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9112, 6.3",
        demand: "A connection that the client has closed is closed in turn, whatever its state.",
        does: "Half-closes 10 connections each before, in and after a request; 3 rounds.",
        harm: "A leak in one state only takes days to show and is then blamed on the traffic.",
        remedy: "own server: close at a read of 0 in each state; nginx: client_header_timeout",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost {
            connections: ROUNDS * 3 * EACH as u32,
            at_once: 3 * EACH as u32,
            bytes: 64 << 20,
        },
        run: given_up,
    },
    Check {
        id: "leak/3",
        title: "idle before the first byte",
        severity: Severity::Info,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9110, 15.5.9",
        demand: "Whether and when to time out is free; whoever does should close gracefully.",
        does: "Connects, sends nothing, and sees when and how the server ends that.",
        harm: "Without a limit silent connections use the server up; with RST clients log errors.",
        remedy: "nginx: client_header_timeout; HAProxy: timeout http-request; Node: headersTimeout",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::together(CONNECTIONS),
        run: idle::unused,
    },
    Check {
        id: "leak/4",
        title: "idle in the middle of a request",
        severity: Severity::Medium,
        level: Level::Must,
        reference: "RFC 9112, 6.3; RFC 9112, 9.5",
        demand: "A body that is not whole at the timeout is incomplete and ends the connection.",
        does: "Sends half a request and no more, and sees when and how the server ends that.",
        harm: "A stalled upload holds a worker for ever, or a part of a request is acted upon.",
        remedy: "nginx: client_header_timeout, client_body_timeout; Apache: RequestReadTimeout",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::together(CONNECTIONS),
        run: idle::in_request,
    },
    Check {
        id: "leak/5",
        title: "idle after a response: as announced?",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.5 (Keep-Alive: in no RFC since RFC 2068, 19.7.1.1)",
        demand: "The idle time is the server's choice; one that it announces should be true.",
        does: "Keeps connections after a response, and sees whether they last as announced.",
        harm: "Clients that trust the announced time send requests into a closing connection.",
        remedy: "nginx: keepalive_timeout 75s 60s (the second is announced); Node: keepAliveTimeout",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::together(CONNECTIONS),
        run: idle::kept,
    },
];

/// What has happened on a connection when we half-close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unused,
    InRequest,
    Answered,
}

impl State {
    fn told(self) -> &'static str {
        match self {
            Self::Unused => "before a request",
            Self::InRequest => "in a request",
            Self::Answered => "after a response",
        }
    }
}

fn answer_to_fin(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered().or_else(|| closes_by_itself(probe)) {
        return finding;
    }
    let ids = half_close_in(probe, &[(State::Answered, KEPT)]);
    let wait = probe.wait();
    let all = || ids.iter().map(|&(id, _)| probe.net.seen(id));
    let says_close = |seen: &Seen| {
        seen.inbox
            .responses
            .first()
            .is_some_and(|r| r.framing.closes())
    };
    let server_first = |seen: &Seen| {
        says_close(seen)
            || seen
                .fin
                .is_some_and(|fin| seen.our_fin.is_none_or(|our| fin < our))
    };
    if all().any(server_first) {
        return Finding::skip("the server closes first: it keeps no connection after a response");
    }
    let turned_away = |seen: &Seen| seen.whole() == 0 && seen.reset.is_some();
    if let Some(seen) = all().find(|&seen| is_unfinished(seen) || turned_away(seen)) {
        return Finding::error(format!("not all connections could be used: {}", told(seen)));
    }
    let slowest = all().map(|seen| latency(seen).unwrap_or(wait)).max();
    let open = all().filter(|seen| !seen.is_over()).count();
    let reset = all().find(|seen| seen.reset.is_some());
    let finding = match reset {
        _ if open > 0 => {
            let said = format!("{open} of {KEPT} without a FIN within {wait:?}");
            Finding::new(Word::Fail, said).verdicts(Service::Whole, Closing::Open)
        }
        Some(seen) => Finding::new(Word::Warn, format!("{} after our FIN", seen.closing()))
            .verdicts(Service::Whole, seen.closing()),
        None => Finding::new(Word::Pass, format!("{KEPT} of {KEPT} with a FIN"))
            .verdicts(Service::Whole, Closing::Fin),
    };
    finding.figure("slowest", ms(slowest.unwrap_or_default()), "ms")
}

/// A protocol in which the server's FIN is the end of the response.
fn closes_by_itself(probe: &Probe<'_>) -> Option<Finding> {
    let ends = probe.target.expect() == Expect::UntilFin && !probe.baseline.needs_fin;
    ends.then(|| Finding::skip("the server closes first: its FIN ends the response"))
}

/// From our FIN to the server's end.
fn latency(seen: &Seen) -> Option<Duration> {
    let ended = seen.fin.or(seen.reset)?;
    Some(ended.saturating_duration_since(seen.our_fin?))
}

/// The server had no chance to show what it does with our FIN.
fn is_unfinished(seen: &Seen) -> bool {
    let lost = matches!(seen.closing(), Closing::Lost | Closing::NoConnection);
    lost || (seen.our_fin.is_none() && !seen.is_over())
}

fn given_up(probe: &mut Probe<'_>) -> Finding {
    let mut states = vec![(State::Unused, EACH), (State::InRequest, EACH)];
    if probe.unanswered().is_none() {
        states.push((State::Answered, EACH));
    }
    let (mut of, mut leaked) = (0, Vec::new());
    for _ in 0..ROUNDS {
        let ids = half_close_in(probe, &states);
        for &(id, state) in &ids {
            let seen = probe.net.seen(id);
            if is_unfinished(seen) {
                let state = state.told();
                return Finding::error(format!("{state}, not all could be used: {}", told(seen)));
            }
            if !seen.is_over() {
                leaked.push(state);
            }
        }
        of += ids.len();
        probe.net.clear();
    }
    let finding = if leaked.is_empty() {
        Finding::new(Word::Pass, format!("the server ended {of} of {of}"))
    } else {
        let counts = states.iter().filter_map(|&(state, _)| {
            let count = leaked.iter().filter(|&&l| l == state).count();
            (count > 0).then(|| format!("{count} {}", state.told()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        Finding::new(Word::Fail, format!("of {of} still open: {counts}"))
            .verdicts(Service::NotAsked, Closing::Open)
    };
    finding.figure("open", leaked.len() as f64, "connections")
}

/// Half-closes connections, each as soon as it is in its state, and waits for the server's answer.
///
/// Each goes on by itself: a server that serves one after the other comes to all of them.
fn half_close_in(probe: &mut Probe<'_>, states: &[(State, usize)]) -> Vec<(Id, State)> {
    let states = states.iter().flat_map(|&(state, count)| vec![state; count]);
    let states: Vec<State> = states.collect();
    let ids = probe.connect_all(states.len());
    let mut waiting: Vec<(Id, State)> = ids.into_iter().zip(states).collect();
    let all = waiting.clone();
    let plain = probe.plain();
    for &(id, state) in &all {
        match state {
            State::Unused => {}
            State::InRequest => probe.net.send(id, &plain[..plain.len() / 2]),
            State::Answered => probe.net.send(id, &plain),
        }
    }
    let (wait, needs_fin) = (probe.wait(), probe.baseline.needs_fin);
    let end = Instant::now() + wait + probe.wait_for(Resource::Plain);
    let is_due = |net: &Net, id: Id, state| {
        let seen = net.seen(id);
        let rested = seen.last_byte.is_some_and(|at| at.elapsed() >= MOMENT);
        state != State::Answered || needs_fin || (seen.whole() > 0 && rested)
    };
    let is_settled = |net: &Net, id: Id| {
        let seen = net.seen(id);
        seen.is_over() || seen.our_fin.is_some_and(|at| at.elapsed() >= wait)
    };
    loop {
        let (due, rest) = waiting
            .iter()
            .partition(|&&(id, s)| is_due(&probe.net, id, s));
        waiting = rest;
        let due: Vec<(Id, State)> = due;
        for (id, _) in due {
            probe.net.half_close(id);
        }
        let left = end.saturating_duration_since(Instant::now());
        let done = probe.net.until(left, |net| {
            let settled = all.iter().all(|&(id, _)| is_settled(net, id));
            settled || waiting.iter().any(|&(id, s)| is_due(net, id, s))
        });
        if !done || all.iter().all(|&(id, _)| is_settled(&probe.net, id)) {
            break;
        }
    }
    // This machine may have been too busy to look at what had come long before.
    probe.net.watch(Duration::from_millis(20));
    all
}

/// The worse of two findings.
fn worse(one: Finding, other: Finding) -> Finding {
    if rank(other.word) > rank(one.word) {
        other
    } else {
        one
    }
}
