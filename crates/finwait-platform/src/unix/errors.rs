//! The errors that Linux and the BSD family share by name; libc has each system's numbers.

use crate::errors::Entry;

/// Entries whose number is libc's constant of the same name.
macro_rules! entries {
    ($($name:ident: $meaning:literal,)*) => {
        &[$($crate::errors::Entry {
            raw: libc::$name,
            name: stringify!($name),
            meaning: $meaning,
        },)*]
    };
}
pub(crate) use entries;

pub(crate) const ENTRIES: &[Entry] = entries! {
    EACCES: "permission denied",
    EADDRINUSE: "the local address is in use, or no port of it is free",
    EADDRNOTAVAIL: "the address is not one of this host, or its ports are used up",
    EAFNOSUPPORT: "the address family is not supported",
    EAGAIN: "nothing to do right now; try again when ready",
    EALREADY: "an earlier connect is still under way",
    EBADF: "not an open descriptor",
    ECONNABORTED: "connection aborted by the local system, or before it was accepted",
    ECONNREFUSED: "connection refused: nobody listens there",
    ECONNRESET: "connection reset by the peer",
    EDESTADDRREQ: "a destination address is needed",
    EEXIST: "already registered",
    EFAULT: "bad memory address",
    EHOSTDOWN: "the host is down",
    EHOSTUNREACH: "no route to the host",
    EINPROGRESS: "the connection is being set up",
    EINTR: "interrupted by a signal",
    EINVAL: "not valid for this socket or in its state",
    EIO: "input or output error",
    EISCONN: "already connected",
    EMFILE: "the process has too many open files",
    EMSGSIZE: "the message is too long",
    ENETDOWN: "the network is down",
    ENETRESET: "the network dropped the connection",
    ENETUNREACH: "no route to the network",
    ENFILE: "the system has too many open files",
    ENOBUFS: "no buffer space left",
    ENODEV: "no such device",
    ENOENT: "not registered",
    ENOMEM: "out of memory",
    ENOPROTOOPT: "the option is not known to this protocol",
    ENOSPC: "no space left on the device, or for another registration",
    ENOSYS: "the system does not have this call",
    ENOTCONN: "not connected, or not any more",
    ENOTSOCK: "not a socket",
    ENOTTY: "the request does not fit this kind of descriptor",
    ENXIO: "no such device or address",
    EOPNOTSUPP: "not supported on this kind of socket",
    EPERM: "not permitted, for instance by a firewall",
    EPFNOSUPPORT: "the protocol family is not supported",
    EPIPE: "broken pipe: the write side is shut down, or the peer has reset",
    EPROTO: "protocol error",
    EPROTONOSUPPORT: "the protocol is not supported",
    EPROTOTYPE: "the protocol does not fit the type of socket",
    ESHUTDOWN: "the socket has been shut down",
    ESOCKTNOSUPPORT: "the type of socket is not supported",
    ETIMEDOUT: "timed out: no answer from the peer",
};
