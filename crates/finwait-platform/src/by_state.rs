//! What the state alone tells of our FIN; compiled into the modules of the systems whose send queue tells nothing more.

use std::io;

use socket2::Socket;

use super::tcp_info;
use crate::types::{FinAck, TcpState};

pub(crate) fn fin_acked(socket: &Socket) -> io::Result<FinAck> {
    Ok(match tcp_info(socket)?.map(|info| info.state) {
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
        // A clean end and a reset both lead here, and whether a send queue outlives a reset has not been measured.
        Some(TcpState::Closed) | None => FinAck::Unknown,
    })
}
