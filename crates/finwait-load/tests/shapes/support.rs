//! Runs that cannot hang, whose every record and second is kept and checked; and servers that do
//! exactly what a test says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use finwait_load::{
    CloseMix, CloseMode, Control, Ending, Observer, Outcome, Phase, Plan, Record, Tally, Verdict,
    run_observed,
};
use finwait_peer::{Options, Running, Server};

#[path = "../../../finwait/tests/common/witness.rs"]
mod witness;

/// Far beyond what anything here takes, on the slowest machine: whoever waits longer hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// All ways to close.
pub(crate) const MODES: [CloseMode; 4] = CloseMode::ALL;

/// The reference server, with this behaviour.
pub(crate) fn serve(behaviour: &str) -> Running {
    let options = Options {
        behaviour: behaviour.parse().unwrap(),
        ..Options::default()
    };
    let loopback = ([127, 0, 0, 1], 0).into();
    Server::bind(loopback, options).unwrap().spawn().unwrap()
}

/// Ten connections, one at a time each, with a short request.
pub(crate) fn plan(target: SocketAddr) -> Plan {
    let mut plan = Plan::new(target);
    plan.connections = 10;
    plan.total = Some(10);
    plan.request = Arc::from(&b"hello, are you there?"[..]);
    plan
}

pub(crate) fn closing(mode: CloseMode) -> CloseMix {
    CloseMix::only(mode)
}

/// What a run came to, and all that its observer was shown.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    /// By number.
    pub(crate) records: Vec<Record>,
    /// Of each worker, in the order in which they were told.
    pub(crate) seconds: BTreeMap<usize, Vec<(u64, Tally)>>,
}

impl Seen {
    pub(crate) fn verdicts(&self) -> BTreeMap<Verdict, u64> {
        self.outcome.tally.verdicts()
    }

    #[track_caller]
    pub(crate) fn all_are(&self, verdict: Verdict, count: u64) {
        assert_eq!(
            self.verdicts(),
            BTreeMap::from([(verdict, count)]),
            "{:#?}",
            self.records.first()
        );
    }

    pub(crate) fn ended(&self) -> Vec<Duration> {
        let mut ended: Vec<_> = self.records.iter().map(|record| record.ended).collect();
        ended.sort_unstable();
        ended
    }
}

/// A time that every one of these connections has.
#[track_caller]
pub(crate) fn time(record: &Record, phase: Phase) -> Duration {
    let time = record.times.get(phase);
    time.unwrap_or_else(|| panic!("no {phase} in {record:?}"))
}

#[derive(Default)]
struct Everything {
    records: Mutex<Vec<Record>>,
    seconds: Mutex<BTreeMap<usize, Vec<(u64, Tally)>>>,
    done: Mutex<Vec<usize>>,
}

impl Observer for Everything {
    fn wants_records(&self) -> bool {
        true
    }

    fn records(&self, records: Vec<Record>) {
        assert!(!records.is_empty());
        self.records.lock().unwrap().extend(records);
    }

    fn wants_seconds(&self) -> bool {
        true
    }

    fn second(&self, worker: usize, second: u64, tally: Tally) {
        let mut seconds = self.seconds.lock().unwrap();
        seconds.entry(worker).or_default().push((second, tally));
    }

    fn done(&self, worker: usize) {
        self.done.lock().unwrap().push(worker);
    }
}

/// A run on a thread of its own.
pub(crate) struct Started {
    pub(crate) control: Arc<Control>,
    seen: Receiver<Seen>,
}

pub(crate) fn start(plan: &Plan) -> Started {
    let (plan, control) = (plan.clone(), Arc::new(Control::new()));
    let (sender, seen) = channel();
    let shared = Arc::clone(&control);
    thread::spawn(move || {
        let observer = Everything::default();
        let outcome = run_observed(&plan, &shared, &observer).unwrap();
        sender.send(everything(outcome, &shared, observer)).unwrap();
    });
    Started { control, seen }
}

impl Started {
    pub(crate) fn finish(self) -> Seen {
        let seen = self.seen.recv_timeout(HANG);
        seen.expect("the run ends, and what it says adds up")
    }

    /// Waits until the live counters are so.
    pub(crate) fn when(&self, are_so: impl Fn(finwait_load::Live) -> bool) {
        until("the counters are as expected", || {
            are_so(self.control.live())
        });
    }

    /// Stops it once the counters are so.
    pub(crate) fn stop_when(self, are_so: impl Fn(finwait_load::Live) -> bool) -> Seen {
        self.when(are_so);
        self.control.stop();
        let seen = self.finish();
        assert!(seen.outcome.stopped);
        seen
    }
}

pub(crate) fn run(plan: &Plan) -> Seen {
    start(plan).finish()
}

/// Runs it with more and more time until that was enough: a busy machine comes to nothing in a time
/// that is plenty elsewhere. `time` sets it, this many times what is usual.
#[track_caller]
pub(crate) fn run_longer(
    plan: &mut Plan,
    time: impl Fn(&mut Plan, u32),
    enough: impl Fn(&Seen) -> bool,
) -> Seen {
    for times in [1, 10, 40] {
        time(plan, times);
        let seen = run(plan);
        if enough(&seen) {
            return seen;
        }
        println!("not enough, {times} times: {:?}", seen.outcome.tally);
    }
    panic!("it comes to nothing, however long it takes");
}

