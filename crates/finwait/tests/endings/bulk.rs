//! Streams that flow, of which the last bytes may wait for a moment: none of them is lost, none is
//! noticed too late, and no ending is another one for it.
//!
//! The clock of these loops moves only where a test says so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use finwait::{Clock, Closer, Ending, FinishOn, Key, Limits, Phase, Receive, Report};
use finwait_platform as platform;
use mio::{Events, Poll, Token};

use crate::abort;
use crate::common::{BOUND, Driver, Peer, ms, pair, patient, read_all};

/// As the documentation of `Closer` says, and one tick of its wheel.
const HOLDS: Duration = ms(11);
/// What makes a stream one that flows.
const FLOW: usize = 64 << 10;
/// What comes behind it, and wakes nobody.
const LAST: usize = 1_000;

/// What we have for the peer: more than its receive window, and less than our send buffer.
const UNSENT: usize = 300_000;

/// Our side, and the peer's.
struct Flow {
    poll: Poll,
    closer: Closer,
    /// The same socket, to ask what waits there.
    ours: TcpStream,
    theirs: TcpStream,
    now: Instant,
    sent: usize,
}

impl Flow {
    /// A stream that has flowed, all of which was read; `None` where no mark keeps anything quiet.
    fn begin(receive: Receive) -> Option<Self> {
        Self::of(receive, &patient())
    }

    /// One at a time, with `UNSENT` bytes of ours, of which the peer reads none so far.
    fn of(receive: Receive, limits: &Limits) -> Option<Self> {
        let (ours, theirs) = pair();
        let dup = ours.try_clone().expect("a duplicate");
        if !platform::set_receive_low_water(&dup, 1).expect("a socket") {
            println!("this build sets no low-water mark");
            return None;
        }
        ours.set_nonblocking(true).expect("non-blocking");
        // Else a segment that is not full waits for an acknowledgement.
        theirs.set_nodelay(true).expect("TCP_NODELAY");
        let now = Instant::now();
        let mut closer = Closer::new(Token(0), *limits, now).max_draining(1);
        let poll = Poll::new().expect("a poll");
        let stream = mio::net::TcpStream::from_std(ours).into();
        let unsent = vec![9; UNSENT];
        closer.begin(poll.registry(), stream, unsent, receive, limits, now);
        let mut flow = Self {
            poll,
            closer,
            ours: dup,
            theirs,
            now,
            sent: 0,
        };
        while flow.sent < FLOW {
            flow.send(16 << 10);
            flow.until_read();
        }
        Some(flow)
    }

    /// On loopback it has arrived when `write` returns, as long as the receive window has room.
    fn send(&mut self, bytes: usize) {
        self.theirs.write_all(&vec![7; bytes]).expect("a reader");
        self.sent += bytes;
    }

    /// What it reads is exactly what we had for it.
    fn peer_reads(&mut self) {
        let mut ours = vec![0; UNSENT];
        self.theirs.read_exact(&mut ours).expect("all of ours");
    }

    fn peer_reads_and_ends(&mut self) {
        self.peer_reads();
        platform::half_close(&self.theirs).expect("a connection");
    }

    fn waiting(&self) -> u64 {
        let unread = platform::unread(&self.ours).expect("a socket");
        unread.expect("it is told where a mark is")
    }

    /// Events of bytes, or of an end, that come within `most`; and the turns they are for.
    fn wakes(&mut self, most: Duration) -> bool {
        let mut events = Events::with_capacity(4);
        self.poll.poll(&mut events, Some(most)).expect("a poll");
        for event in &events {
            assert!(self.closer.handle(event, self.now), "{event:?}");
        }
        self.turns();
        events.iter().any(mio::event::Event::is_readable)
    }

    /// As many turns as there is something to do, the clock standing still.
    fn turns(&mut self) {
        loop {
            self.closer.turn(self.now);
            if !self.closer.is_ready() {
                return;
            }
        }
    }

    fn until_read(&mut self) {
        let end = Instant::now() + BOUND;
        self.turns();
        while self.waiting() > 0 {
            assert!(Instant::now() < end, "{} bytes wait", self.waiting());
            self.wakes(ms(5));
        }
    }

    /// Whatever ended it: every byte of the peer's was read, so that none of ours is lost.
    fn ends_whole(&mut self, ending: Ending) {
        let report = self.report();
        assert_eq!(report.ending, ending, "{report:?}");
        assert_eq!(report.discarded_bytes, self.sent as u64, "{report:?}");
        assert_eq!(report.unread_bytes, Some(0));
        assert_eq!(read_all(&self.theirs), (UNSENT, None));
    }

    fn report(&mut self) -> Report {
        let end = Instant::now() + BOUND;
        loop {
            if let Some(finished) = self.closer.poll_finished() {
                return finished.report;
            }
            assert!(Instant::now() < end, "not over within {BOUND:?}");
            self.wakes(ms(5));
        }
    }
}

