//! When and how a server ends connections on which nothing happens: measured once for all checks.

use std::time::{Duration, Instant};

use crate::check::{Closing, Finding, Word};
use crate::net::{Id, Net, Seen};
use crate::probe::{Probe, told};
use crate::target::{Ask, Resource};

/// Connections in each situation.
const EACH: usize = 3;
/// Connections that a measurement takes, all at the same time.
pub(crate) const CONNECTIONS: u32 = 4 * EACH as u32;
/// For how long they are watched unless slow checks are wanted.
const BRIEFLY: Duration = Duration::from_secs(3);

/// What became of connections on which nothing happened.
#[derive(Debug)]
pub(crate) struct Idle {
    /// Nothing was sent at all.
    pub(crate) unused: Vec<End>,
    /// Half of a request was sent; of HTTP, half of its head.
    pub(crate) in_head: Vec<End>,
    /// Of HTTP: less of a body than its Content-Length says.
    pub(crate) in_body: Vec<End>,
    /// A response had come, whole.
    pub(crate) kept: Vec<End>,
    /// For how long, at most.
    watched: Duration,
    /// More would have been waited for, had slow checks been wanted.
    may_wait_longer: bool,
    /// The server answers one connection only after it has finished another.
    one_at_a_time: bool,
}

/// The end of one of them.
#[derive(Debug)]
pub(crate) struct End {
    /// From the last thing that happened to the server's FIN or RST.
    pub(crate) after: Option<Duration>,
    pub(crate) closing: Closing,
    /// A response came that nobody had asked for, or not in full: its status, and how long after
    /// the last thing that happened.
    pub(crate) unasked: Option<(u16, Duration)>,
    /// Bytes came that were no HTTP, or before anything was asked.
    pub(crate) bytes: u64,
    /// For how long the response said that the connection is kept.
    pub(crate) announced: Option<Duration>,
    /// The response said that the connection is closed after it.
    pub(crate) says_close: bool,
    /// The connection was lost, or none came about, or no response came: why.
    pub(crate) failed: Option<String>,
}

impl Idle {
    /// All situations at the same time.
    pub(crate) fn measure(probe: &mut Probe<'_>) -> Self {
        let max_idle = probe.patience.max_idle;
        let watched = if probe.slow {
            max_idle
        } else {
            BRIEFLY.min(max_idle)
        };
        let kept = answered(probe);
        let is_answered = |net: &Net, id: &Id| net.seen(*id).whole() > 0;
        let answers = kept.iter().filter(|id| is_answered(&probe.net, id)).count();
        let unused = started(probe, Some(b""));
        let plain = probe.plain();
        let in_head = started(probe, Some(&plain[..plain.len() / 2]));
        let in_body = started(probe, half_body(probe).as_deref());
        let everything = [&kept, &unused, &in_head, &in_body];
        let all_over = |net: &Net| {
            let mut all = everything.iter().flat_map(|ids| ids.iter());
            all.all(|&id| net.seen(id).is_over())
        };
        probe.net.until(watched, all_over);
        let ends = |ids: &[Id], kept| {
            let seen = ids.iter().map(|&id| probe.net.seen(id));
            seen.map(|seen| End::of(seen, kept)).collect()
        };
        let idle = Self {
            unused: ends(&unused, false),
            in_head: ends(&in_head, false),
            in_body: ends(&in_body, false),
            kept: ends(&kept, true),
            watched,
            may_wait_longer: watched < max_idle,
            one_at_a_time: (1..EACH).contains(&answers),
        };
        probe.net.clear();
        idle
    }

    /// The time after which a kept connection ends: the middle one of those measured.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.kept.iter().filter_map(|end| end.after).collect();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// Why nothing can be said of kept connections.
    pub(crate) fn not_kept(&self) -> Option<Finding> {
        if let Some(finding) = self.one_at_a_time() {
            return Some(finding);
        }
        if let Some(why) = self.kept.iter().find_map(|end| end.failed.as_ref()) {
            return Some(Finding::error(why.clone()));
        }
        let closes = self.kept.is_empty() || self.kept.iter().any(|end| end.says_close);
        closes.then(|| Finding::skip("the server keeps no connection after a response"))
    }

    /// A connection that waits for its turn is not idle.
    pub(crate) fn one_at_a_time(&self) -> Option<Finding> {
        let why = "the server serves one connection at a time: idle ones may be queued ones";
        self.one_at_a_time.then(|| Finding::skip(why))
    }

    /// For how long the server says that it keeps connections.
    pub(crate) fn announced(&self) -> Option<Duration> {
        self.kept.iter().filter_map(|end| end.announced).max()
    }

    /// What to say where none ended, and what that is worth.
    pub(crate) fn none_ended(&self) -> Finding {
        let watched = length(self.watched);
        if self.may_wait_longer {
            let said = format!("no timeout within {watched}; --slow waits longer");
            return Finding::new(Word::Info, said);
        }
        Finding::new(Word::Warn, format!("no timeout within {watched}"))
    }
}

impl End {
    fn of(seen: &Seen, kept: bool) -> Self {
        let responses = &seen.inbox.responses;
        let first = responses.first().filter(|_| kept);
        let unasked = if kept {
            responses.get(1)
        } else {
            responses.first()
        };
        let began = match kept {
            // The response may have come in pieces; what came later is not part of it.
            true => first.and_then(|r| r.completed).or(seen.last_byte),
            false => seen.last_sent.or(seen.connected),
        };
        let since = |at: Option<Instant>| {
            let (at, began) = (at?, began?);
            Some(at.saturating_duration_since(began))
        };
        let unanswered = kept && seen.whole() == 0;
        let failed = unanswered || matches!(seen.closing(), Closing::Lost | Closing::NoConnection);
        Self {
            after: since(seen.fin.or(seen.reset)),
            closing: seen.closing(),
            unasked: unasked.and_then(|r| r.status()).zip(since(seen.last_byte)),
            bytes: seen.inbox.bytes,
            announced: first.and_then(|r| r.framing.keep_alive()),
            says_close: first.is_some_and(|r| r.framing.closes()),
            failed: failed.then(|| told(seen)),
        }
    }
}

/// Connections with a whole response each, as far as one comes.
fn answered(probe: &mut Probe<'_>) -> Vec<Id> {
    if probe.baseline.needs_fin || probe.unanswered().is_some() {
        return Vec::new();
    }
    let plain = probe.plain();
    let ids = started(probe, Some(&plain));
    let wait = probe.wait_for(Resource::Plain);
    probe.net.until(wait, |net| {
        let done = |seen: &Seen| seen.whole() > 0 || seen.is_over();
        ids.iter().all(|&id| done(net.seen(id)))
    });
    ids
}

/// Connections on which this has been sent.
fn started(probe: &mut Probe<'_>, beginning: Option<&[u8]>) -> Vec<Id> {
    let Some(beginning) = beginning else {
        return Vec::new();
    };
    let ids = probe.connect_all(EACH);
    for &id in &ids {
        probe.net.send(id, beginning);
    }
    ids
}

/// A request of which a part of the body is missing.
fn half_body(probe: &Probe<'_>) -> Option<Vec<u8>> {
    let ask = Ask {
        method: "POST",
        fields: "Content-Length: 10\r\n",
        body: b"half",
        ..Ask::get(Resource::Post)
    };
    probe.is_http().then(|| probe.target.request(&ask))
}

/// A time for people: `250 ms`, `2.0 s`.
pub(crate) fn length(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    let text = format!("{:.1} s", time.as_secs_f64());
    text.replace(".0 s", " s")
}
