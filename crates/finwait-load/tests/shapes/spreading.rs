//! Targets, sources and parts of a run: everything follows from a connection's number.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use finwait_load::{CloseMix, CloseMode, Control, Expect, Mode, Plan, Segment, Verdict};

use self::port_range::skipped_without_port_range;
use crate::support::{plan, run, serve};

#[path = "../../../finwait-platform/tests/common/port_range.rs"]
mod port_range;
#[path = "../../../finwait-platform/tests/common/skipped.rs"]
mod skipped;

/// All of 127/8 is this host on Linux and Windows; elsewhere only one address of it is.
fn sources() -> Vec<IpAddr> {
    let last = if cfg!(any(target_os = "linux", windows)) {
        4
    } else {
        1
    };
    (1..=last).map(|n| IpAddr::from([127, 0, 0, n])).collect()
}

#[test]
fn every_pair_of_a_target_and_a_source_is_used_as_often() {
    let servers: Vec<_> = (0..3).map(|_| serve("echo")).collect();
    for threads in [1, 2] {
        let mut plan = plan(servers[0].addr());
        plan.targets = servers.iter().map(|server| server.addr()).collect();
        plan.sources = sources();
        plan.total = Some(120);
        plan.threads = threads;
        let seen = run(&plan);
        seen.all_are(Verdict::Graceful, 120);
        let mut pairs: BTreeMap<(SocketAddr, IpAddr), u64> = BTreeMap::new();
        for record in &seen.records {
            let pair = (record.peer, record.local.unwrap().ip());
            *pairs.entry(pair).or_default() += 1;
        }
        let all = 3 * plan.sources.len();
        assert_eq!(pairs.len(), all);
        assert!(
            pairs.values().all(|&count| count == 120 / all as u64),
            "{pairs:?}"
        );
    }
    for server in servers {
        assert_eq!(server.stats().accepted, 80);
    }
}

#[test]
fn every_pair_has_its_turn_before_one_has_its_second_in_a_part_too() {
    let servers = [serve("echo"), serve("echo")];
    let mut plan = plan(servers[0].addr());
    plan.targets = servers.iter().map(|server| server.addr()).collect();
    plan.total = Some(200);
    plan.connections = 1;
    for record in run(&plan).records.chunks(2) {
        // Shown in the order in which they ended; with one at once that of their numbers.
        assert_ne!(record[0].peer, record[1].peer);
    }
    // Half of the numbers, all of them even, come to both targets as well.
    plan.segment = Segment { index: 0, of: 2 };
    plan.connections = 2;
    let seen = run(&plan);
    assert_eq!(seen.records.len(), 100);
    for target in &plan.targets {
        let count = seen.records.iter().filter(|r| r.peer == *target).count();
        assert!((25..=75).contains(&count), "{count} of 100 to {target}");
    }
}

#[test]
fn each_pair_takes_its_source_ports_in_turn() {
    let range = finwait_platform::local_port_range();
    let Some(range) = range.filter(|_| finwait_platform::PortWalk::is_supported()) else {
        return skipped_without_port_range(finwait_platform::kernel_release());
    };
    let servers = [serve("echo"), serve("echo")];
    let mut plan = plan(servers[0].addr());
    plan.targets = servers.iter().map(|server| server.addr()).collect();
    plan.total = Some(200);
    plan.connections = 1;
    let seen = run(&plan);
    for target in &plan.targets {
        let to_it = seen.records.iter().filter(|r| r.peer == *target);
        let ports: Vec<_> = to_it.map(|r| r.local.unwrap().port()).collect();
        assert_eq!(ports.len(), 100);
        for two in ports.windows(2) {
            // Every second one; or one a few further, or between, where others have theirs.
            let step = (i32::from(two[1]) - i32::from(two[0])).rem_euclid(range.len() as i32);
            assert!((1..=64).contains(&step), "{two:?} of {ports:?}");
        }
    }
}

/// What a number alone decides.
fn decided(plans: &[Plan]) -> BTreeSet<(u64, CloseMode, SocketAddr, IpAddr, Option<Duration>)> {
    let mut decided = BTreeSet::new();
    let (mut count, mut verdicts) = (0, BTreeMap::new());
    for plan in plans {
        let seen = run(plan);
        count += seen.outcome.tally.started;
        assert_eq!(seen.outcome.tally.late.unstarted, 0);
        for (verdict, n) in seen.verdicts() {
            *verdicts.entry(verdict).or_insert(0) += n;
        }
        decided.extend(seen.records.iter().map(|record| {
            let open_loop = matches!(plan.mode, Mode::OpenLoop { .. });
            let intended = open_loop.then_some(record.intended);
            let source = record.local.unwrap().ip();
            (record.id, record.close, record.peer, source, intended)
        }));
    }
    assert_eq!(decided.len() as u64, count);
    let expected = [(Verdict::Graceful, 56), (Verdict::Aborted, 14)];
    assert_eq!(verdicts, BTreeMap::from(expected));
    decided
}

#[test]
fn the_parts_of_a_run_are_together_the_whole() {
    let servers = [serve("echo"), serve("echo")];
    let mut whole = plan(servers[0].addr());
    whole.targets = servers.iter().map(|server| server.addr()).collect();
    whole.sources = sources();
    whole.connections = 100;
    whole.expect = Expect::Echo;
    whole.close = CloseMix::new(&[(CloseMode::Half, 4), (CloseMode::Rst, 1)]).unwrap();
    let open_loop = Mode::OpenLoop { rate: 200.0 };
    for (mode, total, duration) in [
        (Mode::ClosedLoop, Some(70), None),
        (Mode::Storm, Some(70), None),
        (open_loop, Some(70), None),
        (open_loop, None, Some(Duration::from_millis(350))),
    ] {
        let whole = Plan {
            mode,
            total,
            duration,
            ..whole.clone()
        };
        let ids: Vec<_> = (0..70).collect();
        let of_whole = decided(std::slice::from_ref(&whole));
        assert_eq!(of_whole.iter().map(|d| d.0).collect::<Vec<_>>(), ids);
        // The parts need not have as many threads.
        let parts: Vec<_> = (0..3)
            .map(|index| Plan {
                segment: Segment { index, of: 3 },
                threads: index as usize + 1,
                ..whole.clone()
            })
            .collect();
        assert_eq!(decided(&parts), of_whole, "{mode}");
    }
}

#[test]
fn a_part_that_could_have_no_connection_open_is_refused() {
    let server = serve("echo");
    let mut plan = plan(server.addr());
    for (connections, of) in [(0, 1), (2, 3)] {
        plan.connections = connections;
        for index in 0..of {
            plan.segment = Segment { index, of };
            let refused = finwait_load::run(&plan, &Control::new()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        }
    }
}
