//! Errors of sockets: their names, their meaning, and what follows from them.
//!
//! Each system's module has its table of them, a [`ErrorTable`]. That of Windows is plain numbers
//! and stands here, so that its tests run anywhere.

mod lookup;
#[cfg(any(test, all(windows, not(finwait_force_fallback))))]
pub(crate) mod windows;

use std::io::{self, ErrorKind};

use crate::imp::ERRORS;
use crate::types::{AcceptError, EndCause};

pub use lookup::{classify_lookup_error, describe_lookup_error};

/// The symbolic name of this system's error number: `ECONNRESET`, `WSAECONNRESET`.
///
/// No system call: a table of the errors that calls on sockets can fail with.
///
/// # Portability
///
/// Numbers differ by system, names between Unix and Windows. `None` in the fallback.
pub fn error_name(raw: i32) -> Option<&'static str> {
    ERRORS.find(raw).map(|entry| entry.name)
}

/// What this system's error number means, in a few plain words.
///
/// # Portability
///
/// As [`error_name`].
pub fn error_meaning(raw: i32) -> Option<&'static str> {
    ERRORS.find(raw).map(|entry| entry.meaning)
}

/// An error in one line: its name, number and meaning, or its own text where there are none.
///
/// ```
/// # if finwait_platform::error_name(104) == Some("ECONNRESET") {
/// let error = std::io::Error::from_raw_os_error(104); // on Linux
/// assert_eq!(
///     finwait_platform::describe_error(&error),
///     "ECONNRESET (104): connection reset by the peer"
/// );
/// # }
/// ```
pub fn describe_error(error: &io::Error) -> String {
    ERRORS.describe(error)
}

/// What to do after `accept` has failed with `error`.
///
/// | | Unix | Windows |
/// |---|---|---|
/// | [`NextConnection`](AcceptError::NextConnection) | ECONNABORTED, EINTR; on Linux also ECONNRESET, EPROTO, ENOPROTOOPT, ETIMEDOUT, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET: pending errors of the new connection, accept(2) | WSAECONNRESET, WSAECONNABORTED, WSAEINTR |
/// | [`OutOfResources`](AcceptError::OutOfResources) | EMFILE, ENFILE, ENOBUFS, ENOMEM | WSAEMFILE, WSAENOBUFS, WSA_NOT_ENOUGH_MEMORY |
/// | [`Fatal`](AcceptError::Fatal) | the rest, as EBADF, EINVAL, EPERM | the rest |
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) is not a failure and should not get here; it is
/// answered with `OutOfResources`, since waiting is right. So is an error that the table does
/// not know, as all are in the fallback that have no [`io::ErrorKind`] of their own.
pub fn classify_accept_error(error: &io::Error) -> AcceptError {
    ERRORS.accept_error(error)
}

/// Who ended a connection on which a read, a write or [`take_error`](crate::take_error) has given `error`.
///
/// | | Unix | Windows |
/// |---|---|---|
/// | [`Reset`](EndCause::Reset) | ECONNRESET, EPIPE | WSAECONNRESET |
/// | [`Lost`](EndCause::Lost) | ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENETRESET, ECONNABORTED; on Linux also ENONET, EPROTO, ENOPROTOOPT, all from ICMP | WSAECONNABORTED, WSAENETRESET (a keep-alive failed), WSAETIMEDOUT, WSAEHOSTUNREACH, WSAENETUNREACH, WSAEHOSTDOWN, WSAENETDOWN |
/// | [`Other`](EndCause::Other) | the rest | the rest |
///
/// EPIPE is the peer's doing only if we have not half-closed: it is what Linux makes of an RST in
/// CLOSE-WAIT. A write after our own half-close gives EPIPE as well, which is the caller's mistake.
/// ENOTCONN is `Other`: it says that the connection is gone, not why. ECONNREFUSED is `Other`:
/// there was no connection. Errors without a number are judged by their [`io::ErrorKind`].
pub fn classify_end(error: &io::Error) -> EndCause {
    ERRORS.end_cause(error)
}

/// Whether `error`, the first that a connection gives, says that the peer's FIN came before its RST,
/// read or not. For a connection that we have not half-closed.
///
/// # Portability
///
/// Linux: EPIPE, into which an RST turns in CLOSE-WAIT; anywhere else it is ECONNRESET. Elsewhere
/// `false`: EPIPE is what any write says after an RST.
pub fn is_reset_behind_fin(error: &io::Error) -> bool {
    ERRORS.is_reset_behind_fin(error)
}

/// One error that a call on a socket can fail with.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) raw: i32,
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
}

/// What one family of systems knows about its errors.
#[derive(Debug)]
pub(crate) struct ErrorTable {
    pub(crate) entries: &'static [&'static [Entry]],
    /// The peer reset the connection.
    pub(crate) reset: &'static [i32],
    /// Of these, the ones that are given only if the peer's FIN had come before.
    pub(crate) reset_behind_fin: &'static [i32],
    /// The local stack gave the connection up.
    pub(crate) lost: &'static [i32],
    /// `accept` took a dead connection off its queue.
    pub(crate) next_connection: &'static [i32],
    /// `accept` must wait.
    pub(crate) out_of_resources: &'static [i32],
}

