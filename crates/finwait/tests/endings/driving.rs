//! How a caller's loop and the `Closer` get along: registration, tokens, budgets, fairness.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use finwait::{Closer, Key};
use mio::{Interest, Token};

use crate::common::{BOUND, Driver, Peer, fill, ms, pair, patient};

/// What one teardown may receive in one turn. One read gives as much if it is there.
const TURN_BYTES: usize = 64 << 10;

fn mio_stream(stream: TcpStream) -> mio::net::TcpStream {
    stream.set_nonblocking(true).expect("non-blocking");
    mio::net::TcpStream::from_std(stream)
}

#[test]
fn a_socket_that_the_callers_loop_has_registered_already_is_taken_over() {
    let mut driver = Driver::new(patient());
    for interest in [Interest::READABLE, Interest::WRITABLE] {
        let (ours, mut theirs) = pair();
        let mut ours = mio_stream(ours);
        let registry = driver.poll.registry();
        // Under a token that the loop below does not know: no event may come under it any more.
        registry
            .register(&mut ours, Token(usize::MAX - 1), interest)
            .expect("registered");
        let now = Instant::now();
        driver
            .closer
            .close(registry, ours, b"response".to_vec(), now);
        let theirs = Peer::plays(move || {
            let mut response = Vec::new();
            theirs.read_to_end(&mut response).expect("a clean EOF");
            response
        });
        let report = driver.finished().report;
        assert_eq!(theirs.done(), b"response");
        assert!(report.peer_fin, "{report:?}");
    }
}

#[test]
fn events_of_the_callers_own_tokens_are_left_to_the_caller() {
    let (ours, theirs) = pair();
    let mut ours = mio_stream(ours);
    let mut poll = mio::Poll::new().expect("a poll");
    poll.registry()
        .register(&mut ours, Token(7), Interest::WRITABLE)
        .expect("registered");
    let mut events = mio::Events::with_capacity(4);
    poll.poll(&mut events, Some(BOUND)).expect("an event");
    let event = events.iter().next().expect("writable");
    let now = Instant::now();
    let above = |first| Closer::<Vec<u8>>::new(Token(first), patient(), now);
    assert!(!above(8).handle(event, now), "below its first token");
    assert!(
        above(7).handle(event, now),
        "its own, of a teardown that is over"
    );
    assert!(
        !above(5).max_draining(2).handle(event, now),
        "past its last token"
    );
    drop(theirs);
}

#[test]
fn stale_events_are_harmless() {
    // Events of a connection that is over reach the one that has its token now.
    let mut driver = Driver::new(patient());
    let (ours, mut theirs) = pair();
    let mut ours = mio_stream(ours);
    let mut poll = mio::Poll::new().expect("another loop's poll");
    poll.registry()
        .register(&mut ours, Token(0), Interest::READABLE | Interest::WRITABLE)
        .expect("registered");
    theirs.write_all(b"bytes").expect("a connection");
    drop(theirs);
    let mut events = mio::Events::with_capacity(4);
    poll.poll(&mut events, Some(BOUND)).expect("events");
    assert!(!events.is_empty());

    let (second, mut peer_of_second) = pair();
    let key = driver.close(second, *b"response");
    let now = Instant::now();
    for _ in 0..3 {
        for event in &events {
            assert!(driver.closer.handle(event, now));
        }
        driver.turn();
        assert!(driver.closer.poll_finished().is_none());
    }
    let mut response = [0; 8];
    peer_of_second.read_exact(&mut response).expect("it lives");
    drop(peer_of_second);
    let finished = driver.finished();
    assert_eq!(finished.key, key);
    assert!(finished.report.peer_fin, "{finished:?}");
    // And of one whose place nobody has.
    for event in &events {
        assert!(driver.closer.handle(event, now));
    }
    driver.turn();
    assert!(driver.closer.is_empty());
}

/// A peer that has megabytes under way to us, and says when it is through.
fn flooding(bytes: usize) -> (TcpStream, Peer<()>) {
    let (ours, mut theirs) = pair();
    let peer = Peer::plays(move || {
        theirs.write_all(&vec![9; bytes]).expect("read by us");
    });
    // Enough is here that one turn cannot take it all. A new connection's buffer holds some more.
    let mut here = vec![0; TURN_BYTES * 5 / 4];
    let end = Instant::now() + BOUND;
    while ours.peek(&mut here).expect("bytes") < here.len() {
        assert!(Instant::now() < end, "a full receive buffer");
        std::thread::yield_now();
    }
    (ours, peer)
}

/// What each connection got in one turn.
fn received_in_a_turn(driver: &mut Driver) -> Vec<(Key, usize)> {
    let mut chunks = Vec::new();
    driver
        .closer
        .turn_with(Instant::now(), |key, chunk| chunks.push((key, chunk.len())));
    let mut sums: Vec<(Key, usize)> = Vec::new();
    for (key, len) in chunks {
        match sums.iter_mut().find(|(seen, _)| *seen == key) {
            Some((_, sum)) => *sum += len,
            None => sums.push((key, len)),
        }
    }
    sums
}

