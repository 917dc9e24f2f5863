use super::Severity::{Refuse, Warn};
use super::*;

/// A machine as Linux sets it up, and a run that it carries easily.
fn fine() -> Facts {
    Facts {
        connections: 1_000,
        total: Some(10_000),
        sources: 1,
        targets: 1,
        threads: 1,
        client_closes_first: true,
        nofile: Some((1_072, 20_000)),
        ports: Some(28_232),
        time_wait_reuse: Some(TimeWaitReuse::LoopbackOnly),
        time_wait_now: Some(3),
        time_wait_cap: Some(131_072),
        time_wait_length: Some(Duration::from_secs(60)),
        backlog_cap: Some(4_096),
        conntrack: Some(ConntrackUse {
            used: 12,
            cap: 262_144,
        }),
        ..Facts::default()
    }
}

/// The same on a loopback address, where ports are taken again.
fn loopback() -> Facts {
    Facts {
        loopback: true,
        ..fine()
    }
}

fn tracked(used: u64, cap: u64) -> Option<ConntrackUse> {
    Some(ConntrackUse { used, cap })
}

/// `None`: no finding. Otherwise there is just one: how severe it is, and how its text begins.
type Expected = Option<(Severity, &'static str)>;

#[track_caller]
fn check(rows: &[(&str, Facts, Expected)]) {
    for (name, facts, expected) in rows {
        let found = findings(facts);
        match (&found[..], expected) {
            ([], None) => {}
            ([one], Some((severity, text))) => {
                assert_eq!(one.severity, *severity, "{name}: {one:?}");
                assert!(one.text.starts_with(text), "{name}: {one:?}");
                // What, why, mend; one line.
                assert!(
                    one.text.contains(": ") && one.text.contains("; "),
                    "{one:?}"
                );
                assert!(!one.text.contains(['\n', '\u{2014}']), "{one:?}");
                assert!(!one.text.contains("  "), "{one:?}");
            }
            _ => panic!("{name}: {found:?} instead of {expected:?}"),
        }
    }
}

#[rustfmt::skip]
#[test]
fn nothing_is_said_of_a_run_that_fits_or_of_what_is_not_known() {
    check(&[
        ("fits", fine(), None),
        ("on loopback", loopback(), None),
        ("nothing known", Facts { connections: u64::MAX, total: Some(u64::MAX), rate: Some(f64::MAX), storm: true, ..Facts::default() }, None),
        ("a huge range of everything", Facts { sources: u64::MAX, targets: u64::MAX, time_wait_cap: Some(u64::MAX), conntrack: tracked(1, u64::MAX), ..fine() }, None),
        ("a rate of none", Facts { rate: Some(0.0), total: None, ..fine() }, None),
        ("a rate that is no number", Facts { rate: Some(f64::NAN), total: None, ..fine() }, None),
    ]);
}

#[rustfmt::skip]
#[test]
fn what_cannot_be_open_at_once_is_refused() {
    check(&[
        ("files to the last", Facts { nofile: Some((20_000, 20_000)), ..fine() }, None),
        ("one file too many", Facts { nofile: Some((20_001, 20_000)), ..fine() },
            Some((Refuse, "-c 1,000: needs 20,001 open files, and the limit is 20,000; raise it with 'ulimit -Hn 20001'"))),
        ("ports to the last", Facts { connections: 28_232, total: None, ..loopback() }, None),
        ("one port too few", Facts { connections: 28_233, total: Some(50_000), ..fine() },
            Some((Refuse, "-c 28,233: cannot be open at once: there are 28,232 local ports from one source address to one target; add --source-ip"))),
        ("two sources", Facts { connections: 56_464, total: None, sources: 2, ..loopback() }, None),
        ("three targets", Facts { connections: 84_696, total: None, targets: 3, ..loopback() }, None),
        ("two sources and three targets", Facts { connections: 169_393, total: None, sources: 2, targets: 3, ..loopback() },
            Some((Refuse, "-c 169,393: cannot be open at once: there are 28,232 local ports (x 2 source addresses x 3 targets); "))),
        ("an abort needs a port too", Facts { connections: 28_233, aborts: true, ..fine() }, Some((Refuse, "-c 28,233: "))),
        ("no ports at all", Facts { ports: Some(0), ..fine() }, Some((Refuse, "-c 1,000: "))),
    ]);
}

#[rustfmt::skip]
#[test]
fn ports_that_time_wait_uses_up_are_told() {
    let off = Some(TimeWaitReuse::Off);
    let on = Some(TimeWaitReuse::Global);
    let rated = |rate, seconds| Facts { rate: Some(rate), total: None, duration: Some(Duration::from_secs(seconds)), ..fine() };
    check(&[
        ("a rate", rated(2_000.0, 60),
            Some((Warn, "--rate 2,000: TIME-WAIT holds each of the 28,232 local ends for 60 s, so they are used up after 14 s, and 470 connections/s can be kept up; "))),
        ("without an end", Facts { duration: None, ..rated(471.0, 1) }, Some((Warn, "--rate 471: "))),
        ("that can be kept up", rated(470.0, 3_600), None),
        ("over before they are used up", rated(2_000.0, 14), None),
        ("just not over", rated(2_000.0, 15), Some((Warn, "--rate 2,000: "))),
        ("a total that is over before", Facts { total: Some(28_000), ..rated(2_000.0, 60) }, None),
        ("four sources", Facts { sources: 4, time_wait_cap: None, ..rated(2_000.0, 60) },
            Some((Warn, "--rate 2,000: TIME-WAIT holds each of the 112,928 local ends for 60 s, so they are used up after 56 s, and 1,882 connections/s"))),
        ("five sources", Facts { sources: 5, ..rated(2_000.0, 60) }, None),
        ("a total alone", Facts { total: Some(28_233), ..fine() },
            Some((Warn, "-n 28,233: TIME-WAIT holds each of the 28,232 local ends for 60 s, so 470 connections/s can be kept up once they are used up; "))),
        ("as many as there are", Facts { total: Some(28_229), ..fine() }, None),
        ("few ports", Facts { connections: 1, ports: Some(8), time_wait_now: None, ..fine() }, Some((Warn, "-n 10,000: TIME-WAIT holds each of the 8 local ends for 60 s, so fewer than 1 connections/s"))),
        ("the peer closes first", Facts { client_closes_first: false, ..rated(2_000.0, 60) }, None),
        ("an abort", Facts { aborts: true, ..rated(2_000.0, 60) }, None),
        ("on loopback", Facts { loopback: true, ..rated(2_000.0, 60) }, None),
        ("on loopback without reuse", Facts { loopback: true, time_wait_reuse: off, ..rated(2_000.0, 60) }, Some((Warn, "--rate 2,000: "))),
        ("reuse everywhere", Facts { time_wait_reuse: on, ..rated(2_000.0, 60) }, None),
        ("too fast even for reuse", Facts { time_wait_reuse: on, time_wait_cap: None, ..rated(30_000.0, 60) },
            Some((Warn, "--rate 30,000: TIME-WAIT holds each of the 28,232 local ends for 1 s, so they are used up after 1 s, and 28,232 connections/s"))),
        ("a total and reuse", Facts { time_wait_reuse: on, total: Some(100_000), ..fine() }, None),
        ("reuse not known", Facts { time_wait_reuse: None, ..rated(2_000.0, 60) }, None),
        ("length not known", Facts { time_wait_length: None, ..rated(2_000.0, 60) }, None),
        // Then the table is full before, and the ports are free.
        ("a small table", Facts { time_wait_cap: Some(1_000), ..rated(2_000.0, 60) }, Some((Warn, "TIME-WAIT: up to 28,232 more connections, "))),
    ]);
}

#[rustfmt::skip]
#[test]
fn ports_that_an_earlier_run_still_holds_are_told() {
    let after = |now| Facts { time_wait_now: Some(now), ..fine() };
    check(&[
        ("just enough", after(18_232), None),
        ("one too few", after(18_233),
            Some((Warn, "TIME-WAIT: this run needs 10,000 of the 28,232 local ends, and up to 18,233 are held by connections before it; wait 60 s, or add --source-ip"))),
        ("more than there are", after(100_000),
            Some((Warn, "TIME-WAIT: this run needs 10,000 of the 28,232 local ends, and up to 28,232 are held"))),
        ("an abort needs what is open at once", Facts { aborts: true, ..after(27_232) }, None),
        ("and meets them too", Facts { aborts: true, ..after(27_233) }, Some((Warn, "TIME-WAIT: this run needs 1,000 "))),
        ("as does one that closes second", Facts { client_closes_first: false, ..after(27_233) }, Some((Warn, "TIME-WAIT: this run needs 1,000 "))),
        ("reused", Facts { loopback: true, ..after(28_232) }, None),
    ]);
}

#[rustfmt::skip]
#[test]
fn a_time_wait_table_that_overflows_is_told() {
    let full = || Facts { time_wait_now: Some(122_000), ..loopback() };
    check(&[
        ("just full", Facts { time_wait_now: Some(121_072), ..loopback() }, None),
        ("one above", Facts { time_wait_now: Some(121_073), ..loopback() },
            Some((Warn, "TIME-WAIT: up to 10,000 more connections, beside 121,073 now, and this machine keeps 131,072: "))),
        ("now not known", Facts { time_wait_now: None, total: Some(131_073), sources: 9, ..fine() }, Some((Warn, "TIME-WAIT: up to 131,073 more connections, beside 0 now"))),
        ("the server is here and closes first", Facts { client_closes_first: false, ..full() }, Some((Warn, "TIME-WAIT: up to 10,000 "))),
        ("the server is elsewhere and closes first", Facts { client_closes_first: false, loopback: false, time_wait_reuse: None, ..full() }, None),
        ("an abort", Facts { aborts: true, ..full() }, None),
        ("never more than there are ends", Facts { total: Some(1_000_000), ..loopback() }, None),
        ("speed not known", Facts { total: None, ..full() }, None),
        ("a rate", Facts { rate: Some(3_000.0), total: None, sources: 16, conntrack: None, ..loopback() }, Some((Warn, "TIME-WAIT: up to 180,000 more"))),
        ("a rate for a short time", Facts { rate: Some(3_000.0), total: None, duration: Some(Duration::from_secs(40)), sources: 16, conntrack: None, ..loopback() }, None),
        ("none kept", Facts { time_wait_cap: Some(0), ..loopback() }, Some((Warn, "TIME-WAIT: "))),
    ]);
}

#[rustfmt::skip]
#[test]
fn a_storm_may_overflow_the_listen_queue_of_a_server_on_this_machine() {
    let storm = |connections| Facts { storm: true, connections, total: Some(connections), ..loopback() };
    check(&[
        ("fits", storm(4_096), None),
        ("does not", storm(4_097), Some((Warn, "-c 4,097: a listen queue on this machine holds 4,096 at most, "))),
        ("our own server keeps pace", Facts { embedded: true, threads: 3, ..storm(10_000) }, None),
        ("with not too many threads", Facts { embedded: true, threads: 4, ..storm(10_000) }, Some((Warn, "-c 10,000: a listen queue "))),
        ("and with a queue of some length", Facts { embedded: true, backlog_cap: Some(1_024), ..storm(10_000) }, Some((Warn, "-c 10,000: a listen queue "))),
        ("longer than the storm is enough", Facts { embedded: true, threads: 64, ..storm(4_096) }, None),
        ("a queue elsewhere is not known", Facts { loopback: false, ..storm(10_000) }, None),
        ("not all at once", Facts { storm: false, ..storm(10_000) }, None),
    ]);
}

#[rustfmt::skip]
#[test]
fn a_conntrack_table_that_fills_up_is_told_or_refused() {
    let run = |total, conntrack| Facts { total, conntrack, ..fine() };
    check(&[
        ("at nine tenths", run(None, tracked(8_000, 10_000)), None),
        ("above", run(None, tracked(8_001, 10_000)),
            Some((Warn, "conntrack: up to 1,000 more entries, beside 8,001 now, of 10,000 at most, "))),
        ("full", run(None, tracked(9_000, 10_000)), Some((Warn, "conntrack: "))),
        ("more than full", run(None, tracked(9_001, 10_000)), Some((Refuse, "conntrack: "))),
        ("those that are over stay", run(Some(10_000), tracked(12, 11_000)), Some((Warn, "conntrack: up to 10,000 more entries, "))),
        ("for two minutes", Facts { rate: Some(100.0), ..run(None, tracked(1, 13_000)) }, Some((Warn, "conntrack: up to 12,000 more entries, "))),
        ("after an abort for less", Facts { rate: Some(100.0), aborts: true, ..run(None, tracked(1, 13_000)) }, None),
        ("never more than there are ends", Facts { loopback: true, ..run(Some(1_000_000), tracked(1, 40_000)) }, None),
        ("nothing seems to be tracked", run(Some(10_000), tracked(0, 2_000)), None),
        ("but if it were", run(Some(10_000), tracked(0, 999)), Some((Warn, "conntrack: "))),
    ]);
}

#[test]
fn several_findings_stand_side_by_side() {
    let facts = Facts {
        nofile: Some((2, 1)),
        connections: 30_000,
        total: Some(30_000),
        storm: true,
        conntrack: tracked(1, 1),
        ..loopback()
    };
    let severities: Vec<_> = findings(&facts).iter().map(|one| one.severity).collect();
    assert_eq!(severities, [Refuse, Refuse, Warn, Refuse], "{facts:?}");
}

#[test]
fn the_machine_tells_what_the_platform_tells() {
    let facts = machine_facts();
    assert_eq!(
        facts.ports.is_some(),
        platform::local_port_range().is_some()
    );
    assert_eq!(facts.time_wait_length, platform::time_wait_length());
    assert_eq!(facts.backlog_cap, platform::listen_backlog_cap());
    assert_eq!(facts.connections, 0, "of the run it knows nothing");
}

#[test]
fn ports_in_turn_are_searched_for_only_above_all_of_them_in_a_second() {
    let second = Duration::from_secs(1);
    assert_eq!(without_search(28_232, 10 * second, false), 14_116);
    assert_eq!(without_search(28_232, second / 10, true), 28_232);
    assert_eq!(without_search(28_232, 10 * second, true), 282_320);
}
