//! What a check works with.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::baseline::Baseline;
use crate::check::{Closing, Finding, Service, Share, Word};
use crate::idle::Idle;
use crate::net::{Id, Net, Opening, Seen};
use crate::target::{Ask, Resource, Target};

/// What bounds the checks.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long the server may take for what it should do at once: to accept, to answer with what
    /// it answered with before, to send its FIN.
    pub wait: Duration,
    /// How long a connection may stay idle before a check says that there is no idle timeout.
    pub max_idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(2),
            max_idle: Duration::from_secs(90),
        }
    }
}

/// One check's view of the server: what is known of it, and a client.
#[derive(Debug)]
pub struct Probe<'a> {
    pub(crate) target: &'a Target,
    pub(crate) patience: &'a Patience,
    pub(crate) baseline: &'a Baseline,
    /// Whether checks may take minutes.
    pub(crate) slow: bool,
    /// What the first check that asks for it has measured.
    pub(crate) idle: &'a OnceLock<Idle>,
    pub(crate) net: Net,
}

/// Of the trials of one check: when a server makes each of them wait, fewer say as much.
const FEWEST_TRIALS: u32 = 2;
/// Connections of [`Probe::unanswered_now`].
pub(crate) const MOST_TO_BE_READY: u32 = 20;

impl<'a> Probe<'a> {
    pub(crate) fn wait(&self) -> Duration {
        self.patience.wait
    }

    /// For a response to this resource: what it took before, with room, and what is due at once.
    pub(crate) fn wait_for(&self, resource: Resource) -> Duration {
        self.patience.wait + 4 * self.baseline.time_of(resource)
    }

    /// When the server ends idle connections. The first check that asks pays for it with its own
    /// allowance, [`idle::CONNECTIONS`](crate::idle::CONNECTIONS), and the time.
    pub(crate) fn idle(&mut self) -> &'a Idle {
        let idle = self.idle;
        idle.get_or_init(|| Idle::measure(self))
    }

    pub(crate) fn is_http(&self) -> bool {
        self.target.http().is_some()
    }

    /// A GET of the plain resource that keeps the connection; the only request of what is not HTTP.
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.target.request(&Ask::get(Resource::Plain))
    }

    /// Opens a connection and waits for it, at most as long as anything.
    pub(crate) fn connect(&mut self) -> Id {
        self.connect_as(Opening::default())
    }

    pub(crate) fn connect_as(&mut self, opening: Opening) -> Id {
        let patience = self.patience.wait;
        self.net.connected(opening, patience)
    }

    /// Waits for the responses on all connections, which may take their time, and for their ends,
    /// which may not.
    pub(crate) fn finish(&mut self, responses: Duration) {
        let end = self.patience.wait;
        let answered = |seen: &Seen| seen.whole() > 0 || seen.is_over();
        self.net.until(responses, |net| net.all().all(answered));
        self.net.until(end, |net| net.all().all(Seen::is_over));
    }

    /// Opens so many connections, and waits until each is established or is not to be.
    pub(crate) fn connect_all(&mut self, count: usize) -> Vec<Id> {
        let ids: Vec<Id> = (0..count)
            .map(|_| self.net.open(Opening::default()))
            .collect();
        self.net.until(self.patience.wait, |net| {
            let done = |seen: &Seen| seen.connected.is_some() || seen.is_dead();
            ids.iter().all(|&id| done(net.seen(id)))
        });
        ids
    }

    /// Why a response cannot be asked for as it must be for a check; `None` if it can.
    ///
    /// A server that does not answer a plain request fails its own check, and all others that
    /// begin with one would only repeat that.
    pub(crate) fn unanswered(&self) -> Option<Finding> {
        let plain = &self.baseline.plain;
        (plain.service != Service::Whole).then(|| {
            Finding::skip(format!(
                "cannot be told apart: a plain request is not answered in full either ({})",
                plain.said()
            ))
        })
    }

    /// Why a check that begins with a plain response cannot be done now; `None` if it can. A server
    /// that an earlier check has hurt gets the usual time to be itself again.
    pub(crate) fn unanswered_now(&mut self) -> Option<Finding> {
        if let Some(finding) = self.unanswered() {
            return Some(finding);
        }
        // Twice what it may take for one answer; and not again for each check once it was in vain.
        let tries = match self.baseline.gone.load(Ordering::Relaxed) {
            true => 1,
            false => MOST_TO_BE_READY,
        };
        let pause = 2 * self.wait() / MOST_TO_BE_READY;
        let end = Instant::now() + 2 * self.wait();
        let mut why = String::new();
        for time in 0..tries {
            if time > 0 {
                self.net.watch(pause);
            }
            let answer = self.still_answers();
            self.net.clear();
            self.baseline.gone.store(answer.is_err(), Ordering::Relaxed);
            match answer {
                Ok(()) => return None,
                Err(error) => why = error,
            }
            if Instant::now() >= end {
                break;
            }
        }
        Some(Finding::skip(format!(
            "cannot be told apart: a plain request before it is not answered ({why})"
        )))
    }

    /// Whether the server still answers as it did at first; why not.
    pub(crate) fn still_answers(&mut self) -> Result<(), String> {
        let (request, ends) = self.whole_request(Resource::Plain);
        let id = self.connect();
        self.net.send(id, &request);
        if ends {
            self.net.half_close(id);
        }
        let wait = self.wait_for(Resource::Plain);
        self.net.wait(id, wait, |s| s.whole() > 0 || s.is_over());
        let seen = self.net.seen(id);
        if seen.service() == Service::Whole {
            return Ok(());
        }
        Err(told(seen))
    }

    /// A request that ends the connection, and whether our FIN must follow for an answer.
    pub(crate) fn whole_request(&self, resource: Resource) -> (Vec<u8>, bool) {
        let request = self.target.request(&Ask::get_and_close(resource));
        (request, self.baseline.needs_fin)
    }

    /// Repeats a trial and reports the worst: what varies must not pass by luck.
    pub(crate) fn repeat(
        &mut self,
        times: u32,
        mut trial: impl FnMut(&mut Self) -> Finding,
    ) -> Finding {
        let began = Instant::now();
        let time = 3 * self.wait();
        let mut worst: Option<Finding> = None;
        let (mut seen, mut of) = (0, 0);
        let (mut dearest, mut in_vain) = (0, 0);
        while of < times && (of < FEWEST_TRIALS || began.elapsed() < time) {
            let before = self.net.left_bytes();
            if before <= dearest {
                // A response of megabytes: fewer trials than were wanted stay within the allowance.
                break;
            }
            let finding = trial(self);
            self.net.clear();
            dearest = dearest.max(before - self.net.left_bytes());
            if finding.in_vain && in_vain < times && began.elapsed() < time {
                in_vain += 1;
                continue;
            }
            of += 1;
            let (old, new) = (worst.as_ref().map(|f| rank(f.word)), rank(finding.word));
            if old == Some(new) {
                seen += 1;
                if let Some(worst) = &mut worst
                    && let (Some(a), Some(b)) = (worst.figure, finding.figure)
                    && b.value > a.value
                {
                    *worst = finding;
                }
            } else if old.is_none_or(|old| new > old) {
                seen = 1;
                worst = Some(finding);
            }
            if matches!(
                worst.as_ref().map(|f| f.word),
                Some(Word::Skip | Word::Error)
            ) {
                break;
            }
        }
        let mut worst = worst.unwrap_or_else(|| Finding::error("there was no trial"));
        worst.share = Some(Share { seen, of });
        worst
    }
}

