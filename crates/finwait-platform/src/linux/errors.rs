//! The errors of Linux.

use super::unix::errors::{ENTRIES, entries};
use crate::errors::{Entry, ErrorTable};

const LINUX_ONLY: &[Entry] = entries! {
    ENONET: "the host is not on the network",
    ENOSR: "out of streams resources",
    EREMOTEIO: "remote input or output error",
    EUSERS: "too many users",
};

pub(crate) const TABLE: ErrorTable = ErrorTable {
    entries: &[ENTRIES, LINUX_ONLY],
    // An RST reads as EPIPE where the peer's FIN came first and ours did not go (CLOSE-WAIT).
    reset: &[libc::ECONNRESET, libc::EPIPE],
    reset_behind_fin: &[libc::EPIPE],
    // After its last retransmission TCP reports ETIMEDOUT, or what ICMP last said (tcp(7));
    // ECONNABORTED is an administrator's `ss --kill`, ENETRESET a failed keep-alive elsewhere.
    lost: &[
        libc::ECONNABORTED,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETDOWN,
        libc::ENETRESET,
        libc::ENETUNREACH,
        libc::ENONET,
        libc::ENOPROTOOPT,
        libc::EPROTO,
        libc::ETIMEDOUT,
    ],
    // accept(2): Linux passes the errors of the new connection on, to be treated like EAGAIN.
    next_connection: &[
        libc::ECONNABORTED,
        libc::ECONNRESET,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::EINTR,
        libc::ENETDOWN,
        libc::ENETUNREACH,
        libc::ENONET,
        libc::ENOPROTOOPT,
        libc::EPROTO,
        libc::ETIMEDOUT,
    ],
    out_of_resources: &[
        libc::EAGAIN,
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::ENOSR,
    ],
};
