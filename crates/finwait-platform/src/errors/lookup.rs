//! Errors of name lookups: getaddrinfo's numbers are no errno, and std keeps only their text on Unix.

use std::io;

use super::{Entry, describe_error};
use crate::family;
use crate::types::LookupError;

/// A failed name lookup in one line: its name, number and meaning, or its own text where there are none.
///
/// For the errors of [`ToSocketAddrs`](std::net::ToSocketAddrs). No system call.
///
/// # Portability
///
/// Unix: EAI_*, known by the text that `gai_strerror` has for it and that the standard library passes
/// on without the number; EAI_SYSTEM shows as the errno behind it. Windows: WSA*, as [`describe_error`].
pub fn describe_lookup_error(error: &io::Error) -> String {
    match family::lookup_entry(error) {
        Some(Entry { raw, name, meaning }) => format!("{name} ({raw}): {meaning}"),
        None => describe_error(error),
    }
}

/// Whether a failed name lookup says that there is no such name, or only that nobody could be asked.
///
/// | | Unix | Windows |
/// |---|---|---|
/// | [`NotFound`](LookupError::NotFound) | EAI_NONAME, EAI_NODATA | WSAHOST_NOT_FOUND, WSANO_DATA |
/// | [`Temporary`](LookupError::Temporary) | EAI_AGAIN | WSATRY_AGAIN |
/// | [`Other`](LookupError::Other) | the rest, as EAI_FAIL | the rest, as WSANO_RECOVERY |
///
/// Some resolvers say "no such name" too when they could ask nobody: it is what they say, not more.
pub fn classify_lookup_error(error: &io::Error) -> LookupError {
    family::classify_lookup_error(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_the_standard_library_makes_of_each_number_is_known_again() {
        for (raw, name, class) in [
            (libc::EAI_NONAME, "EAI_NONAME", LookupError::NotFound),
            (libc::EAI_AGAIN, "EAI_AGAIN", LookupError::Temporary),
            (libc::EAI_FAIL, "EAI_FAIL", LookupError::Other),
        ] {
            let text = family::lookup_text(raw);
            let error = io::Error::other(format!("failed to lookup address information: {text}"));
            let told = describe_lookup_error(&error);
            assert!(told.starts_with(&format!("{name} ({raw}): ")), "{told}");
            assert_eq!(classify_lookup_error(&error), class, "{name}");
        }
    }

    /// Where errno and EAI_* overlap, an errno (of EAI_SYSTEM) must not pass for an EAI_*.
    #[cfg(unix)]
    #[test]
    fn an_errno_stays_one() {
        for raw in [2, 8, libc::EMFILE] {
            let error = io::Error::from_raw_os_error(raw);
            assert_eq!(describe_lookup_error(&error), describe_error(&error));
            assert_eq!(classify_lookup_error(&error), LookupError::Other);
        }
    }

    #[cfg(windows)]
    #[test]
    fn numbers_are_enough_where_they_are_kept() {
        for (raw, class) in [
            (11001, LookupError::NotFound),
            (11004, LookupError::NotFound),
            (11002, LookupError::Temporary),
            (11003, LookupError::Other),
        ] {
            let error = io::Error::from_raw_os_error(raw);
            assert_eq!(classify_lookup_error(&error), class, "{raw}");
            assert_eq!(describe_lookup_error(&error), describe_error(&error));
        }
    }

    #[test]
    fn what_is_no_error_of_a_lookup_keeps_its_own_text() {
        let own = io::Error::other("it has no IPv6 address");
        assert_eq!(describe_lookup_error(&own), "it has no IPv6 address");
        assert_eq!(classify_lookup_error(&own), LookupError::Other);
    }
}
