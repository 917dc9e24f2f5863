//! The invariants of the design that are the driver's, one function each, by their names there. What
//! is the machine's has its functions in `tests/model` and `tests/machine_walk`; what a report says
//! is held against what is true in `truth`.

use std::time::{Duration, Instant};

use super::net::Conn;
use super::run::{Elsewhere, TICK};
use super::truth::Given;
use crate::report::Report;

/// The numbers of the design, and not the constants of the driver: those are what is judged.
const CALLS: u32 = 16;
const BYTES: u64 = 64 << 10;
/// A kernel that takes megabytes at once would take the time of others.
const WRITE_BYTES: u64 = 256 << 10;
/// Where nothing is copied more may be thrown away at once: as in `stream.rs`.
pub(super) const DISCARD_BYTES: u64 = 1 << 20;

/// A call that moves bytes, and the room that it is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    Write(usize),
    Receive(usize),
    Discard(usize),
}

/// What one connection has done in a turn: calls that moved bytes, and those bytes.
#[derive(Debug, Default)]
pub(super) struct Spent {
    turn: u64,
    calls: u32,
    bytes: u64,
}

/// A read of length 0 returns 0, which looks like the peer's FIN.
pub(super) fn s10_no_read_of_length_0(call: Call) {
    assert!(
        !matches!(call, Call::Receive(0) | Call::Discard(0)),
        "S10: {call:?}"
    );
}

/// At most 16 calls, and none once 64 KiB have been moved; of the last of them no more than is left
/// of 64 KiB if it delivers, 256 KiB if it writes, 1 MiB if it discards without a copy. Whatever the
/// room is, a kernel may fill it; `moved` is what this one did.
pub(super) fn s11_work_per_turn_is_bounded(spent: &mut Spent, turn: u64, call: Call, moved: u64) {
    if spent.turn != turn {
        *spent = Spent {
            turn,
            ..Spent::default()
        };
    }
    let left = BYTES.saturating_sub(spent.bytes);
    // Where discarding copies, it fills the same room as delivering.
    let (room, most) = match call {
        Call::Write(room) => (room as u64 <= WRITE_BYTES, WRITE_BYTES),
        Call::Receive(room) => (room as u64 <= left, left),
        Call::Discard(room) => (room as u64 <= left, DISCARD_BYTES),
    };
    assert!(
        left > 0 && room && moved <= most,
        "S11: {call:?} moves {moved} after {spent:?}"
    );
    if moved > 0 {
        spent.calls += 1;
        spent.bytes += moved;
    }
    assert!(spent.calls <= CALLS, "S11: {spent:?}");
}

/// What is not queued is woken when it is due, to the tick.
pub(super) fn s12_what_waits_is_woken_when_it_is_due(
    now: Instant,
    due: Instant,
    wait: Option<Duration>,
) {
    let tick = Duration::from_micros(TICK);
    assert!(
        wait.is_some_and(|wait| now + wait <= due + tick),
        "S12: due in {:?}, woken in {wait:?}",
        due.saturating_duration_since(now)
    );
}

/// The flush ends by `flush_total`, all else by `drain_total` from the half-close, and both by a
/// stop: but for one tick, and for what the loop spent elsewhere after that.
pub(super) fn l1_each_phase_ends_by_its_bound(
    (given, conn, report): (&Given, &Conn, &Report),
    elsewhere: &Elsewhere,
    stop_at: Option<u64>,
    now: u64,
) {
    let micros = |time: Option<Duration>| time.map_or(u64::MAX / 2, |time| time.as_micros() as u64);
    let by_stop = |bound: u64| stop_at.map_or(bound, |stop| bound.min(stop));
    let is_by = |what: &str, end: u64, bound: u64| {
        let late = elsewhere.since(bound);
        assert!(
            end <= bound + TICK + late,
            "L1: {what} at {end} us, bound {bound}, elsewhere {late}\n{given:?}\n{report:?}"
        );
    };
    let flush_end = by_stop(given.began + micros(given.limits.flush_total));
    is_by("flush", conn.fin_at.unwrap_or(now), flush_end);
    if let Some(fin_at) = conn.fin_at {
        let drain_end = by_stop(fin_at + micros(given.limits.drain_total));
        is_by("drain", now, drain_end);
    }
}

/// With k ready teardowns each is served within k steps, `turn_size` of which are a turn: `most` is
/// how many there were at most.
pub(super) fn l3_each_is_served_while_others_are_ready(
    given: &Given,
    conn: &Conn,
    most: u64,
    turn_size: u64,
) {
    let turns = most.div_ceil(turn_size);
    if let Some(first_call) = conn.first_call_in_turn {
        assert!(
            first_call - given.in_turn <= turns + 1,
            "L3: served only after {} turns",
            first_call - given.in_turn
        );
    }
}
