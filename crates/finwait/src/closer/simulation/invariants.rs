//! The invariants of the design that are the driver's, one function each, by their names there. What
//! is the machine's has its functions in `tests/model` and `tests/machine_walk`; what a report says
//! is held against what is true in `truth`.

use std::time::{Duration, Instant};

use super::conn::Conn;
use super::elsewhere::Elsewhere;
use super::run::TICK;
use super::truth::Given;
use crate::limits::{FinishOn, OnLimit};
use crate::report::{Clock, Ending, Phase, Report};
use crate::teardown::Receive;

/// The numbers of the design, and not the constants of the driver: those are what is judged.
const CALLS: u32 = 16;
const BYTES: u64 = 64 << 10;
/// A kernel that takes megabytes at once would take the time of others.
const WRITE_BYTES: u64 = 256 << 10;
/// Where nothing is copied more may be thrown away at once: as in `stream.rs`.
pub(super) const DISCARD_BYTES: u64 = 1 << 20;

/// How long received bytes may wait.
const HOLDS: u64 = 10_000;

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

/// Bytes that a mark has kept quiet are read within 10 ms and a tick, but for what the loop spent
/// elsewhere after that. Where nothing is read any more nobody needs to know.
pub(super) fn l6_bytes_below_the_mark_are_read_soon(
    given: &Given,
    conn: &Conn,
    elsewhere: &Elsewhere,
    now: u64,
) {
    let Some(since) = conn.withheld.filter(|_| !given.is_full(conn)) else {
        return;
    };
    assert!(
        given.receive == Receive::Discard,
        "L6: a mark on what is delivered\n{conn:?}"
    );
    let by = since + HOLDS + TICK;
    assert!(
        now <= by + elsewhere.since(by),
        "L6: unread since {since} us, at {now}\n{given:?}\n{conn:?}"
    );
}

