//! One seed: a loop like a user's, in a world that is not kind to it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::elsewhere::Elsewhere;
use super::invariants::{
    Spent, a_clock_that_ended_it_had_run_out, evicted_is_who_must_make_room,
    l1_each_phase_ends_by_its_bound, l1_no_idle_time_outlasts_its_clock,
    l1_no_turn_is_wanted_for_nothing, l6_bytes_below_the_mark_are_read_soon,
    l6_none_ends_over_bytes_below_the_mark, s12_what_waits_is_woken_when_it_is_due,
};
use super::net::Net;
use super::outcome::Outcome;
use super::peer::{Kind, Peer};
use super::share::Share;
use super::socket::Imagined;
use super::truth::{self, Given};
use crate::closer::Key;
use crate::closer::driver::Driver;
use crate::limits::{FinishOn, Limits, OnDeadline, OnLimit};
use crate::teardown::{Receive, Teardown};

/// How unkind the world is, each in a thousand.
#[derive(Debug, Clone, Copy)]
struct Faults {
    lost: u64,
    doubled: u64,
    for_nothing: u64,
    stale: u64,
    held_back: u64,
    late: u64,
}

/// More than a send buffer; what is in it is of no interest.
static PAYLOAD: [u8; 600_000] = [0; 600_000];

/// Of the wheel of deadlines.
pub(super) const TICK: u64 = 1_000;

pub(super) struct Run {
    start: Instant,
    net: Rc<RefCell<Net>>,
    driver: Driver<Imagined, &'static [u8]>,
    dice: Dice,
    faults: Faults,
    /// How many are still to be handed over, and how many at most at once.
    to_come: u64,
    burst: u64,
    given: HashMap<usize, Given>,
    /// Of the connections that are under way, by key.
    keys: HashMap<Key, usize>,
    index_of: HashMap<usize, usize>,
    used_indices: Vec<usize>,
    stop_at: Option<u64>,
    elsewhere: Elsewhere,
    share: Share,
    /// How many turns the driver has wanted at once, one after the other, in which no call was made.
    for_nothing: usize,
    outcome: Outcome,
}

impl Run {
    pub(super) fn new(seed: u64) -> Self {
        let start = Instant::now();
        let mut dice = Dice::new(seed ^ 0x5eed);
        let kind = dice.per_mille(300);
        let mut often = |most: u64| if kind { 0 } else { dice.between(0, most) };
        let faults = Faults {
            lost: often(30),
            doubled: often(200),
            for_nothing: often(100),
            stale: often(100),
            held_back: often(300),
            late: often(100),
        };
        let mut driver = Driver::new(start);
        let turn_size = dice.one_of(&[1, 7, 100, 1_024]);
        driver.turn_size = turn_size;
        driver.max_raised = dice.one_of(&[1, 20, 256]);
        driver.max_draining = dice.one_of(&[1, 20, 500, 16_384, 16_384, 16_384]);
        let to_come = dice.one_of(&[1, 10, 300, 300, 1_500, 5_000]);
        Self {
            start,
            net: Rc::new(RefCell::new(Net::new(seed))),
            driver,
            burst: dice.one_of(&[1, 10, 1_000]),
            dice,
            faults,
            to_come,
            given: HashMap::new(),
            keys: HashMap::new(),
            index_of: HashMap::new(),
            used_indices: Vec::new(),
            stop_at: None,
            elsewhere: Elsewhere::default(),
            share: Share::new(turn_size as u64),
            for_nothing: 0,
            outcome: Outcome::default(),
        }
    }

    fn now(&self) -> u64 {
        self.net.borrow().now
    }

    fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }

    pub(super) fn finish(mut self) -> Outcome {
        while self.to_come > 0 || !self.driver.is_empty() {
            self.hand_over();
            self.wish();
            self.wait();
            self.tell();
            self.turn();
            self.take_reports();
            assert!(
                self.outcome.turns < 2_000_000,
                "L1: it does not come to an end"
            );
        }
        assert!(
            self.keys.is_empty(),
            "S5: {} without a report",
            self.keys.len()
        );
        let now = self.at(self.now());
        assert_eq!(
            self.driver.poll_timeout(now),
            None,
            "a deadline is left of nobody"
        );
        assert_eq!(self.driver.raised, 0, "marks of nobody");
        let net = self.net.borrow();
        self.outcome.marks = net.marks;
        self.outcome.kept_quiet = net.kept_quiet;
        assert!(
            net.conns.iter().all(|conn| conn.released),
            "S4: not released"
        );
        self.outcome.calls = net.calls;
        self.outcome.events = net.events;
        self.outcome
    }

    fn hand_over(&mut self) {
        let many = self.dice.between(0, self.burst).min(self.to_come);
        for _ in 0..many {
            self.to_come -= 1;
            let limits = limits(&mut self.dice);
            let receive = self.dice.one_of(&[Receive::Discard, Receive::Deliver]);
            let payload = self.dice.one_of(&[0, 0, 1, 5_000, PAYLOAD.len() as u64]);
            let peer = Peer::roll(&mut self.dice);
            let tells = self.dice.per_mille(700);
            let now = self.now();
            self.who_must_make_room();
            let id = self.net.borrow_mut().connect(peer, tells);
            let reads_it_first = peer.kind == Kind::FinFirst && self.dice.per_mille(500);
            let receive = if reads_it_first {
                self.net.borrow_mut().conns[id].was_read_to_its_end(now);
                Receive::Nothing
            } else {
                receive
            };
            let teardown = Teardown::new(&limits, receive, payload, self.at(now));
            let socket = Imagined {
                net: Rc::clone(&self.net),
                id,
            };
            let at = self.at(now);
            let mut index = 0;
            let unsent = &PAYLOAD[..payload as usize];
            let key = self.driver.admit(socket, unsent, teardown, at, |_, given| {
                index = given;
                Ok(())
            });
            // Whoever had to be looked at for its sake has moved before it came.
            self.net.borrow_mut().note_move(id);
            let given = Given {
                limits,
                receive,
                payload,
                began: now,
                abort_wished: false,
                makes_room: None,
                delivered: 0,
            };
            self.given.insert(id, given);
            assert!(self.keys.insert(key, id).is_none(), "a key that was used");
            self.index_of.insert(id, index);
            self.used_indices.push(index);
            self.share.owe(&mut self.net.borrow_mut(), id);
            self.outcome.connections += 1;
            let most = self.driver.max_draining;
            assert!(self.driver.len() <= most, "more than {most} at once");
        }
    }

    /// Of those that are under way, if one more would be too many. One with a mark is served first,
    /// outside of any turn: if it moves bytes another one is the longest idle, and if it ends there is
    /// room.
    fn who_must_make_room(&mut self) {
        let net = &mut *self.net.borrow_mut();
        if net.live < self.driver.max_draining {
            return;
        }
        let under_way = self.keys.values().filter(|&&id| !net.conns[id].released);
        let mut longest_idle: Vec<_> = under_way.copied().collect();
        longest_idle.sort_unstable_by_key(|&id| net.conns[id].moved_at);
        let mut sure = true;
        for id in longest_idle {
            let conn = &mut net.conns[id];
            let marked = conn.low_water > 1;
            sure &= !marked;
            if let Some(given) = self.given.get_mut(&id) {
                given.makes_room = Some((net.now, sure));
            }
            if !marked {
                break;
            }
            conn.spent = Spent::default();
        }
    }

    fn wish(&mut self) {
        let now = self.now();
        if self.dice.per_mille(20)
            && let Some(&key) = self
                .keys
                .keys()
                .min_by_key(|key| (key.index, key.generation))
            && self.driver.abort(key, self.at(now))
        {
            let id = self.keys[&key];
            if let Some(given) = self.given.get_mut(&id) {
                given.abort_wished = true;
            }
            self.share.owe(&mut self.net.borrow_mut(), id);
        }
        if self.stop_at.is_none() && self.to_come == 0 && self.dice.per_mille(5) {
            let at = now + self.dice.one_of(&[0, 100_000]);
            self.stop_at = Some(at);
            self.driver.stop(self.at(at), self.at(now));
        }
    }

    /// Until something is due, here or on the wire; sometimes longer, sometimes not at all.
    fn wait(&mut self) {
        let now = self.now();
        self.nothing_is_forgotten(now);
        let due = self.driver.poll_timeout(self.at(now)).map(|wait| {
            // Rounded up, as a poll that ends before its time would only be repeated.
            now + u64::try_from(wait.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX / 2)
        });
        if due != Some(now) {
            self.for_nothing = 0;
        }
        let net = self.net.borrow().next();
        let edges = !self.net.borrow().edges.is_empty();
        let next = match (due, net) {
            _ if edges || self.to_come > 0 => now,
            (Some(due), Some(net)) => due.min(net),
            (Some(due), None) => due,
            (None, Some(net)) => net,
            (None, None) => {
                assert_eq!(
                    self.driver.len(),
                    0,
                    "S12: a teardown waits for nothing that could come"
                );
                now
            }
        };
        let late = if self.dice.per_mille(self.faults.late) {
            self.dice.between(1, 400_000)
        } else {
            0
        };
        // A handing over takes time too.
        let step = if self.to_come > 0 { 50 } else { 0 };
        let mut net = self.net.borrow_mut();
        net.now = next.max(now) + late + step;
        self.elsewhere.add(net.now, late + step);
        net.catch_up();
    }

    /// All of them are asked, so only where there are few.
    fn nothing_is_forgotten(&self, now: u64) {
        let now = self.at(now);
        if self.driver.len() <= 50
            && let Some(due) = self.driver.first_due(now)
        {
            s12_what_waits_is_woken_when_it_is_due(now, due, self.driver.poll_timeout(now));
        }
    }

    /// Readiness, as unkindly as it may be told.
    fn tell(&mut self) {
        let mut edges = std::mem::take(&mut self.net.borrow_mut().edges);
        let mut held_back = Vec::new();
        if self.dice.per_mille(500) {
            edges.reverse();
        }
        for (id, readable, writable) in edges {
            if self.net.borrow().conns[id].released {
                continue;
            }
            if self.dice.per_mille(self.faults.lost) {
                self.count("lost");
                continue;
            }
            if self.dice.per_mille(self.faults.held_back) {
                self.count("held back");
                held_back.push((id, readable, writable));
                continue;
            }
            let index = self.index_of[&id];
            self.hint(index, readable, writable);
            let can_go_on =
                self.given[&id].can_go_on(&self.net.borrow().conns[id], readable, writable);
            if can_go_on {
                self.share.owe(&mut self.net.borrow_mut(), id);
            }
            self.count("told");
            if self.dice.per_mille(self.faults.doubled) {
                self.count("doubled");
                self.hint(index, readable, writable);
            }
        }
        if self.dice.per_mille(self.faults.for_nothing)
            && let Some(&index) = self.index_of.values().min()
        {
            self.count("for nothing");
            self.hint(index, true, true);
        }
        if self.dice.per_mille(self.faults.stale) && !self.used_indices.is_empty() {
            // For whoever has the slot now, or for nobody.
            self.count("stale");
            let index = self.dice.one_of(&self.used_indices);
            self.hint(index, true, true);
        }
        self.net.borrow_mut().edges.append(&mut held_back);
    }

    fn count(&mut self, name: &'static str) {
        *self.outcome.hints.entry(name).or_default() += 1;
    }

    fn hint(&mut self, index: usize, readable: bool, writable: bool) {
        let now = self.at(self.now());
        self.driver.hint(index, readable, writable, now);
    }

    fn turn(&mut self) {
        self.outcome.turns += 1;
        self.net.borrow_mut().turn = self.outcome.turns;
        let calls = self.net.borrow().calls;
        let now = self.at(self.now());
        let (given, keys) = (&mut self.given, &self.keys);
        self.driver.turn(now, &mut |key, chunk| {
            let given = keys.get(&key).and_then(|id| given.get_mut(id));
            given.expect("bytes of a live teardown").delivered += chunk.len() as u64;
        });
        self.share.settle(&mut self.net.borrow_mut(), &self.given);
        self.nothing_waits_too_long();
        let net = self.net.borrow();
        self.for_nothing = if net.calls == calls {
            self.for_nothing + 1
        } else {
            0
        };
        l1_no_turn_is_wanted_for_nothing(self.for_nothing, net.live);
    }

    fn nothing_waits_too_long(&self) {
        let net = &mut *self.net.borrow_mut();
        let most = self.driver.max_raised;
        assert!(net.raised <= most, "{} marks, at most {most}", net.raised);
        let (conns, now) = (&net.conns, net.now);
        let given = &self.given;
        net.withheld.retain(|&id| {
            let conn = &conns[id];
            let waits = conn.withheld.is_some() && !conn.released;
            if waits && let Some(given) = given.get(&id) {
                l6_bytes_below_the_mark_are_read_soon(given, conn, &self.elsewhere, now);
            }
            waits
        });
    }

    fn take_reports(&mut self) {
        while let Some(finished) = self.driver.poll_finished() {
            let id = self.keys.remove(&finished.key).expect("S5: one report");
            self.index_of.remove(&id);
            let given = self.given.remove(&id).expect("it was handed over");
            let net = self.net.borrow();
            let conn = &net.conns[id];
            truth::check(&given, conn, &finished.report);
            let ended = (&given, conn, &finished.report);
            l1_each_phase_ends_by_its_bound(ended, &self.elsewhere, self.stop_at, net.now);
            l1_no_idle_time_outlasts_its_clock(ended, &self.elsewhere);
            l6_none_ends_over_bytes_below_the_mark(ended);
            a_clock_that_ended_it_had_run_out(ended, self.stop_at);
            evicted_is_who_must_make_room(&given, conn, &finished.report);
            let ending = format!("{:?}", finished.report.ending);
            *self.outcome.endings.entry(ending).or_default() += 1;
        }
    }
}

fn limits(dice: &mut Dice) -> Limits {
    let millis = Duration::from_millis;
    let grace = dice.one_of(&[0, 40]);
    Limits {
        flush_stall: millis(dice.between(50, 400)),
        flush_total: Some(millis(dice.between(100, 2_000))),
        drain_idle: millis(if dice.per_mille(100) {
            dice.between(1, 20)
        } else {
            dice.between(50, 600)
        }),
        drain_total: Some(millis(dice.between(100, 2_000))),
        drain_bytes: Some(dice.one_of(&[1, 10_000, 500_000, 8 << 20])),
        on_limit: dice.one_of(&[
            OnLimit::Abort,
            OnLimit::PauseAndConfirm { grace: millis(30) },
        ]),
        on_deadline: dice.one_of(&[OnDeadline::Close, OnDeadline::Abort]),
        finish_on: dice.one_of(&[
            FinishOn::PeerFin,
            FinishOn::Acked {
                grace: millis(grace),
            },
            FinishOn::PeerFinAndAcked {
                confirm: millis(100),
            },
        ]),
    }
}
