//! What the state alone tells of our FIN; compiled into the modules of the systems whose send queue tells nothing more.

use std::io;

use socket2::Socket;

use super::tcp_info;
use crate::types::FinAck;

pub(crate) fn fin_acked(socket: &Socket) -> io::Result<FinAck> {
    let info = tcp_info(socket)?;
    Ok(info.map_or(FinAck::Unknown, |info| FinAck::of_state(info.state)))
}
