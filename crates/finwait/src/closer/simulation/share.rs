//! Who is owed a call, and by which turn: each teardown's share of the turns.

use std::collections::{BTreeMap, HashMap};

use super::conn::LastCall;
use super::invariants::{l3_each_is_served_while_others_are_ready, turns_until_served};
use super::net::Net;
use super::truth::Given;

#[derive(Debug)]
pub(super) struct Share {
    turn_size: u64,
    /// By turn. A debt that was paid meanwhile stays, and is passed over when its turn comes.
    owed: BTreeMap<u64, Vec<usize>>,
}

impl Share {
    pub(super) fn new(turn_size: u64) -> Self {
        Self {
            turn_size,
            owed: BTreeMap::new(),
        }
    }

    /// It has something to do, from the end of the present turn on.
    pub(super) fn owe(&mut self, net: &mut Net, id: usize) {
        let by = net.turn + turns_until_served(net.live as u64, self.turn_size);
        let conn = &mut net.conns[id];
        // What was promised before holds.
        if !conn.released && conn.owed_by.is_none() {
            conn.owed_by = Some(by);
            self.owed.entry(by).or_default().push(id);
        }
    }

    /// At the end of a turn.
    pub(super) fn settle(&mut self, net: &mut Net, given: &HashMap<usize, Given>) {
        let later = self.owed.split_off(&(net.turn + 1));
        for id in std::mem::replace(&mut self.owed, later)
            .into_values()
            .flatten()
        {
            l3_each_is_served_while_others_are_ready(&net.conns[id], net.turn);
        }
        for id in std::mem::take(&mut net.served) {
            let conn = &net.conns[id];
            // It stopped where no edge is owed.
            let has_more = |last: LastCall| given[&id].can_go_on(conn, last.received, last.wrote);
            if !conn.released && conn.last_call.is_some_and(has_more) {
                self.owe(net, id);
            }
        }
    }
}
