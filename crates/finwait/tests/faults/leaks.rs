//! Nothing is left behind, however it ended: many rounds of loss, resets, floods and silence at once.

use std::net::TcpStream;

use finwait::Ending;

use crate::common::{Peer, fill};
use crate::lab::{Lab, policies, short};
use crate::namespace::alone;
use crate::truth::read_all;

const ROUNDS: usize = 20;
const EACH: usize = 12;

/// Kilobytes that this process has in memory: counted page by page.
fn resident_kib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/smaps_rollup").expect("proc");
    let line = pages.lines().find(|line| line.starts_with("Rss:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("a number of kB")
}

/// Ends of every kind, in a network that loses a packet in ten; how many different ones.
fn round(lab: &mut Lab) -> usize {
    let pairs: Vec<(TcpStream, TcpStream)> = (0..EACH).map(|_| lab.pair()).collect();
    for way in [lab.to_us(), lab.to_peer()] {
        lab.fault(&format!("{way} numgen random mod 100 < 10"), "drop");
    }
    let mut limits = short();
    // An eighth of the time: there are many rounds.
    for clock in [&mut limits.flush_stall, &mut limits.drain_idle] {
        *clock /= 8;
    }
    for clock in [&mut limits.flush_total, &mut limits.drain_total] {
        *clock = clock.map(|bound| bound / 8);
    }
    let mut peers = Vec::new();
    let mut held = Vec::new();
    for (n, (ours, theirs)) in pairs.into_iter().enumerate() {
        match n % 4 {
            0 => peers.push(Peer::plays(move || read_all(theirs))),
            1 => {
                finwait_platform::arm_abort(&theirs).expect("SO_LINGER");
                drop(theirs);
            }
            2 => {
                fill(&theirs);
                held.push(theirs);
            }
            _ => held.push(theirs),
        }
        let unsent = if n % 8 < 4 { 100 } else { 8 << 20 };
        lab.begin(ours, vec![7; unsent], &policies(limits)[n % 3]);
    }
    let reports = lab.all();
    lab.heal();
    drop(held);
    for peer in peers {
        peer.done();
    }
    let mut endings: Vec<Ending> = reports.values().map(|report| report.ending).collect();
    endings.sort_by_key(|ending| format!("{ending:?}"));
    endings.dedup();
    endings.len()
}

#[test]
fn twenty_rounds_of_loss_resets_floods_and_silence_leave_nothing() {
    alone(
        twenty_rounds_of_loss_resets_floods_and_silence_leave_nothing,
        |lab| {
            let mut after_half = 0;
            for n in 0..ROUNDS {
                let kinds = round(lab);
                assert!(kinds > 1, "faults without an effect");
                lab.is_as_before();
                if n + 1 == ROUNDS / 2 {
                    after_half = resident_kib();
                }
            }
            // A round holds 32 MiB of unsent bytes; ten rounds that kept one in five hundred would be seen.
            let grown = resident_kib().saturating_sub(after_half);
            println!("{ROUNDS} rounds: {after_half} KiB at half, {grown} KiB more at the end");
            assert!(grown < 512, "{grown} KiB more");
        },
    );
}
