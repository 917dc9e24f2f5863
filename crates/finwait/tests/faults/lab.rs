//! Connections, a loop around one `Closer`, faults, and what is checked of every teardown.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use finwait::{Clock, Closer, Ending, Fin, FinishOn, Key, Limits, OnDeadline, OnLimit, Report};
use mio::{Events, Poll, Token};

use crate::common::{BOUND, fill, ms};
use crate::own_network::run;

/// What the deadlines are kept in (`deadlines.rs`).
const TICK: Duration = ms(1);

/// Clocks that are short; the total ones so much longer that a busy machine does not let them run
/// out before an idle one was looked at.
pub(crate) fn short() -> Limits {
    Limits {
        flush_stall: ms(400),
        flush_total: Some(ms(4_000)),
        drain_idle: ms(500),
        drain_total: Some(ms(3_000)),
        drain_bytes: Some(1 << 20),
        on_limit: OnLimit::PauseAndConfirm { grace: ms(50) },
        on_deadline: OnDeadline::Close,
        finish_on: FinishOn::PeerFin,
    }
}

/// Clocks that only a failure reaches: what ends such a teardown is not the clock.
pub(crate) fn long() -> Limits {
    Limits {
        flush_stall: BOUND,
        flush_total: Some(BOUND),
        drain_idle: BOUND,
        drain_total: Some(BOUND),
        ..short()
    }
}

/// The three policies, each with these limits.
pub(crate) fn policies(limits: Limits) -> [Limits; 3] {
    [
        FinishOn::PeerFin,
        FinishOn::Acked { grace: ms(50) },
        FinishOn::PeerFinAndAcked { confirm: ms(300) },
    ]
    .map(|finish_on| Limits {
        finish_on,
        ..limits
    })
}

#[derive(Debug)]
struct Begun {
    at: Instant,
    limits: Limits,
    is_silent: bool,
}

