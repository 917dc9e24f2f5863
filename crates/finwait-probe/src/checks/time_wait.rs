//! Who closes first, and what becomes of the TIME-WAIT that this side is left with?

mod port;

use std::time::{Duration, Instant};

use finwait_load::Expect;

use crate::check::{
    Check, Closing, Cost, Finding, Level, LooksFor, Needs, Service, Severity, Word,
};
use crate::net::{Net, Seen};
use crate::probe::{Probe, told};
use crate::target::{Ask, Resource};

/// Connections of each kind.
const EACH: usize = 3;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "time-wait/1",
        title: "who sends the first FIN",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.5; RFC 9112, 9.3; RFC 9112, 9.6",
        demand: "Connections are kept where they can be; after `close` the server closes first.",
        does: "Asks with and without `close`, in HTTP/1.0 and in nonsense; 3 times each.",
        harm: "One TIME-WAIT per request piles up at the server, and each costs a connection.",
        remedy: "nginx: keepalive_timeout; Apache: KeepAlive On; Python: protocol_version HTTP/1.1",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: Cost::together(4 * EACH as u32),
        run: first_fin,
    },
    Check {
        id: "time-wait/2",
        title: "who holds TIME-WAIT",
        severity: Severity::Info,
        level: Level::Info,
        reference: "RFC 9293, 3.6.1",
        demand: "The side that closes first waits for two maximum segment lifetimes.",
        does: "Closes with and without `close`, and sees whether the local port is free at once.",
        harm: "Tells whose ports and memory the waiting costs.",
        remedy: "no fault; to move it let the other side close first, never reset to avoid it",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: Cost::one_by_one(1 + 2 * 3 * EACH as u32),
        run: port::holder,
    },
    Check {
        id: "time-wait/3",
        title: "the same port again while the server is in TIME-WAIT",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9293, 3.6.1; RFC 6191, 2",
        demand: "A SYN that is newer than the old connection is let through at once.",
        does: "Has the server close first, and connects again from the same port; best of 3.",
        harm: "A client or NAT that takes a port again waits for a second or more, or fails.",
        remedy: "Linux: net.ipv4.tcp_timestamps=1; no firewall that drops SYNs in TIME-WAIT",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: Cost::one_by_one(1 + 2 * EACH as u32),
        run: port::again,
    },
];

/// How a connection is used before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// Nothing is asked.
    Unused,
    /// A request that keeps the connection; the only one of what is not HTTP.
    Kept,
    Close,
    Http10,
    Nonsense,
}

impl Scenario {
    fn request(self, probe: &Probe<'_>) -> Vec<u8> {
        let http10 = Ask {
            version: "HTTP/1.0",
            ..Ask::get(Resource::Plain)
        };
        match self {
            Self::Unused => Vec::new(),
            Self::Kept => probe.plain(),
            Self::Close => probe.target.request(&Ask::get_and_close(Resource::Plain)),
            Self::Http10 => probe.target.request(&http10),
            Self::Nonsense => b"nonsense\r\n\r\n".to_vec(),
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Kept => "kept",
            Self::Close => "close",
            Self::Http10 => "HTTP/1.0",
            Self::Nonsense => "nonsense",
        }
    }
}

/// time-wait/1
fn first_fin(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    if probe.baseline.needs_fin {
        return Finding::skip("the server answers only after our FIN, which is always the first");
    }
    let all = [
        Scenario::Kept,
        Scenario::Close,
        Scenario::Http10,
        Scenario::Nonsense,
    ];
    let scenarios = if probe.is_http() { &all[..] } else { &all[..1] };
    let ids = probe.connect_all(scenarios.len() * EACH);
    for (scenario, ids) in scenarios.iter().zip(ids.chunks(EACH)) {
        let request = scenario.request(probe);
        for &id in ids {
            probe.net.send(id, &request);
        }
    }
    let kept = &ids[..EACH];
    let wait = probe.wait_for(Resource::Plain);
    let answered = |net: &Net| kept.iter().all(|&id| net.seen(id).whole() > 0);
    let over = |net: &Net| kept.iter().all(|&id| net.seen(id).is_over());
    if !probe.net.until(wait, |net| answered(net) || over(net)) || !answered(&probe.net) {
        let seen = kept.iter().map(|&id| probe.net.seen(id));
        let odd = seen.filter(|seen| seen.whole() == 0).map(told).next();
        return Finding::error(format!("no response: {}", odd.unwrap_or_default()));
    }
    wait_for_the_server(probe, |net| {
        let says_close = |seen: &Seen| {
            let first = seen.inbox.responses.first();
            first.is_some_and(|response| response.framing.closes())
        };
        let may_stay = |id| kept.contains(&id) && !says_close(net.seen(id));
        ids.iter().all(|&id| net.seen(id).is_over() || may_stay(id))
    });
    for &id in &ids {
        probe.net.half_close(id);
    }
    let wait = probe.wait();
    probe.net.until(wait, |net| net.all().all(Seen::is_over));
    let firsts = ids.chunks(EACH).map(|ids| {
        let firsts = ids.iter().map(|&id| is_server_first(probe.net.seen(id)));
        firsts.filter(|&server| server).count()
    });
    judge(
        probe,
        scenarios,
        &firsts.collect::<Vec<_>>(),
        probe.net.seen(ids[0]),
    )
}

/// Those that keep a connection are given a moment to close it all the same, others more.
fn wait_for_the_server(probe: &mut Probe<'_>, done: impl Fn(&Net) -> bool) {
    const MOMENT: Duration = Duration::from_millis(500);
    let (began, wait) = (Instant::now(), probe.wait());
    probe.net.until(wait.max(MOMENT), |net| {
        let over = net.all().all(Seen::is_over);
        over || (began.elapsed() >= MOMENT && done(net))
    });
}

/// By its FIN, or by an RST.
fn is_server_first(seen: &Seen) -> bool {
    let ended = seen.fin.or(seen.reset);
    ended.is_some_and(|at| seen.our_fin.is_none_or(|ours| at < ours))
}

fn judge(probe: &Probe<'_>, scenarios: &[Scenario], firsts: &[usize], kept: &Seen) -> Finding {
    let parts = scenarios.iter().zip(firsts).map(|(scenario, &servers)| {
        let who = match servers {
            0 => "client",
            EACH => "server",
            _ => "either",
        };
        format!("{}: {who}", scenario.told())
    });
    let said = parts.collect::<Vec<_>>().join("; ");
    let word = match firsts.first() {
        // Where the response ends with the connection, the server has to.
        _ if !probe.is_http() => Word::Info,
        Some(0) => Word::Pass,
        _ => Word::Warn,
    };
    let closing = match probe.target.expect() {
        Expect::UntilFin => Closing::Fin,
        _ => kept.closing(),
    };
    Finding::new(word, said).verdicts(Service::Whole, closing)
}
