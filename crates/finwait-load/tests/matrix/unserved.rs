//! Where nobody serves: refused, unreachable, unanswered, and a queue that is thrown away.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use finwait_load::{Control, Ending, Mode, Outcome, Progress, Verdict, run};
use finwait_platform as platform;

use crate::files::Files;
use crate::raw_peer::{listen, until};
use crate::table::Sends;
use crate::{BOTH, CONNECTIONS, check, files, plan, request, skipped};

/// Nobody listens there: the other tests listen on 127.0.0.1 only.
const REFUSES: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 55, 0, 1), 9);
/// The broadcast address of loopback. TCP has no broadcast, so Linux answers ENETUNREACH as it does
/// without a route; nothing leaves the host, and no privilege is needed.
const UNREACHABLE: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 255, 255, 255), 9);

#[track_caller]
fn all_are(outcome: &Outcome, progress: &[Progress], ending: Ending, verdict: Verdict) {
    if let Err(what) = check(outcome, progress, &[ending], verdict) {
        panic!("{what}");
    }
}

/// Connects everywhere to an address where no connection comes about.
#[track_caller]
fn none_is_established(target: SocketAddr, ending: Ending, verdict: Verdict) {
    if !files::are_enough() {
        return skipped("4096 open files");
    }
    let _files = Files::take(CONNECTIONS);
    for mode in BOTH {
        let mut plan = plan(target);
        plan.mode = mode;
        plan.connections = 1_000;
        plan.request = request(Sends::Hello);
        plan.connect_timeout = Duration::from_millis(300);
        let outcome = run(&plan, &Control::new()).expect("it runs");
        assert!(!outcome.tally.tested_anything());
        all_are(&outcome, &[Progress::NoConnection], ending, verdict);
    }
}

#[test]
fn nobody_listens() {
    none_is_established(REFUSES.into(), Ending::Refused, Verdict::Refused);
}

#[test]
fn no_way_leads_there() {
    none_is_established(
        UNREACHABLE.into(),
        Ending::Unreachable,
        Verdict::Unreachable,
    );
}

/// Linux drops a SYN for a listener whose queue is full, and says nothing.
#[test]
fn nobody_answers() {
    let listener = platform::listen((Ipv4Addr::LOCALHOST, 0).into(), 0).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let mut first = TcpStream::connect(addr).expect("there is room for one");
    // Once its byte is acknowledged it is in the queue, which is full with it.
    first.write_all(b"x").expect("a connection");
    until(|| {
        platform::unacknowledged(&first)
            .expect("an answer")
            .unwrap_or(0)
            == 0
    });
    none_is_established(addr, Ending::Timeout, Verdict::SynTimeout);
}

/// The backlog reset: the listener is closed over connections that nobody has accepted. A client
/// cannot tell it from an application that resets, and must take its request for lost.
#[test]
fn a_queue_that_is_thrown_away() {
    // Whether the acknowledgement of the request had left before the RST is a matter of its delay.
    let progress = [Progress::RequestUnacked, Progress::RequestAcked];
    throw_the_queue_away(Sends::Hello, &progress, Verdict::ResetLost);
}

#[test]
fn a_queue_that_is_thrown_away_with_nothing_in_it() {
    throw_the_queue_away(
        Sends::Nothing,
        &[Progress::Connected],
        Verdict::RetrySafeLoss,
    );
}

#[track_caller]
fn throw_the_queue_away(sends: Sends, progress: &[Progress], verdict: Verdict) {
    if !files::are_enough() {
        return skipped("4096 open files");
    }
    if platform::listen_backlog_cap().is_some_and(|cap| cap < CONNECTIONS) {
        return skipped("net.core.somaxconn of 1,000");
    }
    let _files = Files::take(CONNECTIONS);
    for mode in BOTH {
        let outcome = reset_by_backlog(sends, mode);
        all_are(&outcome, progress, Ending::Rst, verdict);
    }
}

fn reset_by_backlog(sends: Sends, mode: Mode) -> Outcome {
    let listener = listen();
    let addr = listener.local_addr().expect("it is bound");
    let mut plan = plan(addr);
    plan.mode = mode;
    plan.connections = 1_000;
    plan.request = request(sends);
    let control = Control::new();
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&plan, &control).expect("it runs"));
        until(|| control.live().open == CONNECTIONS);
        // Established is not enough: the last may not have sent its request yet.
        until(|| half_closed_by_clients(addr.port()) == CONNECTIONS);
        drop(listener);
        running.join().expect("it ends")
    })
}

/// How many connections at this local port have received all of a request and the FIN after it.
fn half_closed_by_clients(port: u16) -> u64 {
    const CLOSE_WAIT: &str = "08";
    let sockets = fs::read_to_string("/proc/net/tcp").expect("the sockets");
    let ours = format!(":{port:04X}");
    let is_ours = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&ours)) && words.nth(1) == Some(CLOSE_WAIT)
    };
    sockets.lines().filter(is_ours).count() as u64
}