/// S11, and S12: what stopped before "would block" goes on without an event.
#[test]
fn a_turn_takes_no_more_than_its_budget_and_goes_on_without_an_event() {
    const BYTES: usize = 4 << 20;
    let (ours, peer) = flooding(BYTES);
    let mut driver = Driver::new(patient());
    driver.finish(ours, []);
    let mut whole = 0;
    // No event is ever looked at while something is ready.
    while driver.closer.is_ready() {
        assert_eq!(
            driver.closer.poll_timeout(Instant::now()),
            Some(Duration::ZERO)
        );
        for (_, received) in received_in_a_turn(&mut driver) {
            assert!(received <= TURN_BYTES, "{received} in one turn");
            whole += received;
        }
    }
    assert!(whole > TURN_BYTES, "{whole}");
    let report = driver.finished().report;
    peer.done();
    assert_eq!(report.received_bytes, BYTES as u64);
}

#[test]
fn one_that_was_evicted_before_its_turn_leaves_its_place_and_not_its_share() {
    let (first, peer_of_first) = pair();
    let (second, peer) = flooding(4 << 20);
    let mut driver = Driver::with(Closer::new(Token(0), patient(), Instant::now()).max_draining(1));
    driver.finish(first, []);
    driver.finish(second, []);
    let received = received_in_a_turn(&mut driver);
    let [(_, bytes)] = received[..] else {
        panic!("one connection: {received:?}");
    };
    assert!(
        bytes <= TURN_BYTES,
        "{bytes} bytes in one turn: served twice"
    );
    driver.finished();
    let report = driver.finished().report;
    assert_eq!(report.received_bytes, 4 << 20, "{report:?}");
    peer.done();
    drop(peer_of_first);
}

/// L3: with k ready teardowns, each is served within k steps.
#[test]
fn a_small_turn_serves_everybody_in_order() {
    const CONNECTIONS: usize = 7;
    let (streams, peers): (Vec<_>, Vec<_>) = (0..CONNECTIONS).map(|_| flooding(2 << 20)).unzip();
    let mut driver = Driver::with(Closer::new(Token(0), patient(), Instant::now()).turn_size(2));
    for stream in streams {
        driver.finish(stream, []);
    }
    // In ceil(7 / 2) turns each has had its share.
    let mut served: Vec<Key> = Vec::new();
    for _ in 0..CONNECTIONS.div_ceil(2) {
        let turn = received_in_a_turn(&mut driver);
        assert!(turn.len() <= 2, "{turn:?}");
        served.extend(turn.into_iter().map(|(key, _)| key));
        assert_eq!(
            driver.closer.poll_timeout(Instant::now()),
            Some(Duration::ZERO)
        );
    }
    served.truncate(CONNECTIONS);
    let different: HashSet<Key> = served.iter().copied().collect();
    assert_eq!(different.len(), CONNECTIONS, "{served:?}");
    for _ in 0..CONNECTIONS {
        assert!(driver.finished().report.peer_fin);
    }
    peers.into_iter().for_each(Peer::done);
}

#[test]
fn something_that_is_timed_always_has_a_timeout() {
    let mut driver = Driver::new(patient());
    let now = Instant::now();
    assert_eq!(driver.closer.poll_timeout(now), None, "nothing to wait for");
    let (draining, peer_of_draining) = pair();
    let (flushing, peer_of_flushing) = pair();
    fill(&flushing);
    let mut keys = vec![
        driver.close(draining, []),
        driver.close(flushing, *b"unsent"),
    ];
    assert_eq!(driver.closer.poll_timeout(now), Some(Duration::ZERO));
    for _ in 0..4 {
        driver.wait(ms(1));
        assert!(driver.closer.poll_timeout(Instant::now()).is_some());
    }
    let now = Instant::now();
    while let Some(key) = keys.pop() {
        driver.closer.abort(key, now);
        assert_eq!(driver.closer.poll_timeout(now), Some(Duration::ZERO));
        driver.turn();
        assert_eq!(
            driver.closer.poll_timeout(now),
            Some(Duration::ZERO),
            "a report waits to be taken"
        );
        driver.closer.poll_finished().expect("aborted");
        assert_eq!(driver.closer.poll_timeout(now).is_some(), !keys.is_empty());
    }
    drop((peer_of_draining, peer_of_flushing));
}

#[test]
fn a_loop_without_teardowns_has_nothing_to_do() {
    let mut driver = Driver::new(patient());
    assert!(driver.closer.is_empty() && !driver.closer.is_ready());
    driver.turn();
    assert!(driver.closer.poll_finished().is_none());
    assert_eq!(driver.closer.len(), 0);
}
