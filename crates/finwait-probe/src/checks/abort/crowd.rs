//! Many clients at the same time.

use std::time::{Duration, Instant};

use super::aftermath::{self, Answer};
use super::{FEW_PAIRS, PAIRS};
use finwait_platform::FinAck;

use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Net, Opening, Seen};
use crate::probe::{Probe, ms};
use crate::target::Resource;

/// abort/7: whoever has begun a request when others are reset is to be answered.
pub(super) fn resets_beside_requests(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = aftermath::not_well_before(probe) {
        return finding;
    }
    let at_once = match undisturbed(probe) {
        Ok(pairs) => pairs,
        Err(why) => return why,
    };
    let (mut answered, mut bad, mut asked) = (0, None, 0);
    while asked < PAIRS && (asked == 0 || aftermath::affordable(probe, 2) >= at_once) {
        asked += at_once;
        let (more, one) = side_by_side(probe, at_once, true);
        answered += more;
        bad = bad.or(one);
    }
    let said = format!("{answered} of {asked} requests beside as many resets were answered");
    // A queue of connections that overflows loses requests without any reset, now and then.
    let bad = match bad {
        Some(bad) => match again(probe, at_once) {
            Ok(true) => Some(bad),
            Ok(false) => None,
            Err(why) => return why,
        },
        None => None,
    };
    if let Some(bad) = bad {
        return Finding::new(Word::Fail, format!("{said}; one not: {}", bad.said))
            .verdicts(bad.service, bad.closing)
            .figure("unanswered", f64::from(asked - answered), "requests");
    }
    let after = aftermath::asked_again(probe);
    match after.word {
        Word::Pass => Finding { said, ..after },
        _ => after,
    }
}

/// Whether requests are lost beside resets another time, and still none without.
fn again(probe: &mut Probe<'_>, at_once: u32) -> Result<bool, Finding> {
    // A server that the resets have brought down, and that stays down, needs no second look.
    if probe.unanswered_now().is_some() {
        return Ok(true);
    }
    let (answered, bad) = side_by_side(probe, at_once, false);
    if let Some(bad) = bad {
        return Err(Finding::skip(format!(
            "cannot be told apart: without a reset {answered} of {at_once} were answered ({})",
            bad.said
        )));
    }
    Ok(side_by_side(probe, at_once, true).1.is_some())
}

/// How many requests at once the server answers when nobody is reset.
fn undisturbed(probe: &mut Probe<'_>) -> Result<u32, Finding> {
    let mut why = None;
    for at_once in [PAIRS, FEW_PAIRS] {
        if aftermath::affordable(probe, 4) < at_once {
            why = Some("the response is too large".to_owned());
            continue;
        }
        let (answered, bad) = side_by_side(probe, at_once, false);
        let Some(bad) = bad else {
            return Ok(at_once);
        };
        why = Some(format!("{answered} of {at_once}: {}", bad.said));
    }
    Err(Finding::skip(format!(
        "cannot be told apart: requests at once are not answered either ({})",
        why.unwrap_or_default()
    )))
}

/// Begins requests, resets as many other connections if that is wanted, and sends the rest. How
/// many were answered, and one that was not.
fn side_by_side(probe: &mut Probe<'_>, pairs: u32, resets: bool) -> (u32, Option<Answer>) {
    /// Until the server has read what was begun.
    const MOMENT: Duration = Duration::from_millis(20);
    let (request, ends) = probe.whole_request(Resource::Plain);
    let (begin, rest) = request.split_at(request.len() / 2);
    let (mut asking, mut rude) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        // Without resets they ask as well: as many connections, and none that ends badly.
        let other = if resets { &mut rude } else { &mut asking };
        other.push(probe.net.open(Opening::default()));
        asking.push(probe.net.open(Opening::default()));
    }
    for &id in rude.iter().chain(&asking) {
        probe.net.send(id, begin);
    }
    let wait = probe.wait();
    probe.net.until(wait, |net| net.all().all(is_settled));
    probe.net.watch(MOMENT);
    for id in rude {
        probe.net.abort(id);
    }
    for &id in &asking {
        probe.net.send(id, rest);
        if ends {
            probe.net.half_close(id);
        }
    }
    let wait = wait + in_turn(probe, pairs);
    let answers = all_answered(probe, &asking, wait);
    probe.net.clear();
    let answered = answers.iter().filter(|a| a.answered).count();
    let bad = answers.into_iter().find(|answer| !answer.answered);
    (answered as u32, bad)
}

/// What so many requests take a server that serves one after the other; not without end.
fn in_turn(probe: &Probe<'_>, requests: u32) -> Duration {
    (requests * probe.baseline.plain.time).min(4 * probe.wait())
}

/// Each connection is closed with its response, so that a server with few places for clients has
/// one for the next.
fn all_answered(probe: &mut Probe<'_>, ids: &[Id], wait: Duration) -> Vec<Answer> {
    let end = Instant::now() + wait;
    let mut open = ids.to_vec();
    let done = |net: &Net, id: Id| net.seen(id).whole() > 0 || net.seen(id).is_over();
    while !open.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        if !probe
            .net
            .until(left, |net| open.iter().any(|&id| done(net, id)))
        {
            break;
        }
        open.retain(|&id| {
            let done = done(&probe.net, id);
            if done {
                probe.net.close(id);
            }
            !done
        });
    }
    let answer = |&id: &Id| Answer::of(probe, probe.net.seen(id));
    ids.iter().map(answer).collect()
}

