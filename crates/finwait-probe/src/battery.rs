//! All checks against one server.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::baseline::{self, Baseline};
use crate::check::{Check, Closing, Cost, Finding, Level, Service, Word};
use crate::checks;
use crate::idle::Idle;
use crate::net::{Net, Spent};
use crate::observer::{Observer, Sight};
use crate::probe::{Patience, Probe, counted};
use crate::target::Target;

/// Every check, in the order in which they run: group by group, and in each by number.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let mut all: Vec<&Check> = checks::ALL.iter().flat_map(|file| file.iter()).collect();
    let groups: Vec<&str> = all.iter().map(|check| check.group()).collect();
    let place = |check: &Check| groups.iter().position(|group| *group == check.group());
    all.sort_by_key(|check| (place(check), check.number()));
    all.into_iter()
}

/// What measuring a server's plain answers costs, before the first check.
pub const BASELINE: Cost = baseline::MOST;

/// Which checks, and how patiently.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What bounds them.
    pub patience: Patience,
    /// Whether those that take minutes run too.
    pub slow: bool,
    /// Whether those that open many connections at once, or reset many, run too.
    pub storms: bool,
}

/// What one check came to.
#[derive(Debug, Clone)]
pub struct Result {
    /// The check.
    pub check: &'static Check,
    /// What it found.
    pub finding: Finding,
    /// How long it took.
    pub took: Duration,
    /// Connections it opened, and bytes it sent and received.
    pub connections: u32,
    /// Bytes that it sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// The server's own side before and after, if it is looked at.
    pub there: Option<There>,
}

/// The server's own side, before a check and after.
#[derive(Debug, Clone, Serialize)]
pub struct There {
    /// Before the first connection.
    pub before: Sight,
    /// After the last one was closed, as soon as it looked as before, or a second later.
    pub after: Sight,
}

impl Result {
    /// Whether the target failed it: where `strict`, a SHOULD that was not kept counts as well.
    #[must_use]
    pub fn failed(&self, strict: bool) -> bool {
        match self.finding.word {
            Word::Fail => true,
            Word::Warn => strict && self.check.level >= Level::Should,
            _ => false,
        }
    }
}

/// Why a target cannot be probed at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// No connection came about; why.
    Unreachable(String),
    /// It answered, and not in HTTP; with what.
    NotHttp(String),
    /// Five plain responses are more than the bytes of [`BASELINE`]: it has no end, or is too large.
    TooLarge,
    /// This machine could not do it; why.
    Local(String),
}

/// How the server answers when nothing is done to it, for the head of a report.
#[derive(Debug, Clone, Serialize)]
pub struct Plainly {
    /// What the server did for its user.
    pub service: Service,
    /// How it closed.
    pub closing: Closing,
    /// What happened, in a few words.
    pub said: String,
    /// The status of its response, of HTTP.
    pub status: Option<u16>,
    /// The bytes of its response, its head included.
    pub bytes: u64,
    /// From the request to the last byte, in microseconds.
    pub time_us: u64,
    /// Bytes of the big response, if there is one.
    pub big_bytes: Option<u64>,
    /// Of the late response, if there is one, in microseconds.
    pub late_us: Option<u64>,
    /// Whether the response came only once our FIN was sent.
    pub needs_fin: bool,
    /// Connections that this took.
    pub connections: u32,
}

/// A server that can be probed.
#[derive(Debug)]
pub struct Battery<'a> {
    target: &'a Target,
    settings: &'a Settings,
    baseline: Baseline,
    observer: Option<&'a Observer>,
    idle: OnceLock<Idle>,
}

/// How long a server may take to let go of the last connections of a check, before it is looked at.
const SETTLES: Duration = Duration::from_secs(1);

impl<'a> Battery<'a> {
    /// Asks the server what a plain request brings.
    ///
    /// # Errors
    ///
    /// [`Unfit`]: if it cannot be reached, or speaks something else than HTTP where that is wanted.
    pub fn new(target: &'a Target, settings: &'a Settings) -> std::result::Result<Self, Unfit> {
        let baseline = Baseline::measure(target, &settings.patience)
            .map_err(|error| Unfit::Local(error.to_string()))?;
        if let Some(why) = &baseline.plain.refused {
            return Err(Unfit::Unreachable(why.clone()));
        }
        if baseline.too_large {
            return Err(Unfit::TooLarge);
        }
        if target.http().is_some() && baseline.plain.service == Service::Wrong {
            let text = String::from_utf8_lossy(&baseline.plain.beginning);
            let text: String = text.chars().take(40).collect();
            return Err(Unfit::NotHttp(text.escape_debug().to_string()));
        }
        Ok(Self {
            target,
            settings,
            baseline,
            observer: None,
            idle: OnceLock::new(),
        })
    }

