//! Peers that flood, drip, stall and reset beside honest ones: what is bounded by construction.

use std::collections::HashMap;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use finwait::{Closer, Ending, Key, Limits, OnLimit};
use mio::Token;

use crate::abort;
use crate::common::{BOUND, Driver, Peer, ms, pair};

const EACH_KIND: usize = 12;
const TURN_SIZE: usize = 16;
/// The longest way to the front of the queue: four kinds, and the honest ones.
const TURNS: usize = (5 * EACH_KIND).div_ceil(TURN_SIZE);
const TICK: Duration = ms(1);

fn limits() -> Limits {
    Limits {
        flush_total: Some(ms(400)),
        drain_idle: ms(300),
        drain_total: Some(ms(900)),
        drain_bytes: Some(1 << 20),
        on_limit: OnLimit::PauseAndConfirm { grace: ms(50) },
        ..Limits::default()
    }
}

/// Keeps these full, and lets those drip just before the idle clock runs out, until it is told.
fn plague(floods: &[TcpStream], drips: &[TcpStream], over: &Receiver<()>) {
    let chunk = [9; 64 << 10];
    let mut last = Instant::now();
    while over.try_recv() == Err(TryRecvError::Empty) {
        let flood = floods.iter();
        let wrote = flood.filter(|theirs| (&mut &**theirs).write(&chunk).is_ok());
        let wrote = wrote.count() > 0;
        if last.elapsed() > limits().drain_idle * 9 / 10 {
            last = Instant::now();
            for mut theirs in drips {
                // It fails once we have closed.
                let _ = theirs.write(b".");
            }
        }
        if !wrote {
            std::thread::park_timeout(ms(1));
        }
    }
}

/// A loop that notes in which turn something was begun, and in which it ended.
struct Crowd {
    driver: Driver,
    turns: Vec<Instant>,
    begun: HashMap<Key, (Instant, usize)>,
}

impl Crowd {
    fn begin(&mut self, stream: TcpStream) -> Key {
        let key = self.driver.close(stream, []);
        self.begun.insert(key, (Instant::now(), self.turns.len()));
        key
    }

    /// One turn. Those that end in it do so in time; with the number of turns that each had.
    fn turn(&mut self) -> Vec<(Key, finwait::Report, usize)> {
        // `wait` takes the time of its turn itself, a moment after this.
        self.turns.push(Instant::now());
        self.driver.wait(BOUND);
        let mut over = Vec::new();
        while let Some(finished) = self.driver.closer.poll_finished() {
            let (start, first) = self.begun.remove(&finished.key).expect("begun");
            let report = finished.report;
            let bound = start + ms(900) + report.flush;
            // From the first turn that found the time up, it may be as long as the queue.
            let up = self.turns.partition_point(|&turn| turn < bound + TICK);
            assert!(
                self.turns.len() <= up + 1 + TURNS,
                "{} turns late: {report:?}",
                self.turns.len() - up
            );
            over.push((finished.key, report, self.turns.len() - first));
        }
        over
    }
}

#[test]
fn honest_peers_are_served_in_their_turn_whatever_the_others_do() {
    let many = || {
        (0..EACH_KIND)
            .map(|_| pair())
            .unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let closer = Closer::new(Token(0), limits(), Instant::now());
    let closer = closer.turn_size(TURN_SIZE).max_draining(5 * EACH_KIND);
    let mut crowd = Crowd {
        driver: Driver::with(closer),
        turns: Vec::new(),
        begun: HashMap::new(),
    };
    let (flooded, floods) = many();
    let (dripped, drips) = many();
    let (stalled, stalls) = many();
    let (reset, resets) = many();
    for theirs in floods.iter().chain(&drips) {
        theirs.set_nonblocking(true).expect("non-blocking");
    }
    let (stop, over) = mpsc::channel();
    let plague = Peer::plays(move || plague(&floods, &drips, &over));
    for stream in flooded.into_iter().chain(dripped).chain(stalled) {
        crowd.begin(stream);
    }
    let mut hostile = Vec::new();
    for _ in 0..TURNS {
        hostile.extend(crowd.turn());
    }
    for (ours, theirs) in reset.into_iter().zip(resets) {
        crowd.begin(ours);
        abort(theirs);
    }
    // Honest ones have sent their FIN by now, so that nothing but the others keeps them waiting.
    let (honest, peers) = many();
    let honest = honest.into_iter().zip(&peers).map(|(ours, theirs)| {
        theirs.shutdown(Shutdown::Write).expect("a connection");
        crowd.begin(ours)
    });
    let honest: Vec<Key> = honest.collect();
    let mut good = 0;
    while !crowd.driver.closer.is_empty() {
        assert!(crowd.driver.closer.len() <= 5 * EACH_KIND);
        for (key, report, turns) in crowd.turn() {
            if honest.contains(&key) {
                assert!(turns <= TURNS, "{turns} turns: {report:?}");
                assert!(report.peer_fin && report.error.is_none(), "{report:?}");
                good += 1;
            } else {
                hostile.push((key, report, turns));
            }
        }
    }
    assert_eq!(good, EACH_KIND);
    assert_eq!(hostile.len(), 4 * EACH_KIND);
    stop.send(()).expect("it goes on until now");
    plague.done();
    let resets = hostile.iter().filter(|(_, report, _)| {
        // A limit, and at most one call beyond it.
        assert!(report.received_bytes <= 2 << 20, "{report:?}");
        assert!(!report.peer_fin, "{report:?}");
        matches!(report.ending, Ending::Reset { .. })
    });
    assert_eq!(resets.count(), EACH_KIND);
    drop((stalls, peers));
}
