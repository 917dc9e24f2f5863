//! One teardown, its socket, and what may still happen to them.

use finwait::{Acknowledged, Action, Event, Phase, Receive, Teardown};

use crate::Walk;
use crate::kernel::{Death, Kernel, Release, Wire};

/// How the driver learns of readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Hints {
    /// Each edge at once.
    Prompt,
    /// Each edge at any later time, and this many besides: lost, or for nothing (stale, early or
    /// doubled).
    Loose { lost: u8, spurious: u8 },
}

/// What else may happen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Wish {
    Stop,
    Abort,
    Evict,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// The driver does what the machine asks for.
    Drive,
    /// On the wire.
    Wire(Wire),
    Readable,
    Writable,
    /// An edge is lost: readable or writable.
    Lose(bool),
    /// A hint for nothing: readable or writable.
    Spurious(bool),
    Wish(Wish),
    /// The clock goes to the deadline.
    Time(u64),
    /// It goes beyond it, or on while there is work to do.
    Late(u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) teardown: Teardown,
    pub(crate) kernel: Kernel,
    pub(crate) payload: u8,
    pub(crate) hints: Hints,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) wishes: u8,
    /// Times at which the driver comes late.
    pub(crate) late: u8,
    pub(crate) now: u64,
    pub(crate) fin_at: Option<u64>,
    /// The last write that was taken.
    pub(crate) written_at: u64,
    /// When a read first returned 0, and when the acknowledgement of our FIN was first told: of each
    /// only what came before the ending was settled.
    pub(crate) eof_at: Option<u64>,
    pub(crate) told_at: Option<u64>,
    pub(crate) stop_at: Option<u64>,
    pub(crate) wished: Option<Wish>,
    /// The largest single read.
    pub(crate) largest_read: u8,
    /// The phase in which the connection died.
    pub(crate) died_in: Option<Phase>,
    /// When the ending was settled: the last questions follow, and the close.
    pub(crate) settled_at: Option<u64>,
    /// The peer's FIN had arrived by then.
    pub(crate) fin_before_the_end: bool,
    /// Bytes were read at the very instant.
    pub(crate) read_at_the_end: bool,
    read_at: Option<u64>,
}

/// How late a late driver comes, and how soon a caller wants an end.
pub(crate) const LATE: u64 = 9;
const SOON: u64 = 2;

impl World {
    pub(crate) fn new(walk: &Walk, payload: u8) -> Self {
        // The caller has read it then.
        let eof = walk.receive == Receive::Nothing;
        Self {
            teardown: Teardown::new(&walk.limits, walk.receive, payload.into(), walk.start),
            kernel: Kernel::new(walk.tells, eof),
            payload,
            hints: walk.hints,
            readable: false,
            writable: false,
            wishes: walk.wishes,
            late: walk.late,
            now: 0,
            fin_at: None,
            written_at: 0,
            eof_at: eof.then_some(0),
            told_at: None,
            stop_at: None,
            wished: None,
            largest_read: 0,
            died_in: None,
            settled_at: None,
            fin_before_the_end: false,
            read_at_the_end: false,
            read_at: None,
        }
    }

    pub(crate) fn action(&self, walk: &Walk) -> Action {
        self.teardown.poll(walk.at(self.now))
    }

