//! The errors of Windows Sockets: numbers instead of windows-sys' constants, so that every
//! system can test the table. Those below 10000 are Windows' own errors under a second name
//! ("Windows Sockets Error Codes" in Microsoft's documentation).

use super::{Entry, ErrorTable};

const fn entry(raw: i32, name: &'static str, meaning: &'static str) -> Entry {
    Entry { raw, name, meaning }
}

const ENTRIES: &[Entry] = &[
    entry(6, "WSA_INVALID_HANDLE", "not an open handle"),
    entry(8, "WSA_NOT_ENOUGH_MEMORY", "out of memory"),
    entry(87, "WSA_INVALID_PARAMETER", "an argument is not valid"),
    entry(
        995,
        "WSA_OPERATION_ABORTED",
        "the call was cancelled, for instance by a close",
    ),
    entry(
        996,
        "WSA_IO_INCOMPLETE",
        "the overlapped call is not over yet",
    ),
    entry(997, "WSA_IO_PENDING", "the overlapped call is under way"),
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
    entry(
        10104,
        "WSAEINVALIDPROCTABLE",
        "the socket provider's table of functions is not valid",
    ),
    entry(
        10105,
        "WSAEINVALIDPROVIDER",
        "the socket provider is of another version",
    ),
    entry(
        10106,
        "WSAEPROVIDERFAILEDINIT",
        "a socket provider could not be loaded or started",
    ),
    entry(
        10107,
        "WSASYSCALLFAILURE",
        "a system call failed that never should",
    ),
    entry(10108, "WSASERVICE_NOT_FOUND", "no such service"),
    entry(
        10109,
        "WSATYPE_NOT_FOUND",
        "no such service for this type of socket",
    ),
    entry(10112, "WSAEREFUSED", "the query was refused"),
    entry(11001, "WSAHOST_NOT_FOUND", "no such host"),
    entry(11002, "WSATRY_AGAIN", "no name server gave an answer"),
    entry(11003, "WSANO_RECOVERY", "the name server failed for good"),
    entry(
        11004,
        "WSANO_DATA",
        "the name exists, but has no such address",
    ),
];

const WSA_NOT_ENOUGH_MEMORY: i32 = 8;
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
    reset_behind_fin: &[],
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
    out_of_resources: &[WSA_NOT_ENOUGH_MEMORY, WSAEMFILE, WSAEWOULDBLOCK, WSAENOBUFS],
};

#[cfg(test)]
mod tests {
    use super::TABLE;

    /// What Microsoft's page of each call of the Winsock recipe lists under "Return value", client and server.
    const DOCUMENTED: &[(&str, &str)] = &[
        (
            "WSAStartup",
            "WSASYSNOTREADY WSAVERNOTSUPPORTED WSAEINPROGRESS WSAEPROCLIM WSAEFAULT",
        ),
        (
            "getaddrinfo",
            "WSA_NOT_ENOUGH_MEMORY WSAEAFNOSUPPORT WSAEINVAL WSAESOCKTNOSUPPORT \
             WSAHOST_NOT_FOUND WSANO_DATA WSANO_RECOVERY WSANOTINITIALISED WSATRY_AGAIN \
             WSATYPE_NOT_FOUND",
        ),
        (
            "socket",
            "WSANOTINITIALISED WSAENETDOWN WSAEAFNOSUPPORT WSAEINPROGRESS WSAEMFILE WSAEINVAL \
             WSAEINVALIDPROVIDER WSAEINVALIDPROCTABLE WSAENOBUFS WSAEPROTONOSUPPORT \
             WSAEPROTOTYPE WSAEPROVIDERFAILEDINIT WSAESOCKTNOSUPPORT",
        ),
        (
            "bind",
            "WSAEACCES WSAEADDRINUSE WSAEADDRNOTAVAIL WSAEFAULT WSAEINVAL WSAENOBUFS \
             WSAENOTSOCK",
        ),
        (
            "listen",
            "WSAEADDRINUSE WSAEINVAL WSAEISCONN WSAEMFILE WSAENOBUFS WSAENOTSOCK WSAEOPNOTSUPP",
        ),
        (
            "accept",
            "WSAECONNRESET WSAEFAULT WSAEINTR WSAEINVAL WSAEMFILE WSAENOBUFS WSAENOTSOCK \
             WSAEOPNOTSUPP WSAEWOULDBLOCK",
        ),
        (
            "connect",
            "WSAEADDRINUSE WSAEINTR WSAEALREADY WSAEADDRNOTAVAIL WSAEAFNOSUPPORT \
             WSAECONNREFUSED WSAEFAULT WSAEINVAL WSAEISCONN WSAENETUNREACH WSAEHOSTUNREACH \
             WSAENOBUFS WSAENOTSOCK WSAETIMEDOUT WSAEWOULDBLOCK WSAEACCES",
        ),
        (
            "send",
            "WSAEACCES WSAEINTR WSAEFAULT WSAENETRESET WSAENOBUFS WSAENOTCONN WSAENOTSOCK \
             WSAEOPNOTSUPP WSAESHUTDOWN WSAEWOULDBLOCK WSAEMSGSIZE WSAEHOSTUNREACH WSAEINVAL \
             WSAECONNABORTED WSAECONNRESET WSAETIMEDOUT",
        ),
        (
            "recv",
            "WSAEFAULT WSAENOTCONN WSAEINTR WSAENETRESET WSAENOTSOCK WSAEOPNOTSUPP WSAESHUTDOWN \
             WSAEWOULDBLOCK WSAEMSGSIZE WSAEINVAL WSAECONNABORTED WSAETIMEDOUT WSAECONNRESET",
        ),
        (
            "shutdown",
            "WSAECONNABORTED WSAECONNRESET WSAEINVAL WSAENOTCONN WSAENOTSOCK",
        ),
        ("closesocket", "WSAENOTSOCK WSAEINTR WSAEWOULDBLOCK"),
        ("ioctlsocket", "WSAENOTSOCK WSAEFAULT"),
        (
            "WSAIoctl",
            "WSA_IO_PENDING WSAEFAULT WSAEINVAL WSAEMSGSIZE WSAENOTSOCK WSAEOPNOTSUPP \
             WSAEWOULDBLOCK",
        ),
        (
            "getsockopt, setsockopt",
            "WSAEFAULT WSAEINVAL WSAENETRESET WSAENOPROTOOPT WSAENOTCONN WSAENOTSOCK",
        ),
        (
            "WSACleanup, and all but the first two",
            "WSANOTINITIALISED WSAENETDOWN WSAEINPROGRESS",
        ),
    ];

