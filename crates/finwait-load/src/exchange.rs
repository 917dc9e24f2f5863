//! One connection, from the attempt to the hand-over for its close.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use finwait::{Key, PeerEnd};
use finwait_platform as platform;
use mio::net::TcpStream;

use crate::clocks::{sip, time_for};
use crate::close::CloseMode;
use crate::plan::Plan;
use crate::reception::Reception;
use crate::record::ErrorKey;
use crate::verdict::Ending;

/// Reads in one go, so that a flooding peer delays nobody for long.
const READS: u32 = 4;

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) stage: Stage,
    pub(crate) id: u64,
    pub(crate) close: CloseMode,
    pub(crate) intended: Instant,
    pub(crate) started: Instant,
    pub(crate) established: Option<Instant>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) timer: Option<Instant>,
    /// Which request is under way, from 0.
    request: u32,
    /// Of that request, the bytes that the kernel took.
    pub(crate) written: usize,
    /// All bytes of the requests before it, and of the responses to them.
    pub(crate) sent_before: u64,
    pub(crate) received_before: u64,
    pub(crate) reception: Reception,
    pub(crate) responses: u64,
    pub(crate) sent_at: Option<Instant>,
    pub(crate) first_byte_at: Option<Instant>,
    pub(crate) last_byte_at: Option<Instant>,
    /// Our half-close, where it is not the closer's doing.
    pub(crate) fin_at: Option<Instant>,
    /// The peer's FIN, if it was read before the hand-over.
    pub(crate) peer_fin_at: Option<Instant>,
    /// What the events have said of the peer's end.
    pub(crate) end: PeerEnd,
    /// When anything last went either way.
    pub(crate) moved_at: Instant,
    /// Of a request that drips: not before this.
    pub(crate) write_at: Option<Instant>,
    /// Of a slow reader: not before this.
    pub(crate) read_at: Option<Instant>,
    /// Bytes of the response to the last request are there, and stay unread.
    pub(crate) unread: bool,
    /// An operation failed; what came before is still to be read.
    broken: Option<(&'static str, io::Error)>,
    /// It waits in the queue of those that a rate of closes may take.
    pub(crate) queued: bool,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Connecting(TcpStream),
    /// Established: requests, responses, and the wait for the moment to close.
    Talking(TcpStream),
    /// Handed to the closer, at this time.
    Closing {
        since: Instant,
        key: Key,
    },
    Over,
}

/// What a look at an exchange came to.
#[derive(Debug)]
pub(crate) enum Talk {
    /// Nothing more for now.
    Blocked,
    /// There may be more, but others want their turn.
    More,
    /// The exchange is done, or far enough for its close, and may be closed.
    Close,
    /// The same, but it must wait for a rate of closes.
    Ready,
    /// The peer's FIN was read.
    PeerFin,
    Failed(ErrorKey, Ending),
}

/// What holds a close back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing but the plan's hold.
    Open,
    /// A storm that has not broken yet.
    Shut,
    /// A rate of closes.
    Rated,
    /// Not even the hold: the run is being stopped.
    Released,
}

impl Exchange {
    pub(crate) fn new(
        stream: TcpStream,
        id: u64,
        plan: &Plan,
        intended: Instant,
        started: Instant,
    ) -> Self {
        Self {
            stage: Stage::Connecting(stream),
            id,
            close: plan.close.mode(plan.seed, id),
            intended,
            started,
            established: None,
            local: None,
            timer: None,
            request: 0,
            written: 0,
            sent_before: 0,
            received_before: 0,
            reception: Reception::new(plan.expect),
            responses: 0,
            sent_at: None,
            first_byte_at: None,
            last_byte_at: None,
            fin_at: None,
            peer_fin_at: None,
            end: PeerEnd::default(),
            moved_at: started,
            write_at: None,
            read_at: None,
            unread: false,
            broken: None,
            queued: false,
        }
    }

    pub(crate) fn establish(&mut self, now: Instant) {
        self.established = Some(now);
        self.moved_at = now;
    }

    /// It was reset before anybody looked. What came before that can still be read.
    pub(crate) fn reset_unseen(&mut self, operation: &'static str, error: io::Error) {
        self.broken = Some((operation, error));
    }

    /// All was read that came before an operation failed.
    fn break_off(&mut self, now: Instant) -> Option<Talk> {
        let (operation, error) = self.broken.as_ref()?;
        let talk = failed(operation, error);
        // SO_ERROR calls it a broken pipe, and only Linux does, if the RST found the socket in
        // CLOSE-WAIT: the peer's FIN had come before. A write says that elsewhere too.
        let is_behind_fin = *operation != "write" && error.kind() == io::ErrorKind::BrokenPipe;
        match talk {
            Talk::Failed(key, ending) if ending == Ending::FinThenRst || is_behind_fin => {
                self.peer_fin_at = Some(now);
                Some(Talk::Failed(key, Ending::FinThenRst))
            }
            talk => Some(talk),
        }
    }

