//! What will go wrong with a run, as far as numbers tell before its first connection.
//!
//! Only what is known counts: a fact that this system does not tell leads to no finding.

#[cfg(test)]
mod tests;

use std::time::Duration;

use finwait_load::{CloseMode, Ending, Plan, RunResult};
use finwait_platform::{self as platform, ConntrackUse, TimeWaitReuse};

use crate::output::units::grouped;

/// What is known of this machine and of the run before it begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// At once.
    pub(super) connections: u64,
    /// In all.
    pub(super) total: Option<u64>,
    /// Started per second, whatever becomes of them.
    pub(super) rate: Option<f64>,
    pub(super) duration: Option<Duration>,
    pub(super) storm: bool,
    /// At least 1.
    pub(super) sources: u64,
    /// Pairs of a target's address and port, at least 1.
    pub(super) targets: u64,
    /// The target is a loopback address, so the server is on this machine.
    pub(super) loopback: bool,
    /// The server is in this process.
    pub(super) embedded: bool,
    /// Of the generator, at least 1.
    pub(super) threads: u64,
    /// Our FIN is the first one, so TIME-WAIT is ours.
    pub(super) client_closes_first: bool,
    /// Each connection ends with an RST of ours, and so without TIME-WAIT.
    pub(super) aborts: bool,
    /// How many open files are needed, and the hard limit.
    pub(super) nofile: Option<(u64, u64)>,
    /// The size of the local range, less the reserved.
    pub(super) ports: Option<u64>,
    pub(super) time_wait_reuse: Option<TimeWaitReuse>,
    pub(super) time_wait_now: Option<u64>,
    pub(super) time_wait_cap: Option<u64>,
    pub(super) time_wait_length: Option<Duration>,
    /// Of this machine: it matters only if the server is on it.
    pub(super) backlog_cap: Option<u64>,
    pub(super) conntrack: Option<ConntrackUse>,
}

/// What a finding means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// It cannot do what it is told to.
    Refuse,
    /// Its result may be another than that of the server alone.
    Warn,
}

/// One line: `<what>: <why>; <mend>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) text: String,
}

/// What the machine tells; the rest is empty, to be filled in by who knows the run.
pub(super) fn machine_facts() -> Facts {
    let time_wait_length = platform::time_wait_length();
    // Every finding takes both. Windows would copy all its tables, and tell no length.
    let time_wait_now = time_wait_length.and_then(|_| platform::time_wait_count());
    Facts {
        ports: ports(),
        time_wait_reuse: platform::time_wait_reuse(),
        time_wait_now,
        time_wait_cap: platform::time_wait_cap(),
        time_wait_length,
        backlog_cap: platform::listen_backlog_cap(),
        conntrack: platform::conntrack_use(),
        ..Facts::default()
    }
}

/// How many local ports the system chooses from.
fn ports() -> Option<u64> {
    let reserved = platform::local_reserved_ports().map_or(0, u64::from);
    let range = platform::local_port_range()?;
    Some((range.len() as u64).saturating_sub(reserved))
}

/// At most one finding for each thing that may run out.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let ports = too_few_ports(facts)
        .or_else(|| ports_used_up(facts))
        .or_else(|| ports_still_held(facts));
    let all = [
        files(facts),
        ports,
        time_wait_table(facts),
        backlog(facts),
        conntrack(facts),
    ];
    all.into_iter().flatten().collect()
}

/// After the run: whether Linux had to look through the local ends, one by one, for one whose TIME-WAIT may be cut short: the
/// search is in the time of each connect, and no connect fails.
///
/// Where each connection takes the end that was used longest ago, that is so if all were used within [`REUSED_AFTER`]. Where
/// the system chooses, it is so once half of them were used: it leaves every second one for last.
pub(super) fn ports_were_searched(plan: &Plan, result: &RunResult) -> Option<String> {
    let ports = ports()?;
    let pairs = plan.targets.len().max(1) * plan.sources.len().max(1);
    let ends = ports.saturating_mul(pairs as u64);
    let endings = result.tally.endings();
    let ours = [Ending::FinClean, Ending::Closed].map(|ending| endings.get(&ending).copied());
    let closed: u64 = ours.into_iter().flatten().sum();
    let without = without_search(ends, result.elapsed, platform::PortWalk::is_supported());
    let searched = closed > without && plan.close.has(CloseMode::Half);
    searched.then(|| {
        format!(
            "{} connections had {} local ends to choose from: where ours was the first FIN, the search \
             for ports that are not in TIME-WAIT is in 'connect'; more --source-ip addresses mend it",
            grouped(closed),
            grouped(ends)
        )
    })
}

/// How many connections find a local end without a search, of `ends` that there are.
fn without_search(ends: u64, elapsed: Duration, in_turn: bool) -> u64 {
    if !in_turn {
        return ends / 2;
    }
    let rounds = elapsed.as_secs_f64() / REUSED_AFTER.as_secs_f64();
    (ends as f64 * rounds.max(1.0)) as u64
}