/// The worse, the higher; what could not be done hides everything.
pub(crate) fn rank(word: Word) -> u8 {
    match word {
        Word::Pass => 0,
        Word::Info => 1,
        Word::Warn => 2,
        Word::Fail => 3,
        Word::Skip => 4,
        Word::Error => 5,
    }
}

/// The usual word for one response and its close: cut is worse than closed badly.
pub(crate) fn usual(seen: &Seen) -> Word {
    match (seen.service(), seen.closing()) {
        (_, Closing::Lost | Closing::NoConnection) => Word::Error,
        (Service::Whole, Closing::Fin) => Word::Pass,
        (Service::Whole, _) => Word::Warn,
        _ => Word::Fail,
    }
}

/// The finding for one response and its close, judged as usual.
pub(crate) fn found(seen: &Seen) -> Finding {
    if seen.ended_unasked() {
        let why = "the server ended the connection before the request could be sent";
        return Finding {
            in_vain: true,
            ..Finding::error(why)
        };
    }
    Finding::new(usual(seen), told(seen)).verdicts(seen.service(), seen.closing())
}

/// What happened on a connection, in a few words.
pub(crate) fn told(seen: &Seen) -> String {
    if let Some(error) = &seen.refused {
        let why = finwait_platform::describe_error(error);
        return format!("no connection: {why}");
    }
    if seen.connected.is_none() {
        return "no connection in time".to_owned();
    }
    let bytes = seen.inbox.bytes;
    let came = match seen.service() {
        Service::Whole => format!("all {}", counted(bytes)),
        Service::Nothing => "no byte".to_owned(),
        Service::Wrong => format!("{} that are no answer", counted(bytes)),
        Service::Cut | Service::NotAsked => format!("{}, not all", counted(bytes)),
    };
    let end = match (&seen.lost, seen.closing()) {
        (Some(error), _) => finwait_platform::describe_error(error),
        (_, Closing::Open) => "and no FIN".to_owned(),
        (_, closing) => format!("then {closing}"),
    };
    format!("{came}, {end}")
}

/// `1 byte`, `4,194,304 bytes`.
pub(crate) fn counted(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let unit = if bytes == 1 { "byte" } else { "bytes" };
    format!("{text} {unit}")
}

/// A time in milliseconds, for a figure.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}
