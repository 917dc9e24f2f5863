//! The machine with any events in any order, asked for or not, at any time, for any limits: it
//! never panics, keeps what must hold whatever it is told, and comes to an end.
//!
//! As long as it is only told what it asked for, its report is held against what it was told too.

#![no_main]

mod input;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use finwait::{
    Action, Delivered, Ending, Event, Fin, FinishOn, Limits, OnLimit, Operation, OsError, Phase,
    Receive, Report, Teardown,
};
use libfuzzer_sys::fuzz_target;

use input::{Answer, Input, Step, acknowledgement};

/// What was told so far, and what was seen of the machine.
struct Trial {
    teardown: Teardown,
    limits: Limits,
    now: Instant,
    stop_at: Option<Instant>,
    /// Whether it was only told what it asked for.
    honest: bool,
    unwritten: u64,
    received: u64,
    half_closed: bool,
    first_error: Option<OsError>,
    /// A read returned 0, and no error was told before.
    peer_fin: bool,
    seen: Seen,
}

#[derive(Clone, Copy)]
struct Seen {
    phase: u8,
    fin: u8,
    unwritten: u64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Trial {
    fn new(input: &Input) -> Self {
        let limits = input.limits();
        let receive = match input.receive % 4 {
            0 => Receive::Discard,
            2 => Receive::Nothing,
            _ => Receive::Deliver,
        };
        let unwritten = u64::from(input.unwritten);
        let teardown = Teardown::new(&limits, receive, unwritten, *START);
        Self {
            seen: Seen::of(&teardown),
            teardown,
            limits,
            now: *START,
            stop_at: None,
            honest: true,
            unwritten,
            received: 0,
            half_closed: false,
            first_error: None,
            peer_fin: receive == Receive::Nothing,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Answer(answer) => {
                if let Some(event) = self.answer(answer) {
                    self.tell(event);
                }
            }
            Step::Due => {
                if let Action::Wait { until: Some(until) } = self.teardown.poll(self.now) {
                    self.now = until;
                }
            }
            Step::Later(millis) => self.now += Duration::from_millis(millis.into()),
            Step::Readable => self.tell(Event::Readable),
            Step::Writable => self.tell(Event::Writable),
            Step::Abort => self.tell(Event::Abort),
            Step::Evict => self.tell(Event::Evict),
            Step::Stop(millis) => self.stop(millis.into()),
            Step::Unasked(anything) => {
                self.honest = false;
                self.tell(anything.event());
            }
        }
    }

    fn stop(&mut self, millis: u64) {
        let at = self.now + Duration::from_millis(millis);
        self.stop_at = Some(self.stop_at.map_or(at, |earlier| earlier.min(at)));
        self.tell(Event::Stop(at));
    }

    /// An answer to what it asks for, of those that a system may give.
    fn answer(&self, answer: Answer) -> Option<Event> {
        let action = self.teardown.poll(self.now);
        let bytes = match answer {
            Answer::Some(bytes) => usize::from(bytes).max(1),
            _ => 1,
        };
        Some(match (action, answer) {
            (Action::Wait { .. } | Action::Finished, _) => return None,
            (Action::Write, Answer::Fails(kind)) => Event::Failed(Operation::Write, kind.error()),
            (Action::Write, Answer::None) => Event::WriteBlocked,
            (Action::Write, _) => Event::Written {
                bytes: bytes.min(self.unwritten as usize),
            },
            (Action::HalfClose, Answer::Fails(kind)) => {
                Event::Failed(Operation::HalfClose, kind.error())
            }
            (Action::HalfClose, Answer::CannotTell) => Event::NotConnected,
            (Action::HalfClose, _) => Event::HalfClosed,
            (Action::Receive, Answer::Fails(kind)) => {
                Event::Failed(Operation::Receive, kind.error())
            }
            (Action::Receive, Answer::None) => Event::ReceiveBlocked,
            (Action::Receive, Answer::Some(_)) => Event::Received { bytes },
            (Action::Receive, _) => Event::ReceivedFin,
            (Action::AskError, Answer::Fails(kind)) => Event::PendingError(Some(kind.error())),
            (Action::AskError, _) => Event::PendingError(None),
            (Action::AskAck, answer) => acknowledgement(answer),
            (Action::AskUnread, Answer::Some(bytes)) => Event::Unread(Some(bytes.into())),
            (Action::AskUnread, _) => Event::Unread(None),
            (Action::Abort, Answer::Fails(kind)) => Event::Failed(Operation::Abort, kind.error()),
            (Action::Close | Action::Abort, _) => Event::Closed,
        })
    }

    fn tell(&mut self, event: Event) {
        let over = self.teardown.report().is_some();
        if !over {
            self.note(event);
        }
        self.teardown.handle(event, self.now);
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Written { bytes } => {
                self.unwritten = self.unwritten.saturating_sub(bytes as u64)
            }
            Event::Received { bytes } => self.received += bytes as u64,
            Event::HalfClosed => self.half_closed = true,
            Event::ReceivedFin => self.peer_fin |= self.first_error.is_none(),
            Event::Failed(_, error) | Event::PendingError(Some(error)) => {
                self.first_error.get_or_insert(error);
            }
            _ => {}
        }
    }

