//! The clocks that run on acknowledgements, against a peer whose acknowledgements come when the
//! test says: they may end late, by the quarter that the documentation names, and never early.

use finwait::{Acknowledged, Action, Ending, Event, Limits, Receive};

use crate::{Driven, limits, ms};

const STALL: u64 = 100;

/// When it ends, if the OS has `queued` bytes of ours at the start, and the peer acknowledges one
/// of them at each of these times.
fn ends_at(limits: &Limits, unwritten: u64, queued: u64, acks: &[u64]) -> (u64, Ending) {
    let mut driven = Driven::new(limits, Receive::Discard, unwritten);
    let mut half_closed = false;
    for millis in 0..10_000 {
        let acked = acks.iter().filter(|&&at| at <= millis).count() as u64;
        for _ in 0..16 {
            let event = match driven.poll(millis) {
                Action::Write => Event::WriteBlocked,
                Action::Receive => Event::ReceiveBlocked,
                Action::HalfClose => {
                    half_closed = true;
                    Event::HalfClosed
                }
                Action::AskAck => Event::Ack {
                    fin: Acknowledged::No,
                    unacknowledged: Some(queued - acked),
                },
                Action::Wait { .. } => break,
                _ => {
                    assert_eq!(half_closed, unwritten == 0);
                    return (millis, driven.close(millis, "slow reader").1.ending);
                }
            };
            driven.handle(millis, event, "slow reader");
        }
    }
    panic!("it never ends");
}

fn no_total() -> Limits {
    Limits {
        drain_total: None,
        ..limits()
    }
}

/// Ends no earlier than the stall after the last acknowledgement, and at most a quarter later.
fn check(unwritten: u64, acks: &[u64]) {
    let (end, ending) = ends_at(&no_total(), unwritten, 1_000, acks);
    assert!(matches!(ending, Ending::TimedOut { .. }), "{ending:?}");
    let last = acks.last().copied().unwrap_or(0);
    assert!(
        end >= last + STALL,
        "last acknowledgement at {last}, given up at {end}: too early by {}",
        last + STALL - end
    );
    assert!(
        end <= last + STALL + STALL / 4 + 1,
        "last acknowledgement at {last}, given up only at {end}"
    );
}

#[test]
fn a_peer_that_takes_nothing_ends_as_a_flush_stall() {
    check(10, &[]);
}

#[test]
fn a_peer_that_takes_one_byte_in_time_again_and_again_is_never_cut() {
    let acks: Vec<_> = (1..50).map(|n| n * (STALL - 1)).collect();
    check(10, &acks);
    check(0, &acks);
}

#[test]
fn a_first_acknowledgement_in_the_first_quarter_counts_in_the_flush() {
    check(10, &[20]);
}

#[test]
fn a_first_acknowledgement_in_the_first_quarter_counts_in_the_drain() {
    check(0, &[20]);
}

#[test]
fn an_acknowledgement_counts_wherever_it_falls() {
    for first in (0..STALL).step_by(7) {
        for gap in (0..STALL).step_by(9) {
            for unwritten in [0, 10] {
                let (end, _) = ends_at(&no_total(), unwritten, 1_000, &[first, first + gap]);
                let least = first + gap + STALL;
                assert!(
                    end >= least,
                    "acknowledged at {first} and {}, given up at {end}",
                    first + gap
                );
            }
        }
    }
}

/// A time beyond the longest that the machine can tell apart (24 days) must not make it spin.
#[test]
fn after_months_it_still_does_not_spin() {
    const MONTHS: u64 = 100 * 86_400_000;
    for unwritten in [0, 10] {
        let mut driven = Driven::new(&no_total(), Receive::Discard, unwritten);
        let mut asked = 0;
        loop {
            let event = match driven.poll(MONTHS) {
                Action::Write => Event::WriteBlocked,
                Action::HalfClose => Event::HalfClosed,
                // Something is always there to be read.
                Action::Receive => Event::Received { bytes: 1 },
                Action::AskAck => Event::Ack {
                    fin: Acknowledged::No,
                    unacknowledged: Some(1),
                },
                _ => break,
            };
            asked += 1;
            assert!(
                asked < 2_000,
                "spinning at one instant: {:?}",
                driven.teardown
            );
            driven.teardown.handle(event, driven.start + ms(MONTHS));
        }
    }
}
