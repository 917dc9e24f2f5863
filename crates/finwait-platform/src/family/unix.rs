//! The few facts on which all Unix systems agree and Windows does not.

/// A borrowed socket: what every function on sockets here takes.
pub use std::os::fd::AsFd as AsSocket;

use std::ffi::CStr;
use std::io;

use crate::errors::Entry;
use crate::types::LookupError;

/// What a non-blocking `connect` that is under way fails with.
pub(crate) const CONNECT_STARTED: i32 = libc::EINPROGRESS;

/// On Unix SO_REUSEADDR lets a restarted server bind while connections of the old one are in
/// TIME-WAIT, and still refuses an address on which somebody listens.
pub(crate) const LISTEN_REUSES_ADDRESS: bool = true;

const fn entry(raw: i32, name: &'static str, meaning: &'static str) -> Entry {
    Entry { raw, name, meaning }
}

/// The errors of getaddrinfo that speak of the name, or of who is asked for it.
const LOOKUP: &[Entry] = &[
    entry(libc::EAI_NONAME, "EAI_NONAME", "no such host"),
    // FreeBSD alone has given it up.
    #[cfg(not(target_os = "freebsd"))]
    entry(
        libc::EAI_NODATA,
        "EAI_NODATA",
        "the name exists, but has no such address",
    ),
    entry(
        libc::EAI_AGAIN,
        "EAI_AGAIN",
        "no name server gave an answer",
    ),
    entry(
        libc::EAI_FAIL,
        "EAI_FAIL",
        "the name server failed for good",
    ),
];

/// Which of them this is. The standard library passes on the system's text for it, behind words of its own.
pub(crate) fn lookup_entry(error: &io::Error) -> Option<&'static Entry> {
    // EAI_SYSTEM arrives as errno.
    if error.raw_os_error().is_some() {
        return None;
    }
    let said = error.to_string();
    LOOKUP.iter().find(|entry| {
        let text = lookup_text(entry.raw);
        !text.is_empty() && said.ends_with(&text)
    })
}

/// The system's text for an error of getaddrinfo.
pub(crate) fn lookup_text(raw: i32) -> String {
    // SAFETY: any number is allowed; what comes back is a C string.
    let text = unsafe { libc::gai_strerror(raw) };
    if text.is_null() {
        return String::new();
    }
    // SAFETY: a C string that lives until the next call at least, and is copied at once.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

pub(crate) fn classify_lookup_error(error: &io::Error) -> LookupError {
    match lookup_entry(error).map(|entry| entry.name) {
        Some("EAI_NONAME" | "EAI_NODATA") => LookupError::NotFound,
        Some("EAI_AGAIN") => LookupError::Temporary,
        _ => LookupError::Other,
    }
}

/// Wine runs programs for Windows.
pub(crate) fn wine_version() -> Option<String> {
    None
}