/// Runs them at the same time, since most of it is waiting.
pub(crate) fn run_all(plans: Vec<Plan>) -> Vec<(Plan, Seen)> {
    let started: Vec<_> = plans.iter().map(start).collect();
    let seen = started.into_iter().map(Started::finish);
    plans.iter().cloned().zip(seen).collect()
}

/// Waits for something that another thread brings about.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < HANG, "{what}: never");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Sorts what was seen, and checks what holds for every run whatever its plan.
fn everything(outcome: Outcome, control: &Control, observer: Everything) -> Seen {
    let tally = &outcome.tally;
    assert!(tally.adds_up(), "{tally:?}");
    assert_eq!(control.live().open, 0);
    assert_eq!(control.live().started, tally.started);
    assert_eq!(control.live().finished, tally.finished());

    let mut records = observer.records.into_inner().unwrap();
    records.sort_by_key(|record| record.id);
    let ids: BTreeSet<_> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), records.len(), "a connection was shown twice");
    let mut of_records = Tally {
        started: records.len() as u64,
        late: tally.late,
        ..Tally::default()
    };
    for record in &records {
        of_records.record(record);
        assert!(record.started >= record.intended, "{record:?}");
        assert!(record.ended >= record.started, "{record:?}");
        if record.ending != Ending::StillOpen {
            let total = time(record, Phase::Total);
            assert_eq!(total, record.ended - record.intended, "{record:?}");
        }
    }
    same("records", &of_records, tally);

    let seconds = observer.seconds.into_inner().unwrap();
    let workers: BTreeSet<_> = (0..outcome.threads).collect();
    assert_eq!(seconds.keys().copied().collect::<BTreeSet<_>>(), workers);
    let mut of_seconds = Tally::default();
    for told in seconds.values() {
        let numbers: Vec<_> = told.iter().map(|&(second, _)| second).collect();
        assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
        for (_, second) in told {
            of_seconds.add(second);
        }
    }
    same("seconds", &of_seconds, tally);
    let mut done = observer.done.into_inner().unwrap();
    done.sort_unstable();
    assert_eq!(done, workers.into_iter().collect::<Vec<_>>());
    Seen {
        outcome,
        records,
        seconds,
    }
}

fn same(what: &str, sum: &Tally, tally: &Tally) {
    assert_eq!(sum.started, tally.started, "{what}");
    assert_eq!(sum.cells, tally.cells, "{what}");
    assert_eq!(sum.open, tally.open, "{what}");
    assert_eq!(sum.errors, tally.errors, "{what}");
    assert_eq!(sum.responses, tally.responses, "{what}");
    assert_eq!(sum.sent_bytes, tally.sent_bytes, "{what}");
    assert_eq!(sum.received_bytes, tally.received_bytes, "{what}");
    assert_eq!(sum.torn_down, tally.torn_down, "{what}");
    assert_eq!(sum.windows, tally.windows, "{what}");
    assert_eq!(sum.late, tally.late, "{what}");
    let same_times = sum.phases.iter().eq(tally.phases.iter());
    assert!(same_times, "{what}: other times");
}

/// A server with a thread for each connection, which does what the test says.
pub(crate) struct Scripted {
    pub(crate) addr: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Scripted {
    /// `script` gets each connection on a thread of its own.
    pub(crate) fn new(script: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let script = Arc::new(script);
        Self::accepting(move |stream| {
            let script = Arc::clone(&script);
            thread::spawn(move || script(stream));
        })
    }

    /// `script` gets one connection after the other, on the thread that accepts them.
    pub(crate) fn accepting(mut script: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let accepting = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                // A test that fails leaves no thread that waits for ever.
                stream.set_read_timeout(Some(HANG)).unwrap();
                stream.set_write_timeout(Some(HANG)).unwrap();
                script(stream);
            }
        });
        Self {
            addr,
            over,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect(self.addr);
        let accepting = self.accepting.take().map(JoinHandle::join);
        assert!(accepting.is_none_or(|ended| ended.is_ok()) || thread::panicking());
    }
}

/// Reads this many bytes; `None` if the connection ends before.
pub(crate) fn read_bytes(stream: &mut TcpStream, bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    stream.read_exact(&mut buffer).ok().map(|()| buffer)
}

/// Reads an HTTP request without a body; `None` if the connection ends before.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read_bytes(stream, 1)?);
    }
    String::from_utf8(head).ok()
}

/// Reads until the connection is over; whether it ended by RST.
pub(crate) fn ends_by_reset(stream: &TcpStream) -> bool {
    match witness::read_to_either_end(stream).1 {
        None => false,
        Some(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            true
        }
    }
}

/// Closes as one should: FIN, the wait for the client's, close.
pub(crate) fn close_in_order(mut stream: TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// RST.
pub(crate) fn reset(stream: TcpStream) {
    finwait_platform::arm_abort(&stream).unwrap();
    drop(stream);
}

/// What the client does with it is not the server's to say.
pub(crate) fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Counts, from any thread.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::SeqCst);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until that many were counted.
    pub(crate) fn reaches(&self, n: u64) {
        until("the server has counted all", || self.value() >= n);
    }
}
