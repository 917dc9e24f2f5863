//! SIO_TCP_INFO, version 0: by Microsoft's page since Windows 10 1703 and Server 2016. Older systems, and Wine, do not know the request.

use std::io;
use std::mem::offset_of;
use std::ptr;
use std::time::Duration;

use socket2::Socket;
use windows_sys::Win32::Networking::WinSock::{
    SIO_TCP_INFO, TCP_INFO_v0, TCPSTATE, TCPSTATE_CLOSE_WAIT, TCPSTATE_CLOSED, TCPSTATE_CLOSING,
    TCPSTATE_ESTABLISHED, TCPSTATE_FIN_WAIT_1, TCPSTATE_FIN_WAIT_2, TCPSTATE_LAST_ACK,
    TCPSTATE_LISTEN, TCPSTATE_SYN_RCVD, TCPSTATE_SYN_SENT, TCPSTATE_TIME_WAIT, WSAEINVAL,
    WSAENOPROTOOPT, WSAENOTCONN, WSAEOPNOTSUPP, WSAIoctl,
};

use super::{check, raw};
use crate::types::{TcpInfo, TcpState};

pub(crate) fn tcp_info(socket: &Socket) -> io::Result<Option<TcpInfo>> {
    Ok(ask(socket)?.and_then(|answer| answer.parse()))
}

/// BytesInFlight: sent and not acknowledged. What has not been sent is not in it, so that a 0 proves nothing.
pub(crate) fn in_flight(socket: &Socket) -> io::Result<Option<u64>> {
    let bytes = |answer: Answer| answer.number(offset_of!(TCP_INFO_v0, BytesInFlight));
    Ok(ask(socket)?.map(|answer| bytes(answer).into()))
}

/// The bytes of a TCP_INFO_v0, aligned as one. Not the struct itself: a field of it is a `bool`, which must be 0 or 1, and
/// what the system writes is its own affair.
#[repr(C, align(8))]
struct Answer([u8; size_of::<TCP_INFO_v0>()]);

const _: () = assert!(align_of::<Answer>() >= align_of::<TCP_INFO_v0>());

fn ask(socket: &Socket) -> io::Result<Option<Answer>> {
    let version: u32 = 0;
    let mut answer = Answer([0; size_of::<TCP_INFO_v0>()]);
    let mut length = 0;
    // SAFETY: the request reads the u32 behind the first pointer and writes at most the given size behind the second;
    // all three pointers are to live values, and without an OVERLAPPED the call is over when it returns.
    let result = unsafe {
        WSAIoctl(
            raw(socket),
            SIO_TCP_INFO,
            (&raw const version).cast(),
            size_of::<u32>() as u32,
            (&raw mut answer).cast(),
            size_of::<Answer>() as u32,
            &raw mut length,
            ptr::null_mut(),
            None,
        )
    };
    match check(result) {
        Ok(()) if length as usize >= size_of::<TCP_INFO_v0>() => Ok(Some(answer)),
        Ok(()) => Ok(None),
        Err(e) if e.raw_os_error().is_some_and(cannot_tell) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The request is unknown here, or does not fit this socket or its state.
fn cannot_tell(error: i32) -> bool {
    matches!(
        error,
        WSAEINVAL | WSAENOPROTOOPT | WSAENOTCONN | WSAEOPNOTSUPP
    )
}

impl Answer {
    fn parse(&self) -> Option<TcpInfo> {
        let rtt_us = self.number(offset_of!(TCP_INFO_v0, RttUs));
        Some(TcpInfo {
            state: state(self.number(offset_of!(TCP_INFO_v0, State)).cast_signed())?,
            // Not BytesOut less BytesInFlight: whether BytesOut counts a byte again when it is sent again is not documented.
            acked_bytes: None,
            // Zero stands for "not measured".
            rtt: (rtt_us > 0).then(|| Duration::from_micros(rtt_us.into())),
        })
    }

    /// The four bytes from `offset` on, which is that of a field of four.
    fn number(&self, offset: usize) -> u32 {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }
}

/// By name: the numbers of Windows are not those of any other system.
fn state(number: TCPSTATE) -> Option<TcpState> {
    Some(match number {
        TCPSTATE_CLOSED => TcpState::Closed,
        TCPSTATE_LISTEN => TcpState::Listen,
        TCPSTATE_SYN_SENT => TcpState::SynSent,
        TCPSTATE_SYN_RCVD => TcpState::SynReceived,
        TCPSTATE_ESTABLISHED => TcpState::Established,
        TCPSTATE_FIN_WAIT_1 => TcpState::FinWait1,
        TCPSTATE_FIN_WAIT_2 => TcpState::FinWait2,
        TCPSTATE_CLOSE_WAIT => TcpState::CloseWait,
        TCPSTATE_CLOSING => TcpState::Closing,
        TCPSTATE_LAST_ACK => TcpState::LastAck,
        TCPSTATE_TIME_WAIT => TcpState::TimeWait,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_where_windows_puts_them() {
        let mut bytes = [0; size_of::<TCP_INFO_v0>()];
        // The layout of mstcpip.h for 64 bits: State, Mss, ConnectionTimeMs, TimestampsEnabled, RttUs, MinRttUs, BytesInFlight.
        bytes[0..4].copy_from_slice(&6_i32.to_ne_bytes());
        bytes[20..24].copy_from_slice(&250_u32.to_ne_bytes());
        bytes[28..32].copy_from_slice(&7_u32.to_ne_bytes());
        let answer = Answer(bytes);
        let info = answer.parse().unwrap();
        assert_eq!(info.state, TcpState::FinWait2);
        assert_eq!(info.rtt, Some(Duration::from_micros(250)));
        assert_eq!(info.acked_bytes, None);
        assert_eq!(answer.number(offset_of!(TCP_INFO_v0, BytesInFlight)), 7);
    }

    #[test]
    fn states_are_told_apart_by_the_numbers_of_windows() {
        assert_eq!(state(4), Some(TcpState::Established));
        assert_eq!(state(5), Some(TcpState::FinWait1));
        assert_eq!(state(7), Some(TcpState::CloseWait));
        assert_eq!(state(10), Some(TcpState::TimeWait));
        for number in [-1, 11, 12] {
            assert_eq!(state(number), None);
        }
    }

    #[test]
    fn a_round_trip_that_was_not_measured_is_unknown() {
        assert_eq!(
            Answer([0; size_of::<TCP_INFO_v0>()]).parse().unwrap().rtt,
            None
        );
    }
}