#[derive(Debug)]
pub(crate) struct Lab {
    listener: TcpListener,
    poll: Poll,
    events: Events,
    closer: Closer,
    begun: HashMap<Key, Begun>,
    /// The time of every turn.
    turns: Vec<Instant>,
    reports: HashMap<Key, Report>,
    files: usize,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let mut lab = Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"),
            poll: Poll::new().expect("a poll"),
            events: Events::with_capacity(256),
            closer: Closer::new(Token(0), short(), Instant::now()),
            begun: HashMap::new(),
            turns: Vec::new(),
            reports: HashMap::new(),
            files: 0,
        };
        // On the way in: a packet that its own sender's filter drops is known to the sender, and
        // TCP does not take it for lost.
        lab.nft(
            "add table inet lab\nadd chain inet lab in { type filter hook input priority 0; }\n",
        );
        lab.files = open_files();
        lab
    }

    /// A connection: ours, which goes to the laboratory's port, and the peer's.
    pub(crate) fn pair(&self) -> (TcpStream, TcpStream) {
        let addr = self.listener.local_addr().expect("bound");
        let ours = TcpStream::connect(addr).expect("a connection");
        let (theirs, from) = self.listener.accept().expect("the other end");
        assert_eq!(from, ours.local_addr().expect("connected"));
        theirs.set_read_timeout(Some(BOUND)).expect("a timeout");
        theirs.set_write_timeout(Some(BOUND)).expect("a timeout");
        (ours, theirs)
    }

    /// Packets of the peer's to us, as nft matches them.
    pub(crate) fn to_us(&self) -> String {
        format!("tcp sport {}", self.port())
    }

    /// Packets of ours to the peer.
    pub(crate) fn to_peer(&self) -> String {
        format!("tcp dport {}", self.port())
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    /// From now on packets that match come to this end.
    pub(crate) fn fault(&self, matches: &str, verdict: &str) {
        self.nft(&format!(
            "add rule inet lab in {matches} counter {verdict}\n"
        ));
    }

    /// Nothing gets through, either way.
    pub(crate) fn partition(&self) {
        self.fault(&self.to_us(), "drop");
        self.fault(&self.to_peer(), "drop");
    }

    pub(crate) fn heal(&self) {
        self.nft("flush chain inet lab in\n");
    }

    /// How many packets the faults have met.
    pub(crate) fn struck(&self) -> u64 {
        let rules = run("nft", &["list", "chain", "inet", "lab", "in"], "");
        let counters = rules.split("counter packets ").skip(1);
        let count = |rest: &str| rest.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        counters.map(|rest| count(rest).expect("a number")).sum()
    }

    /// How many sockets are in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        let sockets = sockets();
        sockets.iter().filter(|fields| fields[3] == state).count()
    }

    /// Whether this socket waits for its peer's window to open.
    pub(crate) fn probes(&self, port: u16) -> bool {
        let name = format!(":{port:04X}");
        let mut sockets = sockets().into_iter();
        sockets.any(|fields| fields[1].ends_with(&name) && fields[5].starts_with("04:"))
    }

    /// Writes until the peer's window is closed, and not only our own buffer full.
    pub(crate) fn fill(&mut self, ours: &TcpStream) {
        let port = ours.local_addr().expect("connected").port();
        self.until("a closed window", |lab| {
            fill(ours);
            lab.probes(port).then_some(())
        });
    }

    fn nft(&self, commands: &str) {
        run("nft", &["-f", "-"], commands);
    }

    pub(crate) fn begin(&mut self, stream: TcpStream, unsent: Vec<u8>, limits: &Limits) -> Key {
        stream.set_nonblocking(true).expect("non-blocking");
        let stream = mio::net::TcpStream::from_std(stream);
        let at = Instant::now();
        let (registry, receive) = (self.poll.registry(), finwait::Receive::Discard);
        let key = self
            .closer
            .begin(registry, stream.into(), unsent, receive, limits, at);
        let limits = *limits;
        let begun = Begun {
            at,
            limits,
            is_silent: false,
        };
        self.begun.insert(key, begun);
        key
    }

    /// Of this one the peer acknowledges nothing, and sends nothing, from its beginning on.
    pub(crate) fn is_silent(&mut self, key: Key) {
        self.begun.get_mut(&key).expect("begun").is_silent = true;
    }

    /// Waits for events exactly as long as the `Closer` wants, or `most`, and takes a turn.
    fn turn(&mut self, most: Duration) {
        let timeout = self.closer.poll_timeout(Instant::now());
        let timeout = timeout.map_or(most, |timeout| timeout.min(most));
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => panic!("poll: {e}"),
            _ => {}
        }
        let now = Instant::now();
        for event in &self.events {
            assert!(self.closer.handle(event, now), "not ours: {event:?}");
        }
        self.turns.push(now);
        self.closer.turn(now);
        while let Some(finished) = self.closer.poll_finished() {
            self.ended(finished.key, finished.report);
        }
    }

    fn ended(&mut self, key: Key, report: Report) {
        let begun = self.begun.remove(&key).expect("begun, and over once");
        self.is_by_its_bound(&begun, &report);
        assert!(self.reports.insert(key, report).is_none(), "one report");
    }

    /// A loop that a busy machine lets wait is not late; one that looks at a teardown when its time
    /// is up, and does not end it, is. So: the turn before the one that ended it was no later than
    /// the bound and a tick.
    fn is_by_its_bound(&self, begun: &Begun, report: &Report) {
        let Limits {
            flush_total,
            drain_total,
            ..
        } = begun.limits;
        let (flush_total, drain_total) = (flush_total.expect("set"), drain_total.expect("set"));
        // The turn in which the flush ended; the report keeps microseconds.
        let half_closed = begun.at + report.flush;
        let before = self.turns.partition_point(|&turn| turn < half_closed);
        self.was_not_missed(before, begun.at + flush_total, report);
        if report.fin != Fin::NotSent {
            let last = self.turns.len() - 1;
            self.was_not_missed(last, half_closed + drain_total, report);
        }
        if begun.is_silent {
            let (start, idle) = match report.fin {
                Fin::NotSent => (begun.at, begun.limits.flush_stall),
                _ => (half_closed, begun.limits.drain_idle),
            };
            // A quarter late at most: what was acknowledged is asked then for the first time.
            let asked = self
                .turns
                .iter()
                .find(|&&turn| turn >= start + idle / 4 + TICK);
            let asked = asked.copied().unwrap_or(begun.at);
            self.was_not_missed(self.turns.len() - 1, asked + idle, report);
        }
        if let Ending::TimedOut { phase, clock } = report.ending {
            let least = match (phase, clock) {
                (finwait::Phase::Flush, Clock::Idle) => begun.limits.flush_stall,
                (finwait::Phase::Flush, Clock::Total) => flush_total,
                (finwait::Phase::Drain, Clock::Idle) => begun.limits.drain_idle,
                (finwait::Phase::Drain, Clock::Total) => drain_total,
                (_, Clock::Confirm) => ms(300).min(begun.limits.drain_idle),
                other => panic!("no such clock was set: {other:?}"),
            };
            assert!(report.total() >= least, "before its time: {report:?}");
        }
    }

    /// Of the turn `index`: none before it found the time up.
    fn was_not_missed(&self, index: usize, bound: Instant, report: &Report) {
        let Some(before) = index.checked_sub(1).and_then(|index| self.turns.get(index)) else {
            return;
        };
        let late = before.saturating_duration_since(bound);
        assert!(late < TICK, "{late:?} past its bound: {report:?}");
    }

    /// Goes on until this is so; what it waits for is not the `Closer`'s to tell.
    pub(crate) fn until<T>(&mut self, what: &str, mut ask: impl FnMut(&Self) -> Option<T>) -> T {
        let end = Instant::now() + BOUND;
        loop {
            if let Some(answer) = ask(self) {
                return answer;
            }
            assert!(Instant::now() < end, "not within {BOUND:?}: {what}");
            self.turn(ms(5));
        }
    }

    /// Goes on until every teardown is over.
    pub(crate) fn all(&mut self) -> HashMap<Key, Report> {
        let end = Instant::now() + BOUND * 2;
        while !self.closer.is_empty() {
            let timeout = self.closer.poll_timeout(Instant::now());
            assert!(timeout.is_some(), "a teardown that no clock looks after");
            assert!(Instant::now() < end, "for ever: {:?}", self.begun);
            // Alone: a wake-up that gets lost is not made up for.
            self.turn(BOUND * 2);
        }
        assert!(self.begun.is_empty(), "without a report: {:?}", self.begun);
        std::mem::take(&mut self.reports)
    }

    /// How many are over and not taken by [`all`](Self::all) yet.
    pub(crate) fn over(&self) -> usize {
        self.reports.len()
    }

    /// The end of the only one.
    pub(crate) fn only(&mut self) -> Report {
        let reports: Vec<Report> = self.all().into_values().collect();
        let [report] = reports[..] else {
            panic!("one teardown: {reports:?}");
        };
        report
    }

    /// Nothing is left of what was begun.
    pub(crate) fn is_as_before(&self) {
        assert_eq!(self.closer.len(), 0, "slots");
        assert_eq!(open_files(), self.files, "open files");
    }
}

/// Our FIN was acknowledged, the peer's has not come.
pub(crate) const FIN_WAIT_2: &str = "05";

/// The peer's FIN came before the acknowledgement of ours.
pub(crate) const CLOSING: &str = "0B";

/// The fields of each TCP socket in this namespace: state is the fourth, its timer the sixth.
fn sockets() -> Vec<Vec<String>> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("proc");
    let lines = table.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}