    /// Looks at the server's process before and after each check.
    #[must_use]
    pub fn observed_by(self, observer: &'a Observer) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// What a plain request brought.
    #[must_use]
    pub fn plainly(&self) -> Plainly {
        let plain = &self.baseline.plain;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Plainly {
            service: plain.service,
            closing: plain.closing,
            said: plain.said().to_owned(),
            status: plain.status,
            bytes: plain.bytes,
            time_us: micros(plain.time),
            big_bytes: self.baseline.big.as_ref().map(|big| big.bytes),
            late_us: self.baseline.late.as_ref().map(|late| micros(late.time)),
            needs_fin: self.baseline.needs_fin,
            connections: self.baseline.connections,
        }
    }

    /// Does one check. It takes bounded time, and leaves no connection open.
    #[must_use]
    pub fn run(&self, check: &'static Check) -> Result {
        let began = Instant::now();
        let mut result = Result {
            check,
            finding: Finding::error("was not begun"),
            took: Duration::ZERO,
            connections: 0,
            sent: 0,
            received: 0,
            there: None,
        };
        let before = self.observer.and_then(|observer| observer.look().ok());
        result.finding = match self.left_out(check) {
            Some(why) => Finding::skip(why),
            None => self.run_now(check, &mut result),
        };
        result.took = began.elapsed();
        result.there = before.and_then(|before| self.there(before));
        result
    }

    fn run_now(&self, check: &'static Check, result: &mut Result) -> Finding {
        let mut net = match Net::new(self.target.addr, self.target.expect(), check.most) {
            Ok(net) => net,
            Err(error) => return Finding::error(format!("no event loop: {error}")),
        };
        net.usual = self.baseline.plain.status;
        let mut probe = Probe {
            target: self.target,
            patience: &self.settings.patience,
            baseline: &self.baseline,
            slow: self.settings.slow,
            idle: &self.idle,
            net,
        };
        let finding = (check.run)(&mut probe);
        let spent = probe.net.spent;
        result.connections = spent.connections;
        result.sent = spent.sent;
        result.received = spent.received;
        if spent.beyond && self.baseline.plain.bytes >= baseline::BIG {
            let bytes = counted(self.baseline.plain.bytes);
            return Finding::skip(format!(
                "so many responses of {bytes} are more than may be asked of a server; probe a \
                 smaller resource"
            ));
        }
        if spent.beyond {
            return Finding::error(format!(
                "would have taken more of the server than its allowance; until then: {}",
                finding.said
            ));
        }
        let why = no_fault_of_the_check(check, &finding, &spent)
            .or_else(|| self.is_gone(check, &finding, &mut probe));
        match why {
            Some(why) => Finding::error(format!("{why}; until then: {}", finding.said)),
            None => finding,
        }
    }

    /// Why a server that does not answer a plain request any more is not to be judged by what it did
    /// not do before. Whether a check itself has that effect is what some are for.
    fn is_gone(&self, check: &Check, finding: &Finding, probe: &mut Probe<'_>) -> Option<String> {
        let bad = matches!(finding.word, Word::Fail | Word::Warn);
        if !bad || check.looks_for.outage || probe.unanswered().is_some() {
            return None;
        }
        let one = Cost {
            connections: 1,
            at_once: 1,
            bytes: BASELINE.bytes,
        };
        probe.net = Net::new(self.target.addr, self.target.expect(), one).ok()?;
        let why = probe.still_answers().err()?;
        Some(format!(
            "the server answers no plain request any more ({why})"
        ))
    }

    /// The server's side after a check: what it needs a moment for is no leak.
    fn there(&self, before: Sight) -> Option<There> {
        let end = Instant::now() + SETTLES;
        loop {
            let after = self.observer?.look().ok()?;
            let files = after.open_files <= before.open_files;
            let waits = |sight: &Sight| sight.states.get("CLOSE-WAIT").copied();
            if (files && waits(&after) <= waits(&before)) || Instant::now() >= end {
                return Some(There { before, after });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Why a check is not done with this target.
    fn left_out(&self, check: &Check) -> Option<&'static str> {
        let (needs, settings) = (check.needs, self.settings);
        match () {
            () if needs.slow && !settings.slow => Some("takes minutes: --slow"),
            () if needs.storm && !settings.storms => Some("is a storm: --storms"),
            () if needs.http && self.target.http().is_none() => Some("the target is not HTTP"),
            () if needs.big && self.baseline.big.is_none() => Some(
                "needs a response of at least 1 MiB: --big-path (or a larger response, of tcp://)",
            ),
            () if needs.late && self.baseline.late.is_none() => {
                Some("needs a response that takes 500 ms or more: --slow-path")
            }
            () => None,
        }
    }
}

/// Why what looks bad says nothing about the server's closing: it was gone, or had enough of us.
///
/// Not so where that is the very thing that is looked for.
fn no_fault_of_the_check(check: &Check, finding: &Finding, spent: &Spent) -> Option<String> {
    if !matches!(finding.word, Word::Fail | Word::Warn | Word::Info) {
        return None;
    }
    let looked_for = check.looks_for.refusal;
    let later = spent.limited_later.filter(|_| !check.looks_for.surplus);
    match (spent.unreachable, spent.limited.or(later)) {
        (_, Some(status)) if status == 429 || !looked_for => Some(format!(
            "the server answered {status}: it limits its clients, or is overloaded"
        )),
        (count, _) if count > 0 && !looked_for => Some(format!(
            "{count} of {} connections never came about: is the server still there?",
            spent.connections
        )),
        _ => None,
    }
}