/// Nor does a teardown end over them, but by an RST that drops all, or where nothing more is read.
pub(super) fn l6_none_ends_over_bytes_below_the_mark(
    (given, conn, report): (&Given, &Conn, &Report),
) {
    let read = conn.withheld.is_none() || given.is_full(conn) || report.ending == Ending::Aborted;
    assert!(read, "L6: unread\n{given:?}\n{conn:?}\n{report:?}");
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
    let micros = |time: Option<Duration>| time.map_or(u64::MAX / 2, micros);
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

/// A turn serves `turn_size` ready ones, and those that are left come first in the next: of `live`
/// teardowns, each of which is ready once at most, none waits longer than for as many turns as they fill.
pub(super) fn turns_until_served(live: u64, turn_size: u64) -> u64 {
    live.div_ceil(turn_size)
}

/// With k ready teardowns each is served within k steps, `turn_size` of which are a turn. Asked at
/// the end of the turn by which a call was owed.
pub(super) fn l3_each_is_served_while_others_are_ready(conn: &Conn, turn: u64) {
    let waits = conn.owed_by.filter(|&by| !conn.released && by <= turn);
    assert!(waits.is_none(), "L3: not served by turn {turn}\n{conn:?}");
}

/// None is evicted while there is room, nor one that has moved bytes since another one did; and who
/// must make room does so at once.
pub(super) fn evicted_is_who_must_make_room(given: &Given, conn: &Conn, report: &Report) {
    let evicted = report.ending == Ending::Evicted;
    // What had ended it before that is told instead: an error, or the caller's abort.
    let or_ended = conn.told.is_some() || report.ending == Ending::Aborted;
    let holds = match given.makes_room {
        Some((at, true)) => conn.times.released == Some(at) && (evicted || or_ended),
        Some((at, false)) => conn.times.released == Some(at) || !evicted,
        None => !evicted,
    };
    assert!(holds, "an eviction\n{given:?}\n{conn:?}\n{report:?}");
}

/// What a report says has run out had done so, by what is true and not by what was noticed.
pub(super) fn a_clock_that_ended_it_had_run_out(
    (given, conn, report): (&Given, &Conn, &Report),
    stop_at: Option<u64>,
) {
    let limits = &given.limits;
    let due = match report.ending {
        Ending::TimedOut {
            clock: Clock::Stop, ..
        } => stop_at,
        Ending::TimedOut { phase, clock } => due(given, conn, phase, clock),
        Ending::Acked => match limits.finish_on {
            FinishOn::Acked { grace } => after(conn.times.fin_acked, grace),
            FinishOn::PeerFin | FinishOn::PeerFinAndAcked { .. } => None,
        },
        Ending::ByteLimit => match limits.on_limit {
            OnLimit::Abort => return,
            OnLimit::PauseAndConfirm { grace } => {
                // Where nobody tells of the acknowledgement the idle clock stands in for it.
                let fin_acked = conn.times.fin_acked.filter(|_| conn.tells);
                let idle = || due(given, conn, Phase::Drain, Clock::Idle);
                let pause = after(fin_acked, grace).or_else(idle);
                let total = due(given, conn, Phase::Drain, Clock::Total);
                [pause, total, stop_at].into_iter().flatten().min()
            }
        },
        _ => return,
    };
    let had = due
        .zip(conn.times.released)
        .is_some_and(|(due, at)| due <= at);
    assert!(
        had,
        "early: due at {due:?}\n{given:?}\n{conn:?}\n{report:?}"
    );
}

/// When this clock runs out in this phase; `None` if it does not run there.
fn due(given: &Given, conn: &Conn, phase: Phase, clock: Clock) -> Option<u64> {
    let limits = &given.limits;
    match (phase, clock) {
        (Phase::Flush, Clock::Idle) => after(Some(flush_progress(given, conn)), limits.flush_stall),
        (Phase::Flush, Clock::Total) => after(Some(given.began), limits.flush_total?),
        (Phase::Drain, Clock::Idle) => after(drain_progress(conn), limits.drain_idle),
        (Phase::Drain | Phase::Confirm, Clock::Total) => after(conn.fin_at, limits.drain_total?),
        (Phase::Confirm, Clock::Confirm) => {
            let wait = match limits.finish_on {
                FinishOn::PeerFinAndAcked { confirm } => confirm,
                FinishOn::Acked { .. } | FinishOn::PeerFin => limits.drain_idle,
            };
            after(Some(conn.times.eof?.max(conn.fin_at?)), wait)
        }
        _ => None,
    }
}

fn after(from: Option<u64>, wait: Duration) -> Option<u64> {
    Some(from? + micros(wait))
}

/// A turn serves one that is queued, or more, and each is queued once at most: with none that has a
/// call to make the next turn is not at once, or the loop spins. Hints for nothing may queue some anew
/// meanwhile.
pub(super) fn l1_no_turn_is_wanted_for_nothing(turns: usize, live: usize) {
    assert!(turns <= 2 * live + 20, "L1: {turns} turns without a call");
}

/// The time since the last progress: what its clock allows, and where it is asked what was
/// acknowledged the time between two questions; but for a tick of each look, and for what the loop
/// spent elsewhere.
pub(super) fn l1_no_idle_time_outlasts_its_clock(
    (given, conn, report): (&Given, &Conn, &Report),
    elsewhere: &Elsewhere,
) {
    let limits = &given.limits;
    let acked_ends_it = matches!(limits.finish_on, FinishOn::Acked { .. });
    let (progress, bound) = if conn.fin_at.is_none() {
        let progress = Some(flush_progress(given, conn));
        (progress, limits.flush_stall)
    } else if conn.times.eof.is_some() || given.is_full(conn) || (acked_ends_it && conn.fin_acked())
    {
        // Waits for something else.
        return;
    } else {
        (drain_progress(conn), limits.drain_idle)
    };
    // A quarter, as `Limits` says.
    let between = if conn.tells {
        bound / 4
    } else {
        Duration::ZERO
    };
    let by = progress.map(|at| at + micros(bound + between) + 2 * TICK + elsewhere.since(at));
    let in_time = by.zip(conn.times.released).is_some_and(|(by, at)| at <= by);
    assert!(
        in_time,
        "L1: idle until {by:?}\n{given:?}\n{conn:?}\n{report:?}"
    );
}

/// As `Limits::flush_stall` says: a byte that the peer acknowledged where the system tells, and a
/// byte that the system took.
fn flush_progress(given: &Given, conn: &Conn) -> u64 {
    let acked = conn.times.acked.filter(|_| conn.tells);
    acked
        .max(conn.times.written)
        .map_or(given.began, |at| at.max(given.began))
}

/// As `Limits::drain_idle` says: a byte received and, where the system tells, one of ours
/// acknowledged. The clock begins with our FIN.
fn drain_progress(conn: &Conn) -> Option<u64> {
    let acked = conn.times.acked.filter(|_| conn.tells);
    Some(
        conn.fin_at?
            .max(acked.max(conn.times.received).unwrap_or(0)),
    )
}

fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}
