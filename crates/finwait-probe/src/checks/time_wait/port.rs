//! What a local port tells: while this side is in TIME-WAIT, it cannot be bound.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use finwait_platform::{self as platform, FinAck};

use super::{EACH, Scenario};
use crate::check::{Closing, Finding, Service, Word};
use crate::net::{Id, Net, Opening, Seen};
use crate::probe::{Probe, ms, told};
use crate::target::Resource;

/// A SYN that gets no answer is repeated after a second.
const REPEATED: Duration = Duration::from_millis(900);

/// A connection that both sides have closed.
struct Closed {
    from: SocketAddr,
    /// The server's RST: then neither side waits.
    reset: bool,
    server_first: bool,
    /// How long it had taken to come about.
    connecting: Duration,
}

/// time-wait/2
pub(super) fn holder(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    let Some(ip) = own_address(probe) else {
        return Finding::error("no connection to learn our own address from");
    };
    // What a bind says in a case that is known.
    match held(probe, ip, Scenario::Unused) {
        Ok("client") => {}
        Ok("nobody") => return Finding::skip("the server answers our FIN with RST"),
        Ok(_) => {
            return Finding::skip("a port in TIME-WAIT can be bound here, or its table is full");
        }
        Err(finding) => return finding,
    }
    let scenarios = [Scenario::Kept, Scenario::Close];
    let count = if probe.is_http() { 2 } else { 1 };
    let mut parts = Vec::new();
    for &scenario in &scenarios[..count] {
        let mut who = Vec::new();
        for _ in 0..EACH {
            match held(probe, ip, scenario) {
                Ok(one) => who.push(one),
                Err(finding) => return finding,
            }
        }
        who.dedup();
        parts.push(format!("{}: {}", scenario.told(), who.join(", ")));
    }
    Finding::new(Word::Info, parts.join("; "))
}

