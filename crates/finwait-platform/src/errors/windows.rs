//! The errors of Windows Sockets: numbers instead of windows-sys' constants, so that every
//! system can test the table.

use super::{Entry, ErrorTable};

const fn entry(raw: i32, name: &'static str, meaning: &'static str) -> Entry {
    Entry { raw, name, meaning }
}

const ENTRIES: &[Entry] = &[
    entry(10004, "WSAEINTR", "interrupted"),
    entry(10009, "WSAEBADF", "not an open handle"),
    entry(
        10013,
        "WSAEACCES",
        "permission denied, or the address is held exclusively",
    ),
    entry(10014, "WSAEFAULT", "bad memory address"),
    entry(
        10022,
        "WSAEINVAL",
        "not valid for this socket or in its state",
    ),
    entry(10024, "WSAEMFILE", "too many open sockets"),
    entry(
        10035,
        "WSAEWOULDBLOCK",
        "nothing to do right now; try again when ready",
    ),
    entry(
        10036,
        "WSAEINPROGRESS",
        "a blocking call is still under way",
    ),
    entry(
        10037,
        "WSAEALREADY",
        "an earlier connect is still under way",
    ),
    entry(10038, "WSAENOTSOCK", "not a socket"),
    entry(10039, "WSAEDESTADDRREQ", "a destination address is needed"),
    entry(10040, "WSAEMSGSIZE", "the message is too long"),
    entry(
        10041,
        "WSAEPROTOTYPE",
        "the protocol does not fit the type of socket",
    ),
    entry(
        10042,
        "WSAENOPROTOOPT",
        "the option is not known to this protocol",
    ),
    entry(10043, "WSAEPROTONOSUPPORT", "the protocol is not supported"),
    entry(
        10044,
        "WSAESOCKTNOSUPPORT",
        "the type of socket is not supported",
    ),
    entry(
        10045,
        "WSAEOPNOTSUPP",
        "not supported on this kind of socket",
    ),
    entry(
        10046,
        "WSAEPFNOSUPPORT",
        "the protocol family is not supported",
    ),
    entry(
        10047,
        "WSAEAFNOSUPPORT",
        "the address family is not supported",
    ),
    entry(10048, "WSAEADDRINUSE", "the local address is in use"),
    entry(
        10049,
        "WSAEADDRNOTAVAIL",
        "the address is not one of this host",
    ),
    entry(
        10050,
        "WSAENETDOWN",
        "the network, or the system's part of it, is down",
    ),
    entry(10051, "WSAENETUNREACH", "no route to the network"),
    entry(
        10052,
        "WSAENETRESET",
        "keep-alive found the connection dead",
    ),
    entry(
        10053,
        "WSAECONNABORTED",
        "connection aborted by the local system",
    ),
    entry(10054, "WSAECONNRESET", "connection reset by the peer"),
    entry(10055, "WSAENOBUFS", "no buffer space left, or no port free"),
    entry(10056, "WSAEISCONN", "already connected"),
    entry(10057, "WSAENOTCONN", "not connected, or not any more"),
    entry(10058, "WSAESHUTDOWN", "the socket has been shut down"),
    entry(10059, "WSAETOOMANYREFS", "too many references"),
    entry(10060, "WSAETIMEDOUT", "timed out: no answer from the peer"),
    entry(
        10061,
        "WSAECONNREFUSED",
        "connection refused: nobody listens there",
    ),
    entry(10062, "WSAELOOP", "the name cannot be resolved: it loops"),
    entry(10063, "WSAENAMETOOLONG", "the name is too long"),
    entry(10064, "WSAEHOSTDOWN", "the host is down"),
    entry(10065, "WSAEHOSTUNREACH", "no route to the host"),
    entry(
        10067,
        "WSAEPROCLIM",
        "too many processes use the socket library",
    ),
    entry(10068, "WSAEUSERS", "a quota of users is used up"),
    entry(
        10091,
        "WSASYSNOTREADY",
        "the network subsystem is not ready",
    ),
    entry(
        10092,
        "WSAVERNOTSUPPORTED",
        "this version of the socket library is not supported",
    ),
    entry(
        10093,
        "WSANOTINITIALISED",
        "the socket library has not been started",
    ),
    entry(
        10101,
        "WSAEDISCON",
        "the peer has begun an orderly shutdown",
    ),
    entry(10108, "WSASERVICE_NOT_FOUND", "no such service"),
    entry(10109, "WSATYPE_NOT_FOUND", "no such kind of service"),
    entry(10112, "WSAEREFUSED", "the query was refused"),
    entry(11001, "WSAHOST_NOT_FOUND", "no such host"),
    entry(
        11002,
        "WSATRY_AGAIN",
        "the name server did not answer; try again",
    ),
    entry(11003, "WSANO_RECOVERY", "the name server failed for good"),
    entry(
        11004,
        "WSANO_DATA",
        "the name exists, but has no such address",
    ),
];

const WSAEINTR: i32 = 10004;
const WSAEMFILE: i32 = 10024;
const WSAEWOULDBLOCK: i32 = 10035;
const WSAENETDOWN: i32 = 10050;
const WSAENETUNREACH: i32 = 10051;
const WSAENETRESET: i32 = 10052;
const WSAECONNABORTED: i32 = 10053;
const WSAECONNRESET: i32 = 10054;
const WSAENOBUFS: i32 = 10055;
const WSAETIMEDOUT: i32 = 10060;
const WSAEHOSTDOWN: i32 = 10064;
const WSAEHOSTUNREACH: i32 = 10065;

pub(crate) const TABLE: ErrorTable = ErrorTable {
    entries: &[ENTRIES],
    reset: &[WSAECONNRESET],
    // WSAENETRESET is not the peer's RST in spite of its name: our keep-alive found no peer.
    lost: &[
        WSAENETDOWN,
        WSAENETUNREACH,
        WSAENETRESET,
        WSAECONNABORTED,
        WSAETIMEDOUT,
        WSAEHOSTDOWN,
        WSAEHOSTUNREACH,
    ],
    // accept() reports a connection that the peer has ended while it was queued. WSAENETDOWN is
    // the network subsystem's own failure there, and so the listener's.
    next_connection: &[WSAEINTR, WSAECONNABORTED, WSAECONNRESET],
    out_of_resources: &[WSAEMFILE, WSAEWOULDBLOCK, WSAENOBUFS],
};
