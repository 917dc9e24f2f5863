//! How a conversation ended: the exit code, and the line that tells it.

use std::fmt;
use std::io;
use std::time::Duration;

use finwait::{Delivered, Ending, Operation, OsError, Report};
use finwait_platform as platform;

use crate::exit::Exit;
use crate::output::{self, units::time_us};

/// What happened, from the connection to its end.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) ended: Ended,
    pub(super) delivered: Delivered,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) connect: Duration,
    /// From there until stdin was at its end and taken by the socket.
    pub(super) talk: Duration,
    /// Of the close, if it came to that.
    pub(super) report: Option<Report>,
}

/// What ended the conversation.
#[derive(Debug)]
pub(super) enum Ended {
    /// The close; its report says how.
    Closed,
    /// Ctrl-C, and then the close.
    Interrupted,
    Receive(io::Error),
    Send {
        error: io::Error,
        peer_fin: bool,
    },
    /// No progress while there was something to wait for.
    TimedOut,
    Stdin(io::Error),
    Stdout(io::Error),
}

impl Story {
    /// The exit code; see `finwait send --help`.
    pub(super) fn exit(&self, expect_bytes: Option<u64>) -> Exit {
        match (&self.ended, &self.report) {
            (Ended::Interrupted, _) => Exit::Interrupted,
            (Ended::Closed, Some(report)) => self.exit_of(report, expect_bytes),
            // A close has a report.
            (Ended::Closed, None) => Exit::Internal,
            (Ended::TimedOut, _) => Exit::TimedOut,
            (Ended::Stdin(_), _) => Exit::ReadFailed,
            (Ended::Stdout(_), _) => Exit::WriteFailed,
            (Ended::Receive(error), _) => of_error(error, Exit::Reset),
            (Ended::Send { error, peer_fin }, _) => match platform::classify_end(error) {
                platform::EndCause::Reset if *peer_fin => {
                    self.complete(Exit::ResetAfterFin, expect_bytes)
                }
                _ => of_error(error, Exit::SendFailed),
            },
        }
    }

    fn exit_of(&self, report: &Report, expect_bytes: Option<u64>) -> Exit {
        match report.ending {
            Ending::Graceful | Ending::PeerFin | Ending::Acked => {
                self.complete(Exit::Ok, expect_bytes)
            }
            Ending::Reset {
                after_fin: true, ..
            } => self.complete(Exit::ResetAfterFin, expect_bytes),
            Ending::Reset {
                after_fin: false, ..
            }
            | Ending::AlreadyClosed => Exit::Reset,
            Ending::TimedOut { .. } => Exit::TimedOut,
            Ending::Lost { .. } => match report.error.map(OsError::kind) {
                Some(io::ErrorKind::TimedOut) => Exit::TimedOut,
                _ if report.unwritten_bytes > 0 => Exit::SendFailed,
                _ => Exit::Reset,
            },
            Ending::Failed {
                operation: Operation::Receive | Operation::TakeError | Operation::Query,
            } => Exit::Reset,
            Ending::Failed { .. } => Exit::SendFailed,
            // None of these is asked for here.
            Ending::ByteLimit | Ending::Aborted | Ending::Evicted => Exit::Internal,
        }
    }

    /// `exit`, unless the peer said less before its FIN than it should have.
    fn complete(&self, exit: Exit, expect_bytes: Option<u64>) -> Exit {
        if self.received == 0 && expect_bytes != Some(0) {
            Exit::NoResponse
        } else if expect_bytes.is_some_and(|expected| self.received < expected) {
            Exit::Truncated
        } else {
            exit
        }
    }

    /// Whether there is nobody whom an explanation would help.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(&self.ended, Ended::Stdout(error) if output::is_reader_gone(error))
    }

    /// Why it is not exit code 0.
    pub(super) fn why(&self, exit: Exit, expect_bytes: Option<u64>) -> String {
        let received = self.received;
        let ending = self.ending();
        match exit {
            Exit::Truncated => {
                let expected = expect_bytes.unwrap_or(0);
                format!("truncated: received {received} of {expected} bytes; {ending}")
            }
            Exit::NoResponse => {
                format!(
                    "no response: the peer closed without one byte, after {} bytes of ours",
                    self.sent
                )
            }
            Exit::TimedOut => format!("{ending}; -w gives it more time"),
            _ => format!("{ending}, after {received} bytes received"),
        }
    }

    /// The end in a few words, with the OS's name for the error.
    fn ending(&self) -> String {
        match (&self.ended, &self.report) {
            (Ended::Closed | Ended::Interrupted, Some(report)) => {
                let how = match (&self.ended, report.ending) {
                    (Ended::Interrupted, ending) => format!("interrupted, then {ending}"),
                    (_, ending) => ending.to_string(),
                };
                match report.error {
                    Some(error) => format!("{how}: {}", describe(&error.into())),
                    None => how,
                }
            }
            (Ended::Closed, None) => "closed".to_owned(),
            (Ended::Interrupted, None) => "interrupted".to_owned(),
            (Ended::Receive(error), _) => match platform::classify_end(error) {
                platform::EndCause::Reset => {
                    format!("reset before the peer's FIN: {}", describe(error))
                }
                _ => format!("cannot receive: {}", describe(error)),
            },
            (
                Ended::Send {
                    error,
                    peer_fin: true,
                },
                _,
            ) => {
                format!("the peer closed while we were sending: {}", describe(error))
            }
            (
                Ended::Send {
                    error,
                    peer_fin: false,
                },
                _,
            ) => {
                format!("cannot send: {}", describe(error))
            }
            (Ended::TimedOut, _) => "timed out: no progress".to_owned(),
            (Ended::Stdin(error), _) => format!("stdin cannot be read: {error}"),
            (Ended::Stdout(error), _) => format!("stdout cannot be written: {error}"),
        }
    }
}

