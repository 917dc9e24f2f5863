//! The state of a connection. Its number is the first byte of each system's struct, and the
//! numbers are those of 4.4BSD's netinet/tcp_fsm.h on all of them.

use std::io;

use socket2::Socket;

use super::{own, unix};
use crate::types::{TcpInfo, TcpState};

pub(crate) fn tcp_info(socket: &Socket) -> io::Result<Option<TcpInfo>> {
    // All of the struct, for not every kernel copies a part of one.
    let mut raw = [0; own::TCP_INFO_SIZE];
    match unix::option_bytes(socket, libc::IPPROTO_TCP, own::TCP_INFO, &mut raw) {
        Ok(len) => Ok(parse(&raw[..len])),
        Err(e) => match e.raw_os_error() {
            // The connection's control block is gone, and so is its state.
            Some(libc::ECONNRESET) => Ok(Some(TcpInfo {
                state: TcpState::Closed,
                acked_bytes: None,
                rtt: None,
            })),
            // The answers of sockets that are not TCP; EINVAL also of some that are over.
            Some(libc::EOPNOTSUPP | libc::ENOPROTOOPT | libc::EINVAL) => Ok(None),
            _ => Err(e),
        },
    }
}

fn parse(raw: &[u8]) -> Option<TcpInfo> {
    let rtt = raw.get(own::RTT_AT..).and_then(|rest| rest.first_chunk());
    let rtt = rtt.map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    Some(TcpInfo {
        state: state(*raw.first()?)?,
        acked_bytes: None,
        // Zero stands for "not measured", and on macOS for less than a millisecond.
        rtt: (rtt > 0).then(|| own::RTT_UNIT * rtt),
    })
}

fn state(number: u8) -> Option<TcpState> {
    Some(match number {
        0 => TcpState::Closed,
        1 => TcpState::Listen,
        2 => TcpState::SynSent,
        3 => TcpState::SynReceived,
        4 => TcpState::Established,
        5 => TcpState::CloseWait,
        6 => TcpState::FinWait1,
        7 => TcpState::Closing,
        8 => TcpState::LastAck,
        9 => TcpState::FinWait2,
        10 => TcpState::TimeWait,
        _ => return None,
    })
}
