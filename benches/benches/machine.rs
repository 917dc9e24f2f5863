//! The machine alone: no socket, no clock. What a transition costs (a `poll` and a `handle`), and a
//! whole teardown from `new` to the report.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use finwait::{Acknowledged, Action, Ending, Event, Limits, Receive, Teardown};

/// What the OS says in a teardown: the action that is due, or none for a hint, and what happens.
type Script = [(Option<Action>, Event)];

const ACKED: Event = Event::Ack {
    fin: Acknowledged::Yes,
    unacknowledged: Some(0),
};

/// The peer's FIN is there when it is looked for.
const AT_ONCE: &Script = &[
    (Some(Action::HalfClose), Event::HalfClosed),
    (Some(Action::Receive), Event::ReceivedFin),
    (Some(Action::AskError), Event::PendingError(None)),
    (Some(Action::AskAck), ACKED),
    (Some(Action::Close), Event::Closed),
];

/// A `Closer` sees this of a peer that answers our FIN with its own.
const WAITING: &Script = &[
    (Some(Action::HalfClose), Event::HalfClosed),
    (Some(Action::Receive), Event::ReceiveBlocked),
    (None, Event::Readable),
    (None, Event::Writable),
    (Some(Action::Receive), Event::ReceivedFin),
    (Some(Action::AskError), Event::PendingError(None)),
    (Some(Action::AskAck), ACKED),
    (Some(Action::Close), Event::Closed),
];

/// With a response to write that needs two writes, and bytes of the peer's to throw away.
const FLUSHING: &Script = &[
    (Some(Action::Write), Event::Written { bytes: 40 << 10 }),
    (Some(Action::Write), Event::WriteBlocked),
    (Some(Action::Receive), Event::Received { bytes: 512 }),
    (Some(Action::Receive), Event::ReceiveBlocked),
    (None, Event::Writable),
    (Some(Action::Write), Event::Written { bytes: 24 << 10 }),
    (Some(Action::HalfClose), Event::HalfClosed),
    (None, Event::Readable),
    (Some(Action::Receive), Event::Received { bytes: 512 }),
    (Some(Action::Receive), Event::ReceiveBlocked),
    (None, Event::Readable),
    (Some(Action::Receive), Event::ReceivedFin),
    (Some(Action::AskError), Event::PendingError(None)),
    (Some(Action::AskAck), ACKED),
    (Some(Action::Close), Event::Closed),
];

fn run(script: &Script, unwritten: u64, start: Instant) -> Teardown {
    let limits = black_box(Limits::default());
    let mut teardown = Teardown::new(&limits, Receive::Discard, unwritten, start);
    let mut now = start;
    for (_, event) in script {
        black_box(teardown.poll(now));
        teardown.handle(black_box(*event), now);
        now += Duration::from_micros(10);
    }
    teardown
}

/// A script that the machine does not follow would measure answers that are ignored.
fn check(script: &Script, unwritten: u64, start: Instant) {
    let mut teardown = Teardown::new(&Limits::default(), Receive::Discard, unwritten, start);
    for (number, (action, event)) in script.iter().enumerate() {
        match (action, teardown.poll(start)) {
            (Some(due), action) => assert_eq!(*due, action, "step {number}"),
            (None, Action::Wait { .. }) => {}
            // The second of two hints in a row.
            (None, action) => assert_eq!(action, Action::Receive, "step {number}"),
        }
        teardown.handle(*event, start);
    }
    let report = run(script, unwritten, start).report();
    assert_eq!(report.map(|report| report.ending), Some(Ending::Graceful));
}

fn teardowns(c: &mut Criterion) {
    let start = Instant::now();
    let mut group = c.benchmark_group("machine/teardown");
    for (name, script, unwritten) in [
        ("at_once", AT_ONCE, 0),
        ("waiting", WAITING, 0),
        ("flushing", FLUSHING, 64 << 10),
    ] {
        check(script, unwritten, start);
        // So that the time of one transition is shown too.
        group.throughput(Throughput::Elements(script.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| black_box(run(script, unwritten, start).report()));
        });
    }
    group.finish();
}

/// Those of a connection that is busy: they do not change its state.
fn transitions(c: &mut Criterion) {
    let start = Instant::now();
    let limits = Limits {
        drain_bytes: None,
        ..Limits::default()
    };
    let mut drains = Teardown::new(&limits, Receive::Discard, 0, start);
    drains.handle(Event::HalfClosed, start);
    let now = start + Duration::from_millis(1);
    let mut group = c.benchmark_group("machine/transition");
    for (name, event) in [
        ("received", Event::Received { bytes: 512 }),
        ("readable", Event::Readable),
    ] {
        let mut teardown = drains;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                black_box(teardown.poll(black_box(now)));
                teardown.handle(black_box(event), now);
            });
        });
        assert_eq!(teardown.poll(now), Action::Receive);
    }
    group.finish();
}

criterion_group!(benches, teardowns, transitions);
criterion_main!(benches);
