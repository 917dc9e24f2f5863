//! What only shows when segments are kept from one end: Linux's socket filters do that.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;

use finwait_platform::{
    FinAck, TcpState, arm_abort, connect_from, fin_acked, half_close, listen, take_error, tcp_info,
    unacknowledged,
};
use socket2::{SockFilter, Socket};

use crate::skipped::skipped;
use crate::support::{LINUX, pair, until, wait_reset, wait_state};

/// FIN, then RST, while our own FIN is kept from the peer's stack: the worst case, for `read`
/// says EOF throughout.
#[test]
fn a_reset_in_closing_leaves_the_fin_unacknowledged_and_reads_as_eof() {
    let (mut ours, theirs) = pair();
    let theirs = Socket::from(theirs);
    if !drop_all_segments_to(&theirs) {
        return;
    }
    half_close(&ours).unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
    if LINUX {
        wait_state(&ours, TcpState::Closing);
        assert_eq!(fin_acked(&ours).unwrap(), FinAck::No);
    }
    arm_abort(&theirs).unwrap();
    drop(theirs);
    if LINUX {
        wait_reset(&ours);
        assert_eq!(unacknowledged(&ours).unwrap(), Some(1), "the FIN alone");
        assert_eq!(fin_acked(&ours).unwrap(), FinAck::No);
    } else {
        assert_eq!(fin_acked(&ours).unwrap(), FinAck::Unknown);
    }
    let error = until("the late RST", || {
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
        take_error(&ours).unwrap()
    });
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "half-closed");
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn half_closing_while_connecting_gives_the_attempt_up_without_a_fin() {
    let listener = listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let listener = Socket::from(listener);
    if !drop_all_segments_to(&listener) {
        return;
    }
    let target = listener.local_addr().unwrap().as_socket().unwrap();
    let connecting = connect_from(target, None).unwrap();
    half_close(&connecting).unwrap();
    if LINUX {
        assert_eq!(
            tcp_info(&connecting).unwrap().unwrap().state,
            TcpState::Closed
        );
        assert_eq!(fin_acked(&connecting).unwrap(), FinAck::No);
    }
    let error = half_close(&connecting).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

/// `false`, said out loud, where a socket filter takes a privilege that this process lacks.
fn drop_all_segments_to(socket: &Socket) -> bool {
    // BPF_RET | BPF_K (linux/bpf_common.h): return the constant 0, "keep no byte of it".
    let drop_all = SockFilter::new(0x06, 0, 0, 0);
    match socket.attach_filter(&[drop_all]) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            skipped("permission to attach a socket filter");
            false
        }
        attached => {
            attached.unwrap();
            true
        }
    }
}