    #[test]
    fn what_the_calls_of_the_recipe_are_documented_to_return_is_in_the_table() {
        let known = |name: &str| TABLE.entries[0].iter().any(|entry| entry.name == name);
        for (call, names) in DOCUMENTED {
            for name in names.split_whitespace() {
                assert!(known(name), "{call}: {name}");
            }
        }
    }

    /// Those of them that are returned to blocking sockets without overlapped calls, which is all that the
    /// recipe in C has.
    #[test]
    fn the_recipe_in_c_names_them_too() {
        let names = include_str!("../../../../tools/winsock/common.h");
        for (call, errors) in DOCUMENTED {
            if ["ioctlsocket", "WSAIoctl"].contains(call) {
                continue;
            }
            for name in errors.split_whitespace() {
                assert!(names.contains(&format!("NAME({name});")), "{call}: {name}");
            }
        }
    }

    /// The numbers, against those of windows-sys.
    #[cfg(windows)]
    #[test]
    fn every_number_is_the_one_that_windows_has() {
        use windows_sys::Win32::Networking::WinSock as sys;
        macro_rules! numbers {
            ($($name:ident)*) => { [$((stringify!($name), sys::$name as i32)),*] };
        }
        let numbers = numbers! {
            WSA_INVALID_HANDLE WSA_NOT_ENOUGH_MEMORY WSA_INVALID_PARAMETER WSA_OPERATION_ABORTED
            WSA_IO_INCOMPLETE WSA_IO_PENDING WSAEINTR WSAEBADF WSAEACCES WSAEFAULT WSAEINVAL
            WSAEMFILE WSAEWOULDBLOCK WSAEINPROGRESS WSAEALREADY WSAENOTSOCK WSAEDESTADDRREQ
            WSAEMSGSIZE WSAEPROTOTYPE WSAENOPROTOOPT WSAEPROTONOSUPPORT WSAESOCKTNOSUPPORT
            WSAEOPNOTSUPP WSAEPFNOSUPPORT WSAEAFNOSUPPORT WSAEADDRINUSE WSAEADDRNOTAVAIL
            WSAENETDOWN WSAENETUNREACH WSAENETRESET WSAECONNABORTED WSAECONNRESET WSAENOBUFS
            WSAEISCONN WSAENOTCONN WSAESHUTDOWN WSAETOOMANYREFS WSAETIMEDOUT WSAECONNREFUSED
            WSAELOOP WSAENAMETOOLONG WSAEHOSTDOWN WSAEHOSTUNREACH WSAEPROCLIM WSAEUSERS
            WSASYSNOTREADY WSAVERNOTSUPPORTED WSANOTINITIALISED WSAEDISCON WSAEINVALIDPROCTABLE
            WSAEINVALIDPROVIDER WSAEPROVIDERFAILEDINIT WSASYSCALLFAILURE WSASERVICE_NOT_FOUND
            WSATYPE_NOT_FOUND WSAEREFUSED WSAHOST_NOT_FOUND WSATRY_AGAIN WSANO_RECOVERY WSANO_DATA
        };
        let entries = TABLE.entries[0].iter();
        let table: Vec<_> = entries.map(|entry| (entry.name, entry.raw)).collect();
        assert_eq!(table, numbers);
    }
}
