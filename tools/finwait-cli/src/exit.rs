//! Exit codes, and the errors that carry one.

use std::fmt;
use std::process::ExitCode;

/// How the process ends. The numbers are a contract: `--help` lists them.
///
/// Those of `send` are curl's where curl has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    /// `serve` could not listen, or had to cut connections when it was stopped; of `probe`, the
    /// server failed a check.
    Failed = 1,
    /// What was typed makes no sense, or cannot be done on this machine.
    Usage = 2,
    /// `load` established not one connection; `probe` came to no verdict.
    NothingTested = 3,
    /// The generator, not the server, was the limit: the result is invalid.
    GeneratorLimited = 4,
    UnknownHost = 6,
    ConnectFailed = 7,
    Truncated = 18,
    WriteFailed = 23,
    ReadFailed = 26,
    TimedOut = 28,
    NoResponse = 52,
    SendFailed = 55,
    Reset = 56,
    /// All bytes came and the peer's FIN, and then an RST: curl calls it success.
    ResetAfterFin = 57,
    /// A bug of ours (EX_SOFTWARE of sysexits.h).
    Internal = 70,
    /// Results could not be written (EX_IOERR).
    ResultsLost = 74,
    /// A `--fail-if` or `--abort-if` was true (as k6 has it).
    ThresholdFailed = 99,
    Interrupted = 130,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// An error that ends the command with an exit code of its own: `<what>: <why>; <mend>`.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The code of an error; one that carries none is a surprise, and so a bug of ours.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    error
        .downcast_ref::<Failure>()
        .map_or(Exit::Internal, |failure| failure.exit)
}