/// When Linux takes a port in TIME-WAIT again that it may take again: the peer's timestamps must
/// have moved on, which it judges by the second (tcp_tw_reuse_delay, since 6.14). If the peer has
/// no timestamps it never does; that shows only in the connection.
const REUSED_AFTER: Duration = Duration::from_secs(1);
/// nf_conntrack_tcp_timeout_time_wait and nf_conntrack_tcp_timeout_close, as they are by default.
const TRACKED_AFTER_FIN: Duration = Duration::from_secs(120);
const TRACKED_AFTER_RST: Duration = Duration::from_secs(10);
/// How far the embedded server may fall behind, for each thread of the generator: above twice the
/// 512 attempts that a thread has under way. Seen with 9,000 at once on 2 CPUs: overflows in queues
/// of up to 1,024 (1 thread), 2,048 (2) and 4,096 (4); none in 2,048 (1) and 4,096 (2).
const BURST: u64 = 1_025;

impl Facts {
    /// How many connections can differ in an address or a port, which all that exist at once must.
    fn distinct(&self) -> Option<u64> {
        let ends = self.sources.max(1).saturating_mul(self.targets.max(1));
        self.ports.map(|ports| ports.saturating_mul(ends))
    }

    /// The most that are started within `window`; `None` where only both ends' speed bounds it.
    fn most_started_within(&self, window: Duration) -> Option<u64> {
        let window = self.duration.map_or(window, |all| all.min(window));
        // Out of range, the cast gives the nearest number there is.
        let by_rate = self
            .rate
            .map(|rate| (rate * window.as_secs_f64()).ceil() as u64);
        by_rate.into_iter().chain(self.total).min()
    }

    /// Whether a port in TIME-WAIT is taken again for the same target.
    fn reuses_ports(&self) -> Option<bool> {
        match self.time_wait_reuse? {
            TimeWaitReuse::Off => Some(false),
            TimeWaitReuse::Global => Some(true),
            TimeWaitReuse::LoopbackOnly => Some(self.loopback),
            _ => None,
        }
    }

    /// Whether TIME-WAIT could hold every port, or is cut short before: above its cap a connection
    /// that is over leaves nothing behind, and its port is free at once.
    fn time_wait_can_hold(&self, distinct: u64) -> bool {
        let held = self.time_wait_cap.unwrap_or(u64::MAX);
        held.saturating_add(self.connections) >= distinct
    }
}

fn refuse(text: String) -> Option<Finding> {
    let severity = Severity::Refuse;
    Some(Finding { severity, text })
}

fn warn(text: String) -> Option<Finding> {
    let severity = Severity::Warn;
    Some(Finding { severity, text })
}

fn files(facts: &Facts) -> Option<Finding> {
    let (needed, hard) = facts.nofile.filter(|(needed, hard)| needed > hard)?;
    refuse(format!(
        "-c {}: needs {} open files, and the limit is {}; raise it with 'ulimit -Hn {needed}' as \
         root and then 'ulimit -n {needed}', or lower -c",
        grouped(facts.connections),
        grouped(needed),
        grouped(hard)
    ))
}

fn too_few_ports(facts: &Facts) -> Option<Finding> {
    let (ports, distinct) = (facts.ports?, facts.distinct()?);
    if facts.connections <= distinct {
        return None;
    }
    let (sources, targets) = (facts.sources.max(1), facts.targets.max(1));
    let times = if sources == 1 && targets == 1 {
        "from one source address to one target".to_owned()
    } else {
        format!(
            "(x {} source addresses x {} targets)",
            grouped(sources),
            grouped(targets)
        )
    };
    refuse(format!(
        "-c {}: cannot be open at once: there are {} local ports {times}; add --source-ip, or \
         lower -c",
        grouped(facts.connections),
        grouped(ports)
    ))
}

/// Our own closes hold the ports for longer than the run can wait for them.
fn ports_used_up(facts: &Facts) -> Option<Finding> {
    let distinct = facts.distinct()?;
    // If the peer closes first, TIME-WAIT is at its end and never in the way of ours, not even if
    // that end is on this machine: there a SYN of the same port opens the connection anew.
    if !facts.client_closes_first || facts.aborts || !facts.time_wait_can_hold(distinct) {
        return None;
    }
    let reuses = facts.reuses_ports()?;
    let hold = if reuses {
        REUSED_AFTER
    } else {
        facts.time_wait_length?
    };
    // A second is too short to say of a total alone whether it will be started in it.
    if (reuses && facts.rate.is_none()) || facts.most_started_within(hold)? <= distinct {
        return None;
    }
    let seconds = hold.as_secs().max(1);
    let kept_up = match distinct / seconds {
        0 => "fewer than 1".to_owned(),
        rate => grouped(rate),
    };
    let holds = format!("holds each of the {} local ends", grouped(distinct));
    match facts.rate {
        Some(rate) => warn(format!(
            "--rate {}: TIME-WAIT {holds} for {seconds} s, so they are used up after {:.0} s, and \
             {kept_up} connections/s can be kept up; add --source-ip, or use --close rst",
            grouped(rate.round() as u64),
            distinct as f64 / rate
        )),
        None => warn(format!(
            "-n {}: TIME-WAIT {holds} for {seconds} s, so {kept_up} connections/s can be kept up \
             once they are used up; add --source-ip, or use --close rst",
            grouped(facts.total.unwrap_or_default())
        )),
    }
}

