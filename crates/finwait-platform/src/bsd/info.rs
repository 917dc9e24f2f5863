//! The state of a connection. Its number is the first byte of each system's struct, and the
//! numbers are those of 4.4BSD's netinet/tcp_fsm.h on all of them.

use std::io;

use socket2::Socket;

use super::{own, unix};
use crate::types::{FinAck, TcpInfo, TcpState};

pub(crate) fn tcp_info(socket: &Socket) -> io::Result<Option<TcpInfo>> {
    // All of the struct, for not every kernel copies a part of one.
    let mut raw = [0; own::TCP_INFO_SIZE];
    match unix::option_bytes(socket, libc::IPPROTO_TCP, own::TCP_INFO, &mut raw) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(state(raw[0]).map(|state| TcpInfo {
            state,
            acked_bytes: None,
            rtt: None,
        })),
        // The answers of sockets that are not TCP.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOPROTOOPT)) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn fin_acked(socket: &Socket) -> io::Result<FinAck> {
    let info = match tcp_info(socket) {
        Ok(info) => info,
        // What a connection that is over answers: its control block is gone.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ECONNRESET | libc::EINVAL)) => None,
        Err(e) => return Err(e),
    };
    Ok(match info.map(|info| info.state) {
        Some(TcpState::FinWait2 | TcpState::TimeWait) => FinAck::Yes,
        Some(
            TcpState::FinWait1
            | TcpState::Closing
            | TcpState::LastAck
            | TcpState::Established
            | TcpState::CloseWait
            | TcpState::SynSent
            | TcpState::SynReceived
            | TcpState::Listen,
        ) => FinAck::No,
        // Whether a send queue outlives a reset here has not been measured.
        Some(TcpState::Closed) | None => FinAck::Unknown,
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