/// Who is left in TIME-WAIT: `client`, `server` or `nobody`.
fn held(probe: &mut Probe<'_>, ip: IpAddr, scenario: Scenario) -> Result<&'static str, Finding> {
    let closed = close(probe, ip, scenario)?;
    if closed.reset {
        return Ok("nobody");
    }
    let id = reconnect(probe, closed.from);
    let refused = probe.net.seen(id).refused.as_ref();
    let taken = refused.is_some_and(|error| error.kind() == ErrorKind::AddrInUse);
    probe.net.clear();
    Ok(if taken { "client" } else { "server" })
}

/// time-wait/3
pub(super) fn again(probe: &mut Probe<'_>) -> Finding {
    if let Some(finding) = probe.unanswered() {
        return finding;
    }
    if probe.baseline.needs_fin {
        return Finding::skip("the server answers only after our FIN, and so never closes first");
    }
    if platform::tcp_timestamps() == Some(false) {
        return Finding::skip("this machine sends no TCP timestamps (net.ipv4.tcp_timestamps)");
    }
    let Some(ip) = own_address(probe) else {
        return Finding::error("no connection to learn our own address from");
    };
    let (mut best, mut plain) = (None::<Duration>, None::<Duration>);
    for trial in 0..EACH {
        let closed = match close(probe, ip, Scenario::Close) {
            Ok(closed) => closed,
            // After a connection that was not established, that is no other finding.
            Err(_) if trial > 0 && best.is_none() => break,
            Err(finding) => return finding,
        };
        if closed.reset || !closed.server_first {
            let what = if closed.reset {
                "resets"
            } else {
                "does not close first"
            };
            return Finding::skip(format!("the server {what}, and so is not in TIME-WAIT"));
        }
        let id = reconnect(probe, closed.from);
        let seen = probe.net.seen(id);
        if seen.refused.is_some() {
            return refused(seen);
        }
        let took = seen
            .connected
            .map(|at| at.saturating_duration_since(seen.opened));
        best = best.into_iter().chain(took).min();
        plain = plain.into_iter().chain([closed.connecting]).min();
        probe.net.clear();
    }
    judge(best, plain.unwrap_or_default(), probe.wait())
}

/// The best of the second connections, compared with the best of the first ones.
fn judge(best: Option<Duration>, plain: Duration, wait: Duration) -> Finding {
    let Some(best) = best else {
        let said = format!("not established again within {wait:?}: the SYNs are dropped");
        return Finding::new(Word::Fail, said)
            .verdicts(Service::NotAsked, Closing::NoConnection)
            .figure("again", ms(wait), "ms");
    };
    let finding = if best >= plain + REPEATED {
        Finding::new(Word::Fail, "established only by a repeated SYN")
    } else {
        Finding::new(Word::Pass, "established again at once")
    };
    finding
        .verdicts(Service::NotAsked, Closing::NotLooked)
        .figure("again", ms(best), "ms")
}

fn refused(seen: &Seen) -> Finding {
    let kind = seen.refused.as_ref().map(std::io::Error::kind);
    if matches!(
        kind,
        Some(ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
    ) {
        return Finding::error(format!(
            "the local port is still taken here: {}",
            told(seen)
        ));
    }
    Finding::new(Word::Fail, told(seen)).verdicts(Service::NotAsked, Closing::NoConnection)
}

/// Our address towards the server.
fn own_address(probe: &mut Probe<'_>) -> Option<IpAddr> {
    let id = probe.connect();
    let local = probe.net.local(id);
    probe.net.clear();
    local.map(|local| local.ip())
}

/// A connection from a port of its own - one that the system chose by itself may be shared with
/// connections to others - on which both FINs have come and are acknowledged.
fn close(probe: &mut Probe<'_>, ip: IpAddr, scenario: Scenario) -> Result<Closed, Finding> {
    let id = probe.connect_as(Opening {
        source: Some(SocketAddr::new(ip, 0)),
        ..Opening::default()
    });
    let from = probe.net.local(id);
    let Some(from) = from.filter(|_| probe.net.seen(id).connected.is_some()) else {
        let finding = Finding::error(told(probe.net.seen(id)));
        probe.net.clear();
        return Err(finding);
    };
    let request = scenario.request(probe);
    probe.net.send(id, &request);
    let (patience, wait) = (probe.wait_for(Resource::Plain), probe.wait());
    if scenario != Scenario::Unused && !probe.baseline.needs_fin {
        probe
            .net
            .wait(id, patience, |s| s.whole() > 0 || s.is_over());
    }
    if scenario == Scenario::Close {
        probe.net.wait(id, wait, Seen::is_over);
    }
    let server_first = probe.net.seen(id).fin.is_some();
    probe.net.half_close(id);
    let is_closed = finished(probe, id);
    let seen = probe.net.seen(id);
    let connecting = seen
        .connected
        .map(|at| at.saturating_duration_since(seen.opened));
    let closed = Closed {
        from,
        reset: seen.reset.is_some(),
        server_first,
        connecting: connecting.unwrap_or_default(),
    };
    let found = if is_closed || closed.reset {
        Ok(closed)
    } else {
        Err(Finding::error(format!(
            "not closed by both sides: {}",
            told(seen)
        )))
    };
    probe.net.clear();
    found
}

/// Waits until both FINs are acknowledged, as far as this system tells.
fn finished(probe: &mut Probe<'_>, id: Id) -> bool {
    let patience = probe.wait_for(Resource::Plain);
    probe.net.wait(id, patience, Seen::is_over);
    if probe.net.fin_acked(id) == FinAck::Unknown {
        // Over by then, on any path that is not much slower than the connection itself.
        probe.net.watch(Duration::from_millis(300));
    } else {
        let wait = probe.wait();
        let done = |net: &Net| net.fin_acked(id) == FinAck::Yes || net.seen(id).is_dead();
        probe.net.until(wait, done);
    }
    probe.net.seen(id).fin.is_some() && probe.net.fin_acked(id) != FinAck::No
}

/// Connects from the same port, with a timestamp that is newer than the last one.
fn reconnect(probe: &mut Probe<'_>, from: SocketAddr) -> Id {
    probe.net.watch(Duration::from_millis(5));
    probe.connect_as(Opening {
        source: Some(from),
        ..Opening::default()
    })
}
