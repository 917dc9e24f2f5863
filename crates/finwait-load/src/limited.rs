//! When the generator was the limit, and not the server.

use std::io;

use finwait_platform as platform;

use crate::connecting::is_local_shortage;
use crate::plan::Plan;
use crate::tally::{Late, Tally};

/// Of all that were due: above this share of late ones, the rate was not the one that was asked for.
const MOST_LATE: f64 = 0.01;
/// So few say nothing, however small the run.
const FEW: u64 = 1;
/// A worker that waits less than this part of its time has no CPU left.
const BUSY: f64 = 0.9;

/// Reasons why the result says more about the generator than about the server, each with what to
/// do about it.
pub(crate) fn limits_met(plan: &Plan, tally: &Tally, busy: f64) -> Vec<String> {
    let mut reasons = shortages(tally);
    let late = &tally.late;
    let due = tally.started + late.unstarted;
    let missed = late.starts + late.unstarted;
    if missed > FEW && missed as f64 > due as f64 * MOST_LATE {
        let tolerance = Late::TOLERANCE.as_millis();
        let what =
            format!("{missed} of {due} connections started more than {tolerance} ms late or never");
        let here = plan.segment.share(plan.connections as u64);
        // Those that never started have no reason of their own; that all were open is one.
        let were_full = tally.most_open >= here;
        let for_room = late.starts_for_room * 2 > late.starts || late.unstarted > late.starts;
        reasons.push(if for_room && were_full {
            format!("{what}: all {here} that may be open at once were open; raise -c")
        } else if busy >= BUSY {
            format!("{what}: the generator had no CPU left; lower --rate, or split the run with --segment")
        } else {
            format!("{what}: this machine gave the generator no time; lower --rate, or leave it more CPU")
        });
    }
    if late.closes > FEW && late.closes as f64 > tally.torn_down as f64 * MOST_LATE {
        reasons.push(format!(
            "{} of {} closes came late: too few connections were ready for --close-rate; raise -c, or lower the rate",
            late.closes, tally.torn_down
        ));
    }
    reasons
}

/// Errors of the attempt that are this machine's own.
fn shortages(tally: &Tally) -> Vec<String> {
    let mut reasons = Vec::new();
    for (error, count) in &tally.errors {
        let Some(code) = error.code.filter(|_| error.operation == "connect") else {
            continue;
        };
        let os_error = io::Error::from_raw_os_error(code);
        if !is_local_shortage(&os_error) {
            continue;
        }
        let name = platform::describe_error(&os_error);
        let mend = mend(os_error.kind(), cfg!(windows));
        reasons.push(format!("{count} connects failed with {name}; {mend}"));
    }
    reasons
}

/// What ran out, and what to do about it.
fn mend(kind: io::ErrorKind, windows: bool) -> &'static str {
    match kind {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
            "source ports ran out, or the source address is not this host's: \
             add --source-ip addresses, or lower the rate"
        }
        // There is no limit on sockets to raise, and WSAENOBUFS is said of ports too.
        _ if windows => {
            "ports, sockets or memory ran out: add --source-ip addresses, or lower the rate or -c \
             ('netsh int ipv4 show dynamicport tcp' shows the ports)"
        }
        _ => "descriptors or memory ran out: raise the limit (ulimit -n), or lower -c",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_told_of_what_it_has() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, OutOfMemory};
        for kind in [AddrNotAvailable, AddrInUse] {
            assert_eq!(mend(kind, true), mend(kind, false));
            assert!(mend(kind, true).starts_with("source ports ran out"));
        }
        // WSAENOBUFS and WSAEMFILE have no stable kind of their own.
        for kind in [OutOfMemory, io::ErrorKind::Other] {
            assert!(mend(kind, false).contains("ulimit -n"));
            let windows = mend(kind, true);
            assert!(
                windows.starts_with("ports, sockets or memory ran out"),
                "{windows}"
            );
            assert!(!windows.contains("ulimit"), "{windows}");
        }
    }
}
