//! Packets get lost, one in a hundred and one in ten.

use finwait::{Ending, Limits};

use crate::common::{Peer, ms};
use crate::lab::{Lab, long, policies, short};
use crate::namespace::alone;
use crate::truth::{
    Allowed, CONFIRM, DRAIN_IDLE, DRAIN_TOTAL, FLUSH_IDLE, FLUSH_TOTAL, agrees, ends_so, is_one_of,
    read_all,
};

const CONNECTIONS: usize = 48;

const GOOD: &[Allowed] = &[
    (Ending::Graceful, "what was lost was sent again in time"),
    (Ending::Acked, "our FIN was, and the policy wants no more"),
];
const IMPATIENT: &[Allowed] = &[
    GOOD[0],
    GOOD[1],
    (FLUSH_IDLE, "lost again and again while bytes were unsent"),
    (FLUSH_TOTAL, "never for long enough to be idle"),
    (DRAIN_IDLE, "our last bytes or the peer's FIN were lost"),
    (DRAIN_TOTAL, "again and again"),
    (CONFIRM, "the acknowledgement of our FIN was lost"),
];

/// Whatever is lost is sent again after 0.2 s, 0.4 s, 0.8 s and so on: a few of these fit, and not all.
fn impatient() -> Limits {
    Limits {
        flush_stall: ms(2_000),
        flush_total: Some(ms(4_000)),
        drain_idle: ms(2_000),
        drain_total: Some(ms(4_000)),
        ..short()
    }
}

/// How many ended well, of all.
fn percent_lost(lab: &mut Lab, percent: u32, bytes: usize, limits: Limits) -> usize {
    let pairs: Vec<_> = (0..CONNECTIONS).map(|_| lab.pair()).collect();
    for way in [lab.to_us(), lab.to_peer()] {
        lab.fault(&format!("{way} numgen random mod 100 < {percent}"), "drop");
    }
    let limits = policies(limits);
    let mut begun = Vec::new();
    for (n, (ours, theirs)) in pairs.into_iter().enumerate() {
        let peer = Peer::plays(move || read_all(theirs));
        let key = lab.begin(ours, vec![7; bytes], &limits[n % limits.len()]);
        begun.push((key, peer));
    }
    let reports = lab.all();
    assert!(lab.struck() > 0, "nothing was lost");
    // The kernel still has to deliver what was under way at the close.
    lab.heal();
    let mut good = 0;
    for (key, peer) in begun {
        let report = reports[&key];
        is_one_of(&report, IMPATIENT);
        agrees(&report, peer.done(), bytes);
        good += usize::from(ends_so(&report, GOOD));
    }
    println!("{percent} % lost: {good} of {CONNECTIONS} ended well");
    good
}

/// Under clocks of 30 s a connection has to lose the same thing eight times in a row before one of them
/// runs out: at one in a hundred that does not happen.
#[test]
fn one_packet_in_a_hundred_is_lost_and_every_one_ends_well() {
    alone(
        one_packet_in_a_hundred_is_lost_and_every_one_ends_well,
        |lab| {
            assert_eq!(percent_lost(lab, 1, 200_000, long()), CONNECTIONS);
        },
    );
}

/// At one in ten, both ways, it may happen to one of some thousands.
#[test]
fn one_packet_in_ten_is_lost_and_most_end_well() {
    alone(one_packet_in_ten_is_lost_and_most_end_well, |lab| {
        let good = percent_lost(lab, 10, 5_000, long());
        assert!(good >= CONNECTIONS - 4, "{good}");
    });
}

/// Whoever does not wait so long is told what is true all the same; four losses in a row of the same
/// thing are rare still.
#[test]
fn one_packet_in_ten_is_lost_and_the_clocks_are_short() {
    alone(one_packet_in_ten_is_lost_and_the_clocks_are_short, |lab| {
        let good = percent_lost(lab, 10, 200_000, impatient());
        assert!(good >= CONNECTIONS / 2, "{good}");
    });
}