fn is_settled(seen: &Seen) -> bool {
    seen.connected.is_some() || seen.is_dead()
}

/// abort/8: every connection that is there is closed by us, and so by the server.
pub(super) fn all_close_at_once(probe: &mut Probe<'_>, size: u32) -> Finding {
    if let Some(finding) = aftermath::not_well_before(probe) {
        return finding;
    }
    let crowd = gathered(probe, size);
    if crowd.len() < size as usize / 4 {
        let why = format!("only {} of {size} connections could be held", crowd.len());
        return Finding::error(why);
    }
    for &id in &crowd {
        probe.net.half_close(id);
    }
    let wait = probe.wait() + in_turn(probe, size);
    let ended = |net: &Net| crowd.iter().all(|&id| net.seen(id).is_over());
    probe.net.until(wait, ended);
    let closed = closed_by_the_server(&probe.net, &crowd);
    probe.net.clear();
    if matches!(closed.word, Word::Fail | Word::Error) {
        return closed;
    }
    let after = aftermath::asked_again(probe);
    match after.word {
        Word::Pass => closed,
        _ => after,
    }
}

/// As many as can be had: first those that are answered and kept, because a server may have to be
/// done with one before it takes the next, then idle ones.
fn gathered(probe: &mut Probe<'_>, size: u32) -> Vec<Id> {
    let request = probe.plain();
    let kept = probe.target.expect().is_delimited() && !probe.baseline.needs_fin;
    let affordable = aftermath::affordable(probe, 4) >= size / 2;
    let answered = if kept && affordable { size / 2 } else { 0 };
    let wait = probe.wait();
    let mut crowd = Vec::new();
    for _ in 0..answered {
        let id = come(probe, crowd.len());
        probe.net.send(id, &request);
        crowd.push(id);
    }
    let done = |seen: &Seen| seen.whole() > 0 || seen.is_over();
    let longer = wait + in_turn(probe, answered);
    probe.net.until(longer, |net| net.all().all(done));
    // What is not HTTP may answer our FIN.
    let most = match probe.is_http() {
        true => size,
        false => aftermath::affordable(probe, 2).min(size),
    };
    for _ in answered..most {
        let id = come(probe, crowd.len());
        crowd.push(id);
    }
    probe.net.until(wait, |net| net.all().all(is_settled));
    crowd.retain(|&id| {
        let seen = probe.net.seen(id);
        seen.connected.is_some() && !seen.is_over()
    });
    crowd
}

/// One more; a few at a time, because a short queue is another matter.
fn come(probe: &mut Probe<'_>, before: usize) -> Id {
    const AT_A_TIME: usize = 4;
    const MOMENT: Duration = Duration::from_millis(5);
    if before.is_multiple_of(AT_A_TIME) {
        probe.net.watch(MOMENT);
    }
    probe.net.open(Opening::default())
}

fn closed_by_the_server(net: &Net, crowd: &[Id]) -> Finding {
    let count = |closing: Closing| {
        let same = crowd
            .iter()
            .filter(|&&id| net.seen(id).closing() == closing);
        same.count()
    };
    let of = crowd.len();
    let (open, lost) = (count(Closing::Open), count(Closing::Lost));
    let resets = count(Closing::Rst) + count(Closing::FinThenRst);
    let verdict =
        |word, said, closing| Finding::new(word, said).verdicts(Service::NotAsked, closing);
    if lost > 0 {
        return Finding::error(format!("{lost} of {of} connections were lost on the way"));
    }
    // Not even the server's TCP has taken such a FIN: it had no place for the connection.
    let unheard = crowd
        .iter()
        .filter(|&&id| net.seen(id).closing() == Closing::Open && net.fin_acked(id) == FinAck::No);
    let unheard = unheard.count();
    if unheard > 0 && unheard == open {
        let said = format!("{unheard} of {of} connections: our FIN was not even acknowledged");
        return Finding::error(said);
    }
    if open > 0 {
        let said = format!("{open} of {of} connections did not get the server's FIN");
        return verdict(Word::Fail, said, Closing::Open).figure(
            "stragglers",
            open as f64,
            "connections",
        );
    }
    if resets > 0 {
        let said = format!("{resets} of {of} connections were closed by an RST");
        return verdict(Word::Warn, said, Closing::Rst).figure(
            "resets",
            resets as f64,
            "connections",
        );
    }
    let slow = slowest_but_one_percent(net, crowd);
    let said = format!("{of} of {of} connections got the server's FIN");
    verdict(Word::Pass, said, Closing::Fin).figure("p99", ms(slow), "ms")
}

fn slowest_but_one_percent(net: &Net, crowd: &[Id]) -> Duration {
    let took = |&id: &Id| {
        let seen = net.seen(id);
        Some(seen.fin?.saturating_duration_since(seen.our_fin?))
    };
    let mut took: Vec<Duration> = crowd.iter().filter_map(took).collect();
    took.sort_unstable();
    let at = (took.len() * 99).div_ceil(100).saturating_sub(1);
    took.get(at).copied().unwrap_or_default()
}