    fn is_last(&self, plan: &Plan) -> bool {
        self.request + 1 >= plan.requests
    }

    /// The request that is under way.
    pub(crate) fn request<'p>(&self, plan: &'p Plan) -> &'p Arc<[u8]> {
        if self.is_last(plan) {
            &plan.request
        } else {
            plan.earlier()
        }
    }

    pub(crate) fn is_complete(&self, plan: &Plan, fin_read: bool) -> bool {
        let request = self.request(plan);
        self.reception.is_complete(plan.expect, request, fin_read)
    }

    /// Takes bytes of the response, wherever they were received.
    pub(crate) fn receive(&mut self, chunk: &[u8], plan: &Plan, now: Instant) {
        let request = self.request(plan);
        self.reception.receive(chunk, plan.expect, request);
        self.first_byte_at.get_or_insert(now);
        self.last_byte_at = Some(now);
    }

    /// Does what can be done now: writes, reads, goes on to the next request.
    pub(crate) fn talk(
        &mut self,
        plan: &Plan,
        gate: Gate,
        now: Instant,
        buffer: &mut [u8],
    ) -> Talk {
        if self.peer_fin_at.is_some() {
            return if gate == Gate::Shut {
                Talk::Blocked
            } else {
                Talk::PeerFin
            };
        }
        loop {
            // Before the write: the closer flushes too, and sees progress that we do not.
            if let Some(talk) = self.may_close(plan, gate, now) {
                return talk;
            }
            self.write(plan, now);
            // No event tells that the last of a slow request was written.
            if let Some(talk) = self.may_close(plan, gate, now) {
                return talk;
            }
            if self.close == CloseMode::Abandon && self.is_last(plan) && self.broken.is_none() {
                if let Some(talk) = self.peek(now) {
                    return talk;
                }
                return self.may_close(plan, gate, now).unwrap_or(Talk::Blocked);
            }
            if let Some(talk) = self.read(plan, gate, now, buffer) {
                return talk;
            }
            // The response is complete.
            if self.is_last(plan) || self.reception.announced_close() {
                return self.may_close(plan, gate, now).unwrap_or(Talk::Blocked);
            }
            self.next_request(plan, now);
        }
    }

    /// Whether it has come to its close, and if so whether that may be done now.
    fn may_close(&self, plan: &Plan, gate: Gate, now: Instant) -> Option<Talk> {
        let done = match self.close {
            _ if self.fin_at.is_some() || self.broken.is_some() => false,
            CloseMode::Half if plan.drip.is_some() || plan.read_rate.is_some() => {
                self.is_on_last(plan) && self.unwritten(plan) == 0
            }
            CloseMode::Half => self.is_on_last(plan),
            CloseMode::Fin | CloseMode::Rst => {
                self.is_on_last(plan) && self.unwritten(plan) == 0 && self.is_complete(plan, false)
            }
            CloseMode::Abandon => self.unread || self.ends_early(plan),
        };
        let held = self.hold_until(plan).is_some_and(|until| now < until);
        match gate {
            _ if !done => None,
            Gate::Released => Some(Talk::Close),
            Gate::Shut => None,
            Gate::Open | Gate::Rated if held => None,
            Gate::Open => Some(Talk::Close),
            // Reading goes on meanwhile, or a peer that closes first would go unnoticed.
            Gate::Rated => (!self.queued).then_some(Talk::Ready),
        }
    }

    /// On the last request, or on one that the peer has answered with the announcement to close.
    pub(crate) fn is_on_last(&self, plan: &Plan) -> bool {
        self.is_last(plan) || self.ends_early(plan)
    }

    /// The peer has answered a request before the last with the announcement to close.
    pub(crate) fn ends_early(&self, plan: &Plan) -> bool {
        !self.is_last(plan) && self.reception.announced_close() && self.is_complete(plan, false)
    }

    pub(crate) fn unwritten(&self, plan: &Plan) -> usize {
        self.request(plan).len().saturating_sub(self.written)
    }

    fn next_request(&mut self, plan: &Plan, now: Instant) {
        self.sent_before += self.written as u64;
        self.received_before += self.reception.bytes;
        self.responses += 1;
        self.request += 1;
        self.written = 0;
        self.reception = Reception::new(plan.expect);
        self.moved_at = now;
        self.sent_at = None;
    }

    fn write(&mut self, plan: &Plan, now: Instant) {
        let request = Arc::clone(self.request(plan));
        let Stage::Talking(stream) = &mut self.stage else {
            return;
        };
        while self.written < request.len() && self.broken.is_none() && self.fin_at.is_none() {
            let mut end = request.len();
            if let Some(drip) = plan.drip {
                if self.write_at.is_some_and(|at| now < at) {
                    return;
                }
                end = end.min(self.written + drip.bytes.max(1));
            }
            match stream.write(&request[self.written..end]) {
                Ok(n) => {
                    self.written += n;
                    self.moved_at = now;
                    self.sent_at = Some(now);
                    self.write_at = plan.drip.and_then(|drip| now.checked_add(drip.period));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came before the failure is still to be read.
                Err(error) => self.broken = Some(("write", error)),
            }
        }
    }

    /// Looks whether a response is there, and leaves it there.
    fn peek(&mut self, now: Instant) -> Option<Talk> {
        let Stage::Talking(stream) = &self.stage else {
            return Some(Talk::Blocked);
        };
        match self.end.of_read(stream, stream.peek(&mut [0])) {
            Ok(0) => {
                self.peer_fin_at = Some(now);
                Some(Talk::PeerFin)
            }
            Ok(_) => {
                self.unread = true;
                self.first_byte_at.get_or_insert(now);
                // What is unread hides an RST that came after it.
                let pending = self.end.of_pending(stream.take_error());
                let error = pending.unwrap_or_else(Some)?;
                Some(failed("read", &error))
            }
            Err(error) if would_block(&error) => None,
            Err(error) => Some(failed("read", &error)),
        }
    }

    /// Reads until the response is complete (then `None`), or until there is something else to say.
    fn read(&mut self, plan: &Plan, gate: Gate, now: Instant, buffer: &mut [u8]) -> Option<Talk> {
        for _ in 0..READS {
            // One that is done and waits for its close goes on reading, to see a FIN or an RST.
            if self.unwritten(plan) == 0 && self.is_complete(plan, false) && self.fin_at.is_none() {
                if !self.is_on_last(plan) || self.may_close(plan, gate, now).is_some() {
                    return None;
                }
                // A storm's close comes soon, and what comes before it is a matter of chance.
                if gate == Gate::Shut && self.close != CloseMode::Half {
                    return Some(Talk::Blocked);
                }
            }
            if self.read_at.is_some_and(|at| now < at) {
                return Some(Talk::Blocked);
            }
            let room = plan
                .read_rate
                .map_or(buffer.len(), |rate| sip(rate).min(buffer.len()));
            let Stage::Talking(stream) = &mut self.stage else {
                return Some(Talk::Blocked);
            };
            let read = stream.read(&mut buffer[..room]);
            match self.end.of_read(stream, read) {
                Ok(0) => return Some(self.at_end(gate, now)),
                Ok(n) => {
                    self.receive(&buffer[..n], plan, now);
                    self.moved_at = now;
                    if let Some(rate) = plan.read_rate {
                        self.read_at = now.checked_add(time_for(n as u64, rate));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Some(self.break_off(now).unwrap_or(Talk::Blocked));
                }
                Err(error) => {
                    let broken = self.break_off(now);
                    return Some(broken.unwrap_or_else(|| failed("read", &error)));
                }
            }
        }
        Some(Talk::More)
    }

    /// A read returned 0: the peer's FIN, unless an error was seen before.
    fn at_end(&mut self, gate: Gate, now: Instant) -> Talk {
        if let Some(talk) = self.break_off(now) {
            return talk;
        }
        self.peer_fin_at = Some(now);
        if gate == Gate::Shut {
            // A storm closes all at once, those too whose peer was faster.
            return Talk::Blocked;
        }
        Talk::PeerFin
    }

    /// Bytes of the response under way were received, or wait to be.
    pub(crate) fn has_response(&self) -> bool {
        self.reception.bytes > 0 || self.unread
    }

    /// Request bytes that the peer's TCP has acknowledged, where the OS tells.
    pub(crate) fn acked_bytes(&self) -> Option<u64> {
        let Stage::Talking(stream) = &self.stage else {
            return None;
        };
        // Our FIN would be counted among what is not acknowledged.
        let fin_pending = self.fin_at.is_some();
        let unacked = platform::unacknowledged_payload(stream, fin_pending);
        let sent = self.sent_before + self.written as u64;
        unacked
            .ok()
            .flatten()
            .map(|unacked| sent.saturating_sub(unacked))
    }

    /// Whether nothing but a complete response was ever received, and nothing is under way.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.request > 0 && self.written == 0 && self.reception.bytes == 0
    }
}

fn failed(operation: &'static str, error: &io::Error) -> Talk {
    Talk::Failed(ErrorKey::new(operation, error), Ending::of_error(error))
}

fn would_block(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted)
}