    fn check(&mut self) {
        let teardown = self.teardown;
        let action = teardown.poll(self.now);
        let report = teardown.report();
        let finished = action == Action::Finished;
        assert_eq!(report.is_some(), finished, "S5");
        assert_eq!(teardown.phase() == Phase::Finished, finished, "S5");
        let seen = Seen::of(&teardown);
        assert!(seen.phase >= self.seen.phase, "phases go forward");
        assert!(seen.fin >= self.seen.fin, "a FIN is not taken back");
        assert!(seen.unwritten <= self.seen.unwritten);
        self.seen = seen;
        let unsent = teardown.fin() == Fin::NotSent;
        match action {
            Action::HalfClose => assert!(unsent && teardown.unwritten_bytes() == 0, "S1"),
            Action::Write => assert!(unsent && teardown.unwritten_bytes() > 0, "S2"),
            Action::Wait { until } => {
                let until = until.expect("S12: nothing waits for ever");
                assert!(until > self.now, "S12");
                assert!(self.stop_at.is_none_or(|stop| until <= stop), "S13");
            }
            Action::Receive if self.honest && teardown.receive() == Receive::Discard => {
                let limit = self.limits.drain_bytes.unwrap_or(u64::MAX);
                assert!(self.received < limit, "S14");
            }
            _ => {}
        }
        if let Some(report) = report {
            self.check_report(&report);
        }
    }

    fn check_report(&self, report: &Report) {
        if report.ending == Ending::Graceful {
            assert_eq!(report.fin, Fin::Acked, "S8");
            assert!(report.peer_fin && !report.aborted, "S8");
            assert_eq!(report.unwritten_bytes, 0, "S8");
            assert_eq!(report.unread_bytes, Some(0), "S8");
        }
        if report.delivered() == Delivered::Yes {
            assert_eq!(report.unwritten_bytes, 0, "S9");
            assert!(matches!(report.fin, Fin::Acked | Fin::Queued), "S9");
        }
        assert_eq!(report.fin_to_ack.is_some(), report.fin == Fin::Acked);
        assert!(!report.aborted || report.error.is_none());
        assert!(report.discarded_bytes <= report.received_bytes);
        assert!(report.total() <= self.now - *START);
        if self.honest {
            assert_eq!(
                report.error, self.first_error,
                "S7: the first error is kept"
            );
            assert!(self.peer_fin || !report.peer_fin, "S6");
            assert!(report.error.is_none() || !report.is_graceful(), "S8");
            assert_eq!(report.unwritten_bytes, self.unwritten);
            assert_eq!(report.received_bytes, self.received);
            assert_eq!(report.fin != Fin::NotSent, self.half_closed);
        }
    }

    /// From here on the peer does nothing any more. L1: it ends by its bounds.
    fn conclude(&mut self) {
        let limits = &self.limits;
        let waits = [
            Some(limits.flush_stall),
            Some(limits.drain_idle),
            match limits.finish_on {
                FinishOn::PeerFin => None,
                FinishOn::Acked { grace: wait } | FinishOn::PeerFinAndAcked { confirm: wait } => {
                    Some(wait)
                }
            },
            match limits.on_limit {
                OnLimit::PauseAndConfirm { grace } => Some(grace),
                OnLimit::Abort => None,
            },
        ];
        if waits.contains(&Some(Duration::MAX)) {
            self.stop(1_000);
        }
        // A clock may be read a quarter late, or a millisecond.
        let most = waits
            .iter()
            .flatten()
            .fold(Duration::from_secs(1), |sum, wait| {
                sum.saturating_add(*wait).saturating_add(*wait / 4)
            });
        let began = self.now;
        for _ in 0..2_000 {
            self.check();
            match self.teardown.poll(self.now) {
                Action::Finished => return assert!(self.now - began <= most, "L1: too late"),
                Action::Wait { .. } => self.take(Step::Due),
                Action::AskAck => self.tell(acknowledgement(Answer::None)),
                _ => self.take(Step::Answer(Answer::None)),
            }
        }
        panic!("L1: it does not come to an end");
    }
}

impl Seen {
    fn of(teardown: &Teardown) -> Self {
        Self {
            phase: match teardown.phase() {
                Phase::Flush => 0,
                Phase::HalfClose => 1,
                Phase::Drain => 2,
                Phase::Confirm => 3,
                Phase::Close => 4,
                Phase::Finished => 5,
            },
            fin: match teardown.fin() {
                Fin::NotSent => 0,
                Fin::Queued => 1,
                Fin::Unknown => 2,
                Fin::Acked => 3,
            },
            unwritten: teardown.unwritten_bytes(),
        }
    }
}

fuzz_target!(|input: Input| {
    let mut trial = Trial::new(&input);
    for &step in &input.steps {
        trial.check();
        trial.take(step);
    }
    trial.conclude();
    let report = trial.teardown.report();
    trial.tell(Event::ReceivedFin);
    trial.tell(Event::Abort);
    assert_eq!(
        trial.teardown.report(),
        report,
        "S5: a report never changes"
    );
});
