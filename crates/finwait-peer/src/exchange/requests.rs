//! What is made of a request.

use std::time::{Duration, Instant};

use super::{Phase, Step, Then, Turn};
use crate::answer::Answer;
use crate::behaviour::Behaviour;
use crate::http::{self, CONTINUE, Refusal, Request, Response, Target};
use crate::stop::after;
use crate::treatment::Framing;

/// Of a body without end, where a length must be said.
const ENDLESS: u64 = i64::MAX as u64;
/// The longest wait for something to be left unread: a body is usually right behind its head.
const UNREAD_BOUND: Duration = Duration::from_millis(20);
/// What the announced idle timeout lacks, so that no client comes back in the last moment.
const KEEP_ALIVE_MARGIN: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// A head is whole, of which `last` bytes have been looked at and not taken yet.
    pub(super) fn request(&mut self, last: usize) -> Step {
        let parsed = http::parse(self.exchange.head.bytes());
        // The mistake is to answer what was not read.
        if !matches!(&parsed, Ok(request) if self.leaves_unread(&request.target)) {
            self.consume(last)?;
        }
        self.exchange.head.clear();
        self.exchange.requests += 1;
        match parsed {
            Ok(request) => self.accept(request),
            Err(Refusal { status, target }) => self.refuse(status, target),
        }
    }

    fn leaves_unread(&self, target: &Target) -> bool {
        let behaviour = match target {
            Target::Behave(treatment) => treatment.behaviour,
            Target::Own(_) => self.exchange.own.behaviour,
            Target::Unknown(_) => return false,
        };
        matches!(behaviour, Behaviour::UnreadClose { .. })
    }

    fn accept(&mut self, request: Request) -> Step {
        let problem = self.choose(request.target);
        if self.is_broken() {
            return self.abort();
        }
        let behaviour = self.exchange.current.behaviour;
        match behaviour {
            Behaviour::Silent => return self.go(Phase::Hold),
            Behaviour::Fin => return self.close(),
            _ => {}
        }
        self.exchange.last |= request.close || self.exchange.stopping || ends_after_one(behaviour);
        let mut response = match problem {
            Some(problem) => Response::text(404, problem),
            None => self.response(request.old),
        };
        response.without_body = request.is_head;
        self.finish_response(&mut response);
        let response = Box::new(response);
        let skips = matches!(
            behaviour,
            Behaviour::SkipBody | Behaviour::UnreadClose { .. }
        );
        if skips {
            return self.answer_later(Some(response));
        }
        if request.expects {
            let then = Then::Body(request.body, response);
            return self.go(Phase::Send(Answer::text(CONTINUE), then));
        }
        self.go(Phase::Body(request.body, response))
    }

    /// Sees how a request is to be treated; what is wrong with what it asks for, if it is.
    fn choose(&mut self, target: Target) -> Option<String> {
        let chosen = match target {
            Target::Own(params) => self.exchange.own.overridden(params),
            Target::Behave(treatment) => treatment,
            Target::Unknown(error) => {
                // What cannot be understood is answered well.
                self.exchange.current = Behaviour::LINGER.into();
                return Some(error.to_string());
            }
        };
        self.exchange.current = chosen;
        if let Behaviour::Brittle { period } = chosen.behaviour {
            self.connection.brittle = Some(period);
        }
        None
    }

    /// The response that the treatment asks for.
    fn response(&mut self, old: bool) -> Response {
        let treatment = self.exchange.current;
        let endless = matches!(
            treatment.behaviour,
            Behaviour::Drip { .. } | Behaviour::Flood
        ) && treatment.params.size.is_none();
        let mut framing = match treatment.params.framing {
            Some(framing) => framing,
            None if endless => Framing::Chunked,
            None => Framing::Length,
        };
        // HTTP/1.0 knows no chunks.
        if old && framing == Framing::Chunked {
            framing = Framing::Close;
        }
        self.exchange.last |= framing == Framing::Close;
        Response {
            status: treatment.params.status.unwrap_or(200),
            size: if endless { ENDLESS } else { treatment.size() },
            text: None,
            framing,
            without_body: false,
            close: false,
            keep_alive: None,
        }
    }

    /// Says what becomes of the connection.
    fn finish_response(&mut self, response: &mut Response) {
        if self.exchange.current.behaviour == Behaviour::NoClose {
            self.exchange.last = false;
        }
        response.close = self.exchange.last;
        if !response.close {
            let idle = self.exchange.idle();
            response.keep_alive = idle.and_then(|idle| idle.checked_sub(KEEP_ALIVE_MARGIN));
        }
    }

    /// The client's FIN came in the middle of a request.
    pub(super) fn cut_short(&mut self, response: Option<Box<Response>>) -> Step {
        self.ends_badly();
        let treatment = match response {
            Some(_) => self.exchange.current,
            None => self.exchange.own,
        };
        if treatment.behaviour != Behaviour::EofCompletes {
            return self.refuse(400, None);
        }
        self.exchange.current = treatment;
        self.exchange.last = true;
        let response = response.unwrap_or_else(|| Box::new(self.response(false)));
        let close = true;
        self.answer_later(Some(Box::new(Response { close, ..*response })))
    }

    /// Answers a request before it has come as a whole, and no other after it.
    pub(super) fn refuse(&mut self, status: u16, target: Option<Target>) -> Step {
        if let Some(target) = target {
            let _ = self.choose(target);
        }
        if self.is_broken() {
            return self.abort();
        }
        self.exchange.head.clear();
        self.exchange.last = true;
        let then = match self.exchange.current.behaviour {
            Behaviour::EarlyClose => Then::Plain,
            Behaviour::ServeAfterClose => Then::Close,
            _ => self.then(),
        };
        let answer = Response::refusal(status).answer();
        let leaves_unread = matches!(then, Then::Plain);
        self.go(Phase::Send(answer, then))?;
        if leaves_unread {
            return self.after_unread();
        }
        Step::Continue(())
    }

    /// What is to be done next waits until there is something to be left unread.
    fn after_unread(&mut self) -> Step {
        let next = std::mem::replace(&mut self.exchange.phase, Phase::Hold);
        let until = after(self.now, UNREAD_BOUND);
        self.go(Phase::Unread(until, Box::new(next)))
    }

    /// A request is complete: waits as long as its treatment says, and answers it.
    pub(super) fn answer_later(&mut self, response: Option<Box<Response>>) -> Step {
        let until = after(Instant::now(), self.exchange.current.delay());
        self.go(Phase::Delay(until, response))
    }
}

/// Whether the connection ends after one answer, whatever the client asks for.
fn ends_after_one(behaviour: Behaviour) -> bool {
    matches!(
        behaviour,
        Behaviour::Respond { .. }
            | Behaviour::Http { .. }
            | Behaviour::UnreadClose { .. }
            | Behaviour::RstAfterResponse
            | Behaviour::RstMidResponse
            | Behaviour::Trunc { .. }
            | Behaviour::FinThenRst
    )
}
