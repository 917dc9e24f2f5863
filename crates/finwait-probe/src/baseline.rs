//! How the server answers when nothing is done to it: what the checks compare with.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use finwait_load::Expect;

use crate::check::{Closing, Cost, Service};
use crate::net::{Net, Opening, Seen};
use crate::probe::{Patience, told};
use crate::target::{Ask, Resource, Target};

/// What a server does with plain requests.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) plain: Plain,
    /// The response cannot end before our FIN has come.
    pub(crate) needs_fin: bool,
    /// A response of at least [`BIG`] bytes.
    pub(crate) big: Option<Plain>,
    /// A response that took at least [`LATE`].
    pub(crate) late: Option<Plain>,
    pub(crate) connections: u32,
    /// The plain responses are more than may be asked for.
    pub(crate) too_large: bool,
    /// A later request was not answered, for longer than any should take.
    pub(crate) gone: AtomicBool,
}

/// A plain request and its response.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    pub(crate) service: Service,
    pub(crate) closing: Closing,
    pub(crate) bytes: u64,
    pub(crate) status: Option<u16>,
    /// From the request to the last byte.
    pub(crate) time: Duration,
    pub(crate) close_delimited: bool,
    pub(crate) beginning: Vec<u8>,
    /// Nobody accepted: why.
    pub(crate) refused: Option<String>,
    told: String,
}

/// What the buffers on the way do not hold.
pub(crate) const BIG: u64 = 1 << 20;
/// Long enough for our FIN to come in the middle of the server's work.
pub(crate) const LATE: Duration = Duration::from_millis(500);

/// How often a plain request is made.
const ATTEMPTS: u32 = 5;

/// Of measuring the baseline.
pub(crate) const MOST: Cost = Cost {
    connections: 12,
    at_once: 1,
    bytes: 256 << 20,
};

impl Plain {
    pub(crate) fn said(&self) -> &str {
        &self.told
    }

    fn of(seen: &Seen, asked: Instant) -> Self {
        let time = seen.last_byte.map(|at| at.saturating_duration_since(asked));
        let first = seen.inbox.responses.first();
        Self {
            service: seen.service(),
            closing: seen.closing(),
            bytes: seen.inbox.bytes,
            status: seen.inbox.status(),
            time: time.unwrap_or_default(),
            close_delimited: first.is_some_and(|r| r.framing.is_close_delimited()),
            beginning: seen.inbox.beginning.clone(),
            refused: seen.connected.is_none().then(|| told(seen)),
            told: told(seen),
        }
    }
}

impl Baseline {
    pub(crate) fn measure(target: &Target, patience: &Patience) -> std::io::Result<Self> {
        let mut net = Net::new(target.addr, target.expect(), MOST)?;
        let (plain, needs_fin) = plain_answer(&mut net, target, patience);
        let too_large = net.spent.beyond;
        let whole = plain.service == Service::Whole;
        let mut baseline = Self {
            big: (plain.bytes >= BIG && whole).then(|| plain.clone()),
            late: (plain.time >= LATE && whole).then(|| plain.clone()),
            plain,
            needs_fin,
            connections: 0,
            too_large,
            gone: AtomicBool::new(false),
        };
        if let Some(http) = target.http().filter(|_| whole) {
            let more = |net: &mut Net, resource| {
                // Half a minute for a response that is meant to take its time.
                exchange(
                    net,
                    target,
                    resource,
                    false,
                    2 * patience.wait,
                    patience.wait + Duration::from_secs(30),
                )
            };
            if http.big.is_some() {
                let big = more(&mut net, Resource::Big);
                baseline.big = (big.bytes >= BIG && big.service == Service::Whole).then_some(big);
            }
            if http.late.is_some() {
                let late = more(&mut net, Resource::Late);
                baseline.late =
                    (late.time >= LATE && late.service == Service::Whole).then_some(late);
            }
        }
        baseline.connections = net.spent.connections;
        Ok(baseline)
    }

    /// How long a response to this resource took.
    pub(crate) fn time_of(&self, resource: Resource) -> Duration {
        let of = match resource {
            Resource::Plain | Resource::Post => Some(&self.plain),
            Resource::Big => self.big.as_ref(),
            Resource::Late => self.late.as_ref(),
        };
        of.unwrap_or(&self.plain).time
    }
}

/// The worst of several: a response that is whole by luck is none that checks can build on. And
/// whether it needs our FIN.
fn plain_answer(net: &mut Net, target: &Target, patience: &Patience) -> (Plain, bool) {
    // A slow page is no broken one; but what may wait for our FIN should not be waited for long.
    let (soon, late) = (2 * patience.wait, 10 * patience.wait);
    let mut ask = |fin| {
        let patience = if fin || !may_need_fin(target) {
            late
        } else {
            soon
        };
        exchange(net, target, Resource::Plain, fin, soon, patience)
    };
    let is_whole = |plain: &Plain| plain.service == Service::Whole;
    let mut plain = ask(false);
    for _ in 0..2 {
        // A server that has just started, or a queue that was full.
        if plain.refused.is_some() {
            plain = ask(false);
        }
    }
    if plain.refused.is_some() {
        return (plain, false);
    }
    let mut needs_fin = false;
    if may_need_fin(target) && !is_whole(&plain) {
        let with_fin = ask(true);
        if is_whole(&with_fin) {
            (plain, needs_fin) = (with_fin, true);
        }
    }
    let (mut whole, mut of) = (u32::from(is_whole(&plain)), 1);
    while whole > 0 && of < ATTEMPTS {
        let again = ask(needs_fin);
        of += 1;
        whole += u32::from(is_whole(&again));
        if is_whole(&plain) && (!is_whole(&again) || again.time > plain.time) {
            plain = again;
        }
    }
    if whole > 0 && whole < of {
        plain.told = format!("{} of {of} not whole: {}", of - whole, plain.told);
    }
    (plain, needs_fin)
}

/// A protocol that is not known may want our FIN before it answers.
fn may_need_fin(target: &Target) -> bool {
    target.http().is_none() && target.expect() != Expect::Echo
}

fn exchange(
    net: &mut Net,
    target: &Target,
    resource: Resource,
    half_close: bool,
    connecting: Duration,
    patience: Duration,
) -> Plain {
    let id = net.connected(Opening::default(), connecting);
    let asked = Instant::now();
    net.send(id, &target.request(&Ask::get_and_close(resource)));
    if half_close {
        net.half_close(id);
    }
    net.wait(id, patience, |seen| seen.whole() > 0 || seen.is_over());
    // What comes right behind it is part of the picture.
    net.wait(id, patience.min(Duration::from_millis(200)), Seen::is_over);
    let plain = Plain::of(net.seen(id), asked);
    net.clear();
    plain
}
