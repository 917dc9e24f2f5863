//! Follows a run from beside it: writes its logs, shows how far it is, and stops one that reaches
//! nobody or has already failed.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use finwait_load::{Control, Judgement, Observer, Record, Tally, Threshold};

use super::sinks::Sinks;
use super::view::View;

/// What the workers tell, on its way to the thread that follows.
enum Message {
    Records(Vec<Record>),
    Second(usize, u64, Box<Tally>),
    Done(usize),
}

/// Batches that may be under way. A disk that is slower than the run makes the workers wait then:
/// the memory of the machine is not for its queue.
const UNDER_WAY: usize = 512;

/// The workers' end.
#[derive(Debug)]
pub(super) struct Relay {
    to: SyncSender<Message>,
    records: bool,
    seconds: bool,
}

impl Relay {
    pub(super) fn new(records: bool, seconds: bool) -> (Self, Messages) {
        let (to, from) = mpsc::sync_channel(UNDER_WAY);
        let relay = Self {
            to,
            records,
            seconds,
        };
        (relay, Messages(from))
    }
}

/// The other end.
#[derive(Debug)]
pub(super) struct Messages(Receiver<Message>);

impl Observer for Relay {
    // Nobody listens only if the thread that follows is gone, and then there is nobody to tell.
    fn wants_records(&self) -> bool {
        self.records
    }

    fn records(&self, records: Vec<Record>) {
        let _ = self.to.send(Message::Records(records));
    }

    fn wants_seconds(&self) -> bool {
        self.seconds
    }

    fn second(&self, worker: usize, second: u64, tally: Tally) {
        let _ = self
            .to
            .send(Message::Second(worker, second, Box::new(tally)));
    }

    fn done(&self, worker: usize) {
        let _ = self.to.send(Message::Done(worker));
    }
}

/// What there is to follow with.
#[derive(Debug)]
pub(super) struct Follow<'a> {
    pub(super) control: &'a Control,
    /// Not after the run did: the thread that follows may be late.
    pub(super) began: Instant,
    /// How many workers tell their seconds.
    pub(super) workers: usize,
    pub(super) sinks: Sinks,
    pub(super) view: Option<View>,
    pub(super) abort_if: &'a [Threshold],
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Nobody was reached, and the run was stopped.
    pub(super) nobody_accepts: bool,
    /// The run was stopped because this came true.
    pub(super) aborted: Option<String>,
    /// What could not be written, and why.
    pub(super) lost: Vec<String>,
}

const TICK: Duration = Duration::from_millis(100);
/// Without one connection by then, and with failures, the run is stopped: to go on would only
/// knock at a closed door as fast as the machine can.
const NOBODY_ACCEPTS_AFTER: Duration = Duration::from_secs(1);

/// Follows until the run has dropped its end.
pub(super) fn follow(follow: Follow<'_>, messages: &Messages) -> Followed {
    let mut follower = Follower {
        seconds: Seconds::new(follow.workers),
        total: Tally::default(),
        began: follow.began,
        followed: Followed::default(),
        follow,
    };
    let mut next_tick = Instant::now() + TICK;
    loop {
        let wait = next_tick.saturating_duration_since(Instant::now());
        match messages.0.recv_timeout(wait) {
            Ok(message) => follower.take(message),
            Err(RecvTimeoutError::Timeout) => {
                next_tick = Instant::now() + TICK;
                follower.tick();
            }
            Err(RecvTimeoutError::Disconnected) => return follower.end(),
        }
    }
}

struct Follower<'a> {
    follow: Follow<'a>,
    seconds: Seconds,
    total: Tally,
    began: Instant,
    followed: Followed,
}