#[test]
fn what_comes_behind_a_stream_that_flowed_wakes_nobody_and_is_read_soon() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.send(LAST);
    assert!(!flow.wakes(Duration::ZERO), "it wakes");
    assert_eq!(flow.waiting(), LAST as u64);
    let timeout = flow.closer.poll_timeout(flow.now).expect("a look is due");
    assert!(timeout <= HOLDS, "{timeout:?}");

    flow.now += timeout;
    flow.turns();
    assert_eq!(flow.waiting(), 0, "after {timeout:?}");
    // From here on, again, everything wakes.
    flow.send(LAST);
    assert!(flow.wakes(BOUND), "the mark stays");
    assert_eq!(flow.waiting(), 0);
    flow.peer_reads_and_ends();
    let report = flow.report();
    assert!(report.is_graceful(), "{report:?}");
    assert_eq!(report.discarded_bytes, flow.sent as u64);
}

#[test]
fn a_fin_behind_bytes_that_wake_nobody_ends_it_at_once() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.send(LAST);
    flow.peer_reads_and_ends();
    let report = flow.report();
    assert!(report.is_graceful(), "{report:?}");
    assert_eq!(report.discarded_bytes, flow.sent as u64);
}

#[test]
fn a_reset_behind_bytes_that_wake_nobody_is_one() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.send(LAST);
    let (_, theirs) = pair();
    abort(std::mem::replace(&mut flow.theirs, theirs));
    let report = flow.report();
    let phase = Phase::Drain;
    let after_fin = false;
    assert_eq!(report.ending, Ending::Reset { phase, after_fin });
    assert_eq!(report.discarded_bytes, flow.sent as u64);
}

#[test]
fn a_stop_reads_what_wakes_nobody() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.send(LAST);
    flow.closer.stop(flow.now, flow.now);
    flow.turns();
    let (phase, clock) = (Phase::Drain, Clock::Stop);
    flow.ends_whole(Ending::TimedOut { phase, clock });
}

#[test]
fn an_acknowledgement_that_ends_it_ends_it_when_all_is_read() {
    let limits = Limits {
        finish_on: FinishOn::Acked {
            grace: Duration::ZERO,
        },
        ..patient()
    };
    let Some(mut flow) = Flow::of(Receive::Discard, &limits) else {
        return;
    };
    flow.send(LAST);
    flow.peer_reads();
    let report = flow.report();
    assert_eq!(report.ending, Ending::Acked, "{report:?}");
    assert_eq!(report.discarded_bytes, flow.sent as u64, "{report:?}");
    assert_eq!(read_all(&flow.theirs), (0, None));
}

#[test]
fn one_that_makes_room_is_read_first() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.send(LAST);
    let (other, _peer) = pair();
    other.set_nonblocking(true).expect("non-blocking");
    let other = mio::net::TcpStream::from_std(other);
    flow.closer
        .close(flow.poll.registry(), other, Vec::new(), flow.now);
    flow.ends_whole(Ending::Evicted);
}

#[test]
fn no_mark_outlives_the_teardown_on_a_duplicate() {
    let Some(mut flow) = Flow::begin(Receive::Discard) else {
        return;
    };
    flow.closer.stop(flow.now, flow.now);
    flow.turns();
    flow.ours.set_nonblocking(false).expect("blocking");
    flow.ours.set_read_timeout(Some(BOUND)).expect("a timeout");
    let before = Instant::now();
    flow.send(LAST);
    let read = flow.ours.read(&mut [0; 2 * LAST]).expect("a connection");
    assert_eq!(read, LAST);
    assert!(before.elapsed() < BOUND, "it waited for more");
}

#[test]
fn bytes_that_are_delivered_wake_however_few_they_are() {
    let Some(mut flow) = Flow::begin(Receive::Deliver) else {
        return;
    };
    flow.send(LAST);
    assert!(flow.wakes(BOUND));
    assert_eq!(flow.waiting(), 0);
}

/// By the clock on the wall, wherever this runs: the pause is one of the peer's, and what came before
/// it is known.
#[test]
fn the_idle_clock_ends_a_stream_that_has_flowed_and_stopped() {
    let mut driver = Driver::new(Limits {
        drain_idle: ms(40),
        ..patient()
    });
    let many: Vec<(Key, Peer<TcpStream>)> = (0..20)
        .map(|n| {
            let (ours, mut theirs) = pair();
            let key = driver.close(ours, []);
            let peer = Peer::plays(move || {
                theirs.write_all(&vec![7; 4 * FLOW]).expect("a reader");
                theirs.write_all(&vec![7; n]).expect("a reader");
                theirs
            });
            (key, peer)
        })
        .collect();
    let mut reports = Vec::new();
    for _ in &many {
        reports.push(driver.finished());
    }
    for (n, (key, peer)) in many.into_iter().enumerate() {
        let of_it = |finished: &&finwait::Finished| finished.key == key;
        let report = reports.iter().find(of_it).expect("a report").report;
        let (phase, clock) = (Phase::Drain, Clock::Idle);
        assert_eq!(report.ending, Ending::TimedOut { phase, clock });
        assert_eq!(report.discarded_bytes, (4 * FLOW + n) as u64, "{report:?}");
        assert!(report.drain >= ms(40), "{report:?}");
        drop(peer.done());
    }
}