/// The story in one line.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivered = match self.delivered {
            Delivered::Yes => "yes",
            Delivered::No => "no",
            Delivered::Unknown => "unknown",
        };
        write!(
            f,
            "{}; delivered: {delivered}; {} bytes sent, {} received; connect {}, talk {}",
            self.ending(),
            self.sent,
            self.received,
            short(self.connect),
            short(self.talk)
        )?;
        if let Some(report) = &self.report {
            write!(f, ", flush {}", short(report.flush))?;
            let to = if report.peer_fin {
                "our FIN to the peer's"
            } else {
                "our FIN to the end"
            };
            write!(
                f,
                ", {to} {}, confirm {}",
                short(report.drain),
                short(report.confirm)
            )?;
        }
        Ok(())
    }
}

fn of_error(error: &io::Error, otherwise: Exit) -> Exit {
    match (error.kind(), platform::classify_end(error)) {
        (io::ErrorKind::TimedOut, _) => Exit::TimedOut,
        (_, platform::EndCause::Reset) => Exit::Reset,
        _ => otherwise,
    }
}

fn short(time: Duration) -> String {
    time_us(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

/// An error by its name; an error of our own making has none.
pub(super) fn describe(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (None, io::ErrorKind::TimedOut) => "no answer in time".to_owned(),
        (None, io::ErrorKind::ConnectionReset) => {
            "connection reset, signalled without an error (it would be WSAECONNRESET, 10054)"
                .to_owned()
        }
        _ => platform::describe_error(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no test can provoke without privilege, and what depends on who is quicker.
    #[test]
    fn a_write_that_fails_is_told_from_a_reset_and_from_a_timeout() {
        for (kind, peer_fin, code) in [
            (io::ErrorKind::HostUnreachable, false, Exit::SendFailed),
            (io::ErrorKind::ConnectionAborted, false, Exit::SendFailed),
            (io::ErrorKind::TimedOut, false, Exit::TimedOut),
            (io::ErrorKind::ConnectionReset, false, Exit::Reset),
            (io::ErrorKind::BrokenPipe, false, Exit::Reset),
            (io::ErrorKind::BrokenPipe, true, Exit::ResetAfterFin),
        ] {
            let story = story(Ended::Send {
                error: kind.into(),
                peer_fin,
            });
            assert_eq!(story.exit(None), code, "{kind}");
        }
    }

    #[test]
    fn a_read_that_fails_is_a_reset_unless_the_time_was_over() {
        let code = |kind: io::ErrorKind| story(Ended::Receive(kind.into())).exit(None);
        assert_eq!(code(io::ErrorKind::ConnectionReset), Exit::Reset);
        assert_eq!(code(io::ErrorKind::HostUnreachable), Exit::Reset);
        assert_eq!(code(io::ErrorKind::TimedOut), Exit::TimedOut);
    }

    #[test]
    fn all_bytes_are_those_that_were_expected() {
        let error = io::ErrorKind::BrokenPipe.into();
        let reset = story(Ended::Send {
            error,
            peer_fin: true,
        });
        assert_eq!(reset.exit(Some(7)), Exit::ResetAfterFin);
        assert_eq!(reset.exit(Some(8)), Exit::Truncated);
        let silent = Story {
            received: 0,
            ..reset
        };
        assert_eq!(silent.exit(Some(8)), Exit::NoResponse);
    }

    fn story(ended: Ended) -> Story {
        Story {
            ended,
            delivered: Delivered::Unknown,
            sent: 5,
            received: 7,
            connect: Duration::ZERO,
            talk: Duration::ZERO,
            report: None,
        }
    }
}
