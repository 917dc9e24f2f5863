//! What the kernel knows about a connection's queues and state.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use libc::c_int;
use socket2::Socket;

use super::unix;
use crate::types::{FinAck, TcpInfo, TcpState};

/// `write_seq - snd_una`; libc knows the request by the name it has on a terminal.
const SIOCOUTQ: libc::Ioctl = libc::TIOCOUTQ;
/// `write_seq - snd_nxt` (linux/sockios.h); the type of libc's constant fits glibc's ioctl alone.
const SIOCOUTQNSD: libc::Ioctl = 0x894B;

pub(crate) fn unacknowledged(socket: &Socket) -> io::Result<Option<u64>> {
    if !is_tcp(socket)? {
        return Ok(None);
    }
    send_queue(socket, SIOCOUTQ).map(Some)
}

pub(crate) fn unsent(socket: &Socket) -> io::Result<Option<u64>> {
    if !is_tcp(socket)? {
        return Ok(None);
    }
    send_queue(socket, SIOCOUTQNSD).map(Some)
}

/// `snd_nxt - snd_una`, from two requests. In this order an acknowledgement that comes between them
/// can only make the answer larger than it now is.
pub(crate) fn in_flight(socket: &Socket) -> io::Result<Option<u64>> {
    if !is_tcp(socket)? {
        return Ok(None);
    }
    let queued = send_queue(socket, SIOCOUTQ)?;
    Ok(Some(
        queued.saturating_sub(send_queue(socket, SIOCOUTQNSD)?),
    ))
}

pub(crate) fn unread(socket: &Socket) -> io::Result<Option<u64>> {
    unix::unread(socket).map(Some)
}

/// Other kinds of sockets answer SIOCOUTQ as well, but with a measure of their own: AF_UNIX
/// counts the memory that its queued messages occupy.
fn is_tcp(socket: &Socket) -> io::Result<bool> {
    let mut protocol = [0; size_of::<c_int>()];
    unix::option_bytes(socket, libc::SOL_SOCKET, libc::SO_PROTOCOL, &mut protocol)?;
    Ok(c_int::from_ne_bytes(protocol) == libc::IPPROTO_TCP)
}

fn send_queue(socket: &Socket, request: libc::Ioctl) -> io::Result<u64> {
    let mut bytes: c_int = 0;
    // SAFETY: both requests write one int to the address given, which is that of a live int.
    unix::check(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut bytes) })?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(crate) fn tcp_info(socket: &Socket) -> io::Result<Option<TcpInfo>> {
    let mut raw = [0; RawTcpInfo::SIZE];
    match unix::option_bytes(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut raw) {
        Ok(len) => Ok(RawTcpInfo(&raw[..len]).parse()),
        // The answer of a socket that is not TCP.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOPROTOOPT)) => {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn fin_acked(socket: &Socket) -> io::Result<FinAck> {
    let Some(info) = tcp_info(socket)? else {
        return Ok(FinAck::Unknown);
    };
    Ok(match info.state {
        // An acknowledged FIN is itself an acknowledged sequence number: with none there was no
        // FIN (the socket never was connected, or was half-closed while still connecting).
        TcpState::Closed if info.acked_bytes == Some(0) => FinAck::No,
        // A clean end and a reset both lead here. A reset purges the send queue but leaves the
        // sequence numbers as they were, so a FIN without its acknowledgement still counts.
        TcpState::Closed if send_queue(socket, SIOCOUTQ)? == 0 => FinAck::Yes,
        TcpState::Closed => FinAck::No,
        state => FinAck::of_state(state),
    })
}

/// The first `len` bytes of the kernel's `struct tcp_info`. It has grown since 2.4 and never
/// changed, so that a field is there if, and only if, the returned length covers it. libc's own
/// struct ends before `tcpi_bytes_acked`.
struct RawTcpInfo<'a>(&'a [u8]);

impl RawTcpInfo<'_> {
    const STATE: usize = 0;
    const RTT_US: usize = 68;
    const BYTES_ACKED: usize = 120;
    /// Up to and including the last field that is read.
    const SIZE: usize = Self::BYTES_ACKED + size_of::<u64>();

    fn parse(&self) -> Option<TcpInfo> {
        let rtt = self.field(Self::RTT_US).map(u32::from_ne_bytes);
        Some(TcpInfo {
            state: state(*self.0.get(Self::STATE)?)?,
            acked_bytes: self.field(Self::BYTES_ACKED).map(u64::from_ne_bytes),
            // Zero stands for "not measured": a real sample is at least one microsecond.
            rtt: rtt
                .filter(|&us| us > 0)
                .map(|us| Duration::from_micros(us.into())),
        })
    }

    fn field<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }
}

/// The numbers of include/net/tcp_states.h.
fn state(number: u8) -> Option<TcpState> {
    Some(match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        // 12 is a connection request that has no socket yet; it waits for the same ACK.
        3 | 12 => TcpState::SynReceived,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        7 => TcpState::Closed,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_the_kernel_did_not_return_is_unknown_not_zero() {
        let mut raw = [0; RawTcpInfo::SIZE];
        raw[RawTcpInfo::STATE] = 5;
        raw[RawTcpInfo::RTT_US..][..4].copy_from_slice(&250_u32.to_ne_bytes());
        raw[RawTcpInfo::BYTES_ACKED..].copy_from_slice(&7_u64.to_ne_bytes());

        let full = RawTcpInfo(&raw).parse().unwrap();
        assert_eq!(full.state, TcpState::FinWait2);
        assert_eq!(full.rtt, Some(Duration::from_micros(250)));
        assert_eq!(full.acked_bytes, Some(7));

        let old = RawTcpInfo(&raw[..104]).parse().unwrap();
        assert_eq!((old.rtt, old.acked_bytes), (full.rtt, None));
        let cut = RawTcpInfo(&raw[..127]).parse().unwrap();
        assert_eq!(cut.acked_bytes, None);
        let tiny = RawTcpInfo(&raw[..1]).parse().unwrap();
        assert_eq!((tiny.rtt, tiny.acked_bytes), (None, None));
        assert_eq!(RawTcpInfo(&[]).parse(), None);
    }

    #[test]
    fn an_unknown_state_is_no_answer() {
        assert_eq!(state(0), None);
        assert_eq!(state(13), None);
        assert_eq!(state(11), Some(TcpState::Closing));
    }
}
