//! With the feature `tracing`: one span per teardown, one event per phase change.

#![expect(clippy::disallowed_methods, reason = "a test drives its own loop")]

use std::fmt::{Debug, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use finwait::{Closer, Limits};
use finwait_platform::Backend;
use mio::{Events, Poll, Token};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it is told, one line each.
#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
}

impl Lines {
    fn push(&self, line: String) {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("finwait")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields(format!("span {}", attributes.metadata().name()));
        attributes.record(&mut fields);
        self.push(fields.0);
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(format!("event {}", event.metadata().level()));
        event.record(&mut fields);
        self.push(fields.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn each_teardown_is_one_span_and_each_phase_change_one_event() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || close_two().unwrap());
    let lines = lines.lines.lock().unwrap().clone();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("span teardown"), 2, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("unsent_bytes=5")),
        "{lines:#?}"
    );
    for change in [
        "from=flush to=half-close",
        "from=half-close to=drain",
        "from=drain to=confirm",
    ] {
        let seen = lines.iter().filter(|line| line.contains(change)).count();
        assert_eq!(
            seen,
            if change.contains("flush") { 1 } else { 2 },
            "{change} {lines:#?}"
        );
    }
    let ended = lines
        .iter()
        .filter(|line| line.contains("finished") && line.contains("ending="));
    assert_eq!(ended.count(), 2, "{lines:#?}");
}

/// In the words that all of finwait has for it: the name and the number.
#[test]
fn an_error_has_its_name() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || close_reset().unwrap());
    let lines = lines.lines.lock().unwrap().clone();
    let reset = |line: &&String| line.contains("finished") && line.contains("ending=reset in ");
    let line = lines.iter().find(reset);
    let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
    match finwait_platform::backend() {
        Backend::Linux => assert!(line.contains(" error=ECONNRESET (104): "), "{line}"),
        // Windows may have shown it as an event alone; the fallback has no names.
        _ => assert!(line.contains(" error="), "{line}"),
    }
}

/// One whose peer has reset it.
fn close_reset() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let poll = Poll::new()?;
    let mut closer = Closer::new(Token(0), Limits::default(), Instant::now());
    let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (peer, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    let stream = mio::net::TcpStream::from_std(stream);
    closer.close(poll.registry(), stream, &b"hello"[..], Instant::now());
    finwait_platform::arm_abort(&peer)?;
    drop(peer);
    drive(poll, closer)
}

/// One with something to flush, one without.
fn close_two() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let poll = Poll::new()?;
    let mut closer = Closer::new(Token(0), Limits::default(), Instant::now());
    let mut peers = Vec::new();
    for unsent in [&b"hello"[..], b""] {
        let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
        let (peer, _) = listener.accept()?;
        peer.shutdown(Shutdown::Write)?;
        peers.push(peer);
        stream.set_nonblocking(true)?;
        let stream = mio::net::TcpStream::from_std(stream);
        closer.close(poll.registry(), stream, unsent, Instant::now());
    }
    drive(poll, closer)
}

fn drive<B: AsRef<[u8]>>(mut poll: Poll, mut closer: Closer<B>) -> std::io::Result<()> {
    let mut events = Events::with_capacity(8);
    let give_up = Instant::now() + Duration::from_secs(20);
    while !closer.is_empty() {
        assert!(Instant::now() < give_up, "the teardowns do not end");
        poll.poll(&mut events, closer.poll_timeout(Instant::now()))?;
        for event in &events {
            closer.handle(event, Instant::now());
        }
        closer.turn(Instant::now());
        while closer.poll_finished().is_some() {}
    }
    Ok(())
}
