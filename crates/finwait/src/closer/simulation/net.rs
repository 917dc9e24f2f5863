//! The wire between imagined sockets and their peers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::conn::{Conn, LastCall};
use super::dice::Dice;
use super::peer::{Kind, Peer};

/// The first of the retransmission times.
const RTO: u64 = 200_000;

/// What arrives at our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wire {
    /// The peer's TCP has everything up to here; our FIN is the byte after the last.
    Ack(u64),
    Data(u64),
    Fin,
    Reset,
    GivenUp,
    /// The peer has room to think about what to send next.
    Think,
}

/// When, in which order, to whom.
type Due = Reverse<(u64, u64, usize, Wire)>;

#[derive(Debug)]
pub(super) struct Net {
    pub(super) now: u64,
    pub(super) conns: Vec<Conn>,
    queue: BinaryHeap<Due>,
    order: u64,
    pub(super) dice: Dice,
    pub(super) events: u64,
    pub(super) calls: u64,
    pub(super) turn: u64,
    /// How many sockets are not closed yet.
    pub(super) live: usize,
    /// Counts what `Conn::moved_at` is told in: the order is one even where the clock stands still.
    moves: u64,
    /// Whom a call was made for in the present turn.
    pub(super) served: Vec<usize>,
    /// Who has received bytes of which nobody was told, since it was asked last.
    pub(super) withheld: Vec<usize>,
    /// How many sockets have a mark, how many got one, and how often bytes woke nobody for it.
    pub(super) raised: usize,
    pub(super) marks: u64,
    pub(super) kept_quiet: u64,
    /// Edges that were not told yet: connection, readable, writable.
    pub(super) edges: Vec<(usize, bool, bool)>,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: 0,
            conns: Vec::new(),
            queue: BinaryHeap::new(),
            order: 0,
            dice: Dice::new(seed),
            events: 0,
            calls: 0,
            turn: 0,
            live: 0,
            moves: 0,
            served: Vec::new(),
            withheld: Vec::new(),
            raised: 0,
            marks: 0,
            kept_quiet: 0,
            edges: Vec::new(),
        }
    }

    /// Begins a connection; what its peer does by itself begins too.
    pub(super) fn connect(&mut self, peer: Peer, tells: bool) -> usize {
        let id = self.conns.len();
        self.conns.push(Conn::new(peer, tells));
        self.live += 1;
        self.note_move(id);
        match peer.kind {
            Kind::FinFirst => {
                // Before our side begins: what it had to say, and its FIN.
                let conn = &mut self.conns[id];
                conn.arrived = peer.sends.min(peer.receive_buffer);
                conn.sent = conn.arrived;
                conn.peer_fin = true;
            }
            Kind::Reset | Kind::Gone => {
                let wire = if peer.kind == Kind::Reset {
                    Wire::Reset
                } else {
                    Wire::GivenUp
                };
                self.send(id, peer.at, wire);
                self.send(id, peer.latency, Wire::Think);
            }
            Kind::FinAtATime => {
                self.send(id, peer.latency, Wire::Think);
                self.send(id, peer.at, Wire::Think);
            }
            _ => self.send(id, peer.latency, Wire::Think),
        }
        id
    }

    pub(super) fn release(&mut self, id: usize) {
        let conn = &mut self.conns[id];
        conn.released = true;
        self.raised -= usize::from(conn.low_water > 1);
        conn.times.released = Some(self.now);
        self.live -= 1;
    }

    pub(super) fn note_move(&mut self, id: usize) {
        self.moves += 1;
        self.conns[id].moved_at = self.moves;
    }

    /// A call was made, which moved bytes or not.
    pub(super) fn note_call(&mut self, id: usize, wrote: bool, received: bool) {
        self.calls += 1;
        if wrote || received {
            self.note_move(id);
        }
        let now = LastCall {
            turn: self.turn,
            wrote,
            received,
        };
        let conn = &mut self.conns[id];
        conn.owed_by = None;
        let before = conn.last_call.replace(now);
        if before.is_none_or(|before| before.turn != now.turn) {
            self.served.push(id);
        }
    }

    fn send(&mut self, id: usize, after: u64, wire: Wire) {
        self.order += 1;
        let due = self.now + after;
        self.queue.push(Reverse((due, self.order, id, wire)));
    }

    /// How long a packet takes: the way, and what it takes to send it again if it was lost.
    fn delay(&mut self, peer: &Peer) -> u64 {
        let mut delay = peer.latency;
        let mut again = RTO;
        while self.dice.per_mille(peer.loss) && again < 8 * RTO {
            delay += again;
            again *= 2;
        }
        delay
    }

    /// When something arrives next.
    pub(super) fn next(&self) -> Option<u64> {
        self.queue.peek().map(|&Reverse((at, ..))| at)
    }

    /// Lets everything arrive that is due.
    pub(super) fn catch_up(&mut self) {
        while let Some(&Reverse((at, _, id, wire))) = self.queue.peek() {
            if at > self.now {
                break;
            }
            self.queue.pop();
            self.events += 1;
            self.arrive(id, wire);
        }
    }

    fn arrive(&mut self, id: usize, wire: Wire) {
        let now = self.now;
        let conn = &mut self.conns[id];
        if conn.is_over() || conn.released {
            return;
        }
        match wire {
            Wire::Ack(upto) => {
                let fin_acked = conn.fin && upto > conn.written;
                let room = upto > conn.acked && (conn.blocked_write || fin_acked);
                if upto > conn.acked {
                    conn.acked = upto;
                    conn.times.acked = Some(now);
                    if fin_acked {
                        conn.times.fin_acked = Some(now);
                    }
                }
                if room {
                    conn.blocked_write = false;
                    self.edges.push((id, false, true));
                }
                let (peer, latency) = (conn.peer, conn.peer.latency);
                if peer.kind == Kind::Honest || peer.kind == Kind::FinThenReset {
                    self.send(id, latency, Wire::Think);
                }
                self.acknowledge(id);
            }
            Wire::Data(bytes) => {
                conn.under_way -= bytes;
                conn.arrived += bytes;
                if conn.wakes() {
                    self.edges.push((id, true, false));
                } else {
                    self.kept_quiet += 1;
                    if conn.withheld.is_none() {
                        conn.withheld = Some(now);
                        self.withheld.push(id);
                    }
                }
                let latency = conn.peer.latency;
                if conn.peer.kind != Kind::Drip {
                    self.send(id, latency, Wire::Think);
                }
            }
            Wire::Fin => {
                conn.peer_fin = true;
                self.edges.push((id, true, false));
                if conn.peer.kind == Kind::FinThenReset {
                    let after = conn.peer.at / 8;
                    self.send(id, after, Wire::Reset);
                }
            }
            Wire::Reset | Wire::GivenUp => {
                conn.die(wire);
                self.edges.push((id, true, true));
            }
            Wire::Think => self.think(id),
        }
    }

    /// What the peer sends next.
    fn think(&mut self, id: usize) {
        let now = self.now;
        let conn = &self.conns[id];
        let peer = conn.peer;
        if conn.fin_under_way || conn.peer_fin {
            return;
        }
        let unread = conn.arrived - conn.read + conn.under_way;
        let window = peer.receive_buffer.saturating_sub(unread);
        let (bytes, again) = match peer.kind {
            Kind::Flood => (peer.segment(), None),
            Kind::Drip => (1, Some(peer.at.max(1_000))),
            Kind::FinFirst => (0, None),
            _ => (peer.segment().min(peer.sends - conn.sent), None),
        };
        let bytes = bytes.min(window);
        if bytes > 0 {
            let conn = &mut self.conns[id];
            conn.sent += bytes;
            conn.under_way += bytes;
            let delay = self.delay(&peer);
            self.send(id, delay, Wire::Data(bytes));
        } else if window == 0 {
            // A zero-window probe: the reader may be slow, or never come.
            if matches!(peer.kind, Kind::Flood) || self.conns[id].sent < peer.sends {
                self.send(id, RTO, Wire::Think);
            }
        }
        if let Some(again) = again {
            self.send(id, again, Wire::Think);
        }
        let conn = &self.conns[id];
        let has_ours = conn.fin && conn.acked > conn.written;
        let all_sent = conn.sent >= peer.sends && conn.under_way == 0;
        let ends = match peer.kind {
            Kind::Honest => has_ours && all_sent,
            Kind::FinThenReset => all_sent,
            Kind::FinAtATime => now >= peer.at && all_sent,
            _ => false,
        };
        if ends {
            self.conns[id].fin_under_way = true;
            let delay = self.delay(&peer);
            self.send(id, delay, Wire::Fin);
        }
    }

    /// The peer's TCP gets what we have sent, and says so.
    pub(super) fn acknowledge(&mut self, id: usize) {
        let conn = &mut self.conns[id];
        let taken = conn.written.min(conn.peer.takes);
        let all = taken == conn.written;
        let upto = taken + u64::from(conn.fin && all);
        if upto <= conn.ack_under_way || conn.peer.kind == Kind::Gone {
            return;
        }
        conn.ack_under_way = upto;
        let peer = conn.peer;
        let there = self.delay(&peer);
        let back = self.delay(&peer);
        self.send(id, there + back, Wire::Ack(upto));
    }
}
