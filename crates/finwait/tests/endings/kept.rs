//! Sockets that stay registered under tokens of the caller's own.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use finwait::{Closer, Delivered, Ending, FinishOn, Finished, Key, Limits, Receive, Watch};
use mio::{Events, Interest, Poll, Token};

use crate::common::{BOUND, Peer, if_told, pair, patient, tells};

/// A loop whose tokens are numbers of its own, far from those of the `Closer`.
struct Loop {
    poll: Poll,
    events: Events,
    closer: Closer,
    keys: HashMap<Token, Key>,
    received: Vec<u8>,
    /// How many events came under tokens of the `Closer`'s.
    others: usize,
}

impl Loop {
    fn new(limits: Limits) -> Self {
        Self {
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(64),
            closer: Closer::new(Token(0), limits, Instant::now()),
            keys: HashMap::new(),
            received: Vec::new(),
            others: 0,
        }
    }

    fn register(&self, stream: TcpStream, token: Token) -> mio::net::TcpStream {
        stream.set_nonblocking(true).expect("non-blocking");
        let mut stream = mio::net::TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut stream, token, both).expect("room");
        stream
    }

    fn finish(&mut self, stream: TcpStream, unsent: &[u8], token: Token) -> Key {
        let stream = self.register(stream, token);
        // What it was registered for has come: an edge is not told twice.
        self.poll
            .poll(&mut self.events, Some(BOUND))
            .expect("it is writable");
        let now = Instant::now();
        let key = self
            .closer
            .finish(Watch::Kept, stream, unsent.to_vec(), now);
        self.keys.insert(token, key);
        key
    }

    fn finished(&mut self) -> Finished {
        let end = Instant::now() + BOUND;
        loop {
            let received = &mut self.received;
            self.closer
                .turn_with(Instant::now(), |_, chunk| received.extend_from_slice(chunk));
            if let Some(finished) = self.closer.poll_finished() {
                return finished;
            }
            let now = Instant::now();
            assert!(now < end, "not within {BOUND:?}: the end of a teardown");
            let timeout = self
                .closer
                .poll_timeout(now)
                .map_or(BOUND, |timeout| timeout.min(BOUND));
            match self.poll.poll(&mut self.events, Some(timeout)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => panic!("poll: {error}"),
                _ => {}
            }
            let now = Instant::now();
            for event in &self.events {
                match self.keys.get(&event.token()) {
                    Some(&key) => assert!(self.closer.handle_for(key, event, now)),
                    None => self.others += 1,
                }
            }
        }
    }
}

#[test]
fn a_response_is_received_and_a_long_request_flushed_under_the_callers_own_tokens() {
    const REQUEST: usize = 8 << 20;
    let (ours, mut theirs) = pair();
    let theirs = Peer::plays(move || {
        let mut request = Vec::new();
        theirs.read_to_end(&mut request).expect("the request");
        theirs.write_all(b"response").expect("room");
        request.len()
    });
    let mut caller = Loop::new(Limits {
        finish_on: FinishOn::PeerFinAndAcked { confirm: BOUND * 4 },
        ..patient()
    });
    let key = caller.finish(ours, &vec![7; REQUEST], Token(usize::MAX - 7));
    let finished = caller.finished();
    assert_eq!(theirs.done(), REQUEST);
    assert_eq!((finished.key, &*caller.received), (key, &b"response"[..]));
    let report = finished.report;
    assert_eq!(report.delivered(), if_told(Delivered::Yes), "{report:?}");
    assert!(report.is_graceful() || !tells().fin_acked, "{report:?}");
    assert_eq!(caller.others, 0, "nothing was registered anew");
}

#[test]
fn a_reset_is_told_under_the_callers_own_token() {
    let (ours, theirs) = pair();
    let mut caller = Loop::new(patient());
    caller.finish(ours, b"request", Token(1 << 20));
    finwait_platform::arm_abort(&theirs).expect("a socket");
    drop(theirs);
    let report = caller.finished().report;
    assert!(matches!(report.ending, Ending::Reset { .. }), "{report:?}");
}

#[test]
fn an_event_that_comes_when_the_teardown_is_over_is_nobodys() {
    let (ours, theirs) = pair();
    let (next, _next_theirs) = pair();
    let mut caller = Loop::new(patient());
    let key = caller.finish(ours, b"", Token(500));
    theirs.shutdown(Shutdown::Write).expect("connected");
    let report = caller.finished().report;
    assert!(report.peer_fin, "{report:?}");

    // Its slot is another's by now: no hint of the first may reach that one.
    let next = caller.register(next, Token(501));
    let begun = Instant::now();
    let limits = patient();
    let second = caller
        .closer
        .drain(Watch::Kept, next, Receive::Discard, &limits, begun);
    assert_eq!(second.index(), key.index());
    caller
        .poll
        .poll(&mut caller.events, Some(BOUND))
        .expect("it is writable");
    let event = caller.events.iter().next().expect("it is writable");
    assert!(!caller.closer.handle_for(key, event, begun));
    assert!(caller.closer.handle_for(second, event, begun));
}
