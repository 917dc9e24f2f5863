//! What the peer's TCP has acknowledged, our FIN among it.

use std::io;

use socket2::SockRef;

use crate::{AsSocket, FinAck, imp, unacknowledged};
#[cfg(doc)]
use crate::{half_close, take_error, tcp_info};

/// [`unacknowledged`], without the FIN where the system counts one.
///
/// `fin_pending`: our FIN was handed to the kernel and is not known to be acknowledged.
///
/// # Errors
///
/// As [`unacknowledged`].
///
/// # Portability
///
/// As [`unacknowledged`]; the FIN is taken off on Linux only.
pub fn unacknowledged_payload<S: AsSocket>(
    socket: &S,
    fin_pending: bool,
) -> io::Result<Option<u64>> {
    let fin = u64::from(fin_pending && imp::QUEUE_COUNTS_FIN);
    Ok(unacknowledged(socket)?.map(|queued| queued.saturating_sub(fin)))
}

/// Whether the peer's TCP has acknowledged our FIN, and so everything that was written.
///
/// To be asked after [`half_close`] has succeeded; if that failed there is no FIN to ask about,
/// and the answer means nothing. One `getsockopt` ([`tcp_info`]), and one `ioctl` more in CLOSED.
///
/// # Errors
///
/// Those of [`tcp_info`].
///
/// # Portability
///
/// Linux: FIN-WAIT-2 and TIME-WAIT are `Yes`; FIN-WAIT-1, CLOSING, LAST-ACK, and the states
/// before a half-close, `No`. CLOSED comes after both a clean end and a reset, and the send queue
/// ([`unacknowledged`]) tells which. Seen on Linux 6.18:
///
/// | half-closed, then | queue in CLOSED | answer |
/// |---|---|---|
/// | both FINs acknowledged, whoever was first | 0 | `Yes` |
/// | reset while in FIN-WAIT-2 | 0 | `Yes` |
/// | reset while the FIN waited behind 3,863,438 bytes | 3,863,439 | `No` |
/// | reset with only the FIN unacknowledged (CLOSING) | 1 | `No` |
/// | (reset *before* the half-close, which fails; all data acknowledged) | 0 | `Yes`: do not ask |
///
/// The queue keeps its count after [`take_error`]. An RST that acknowledges the FIN is not
/// believed: the kernel drops the connection before it looks at that field.
///
/// macOS, the BSDs and Windows: the same states, but `Unknown` in CLOSED, and where [`tcp_info`] is
/// `None`: in the fallback, under Wine, for any socket that is not TCP.
pub fn fin_acked<S: AsSocket>(socket: &S) -> io::Result<FinAck> {
    imp::fin_acked(&SockRef::from(socket))
}

/// [`fin_acked`] and [`unacknowledged_payload`] of a connection in which both FINs are out: after our
/// [`half_close`] has succeeded and a read has then returned the peer's FIN. Of any other the answer
/// means nothing.
///
/// On Linux for less: that read proves what the state is asked for elsewhere, that there was a
/// connection, and the send queue alone says whether our FIN is still in it.
///
/// # Errors
///
/// Those of [`fin_acked`] and [`unacknowledged`].
///
/// # Portability
///
/// As those two: Linux tells both, macOS and the BSDs and Windows what they can.
pub fn acked_after_peer_fin<S: AsSocket>(socket: &S) -> io::Result<(FinAck, Option<u64>)> {
    if imp::QUEUE_COUNTS_FIN {
        return Ok(match unacknowledged(socket)? {
            Some(0) => (FinAck::Yes, Some(0)),
            Some(queued) => (FinAck::No, Some(queued - 1)),
            None => (FinAck::Unknown, None),
        });
    }
    Ok(match fin_acked(socket)? {
        FinAck::Yes => (FinAck::Yes, Some(0)),
        fin => (fin, unacknowledged_payload(socket, true)?),
    })
}
