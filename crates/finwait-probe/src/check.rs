//! What a check is, and what it finds.

use std::fmt;

use serde::Serialize;

use crate::probe::Probe;

/// One check: what it is, and the function that does it.
///
/// All of them are in [`battery`](crate::battery).
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, `group/number`: stable, so that scripts can select it.
    pub id: &'static str,
    /// What is looked at, in a few words.
    pub title: &'static str,
    /// How much a failure hurts.
    pub severity: Severity,
    /// How strongly the reference demands it.
    pub level: Level,
    /// Where it is demanded: an RFC and its section.
    pub reference: &'static str,
    /// What is demanded, in our own words.
    pub demand: &'static str,
    /// What the check does.
    pub does: &'static str,
    /// What a failure means for those who use the server.
    pub harm: &'static str,
    /// How servers are mended.
    pub remedy: &'static str,
    /// What it needs, beyond a server.
    pub needs: Needs,
    /// What it looks for beyond how connections are closed.
    pub looks_for: LooksFor,
    /// The most that it asks of the server.
    pub most: Cost,
    pub(crate) run: fn(&mut Probe<'_>) -> Finding,
}

impl Check {
    /// The part of the id before the slash.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    /// The part after it.
    pub(crate) fn number(&self) -> Option<u32> {
        self.id.split_once('/')?.1.parse().ok()
    }
}

/// How much a failure hurts those who use the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Hardly.
    Low,
    /// In some cases, or by errors that are noticed and repeated.
    Medium,
    /// Requests are lost, or the server's resources.
    High,
    /// Data is lost without anybody noticing, or the server dies.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// How strongly something is demanded (RFC 2119).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// By nobody: a fact about the server.
    Info,
    /// There may be good reasons not to.
    Should,
    /// By the protocol.
    Must,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "INFO",
            Self::Should => "SHOULD",
            Self::Must => "MUST",
        })
    }
}

/// What a check needs, beyond a server that can be reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// The target speaks HTTP/1.1.
    pub http: bool,
    /// A response larger than the buffers on the way.
    pub big: bool,
    /// A response that the server takes its time for.
    pub late: bool,
    /// Minutes: it is left out unless slow checks are wanted.
    pub slow: bool,
    /// Many connections at once, or many resets: it is left out unless storms are wanted.
    pub storm: bool,
}

impl Needs {
    /// Nothing.
    pub const NONE: Self = Self {
        http: false,
        big: false,
        late: false,
        slow: false,
        storm: false,
    };
}

/// What a check looks for, that would tell of any other only that it could not be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LooksFor {
    /// Connections that do not come about, and servers that say they are overloaded.
    pub refusal: bool,
    /// A server that answers no plain request afterwards.
    pub outage: bool,
    /// An answer to a request that should not be there: by it nobody says that he has had enough of us.
    pub surplus: bool,
}

impl LooksFor {
    /// None of these: how a server that works closes.
    pub const CLOSING: Self = Self {
        refusal: false,
        outage: false,
        surplus: false,
    };
    /// Whether a server is still there after what was done to it.
    pub const SURVIVAL: Self = Self {
        refusal: true,
        outage: true,
        surplus: false,
    };
}

/// The most that a check asks of a server; what goes beyond it is not sent, not opened, not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Connections opened.
    pub connections: u32,
    /// Connections open at the same time.
    pub at_once: u32,
    /// Bytes sent, and bytes received.
    pub bytes: u64,
}

impl Cost {
    /// So many connections, one after the other, and 64 MiB each way in all.
    #[must_use]
    pub const fn one_by_one(connections: u32) -> Self {
        Self {
            connections,
            at_once: 1,
            bytes: 64 << 20,
        }
    }

    /// So many connections, all at the same time, and 64 MiB each way in all.
    #[must_use]
    pub const fn together(connections: u32) -> Self {
        Self {
            connections,
            at_once: connections,
            bytes: 64 << 20,
        }
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Word {
    /// As demanded.
    Pass,
    /// Something a user should know, or that may hurt.
    Info,
    /// Not as it should be, and nobody lost anything by it.
    Warn,
    /// Somebody loses something.
    Fail,
    /// It could not be done with this target, or was not wanted; the finding says why.
    Skip,
    /// It was begun and could not be finished; the finding says why.
    Error,
}

impl Word {
    /// Its first letter, for dense tables.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Pass => 'P',
            Self::Info => 'I',
            Self::Warn => 'W',
            Self::Fail => 'F',
            Self::Skip => 'S',
            Self::Error => 'E',
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
            Self::Error => "ERROR",
        })
    }
}

/// What the server did for its user: the first of the two verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// All of the response came.
    Whole,
    /// A part of it.
    Cut,
    /// Not a byte.
    Nothing,
    /// Bytes that are no answer to the request.
    Wrong,
    /// Nothing was asked of it, or the finding is about something else.
    NotAsked,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::Nothing => "nothing",
            Self::Wrong => "wrong",
            Self::NotAsked => "-",
        })
    }
}

/// How the server closed: the second of the two verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// By its FIN, and no RST while it was watched.
    Fin,
    /// By its FIN and then an RST, which most clients never see.
    FinThenRst,
    /// By an RST.
    Rst,
    /// Not within the time it was given.
    Open,
    /// The connection was never established.
    NoConnection,
    /// It ended on this side: an error of the network, or our own close.
    Lost,
    /// That was not looked at.
    NotLooked,
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fin => "FIN",
            Self::FinThenRst => "FIN, RST",
            Self::Rst => "RST",
            Self::Open => "open",
            Self::NoConnection => "none",
            Self::Lost => "lost",
            Self::NotLooked => "-",
        })
    }
}

/// A number that a check measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// What it is: `lost`, `linger`.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what: `bytes`, `ms`, `connections`.
    pub unit: &'static str,
}

/// In how many of its trials a check saw what it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Trials that came to the reported word.
    pub seen: u32,
    /// All trials.
    pub of: u32,
}

impl Share {
    /// Whether the server behaved differently from one trial to the next.
    #[must_use]
    pub fn varies(self) -> bool {
        self.seen != self.of
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What it came to.
    pub word: Word,
    /// What the server did for its user.
    pub service: Service,
    /// How it closed.
    pub closing: Closing,
    /// What happened, in one line.
    pub said: String,
    /// What was measured, if a number helps.
    pub figure: Option<Figure>,
    /// In how many of its trials, if there were several.
    pub share: Option<Share>,
    /// The connection was gone before it could be used: this says nothing, and the trial is made again.
    #[serde(skip)]
    pub(crate) in_vain: bool,
}

impl Finding {
    /// About something other than one response and its close.
    pub(crate) fn new(word: Word, said: impl Into<String>) -> Self {
        Self {
            word,
            service: Service::NotAsked,
            closing: Closing::NotLooked,
            said: said.into(),
            figure: None,
            share: None,
            in_vain: false,
        }
    }

    /// It cannot be done with this target; why.
    pub(crate) fn skip(why: impl Into<String>) -> Self {
        Self::new(Word::Skip, why)
    }

    /// It could not be finished; why.
    pub(crate) fn error(why: impl Into<String>) -> Self {
        Self::new(Word::Error, why)
    }

    #[must_use]
    pub(crate) fn verdicts(self, service: Service, closing: Closing) -> Self {
        Self {
            service,
            closing,
            ..self
        }
    }

    #[must_use]
    pub(crate) fn figure(self, name: &'static str, value: f64, unit: &'static str) -> Self {
        let figure = Figure { name, value, unit };
        Self {
            figure: Some(figure),
            ..self
        }
    }
}
