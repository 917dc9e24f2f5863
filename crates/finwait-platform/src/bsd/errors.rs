//! The errors of the BSD family.

use super::unix::errors::{ENTRIES, entries};
use crate::errors::{Entry, ErrorTable};

const BSD_ONLY: &[Entry] = entries! {
    EPROCLIM: "too many processes",
    ETOOMANYREFS: "too many references",
    EUSERS: "too many users",
};

pub(crate) const TABLE: ErrorTable = ErrorTable {
    entries: &[ENTRIES, BSD_ONLY],
    reset: &[libc::ECONNRESET, libc::EPIPE],
    reset_behind_fin: &[],
    // TCP reports ETIMEDOUT after its last retransmission, or the last ICMP error (tcp(4)).
    lost: &[
        libc::ECONNABORTED,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETDOWN,
        libc::ENETRESET,
        libc::ENETUNREACH,
        libc::ETIMEDOUT,
    ],
    next_connection: &[libc::ECONNABORTED, libc::ECONNRESET, libc::EINTR],
    out_of_resources: &[
        libc::EAGAIN,
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
    ],
};
