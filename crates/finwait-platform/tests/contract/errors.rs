//! Names, meanings and classes of this system's errors.

use std::io;
use std::net::ToSocketAddrs;

use finwait_platform::{
    AcceptError, EndCause, LookupError, classify_accept_error, classify_end, classify_lookup_error,
    describe_error, describe_lookup_error, error_meaning, error_name, half_close,
};
use socket2::{Domain, Socket, Type};

use crate::support::{BSD, LINUX, WINDOWS, told};

const TELLS_NAMES: bool = LINUX || BSD || WINDOWS;

#[test]
fn an_error_of_a_real_call_has_its_name_number_and_meaning() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let error = half_close(&socket).unwrap_err();
    let raw = error.raw_os_error().unwrap();
    let Some(name) = told("error_name", TELLS_NAMES, error_name(raw)) else {
        assert_eq!(error_meaning(raw), None);
        assert_eq!(describe_error(&error), error.to_string());
        return;
    };
    assert_eq!(name, if WINDOWS { "WSAENOTCONN" } else { "ENOTCONN" });
    let meaning = error_meaning(raw).unwrap();
    assert_eq!(describe_error(&error), format!("{name} ({raw}): {meaning}"));
}

#[test]
fn what_no_table_knows_keeps_its_own_text() {
    assert_eq!(error_name(i32::MAX), None);
    assert_eq!(error_meaning(-1), None);
    assert_eq!(error_name(0), None, "success is no error");
    let odd = io::Error::from_raw_os_error(i32::MAX);
    assert_eq!(describe_error(&odd), odd.to_string());
    let own = io::Error::other("made by a program");
    assert_eq!(describe_error(&own), "made by a program");
}

/// A label of a name has at most 63 characters, so that nobody need be asked.
#[test]
fn a_name_that_cannot_exist_is_not_found_and_the_error_has_its_name() {
    let name = format!("{}.invalid", "a".repeat(64));
    let error = (&name[..], 9).to_socket_addrs().unwrap_err();
    assert_eq!(classify_lookup_error(&error), LookupError::NotFound);
    let told = describe_lookup_error(&error);
    if cfg!(windows) && !WINDOWS {
        assert_eq!(told, error.to_string(), "the fallback has no table");
    } else {
        let name = if WINDOWS {
            "WSAHOST_NOT_FOUND (11001): "
        } else {
            "EAI_NO"
        };
        assert!(told.starts_with(name), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn a_broken_pipe_says_on_linux_that_the_reset_came_behind_a_fin() {
    use finwait_platform::is_reset_behind_fin;
    let is_behind = |raw| is_reset_behind_fin(&io::Error::from_raw_os_error(raw));
    assert_eq!(is_behind(libc::EPIPE), LINUX);
    assert!(!is_behind(libc::ECONNRESET));
    // Made by a program, of which nobody knows what it means.
    assert!(!is_reset_behind_fin(&io::ErrorKind::BrokenPipe.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn linux_numbers_have_linux_names() {
    if !LINUX {
        assert_eq!(error_name(libc::ECONNRESET), None);
        return;
    }
    assert_eq!(error_name(libc::ECONNRESET), Some("ECONNRESET"));
    assert_eq!(error_name(libc::EWOULDBLOCK), Some("EAGAIN"));
    let reset = io::Error::from_raw_os_error(libc::ECONNRESET);
    let text = format!(
        "ECONNRESET ({}): connection reset by the peer",
        libc::ECONNRESET
    );
    assert_eq!(describe_error(&reset), text);
}

/// The classes that the fallback must agree on too, through the kinds that std gives.
#[cfg(unix)]
#[test]
fn the_end_of_a_connection_is_classified() {
    use EndCause::{Lost, Other, Reset};
    for (raw, cause) in [
        (libc::ECONNRESET, Reset),
        (libc::EPIPE, Reset),
        (libc::ETIMEDOUT, Lost),
        (libc::EHOSTUNREACH, Lost),
        (libc::ENETUNREACH, Lost),
        (libc::ENETDOWN, Lost),
        (libc::ECONNABORTED, Lost),
        (libc::ENOTCONN, Other),
        (libc::ECONNREFUSED, Other),
        (libc::EAGAIN, Other),
        (libc::EINVAL, Other),
    ] {
        let error = io::Error::from_raw_os_error(raw);
        assert_eq!(classify_end(&error), cause, "{error}");
    }
}

#[cfg(unix)]
#[test]
fn an_accept_error_says_whether_to_go_on_to_wait_or_to_stop() {
    use AcceptError::{Fatal, NextConnection, OutOfResources};
    for (raw, class) in [
        (libc::ECONNABORTED, NextConnection),
        (libc::EINTR, NextConnection),
        (libc::EMFILE, OutOfResources),
        (libc::ENFILE, OutOfResources),
        (libc::ENOBUFS, OutOfResources),
        (libc::ENOMEM, OutOfResources),
        (libc::EAGAIN, OutOfResources),
        (libc::EINVAL, Fatal),
        (libc::EPERM, Fatal),
    ] {
        let error = io::Error::from_raw_os_error(raw);
        assert_eq!(classify_accept_error(&error), class, "{error}");
    }
    if LINUX {
        for (raw, class) in [
            (libc::EPROTO, NextConnection),
            (libc::EHOSTDOWN, NextConnection),
            (libc::EBADF, Fatal),
            (libc::ENOTSOCK, Fatal),
        ] {
            let error = io::Error::from_raw_os_error(raw);
            assert_eq!(classify_accept_error(&error), class, "{error}");
        }
    }
}

#[cfg(windows)]
#[test]
fn windows_numbers_have_windows_names() {
    let reset = io::Error::from_raw_os_error(10054);
    assert_eq!(classify_end(&reset), EndCause::Reset);
    assert_eq!(classify_accept_error(&reset), AcceptError::NextConnection);
    let aborted = io::Error::from_raw_os_error(10053);
    assert_eq!(classify_end(&aborted), EndCause::Lost);
    if WINDOWS {
        assert_eq!(error_name(10054), Some("WSAECONNRESET"));
    }
}