    /// All that may happen now.
    pub(crate) fn moves(&self, walk: &Walk) -> Vec<Move> {
        let action = self.action(walk);
        let mut all = Vec::new();
        match action {
            Action::Finished => return all,
            Action::Wait { until: None } => {}
            Action::Wait { until: Some(until) } => {
                let until = until.duration_since(walk.start);
                let until = u64::try_from(until.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
                all.push(Move::Time(until));
                if self.late > 0 {
                    all.push(Move::Late(until + LATE));
                }
            }
            _ => {
                all.push(Move::Drive);
                if self.late > 0 {
                    all.push(Move::Late(self.now + LATE));
                }
            }
        }
        let wires = [
            Wire::Ack,
            Wire::Data,
            Wire::Fin,
            Wire::Death(Death::Reset),
            Wire::Death(Death::GivenUp),
        ];
        all.extend(
            wires
                .into_iter()
                .filter(|&wire| self.kernel.can(wire))
                .map(Move::Wire),
        );
        if let Hints::Loose { lost, spurious } = self.hints {
            for (pending, deliver, is_readable) in [
                (self.readable, Move::Readable, true),
                (self.writable, Move::Writable, false),
            ] {
                if pending {
                    all.push(deliver);
                    if lost > 0 {
                        all.push(Move::Lose(is_readable));
                    }
                } else if spurious > 0 {
                    all.push(Move::Spurious(is_readable));
                }
            }
        }
        if self.wishes > 0 {
            all.extend([Wish::Stop, Wish::Abort, Wish::Evict].map(Move::Wish));
        }
        all
    }

    pub(crate) fn take(&self, walk: &Walk, step: Move) -> Self {
        let mut after = *self;
        match step {
            Move::Drive => after.drive(walk),
            Move::Wire(wire) => after.wire(walk, wire),
            Move::Readable => {
                after.readable = false;
                after.tell(walk, Event::Readable);
            }
            Move::Writable => {
                after.writable = false;
                after.tell(walk, Event::Writable);
            }
            Move::Lose(readable) => {
                if let Hints::Loose { lost, .. } = &mut after.hints {
                    *lost -= 1;
                }
                *(if readable {
                    &mut after.readable
                } else {
                    &mut after.writable
                }) = false;
            }
            Move::Spurious(readable) => {
                if let Hints::Loose { spurious, .. } = &mut after.hints {
                    *spurious -= 1;
                }
                after.tell(
                    walk,
                    if readable {
                        Event::Readable
                    } else {
                        Event::Writable
                    },
                );
            }
            Move::Wish(wish) => after.wish(walk, wish),
            Move::Time(to) => after.now = to,
            Move::Late(to) => {
                after.late -= 1;
                after.now = to;
            }
        }
        after
    }

    fn tell(&mut self, walk: &Walk, event: Event) {
        self.teardown.handle(event, walk.at(self.now));
        if self.settled_at.is_none()
            && matches!(self.teardown.phase(), Phase::Close | Phase::Finished)
        {
            self.settled_at = Some(self.now);
            self.fin_before_the_end = self.kernel.peer_fin;
            self.read_at_the_end = self.read_at == Some(self.now);
        }
    }

    fn drive(&mut self, walk: &Walk) {
        let event = match self.action(walk) {
            Action::Write => {
                let event = self.kernel.write(self.payload);
                if let Event::Written { .. } = event {
                    self.written_at = self.now;
                }
                event
            }
            Action::HalfClose => {
                let event = self.kernel.half_close();
                if event == Event::HalfClosed {
                    self.fin_at = Some(self.now);
                }
                event
            }
            Action::Receive => {
                let event = self.kernel.receive();
                if let Event::Received { bytes } = event {
                    self.largest_read = self.largest_read.max(bytes as u8);
                    self.read_at = Some(self.now);
                }
                event
            }
            Action::AskError => self.kernel.ask_error(),
            Action::AskAck => self.kernel.ask_ack(self.teardown.fin()),
            Action::AskUnread => self.kernel.ask_unread(),
            Action::Close => {
                self.kernel.released = Some(Release::Close);
                Event::Closed
            }
            Action::Abort => {
                self.kernel.released = Some(Release::Abort);
                Event::Closed
            }
            Action::Wait { .. } | Action::Finished => unreachable!("there is nothing to do"),
        };
        if self.settled_at.is_none() {
            self.note(event);
        }
        self.tell(walk, event);
    }

    /// What the machine is told on the way to its ending.
    fn note(&mut self, event: Event) {
        match event {
            Event::ReceivedFin => self.eof_at = self.eof_at.or(Some(self.now)),
            Event::Ack {
                fin: Acknowledged::Yes,
                ..
            } => self.told_at = self.told_at.or(Some(self.now)),
            _ => {}
        }
    }

    fn wire(&mut self, walk: &Walk, wire: Wire) {
        if let Wire::Death(_) = wire {
            self.died_in = Some(self.teardown.phase());
        }
        let (readable, writable) = self.kernel.happens(wire);
        if self.hints == Hints::Prompt {
            if readable {
                self.tell(walk, Event::Readable);
            }
            if writable {
                self.tell(walk, Event::Writable);
            }
        } else {
            self.readable |= readable;
            self.writable |= writable;
        }
    }

    fn wish(&mut self, walk: &Walk, wish: Wish) {
        self.wishes -= 1;
        let open = !matches!(self.teardown.phase(), Phase::Close | Phase::Finished);
        if open {
            self.wished = Some(wish);
        }
        let event = match wish {
            Wish::Stop => {
                let at = self.now + SOON;
                if open {
                    self.stop_at = Some(at);
                }
                Event::Stop(walk.at(at))
            }
            Wish::Abort => Event::Abort,
            Wish::Evict => Event::Evict,
        };
        self.tell(walk, event);
    }

    /// With every edge told that came.
    pub(crate) fn told(&self, walk: &Walk) -> Self {
        let mut told = *self;
        for (pending, hint) in [
            (told.readable, Event::Readable),
            (told.writable, Event::Writable),
        ] {
            if pending {
                told.tell(walk, hint);
            }
        }
        told
    }

    /// Whether an edge was lost: what came with it may be seen late.
    pub(crate) fn lost_an_edge(&self, walk: &Walk) -> bool {
        match (walk.hints, self.hints) {
            (Hints::Loose { lost, .. }, Hints::Loose { lost: left, .. }) => lost != left,
            _ => false,
        }
    }

    /// What the driver makes of it while nothing else happens and no time goes by.
    pub(crate) fn left_alone(&self, walk: &Walk) -> Self {
        let mut world = *self;
        // More than any state asks for at one instant.
        for _ in 0..40 {
            match world.action(walk) {
                Action::Wait { .. } | Action::Finished => break,
                _ => world.drive(walk),
            }
        }
        world
    }

    /// All but the machine, for telling worlds apart.
    pub(crate) fn rest(&self) -> impl std::hash::Hash + use<> {
        let Self {
            teardown: _,
            kernel,
            payload: _,
            hints,
            readable,
            writable,
            wishes,
            late,
            now,
            fin_at,
            written_at,
            eof_at,
            told_at,
            stop_at,
            wished,
            largest_read,
            died_in,
            settled_at,
            fin_before_the_end,
            read_at_the_end,
            read_at,
        } = *self;
        let edges = (hints, readable, writable, wishes, late);
        // Of a write only as long as nothing is acknowledged: see the flush stall.
        let stalled = (kernel.acked == 0 && !kernel.fin).then_some(written_at);
        let times = (now, fin_at, stalled, eof_at, told_at, stop_at, settled_at);
        // Only whether it was at this instant can still matter.
        let read_now = read_at == Some(now);
        let at_the_end = (fin_before_the_end, read_at_the_end, read_now);
        let facts = (wished, largest_read, died_in, at_the_end);
        (kernel, edges, times, facts)
    }
}
