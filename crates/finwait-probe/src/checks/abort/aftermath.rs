//! What is left of a server after something was done to it: does it answer as before?

use std::time::{Duration, Instant};

use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Net, Seen};
use crate::probe::{MOST_TO_BE_READY, Probe, told};
use crate::target::Resource;

/// Requests after it: more than the workers that many servers have.
const REQUESTS: u32 = 10;
/// Fewer will do where each takes its time.
const FEWEST_REQUESTS: u32 = 3;
const REQUESTS_TIME: Duration = Duration::from_secs(3);
/// Those that follow at once; a server that falls over a moment later is seen by the others.
const AT_ONCE: u32 = 2;
const MOMENT: Duration = Duration::from_millis(100);
/// Requests without an answer say enough, and each of them costs a wait.
const ENOUGH_FAILURES: u32 = 2;

/// Requests before it, as many as are cheap: who answers only most of them would be blamed for
/// what it always does.
const BEFORE: u32 = 20;
const BEFORE_TIME: Duration = Duration::from_millis(500);

/// Of the requests before and after.
pub(super) const MOST_CONNECTIONS: u32 = MOST_TO_BE_READY + BEFORE + REQUESTS;

/// How many plain responses come to this part of what may still be received.
pub(super) fn affordable(probe: &Probe<'_>, part: u64) -> u32 {
    let number = probe.net.left_bytes() / part / probe.baseline.plain.bytes.max(1);
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Does something so many times, one after the other, and then asks as a client that did not
/// notice. `rude` says why it could not be done.
pub(super) fn of(
    probe: &mut Probe<'_>,
    times: u32,
    mut rude: impl FnMut(&mut Probe<'_>, u32) -> Result<(), Undone>,
) -> Finding {
    if let Some(finding) = not_well_before(probe) {
        return finding;
    }
    let mut stopped = None;
    for time in 0..times {
        let done = rude(probe, time);
        probe.net.clear();
        match done {
            Ok(()) => {}
            Err(Undone::Never(why)) => return Finding::skip(why),
            Err(Undone::NotNow(why)) => {
                stopped = Some(format!("{time} of {times} were done: {why}"));
                break;
            }
        }
    }
    let after = asked_again(probe);
    match stopped {
        // A server that went down on the way is the finding, not what could not be done after.
        Some(why) if after.word == Word::Pass => Finding::error(why),
        _ => after,
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Undone {
    /// It cannot be done to this target.
    Never(String),
    /// It could not be done this time.
    NotNow(String),
}

/// Why nothing could be told from requests after it: there is no answer before it either.
pub(super) fn not_well_before(probe: &mut Probe<'_>) -> Option<Finding> {
    if let Some(finding) = probe.unanswered_now() {
        return Some(finding);
    }
    let most = affordable(probe, 8).clamp(1, BEFORE);
    let began = Instant::now();
    for time in 0..most {
        if time > 0 && began.elapsed() > BEFORE_TIME {
            break;
        }
        let before = ask(probe);
        if !before.answered {
            let said = before.said;
            return Some(Finding::skip(format!(
                "cannot be told apart: before it a request was not answered either ({said})"
            )));
        }
    }
    None
}

/// The requests of others, afterwards.
pub(super) fn asked_again(probe: &mut Probe<'_>) -> Finding {
    let began = Instant::now();
    let (mut asked, mut failed) = (0, None);
    let mut failures = 0;
    let most = affordable(probe, 2).clamp(1, REQUESTS);
    while asked < most
        && failures < ENOUGH_FAILURES
        && (asked < FEWEST_REQUESTS || began.elapsed() < REQUESTS_TIME)
    {
        if asked == AT_ONCE {
            probe.net.watch(MOMENT);
        }
        let answer = ask(probe);
        asked += 1;
        if !answer.answered {
            failures += 1;
            failed = Some(answer);
        }
    }
    let answered = asked - failures;
    match failed {
        None => Finding::new(
            Word::Pass,
            format!("{answered} of {asked} requests after it were answered as before"),
        )
        .verdicts(Service::Whole, Closing::NotLooked),
        Some(bad) => Finding::new(
            Word::Fail,
            format!(
                "{answered} of {asked} requests after it were answered; one not: {}",
                bad.said
            ),
        )
        .verdicts(bad.service, bad.closing)
        .figure("unanswered", f64::from(failures), "requests"),
    }
}

/// How one request was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// As before.
    pub(super) answered: bool,
    pub(super) service: Service,
    pub(super) closing: Closing,
    pub(super) said: String,
}

impl Answer {
    /// A response that is whole and still says that the server's inner parts are down is no answer.
    pub(super) fn of(probe: &Probe<'_>, seen: &Seen) -> Self {
        let status = seen.inbox.status();
        let failed =
            status != probe.baseline.plain.status && status.is_none_or(|status| status >= 500);
        let whole = seen.service() == Service::Whole;
        let (service, said) = match status {
            Some(status) if whole && failed => (Service::Wrong, format!("answered {status}")),
            _ => (seen.service(), told(seen)),
        };
        Self {
            answered: whole && !failed,
            service,
            closing: seen.closing(),
            said,
        }
    }
}

/// One plain request on a connection of its own, which is closed when the response is there.
fn ask(probe: &mut Probe<'_>) -> Answer {
    let (request, ends) = probe.whole_request(Resource::Plain);
    let wait = probe.wait_for(Resource::Plain);
    let id = probe.connect();
    probe.net.send(id, &request);
    if ends {
        probe.net.half_close(id);
    }
    let done = |net: &Net| net.seen(id).whole() > 0 || net.seen(id).is_over();
    probe.net.until(wait, done);
    let answer = Answer::of(probe, probe.net.seen(id));
    probe.net.clear();
    answer
}
