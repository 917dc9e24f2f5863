//! Packets get lost, one in a hundred and one in ten.

use finwait::{Ending, Limits};

use crate::common::{Peer, ms};
use crate::lab::{Lab, policies, short};
use crate::namespace::alone;
use crate::truth::{
    Allowed, CONFIRM, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_IDLE, FLUSH_TOTAL, agrees, is_one_of, read_all,
};

const CONNECTIONS: usize = 48;
const BYTES: usize = 200_000;

const ALLOWED: &[Allowed] = &[
    (Ending::Graceful, "what was lost was sent again in time"),
    (Ending::Acked, "our FIN was, and the policy wants no more"),
    (FLUSH_IDLE, "lost again and again while bytes were unsent"),
    (FLUSH_TOTAL, "never for long enough to be idle"),
    (DRAIN_IDLE, "our last bytes or the peer's FIN were lost"),
    (DRAIN_TOTAL, "again and again"),
    (CONFIRM, "the acknowledgement of our FIN was lost"),
];

/// Patient enough that most get through.
fn limits() -> Limits {
    Limits {
        flush_stall: ms(2_000),
        flush_total: Some(ms(4_000)),
        drain_idle: ms(2_000),
        drain_total: Some(ms(4_000)),
        ..short()
    }
}

fn percent_lost(lab: &mut Lab, percent: u32) {
    let pairs: Vec<_> = (0..CONNECTIONS).map(|_| lab.pair()).collect();
    for way in [lab.to_us(), lab.to_peer()] {
        lab.fault(&format!("{way} numgen random mod 100 < {percent}"), "drop");
    }
    let limits = policies(limits());
    let mut begun = Vec::new();
    for (n, (ours, theirs)) in pairs.into_iter().enumerate() {
        let peer = Peer::plays(move || read_all(theirs));
        let key = lab.begin(ours, vec![7; BYTES], &limits[n % limits.len()]);
        begun.push((key, peer));
    }
    let reports = lab.all();
    assert!(lab.struck() > 0, "nothing was lost");
    // The kernel still has to deliver what was under way at the close.
    lab.heal();
    let mut good = 0;
    for (key, peer) in begun {
        let report = reports[&key];
        is_one_of(&report, ALLOWED);
        agrees(&report, peer.done(), BYTES);
        good += usize::from(report.peer_fin);
    }
    println!("{percent} % lost: {good} of {CONNECTIONS} saw the peer's FIN");
    // Loss alone is no reason to give up.
    assert!(good > 0, "{reports:#?}");
}

#[test]
fn one_packet_in_a_hundred_is_lost() {
    alone(one_packet_in_a_hundred_is_lost, |lab| percent_lost(lab, 1));
}

#[test]
fn one_packet_in_ten_is_lost() {
    alone(one_packet_in_ten_is_lost, |lab| percent_lost(lab, 10));
}