impl ErrorTable {
    pub(crate) fn find(&self, raw: i32) -> Option<&'static Entry> {
        let mut entries = self.entries.iter().copied().flatten();
        entries.find(|entry| entry.raw == raw)
    }

    pub(crate) fn describe(&self, error: &io::Error) -> String {
        match error.raw_os_error().and_then(|raw| self.find(raw)) {
            Some(Entry { raw, name, meaning }) => format!("{name} ({raw}): {meaning}"),
            None => error.to_string(),
        }
    }

    pub(crate) fn end_cause(&self, error: &io::Error) -> EndCause {
        match self.known(error) {
            Some(raw) if self.reset.contains(&raw) => EndCause::Reset,
            Some(raw) if self.lost.contains(&raw) => EndCause::Lost,
            Some(_) => EndCause::Other,
            None => end_cause_by_kind(error.kind()),
        }
    }

    pub(crate) fn is_reset_behind_fin(&self, error: &io::Error) -> bool {
        let raw = error.raw_os_error();
        raw.is_some_and(|raw| self.reset_behind_fin.contains(&raw))
    }

    pub(crate) fn accept_error(&self, error: &io::Error) -> AcceptError {
        match self.known(error) {
            Some(raw) if self.next_connection.contains(&raw) => AcceptError::NextConnection,
            Some(raw) if self.out_of_resources.contains(&raw) => AcceptError::OutOfResources,
            Some(_) => AcceptError::Fatal,
            None => accept_error_by_kind(error.kind()),
        }
    }

    fn known(&self, error: &io::Error) -> Option<i32> {
        error.raw_os_error().filter(|&raw| self.find(raw).is_some())
    }
}

/// For errors without a number (made by a program) or with one that no table here has.
fn end_cause_by_kind(kind: ErrorKind) -> EndCause {
    match kind {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => EndCause::Reset,
        ErrorKind::ConnectionAborted
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => EndCause::Lost,
        _ => EndCause::Other,
    }
}

/// As above. The kinds of "too many open files" have no stable name, so an error that nobody
/// knows asks for patience: a listener given up by mistake costs more than a pause.
fn accept_error_by_kind(kind: ErrorKind) -> AcceptError {
    match kind {
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::Interrupted
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => AcceptError::NextConnection,
        ErrorKind::InvalidInput
        | ErrorKind::NotConnected
        | ErrorKind::PermissionDenied
        | ErrorKind::Unsupported => AcceptError::Fatal,
        _ => AcceptError::OutOfResources,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What any table must satisfy, this system's and Windows'.
    #[track_caller]
    pub(crate) fn assert_consistent(table: &ErrorTable) {
        let entries: Vec<&Entry> = table.entries.iter().copied().flatten().collect();
        for (i, entry) in entries.iter().enumerate() {
            for other in &entries[..i] {
                assert_ne!(entry.raw, other.raw, "{} and {}", entry.name, other.name);
                assert_ne!(entry.name, other.name);
            }
            assert!(!entry.meaning.is_empty() && !entry.meaning.ends_with('.'));
            assert!(entry.meaning.len() <= 72, "{}: too long", entry.name);
        }
        let lists = [
            table.reset,
            table.lost,
            table.next_connection,
            table.out_of_resources,
        ];
        for raw in lists.into_iter().flatten() {
            assert!(table.find(*raw).is_some(), "{raw} is classified, not named");
        }
        assert!(table.reset.iter().all(|raw| !table.lost.contains(raw)));
        let behind = table.reset_behind_fin.iter();
        assert!({ behind }.all(|raw| table.reset.contains(raw)));
        let next = table.next_connection.iter();
        assert!({ next }.all(|raw| !table.out_of_resources.contains(raw)));
    }

    #[test]
    fn the_table_of_this_system_is_consistent() {
        assert_consistent(&ERRORS);
    }

    #[test]
    fn the_table_of_windows_is_consistent() {
        assert_consistent(&windows::TABLE);
    }

    #[test]
    fn windows_errors_are_named_and_classified_by_their_numbers() {
        let table = &windows::TABLE;
        let error = io::Error::from_raw_os_error(10054);
        assert_eq!(
            table.describe(&error),
            "WSAECONNRESET (10054): connection reset by the peer"
        );
        for (raw, cause) in [
            (10054, EndCause::Reset),
            (10053, EndCause::Lost),
            (10052, EndCause::Lost),
            (10060, EndCause::Lost),
            (10058, EndCause::Other),
            (10035, EndCause::Other),
        ] {
            assert_eq!(table.end_cause(&io::Error::from_raw_os_error(raw)), cause);
        }
        for (raw, class) in [
            (10054, AcceptError::NextConnection),
            (10024, AcceptError::OutOfResources),
            (10055, AcceptError::OutOfResources),
            (8, AcceptError::OutOfResources),
            (10038, AcceptError::Fatal),
            (10050, AcceptError::Fatal),
        ] {
            assert_eq!(
                table.accept_error(&io::Error::from_raw_os_error(raw)),
                class
            );
        }
        assert_eq!(table.find(10003).map(|e| e.name), None);
        assert_eq!(table.find(10004).map(|e| e.name), Some("WSAEINTR"));
        assert_eq!(table.find(11004).map(|e| e.name), Some("WSANO_DATA"));
    }

    #[test]
    fn an_error_without_a_number_is_classified_by_its_kind() {
        let table = &ERRORS;
        let reset = io::Error::new(ErrorKind::ConnectionReset, "made up");
        assert_eq!(table.describe(&reset), "made up");
        assert_eq!(table.end_cause(&reset), EndCause::Reset);
        assert_eq!(table.accept_error(&reset), AcceptError::NextConnection);
        let late = io::Error::from(ErrorKind::TimedOut);
        assert_eq!(table.end_cause(&late), EndCause::Lost);
        let odd = io::Error::from_raw_os_error(i32::MAX);
        assert_eq!(table.end_cause(&odd), EndCause::Other);
        assert_eq!(table.accept_error(&odd), AcceptError::OutOfResources);
    }
}
