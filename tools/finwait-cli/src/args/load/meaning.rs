//! What was typed for `finwait load`, understood.

use std::time::Duration;

use finwait_load::{CloseMode, Expect, Mode, Segment};
use finwait_peer::Behaviour;

use super::parse::{Payload, TypedTarget};
use super::{LoadArgs, sources};
use crate::args::send::family;
use crate::exit::Failure;
use crate::load::{Files, Job, Request, Target};

impl LoadArgs {
    pub(crate) fn meaning(self) -> Result<Job, Failure> {
        let request = self.request()?;
        let expect = self.expect(&request)?;
        let (mode, total, duration) = self.shape();
        let segment = self.segment()?;
        self.check(expect)?;
        let target = match self.target {
            Some(TypedTarget::Tcp(endpoint)) => Target::Remote(endpoint),
            Some(TypedTarget::Http { host, .. }) => Target::Remote(host),
            None => Target::Embedded(match (self.behave, &request) {
                (Some(behaviour), _) => behaviour,
                (None, Request::Http { .. }) => Behaviour::Http { bytes: 64 },
                (None, Request::Bytes(_)) => Behaviour::Echo,
            }),
        };
        let sources = sources::merged(self.source_ip).map_err(Failure::usage)?;
        Ok(Job {
            target,
            family: family(self.ipv4, self.ipv6),
            mode,
            connections: self.connections,
            total,
            duration,
            ramp: self.shape.ramp,
            hold: self.shape.hold,
            threads: self.threads,
            request,
            requests: self.exchange.requests,
            expect,
            drip: self.exchange.drip,
            read_rate: self.exchange.read_rate,
            close: self.shape.close,
            close_rate: self.shape.close_rate,
            seed: self.shape.seed,
            segment,
            start_at: self.parts.start_at,
            sources,
            connect_timeout: self.limits.connect_timeout,
            stop_within: self.limits.stop_within,
            limits: self.limits.meaning(),
            json: self.results.json,
            quiet: self.results.quiet,
            force: self.results.force,
            files: Files {
                log: self.results.log,
                log_sample: self.results.log_sample,
                hdr: self.results.hdr,
            },
            fail_if: self.results.fail_if,
            abort_if: self.results.abort_if,
        })
    }

    fn request(&self) -> Result<Request, Failure> {
        let path = match (&self.target, &self.exchange.http) {
            (Some(TypedTarget::Http { .. }), Some(_)) => {
                return Err(Failure::usage(
                    "--http: TARGET is a URL and has its path already; leave one of them out",
                ));
            }
            (Some(TypedTarget::Http { path, .. }), None) | (_, Some(path)) => path,
            (_, None) if self.exchange.head => {
                return Err(Failure::usage(
                    "--head: is a request over HTTP; give an http:// TARGET, or --http PATH",
                ));
            }
            (_, None) => return self.payload().map(|bytes| Request::Bytes(bytes.into())),
        };
        if self.exchange.send.is_some() {
            return Err(Failure::usage(
                "--send: an http:// TARGET is sent a GET request; give HOST:PORT to send bytes",
            ));
        }
        Ok(Request::Http {
            method: if self.exchange.head { "HEAD" } else { "GET" },
            path: path.clone(),
        })
    }

    fn payload(&self) -> Result<Vec<u8>, Failure> {
        Payload::bytes(self.exchange.send.as_ref())
    }

    fn expect(&self, request: &Request) -> Result<Expect, Failure> {
        let echoes = self.target.is_none() && matches!(self.behave, None | Some(Behaviour::Echo));
        let http = if self.exchange.head {
            Expect::HttpHead
        } else {
            Expect::Http
        };
        Ok(match (self.exchange.expect, request) {
            (Some(Expect::Http), _) => http,
            (Some(expect), _) => expect,
            (None, Request::Http { .. }) => http,
            (None, Request::Bytes(_)) if echoes => Expect::Echo,
            // One that closes first does not wait for a FIN which may wait for its own.
            (None, Request::Bytes(_)) => {
                let mut first = [CloseMode::Fin, CloseMode::Rst].into_iter();
                if first.any(|mode| self.shape.close.has(mode)) {
                    Expect::Bytes(0)
                } else {
                    Expect::UntilFin
                }
            }
        })
    }

    /// The mode, and what ends the run: a number, a time, or both.
    fn shape(&self) -> (Mode, Option<u64>, Option<Duration>) {
        const DURATION: Duration = Duration::from_secs(10);
        if self.shape.storm {
            return (Mode::Storm, self.total, self.duration);
        }
        let duration = match (self.total, self.duration) {
            (None, None) => Some(DURATION),
            (_, duration) => duration,
        };
        let mode = match self.shape.rate {
            Some(rate) => Mode::OpenLoop { rate },
            None => Mode::ClosedLoop,
        };
        (mode, self.total, duration)
    }

    fn segment(&self) -> Result<Segment, Failure> {
        let Some(segment) = self.parts.segment else {
            return Ok(Segment::WHOLE);
        };
        let environment = |name: &str| std::env::var(name).ok();
        segment
            .meaning(&environment)
            .map_err(|why| Failure::usage(format!("--segment: {why}")))
    }

    /// What is sound by itself and makes no sense together.
    fn check(&self, expect: Expect) -> Result<(), Failure> {
        if self.exchange.requests > 1 && !expect.is_delimited() {
            return Err(Failure::usage(
                "--requests: it cannot be told where a response ends; give --expect echo, http or \
                 bytes=SIZE",
            ));
        }
        if self.parts.segment.is_some() && !self.results.abort_if.is_empty() {
            return Err(Failure::usage(
                "--abort-if: a part of a run does not know the others; leave it out, or use --fail-if, \
                 which 'finwait merge' judges on the whole",
            ));
        }
        Ok(())
    }
}