/// What ran before holds ports that are needed now, however this run closes.
fn ports_still_held(facts: &Facts) -> Option<Finding> {
    let (distinct, held) = (facts.distinct()?, facts.time_wait_now?);
    if facts.reuses_ports()? || !facts.time_wait_can_hold(distinct) {
        return None;
    }
    let length = facts.time_wait_length?;
    let in_time_wait = if facts.client_closes_first && !facts.aborts {
        facts.most_started_within(length).unwrap_or(0)
    } else {
        0
    };
    let needed = in_time_wait.max(facts.connections);
    // To which targets they were is not known, hence "up to".
    (needed.saturating_add(held) > distinct).then_some(())?;
    warn(format!(
        "TIME-WAIT: this run needs {} of the {} local ends, and up to {} are held by connections \
         before it; wait {} s, or add --source-ip",
        grouped(needed),
        grouped(distinct),
        grouped(held.min(distinct)),
        length.as_secs()
    ))
}

/// Above the cap Linux closes at once what should be in TIME-WAIT (TCPTimeWaitOverflow).
fn time_wait_table(facts: &Facts) -> Option<Finding> {
    // Of a server on this machine, its end's TIME-WAIT is in the same table.
    let ours = facts.client_closes_first || facts.loopback || facts.embedded;
    if facts.aborts || !ours {
        return None;
    }
    let (cap, now) = (facts.time_wait_cap?, facts.time_wait_now.unwrap_or(0));
    // A connection between the same ends takes the place of its forerunner, so there are never
    // more of them than different ones.
    let new = facts
        .most_started_within(facts.time_wait_length?)?
        .min(facts.distinct().unwrap_or(u64::MAX));
    (now.saturating_add(new) > cap).then_some(())?;
    warn(format!(
        "TIME-WAIT: up to {} more connections, beside {} now, and this machine keeps {}: of those \
         above, late segments, a repeated FIN of the peer's too, are answered with RST; raise \
         net.ipv4.tcp_max_tw_buckets, or lower --rate or -n",
        grouped(new),
        grouped(now),
        grouped(cap)
    ))
}

/// A storm may fill the listen queue faster than the server takes from it.
///
/// The generator's bound on attempts under way does not help here: to us a connection is
/// established while it still waits in the queue.
fn backlog(facts: &Facts) -> Option<Finding> {
    let cap = facts.backlog_cap?;
    let server_is_here = facts.loopback || facts.embedded;
    if !facts.storm || !server_is_here || facts.connections <= cap {
        return None;
    }
    // The embedded server accepts as fast as it can, and falls behind by no more than this.
    if facts.embedded && facts.threads.max(1).saturating_mul(BURST) <= cap {
        return None;
    }
    warn(format!(
        "-c {}: a listen queue on this machine holds {} at most, and a SYN that finds it full is \
         lost and costs 1 s; raise net.core.somaxconn and the server's backlog, or lower -c",
        grouped(facts.connections),
        grouped(cap)
    ))
}

fn conntrack(facts: &Facts) -> Option<Finding> {
    let ConntrackUse { used, cap } = facts.conntrack?;
    let at_once = used.saturating_add(facts.connections);
    // The entry of a connection that is over stays for a while. Linux gives such entries up first
    // when the table is nearly full, but only in rounds: that may be in time or not, so they never
    // are a reason to refuse.
    let after = if facts.aborts {
        TRACKED_AFTER_RST
    } else {
        TRACKED_AFTER_FIN
    };
    let lasting = facts.most_started_within(after).unwrap_or(0);
    let new = lasting
        .min(facts.distinct().unwrap_or(u64::MAX))
        .max(facts.connections);
    // Without a single entry nothing seems to be tracked here: the table comes with the module, but
    // is filled only if a rule asks for it. So only what could not fit at all is said then.
    let severity = match used {
        0 if at_once > cap => Severity::Warn,
        0 => return None,
        _ if at_once > cap => Severity::Refuse,
        _ if used.saturating_add(new) > cap - cap / 10 => Severity::Warn,
        _ => return None,
    };
    let text = format!(
        "conntrack: up to {} more entries, beside {} now, of {} at most, and the segments of one \
         more are dropped; raise net.netfilter.nf_conntrack_max, or lower -c, --rate or -n",
        grouped(new),
        grouped(used),
        grouped(cap)
    );
    Some(Finding { severity, text })
}