impl Follower<'_> {
    fn take(&mut self, message: Message) {
        match message {
            Message::Records(records) => self.follow.sinks.records(&records),
            Message::Second(worker, second, tally) => self.seconds.take(worker, second, &tally),
            Message::Done(worker) => self.seconds.done(worker),
        }
        while let Some((second, tally)) = self.seconds.pop() {
            self.second(second, &tally);
        }
    }

    /// A second that all workers have told.
    fn second(&mut self, second: u64, tally: &Tally) {
        self.total.add(tally);
        self.total.most_open = self.follow.control.live().most_open;
        self.follow.sinks.second(second, tally);
        let elapsed = Duration::from_secs(second + 1);
        // The last one is only a part of a second, and the results say it all by then.
        let whole = self.began.elapsed() >= elapsed;
        if let Some(view) = self.follow.view.as_mut().filter(|_| whole) {
            view.second(second, tally, &self.total, &self.follow.control.live());
        }
        for threshold in self.follow.abort_if {
            // Without a value there is nothing to abort for, yet.
            if let Judgement::Failed { value } = threshold.judge(&self.total, elapsed)
                && self.followed.aborted.is_none()
                && !self.follow.control.is_stopped()
            {
                let value = threshold.format_value(value);
                // The last, broken second is told when all are done.
                let then = if whole {
                    "the run was stopped"
                } else {
                    "the run was over by then"
                };
                let nth = second + 1;
                self.followed.aborted =
                    Some(format!("{threshold}: {value} after second {nth}; {then}"));
                self.follow.control.stop();
            }
        }
    }

    fn tick(&mut self) {
        let control = self.follow.control;
        let live = control.live();
        if let Some(view) = &mut self.follow.view {
            view.tick(&live);
        }
        let nobody = live.most_open == 0 && live.finished > 0;
        if nobody && self.began.elapsed() >= NOBODY_ACCEPTS_AFTER && !control.is_stopped() {
            self.followed.nobody_accepts = true;
            control.stop();
        }
    }

    fn end(mut self) -> Followed {
        if let Some(view) = self.follow.view.take() {
            view.end();
        }
        self.followed.lost = self.follow.sinks.end();
        self.followed
    }
}

/// Seconds of several workers, put together.
#[derive(Debug)]
struct Seconds {
    /// The next second that each worker will tell; `None`: it is done.
    next: Vec<Option<u64>>,
    pending: BTreeMap<u64, Tally>,
}

impl Seconds {
    fn new(workers: usize) -> Self {
        Self {
            next: vec![Some(0); workers],
            pending: BTreeMap::new(),
        }
    }

    fn take(&mut self, worker: usize, second: u64, tally: &Tally) {
        self.pending.entry(second).or_default().add(tally);
        if let Some(next) = self.next.get_mut(worker) {
            *next = Some(second + 1);
        }
    }

    fn done(&mut self, worker: usize) {
        if let Some(next) = self.next.get_mut(worker) {
            *next = None;
        }
    }

    /// The next second to which nobody will add anything.
    fn pop(&mut self) -> Option<(u64, Tally)> {
        let (&second, _) = self.pending.first_key_value()?;
        let told = self.next.iter().flatten().all(|&next| next > second);
        told.then(|| self.pending.pop_first()).flatten()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Records(_) => "Records",
            Self::Second(..) => "Second",
            Self::Done(_) => "Done",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(started: u64) -> Tally {
        Tally {
            started,
            ..Tally::default()
        }
    }

    #[test]
    fn a_second_is_out_when_nobody_can_add_to_it() {
        let mut seconds = Seconds::new(2);
        seconds.take(0, 0, &tally(1));
        assert!(seconds.pop().is_none());
        seconds.take(0, 1, &tally(2));
        seconds.take(1, 0, &tally(4));
        let started = |popped: Option<(u64, Tally)>| popped.map(|(s, t)| (s, t.started));
        assert_eq!(started(seconds.pop()), Some((0, 5)));
        assert!(seconds.pop().is_none());
        // A worker that is done holds nothing back.
        seconds.done(1);
        assert_eq!(started(seconds.pop()), Some((1, 2)));
        assert!(seconds.pop().is_none());
    }
}
