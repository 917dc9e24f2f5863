//! The state of a connection, and whether the FIN was acknowledged.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use finwait_platform::{
    FinAck, TcpInfo, TcpState, acked_after_peer_fin, arm_abort, fin_acked, half_close, take_error,
    tcp_info, unacknowledged, unacknowledged_payload,
};
use socket2::{Domain, Socket, Type};

use crate::support::{
    BSD, LINUX, fill, pair, read_to_eof, tells_state, told, until, wait_reset, wait_state,
};

#[test]
fn the_fin_is_acknowledged_only_after_all_that_was_written() {
    let (ours, mut theirs) = pair();
    let written = fill(&ours);
    half_close(&ours).unwrap();
    let answer = fin_acked(&ours).unwrap();
    if !tells_state() {
        assert_eq!(answer, FinAck::Unknown);
        return;
    }
    assert_eq!(answer, FinAck::No);
    assert_eq!(tcp_info(&ours).unwrap().unwrap().state, TcpState::FinWait1);
    assert_eq!(read_to_eof(&mut theirs).len() as u64, written);
    wait_state(&ours, TcpState::FinWait2);
    assert_eq!(fin_acked(&ours).unwrap(), FinAck::Yes);
    // The other side: its turn has not come.
    assert_eq!(fin_acked(&theirs).unwrap(), FinAck::No);
}

#[test]
fn after_a_clean_end_both_fins_were_acknowledged() {
    let (first, second) = pair();
    half_close(&first).unwrap();
    if tells_state() {
        wait_state(&first, TcpState::FinWait2);
        assert_eq!(fin_acked(&first).unwrap(), FinAck::Yes);
    }
    half_close(&second).unwrap();
    if !LINUX {
        let answer = fin_acked(&second).unwrap();
        assert_ne!(answer, FinAck::Yes, "unknown once closed");
        assert!(tells_state() || answer == FinAck::Unknown, "{answer:?}");
        println!("not asserted: an acknowledged FIN in CLOSED, which Linux alone tells");
        return;
    }
    for stream in [&first, &second] {
        wait_state(stream, TcpState::Closed);
        assert_eq!(fin_acked(stream).unwrap(), FinAck::Yes);
        assert_eq!(unacknowledged(stream).unwrap(), Some(0));
        let both = acked_after_peer_fin(stream).unwrap();
        assert_eq!(both, (FinAck::Yes, Some(0)));
        let error = half_close(stream).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::NotConnected,
            "nothing left to close"
        );
    }
}

#[test]
fn a_reset_after_the_fin_was_acknowledged_changes_nothing_about_it() {
    let (ours, theirs) = pair();
    half_close(&ours).unwrap();
    if !tells_state() {
        assert_eq!(fin_acked(&ours).unwrap(), FinAck::Unknown);
        println!("not asserted: what a reset changes, where nothing is told before it");
        return;
    }
    wait_state(&ours, TcpState::FinWait2);
    assert_eq!(fin_acked(&ours).unwrap(), FinAck::Yes);
    if !LINUX {
        println!("not asserted: an acknowledged FIN in CLOSED, which Linux alone tells");
        return;
    }
    arm_abort(&theirs).unwrap();
    drop(theirs);
    wait_reset(&ours);
    assert_eq!(fin_acked(&ours).unwrap(), FinAck::Yes);
    assert!(take_error(&ours).unwrap().is_some());
}

/// What is told at less cost of two FINs is what the two questions tell one by one.
#[test]
fn after_the_peers_fin_one_question_tells_both() {
    let (mut ours, theirs) = pair();
    let written = fill(&ours);
    half_close(&ours).unwrap();
    half_close(&theirs).unwrap();
    until("the peer's FIN", || {
        (ours.read(&mut [0]).ok() == Some(0)).then_some(())
    });
    // What was written last may be acknowledged between two questions.
    let both = until("the same answer twice", || {
        let both = acked_after_peer_fin(&ours).unwrap();
        let payload = unacknowledged_payload(&ours, true).unwrap();
        (both == (fin_acked(&ours).unwrap(), payload)).then_some(both)
    });
    if !LINUX {
        assert_ne!(both.0, FinAck::Yes, "it waits behind what was written");
        println!("not asserted: acknowledgements in CLOSED, which Linux alone tells");
        return;
    }
    let (fin, payload) = both;
    assert_eq!(fin, FinAck::No);
    assert!(payload > Some(0) && payload < Some(written), "{payload:?}");
    // Their end has bytes that nobody read: an RST.
    drop(theirs);
    wait_state(&ours, TcpState::Closed);
    let (fin, lost) = acked_after_peer_fin(&ours).unwrap();
    assert_eq!(fin, FinAck::No);
    assert!(lost > Some(0) && lost <= payload, "{lost:?} of {payload:?}");
    assert_eq!(fin_acked(&ours).unwrap(), FinAck::No);
}

#[test]
fn without_a_fin_none_was_acknowledged() {
    let (ours, theirs) = pair();
    let no = if tells_state() {
        FinAck::No
    } else {
        FinAck::Unknown
    };
    assert_eq!(fin_acked(&ours).unwrap(), no);
    assert_eq!(fin_acked(&theirs).unwrap(), no);
    let fresh = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let expected = if LINUX { FinAck::No } else { FinAck::Unknown };
    assert_eq!(fin_acked(&fresh).unwrap(), expected);
}

#[test]
fn the_state_follows_the_connection() {
    let (first, second) = pair();
    let Some(info) = told("tcp_info", tells_state(), tcp_info(&first).unwrap()) else {
        return;
    };
    assert_eq!(info.state, TcpState::Established);
    half_close(&first).unwrap();
    wait_state(&second, TcpState::CloseWait);
    wait_state(&first, TcpState::FinWait2);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    if LINUX || BSD {
        wait_state(&listener, TcpState::Listen);
    } else {
        println!("not asserted: whether Windows tells the state of a listener is not known");
    }
    if LINUX {
        assert_eq!(fin_acked(&listener).unwrap(), FinAck::No);
    }
}

#[test]
fn acked_bytes_count_payload_and_fin_and_the_syn_of_who_connected() {
    let (mut client, mut server) = pair();
    let info = tcp_info(&client).unwrap();
    let acked = info.and_then(|info: TcpInfo| info.acked_bytes);
    if told("acked_bytes", LINUX, acked).is_none() {
        return;
    }
    assert_eq!(acked, Some(1));
    assert!(info.unwrap().rtt.is_some(), "measured by the handshake");
    assert_eq!(tcp_info(&server).unwrap().unwrap().acked_bytes, Some(0));
    client.write_all(&[7; 10]).unwrap();
    wait_acked(&client, 11);
    server.write_all(&[7; 5]).unwrap();
    wait_acked(&server, 5);
    half_close(&client).unwrap();
    wait_acked(&client, 12);
    half_close(&server).unwrap();
    wait_acked(&server, 6);
}

#[test]
fn states_print_as_in_the_rfc() {
    assert_eq!(TcpState::FinWait1.to_string(), "FIN-WAIT-1");
    assert_eq!(TcpState::SynReceived.to_string(), "SYN-RECEIVED");
    assert_eq!(TcpState::TimeWait.to_string(), "TIME-WAIT");
    assert_eq!(format!("{:>8}", TcpState::Closed), "  CLOSED");
}

#[track_caller]
fn wait_acked(stream: &TcpStream, bytes: u64) {
    until("the acknowledgement", || {
        let info = tcp_info(stream).unwrap()?;
        (info.acked_bytes == Some(bytes)).then_some(())
    });
}
