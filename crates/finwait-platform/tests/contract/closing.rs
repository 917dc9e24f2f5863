//! Half-close, abort, discard, and the latched error.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use finwait_platform::{EndCause, arm_abort, classify_end, discard, half_close, take_error};
use socket2::{Domain, Socket, Type};

use crate::support::{BSD, LINUX, WINDOWS, fill, pair, read_to_eof, until, wait_reset};
use crate::wine::{self, Hidden};

#[test]
fn after_a_half_close_the_peer_reads_eof_and_can_still_answer() {
    let (mut ours, mut theirs) = pair();
    ours.write_all(b"request").unwrap();
    half_close(&ours).unwrap();
    assert_eq!(read_to_eof(&mut theirs), b"request");
    theirs.write_all(b"response").unwrap();
    drop(theirs);
    assert_eq!(read_to_eof(&mut ours), b"response");
    assert!(take_error(&ours).unwrap().is_none());
}

#[test]
fn half_closing_a_socket_that_never_was_connected_is_not_connected() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let error = half_close(&socket).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn a_second_half_close_after_a_reset_is_refused_and_the_reason_is_still_there() {
    let (mut ours, theirs) = pair();
    half_close(&ours).unwrap();
    abort(theirs);
    if wine::hides(Hidden::HalfCloseAfterReset) {
        return;
    }
    wait_reset(&ours);
    let error = half_close(&ours).unwrap_err();
    if error.kind() == ErrorKind::NotConnected {
        assert_eq!(classify_end(&error), EndCause::Other);
        let reason = ours.read(&mut [0; 8]).unwrap_err();
        assert_eq!(classify_end(&reason), EndCause::Reset);
    } else {
        // The reason itself, which shutdown() may report on Windows alone.
        let told = (WINDOWS, classify_end(&error));
        assert_eq!(told, (true, EndCause::Reset), "{error}");
    }
}

#[test]
fn an_armed_abort_does_nothing_before_the_close() {
    let (mut ours, mut theirs) = pair();
    arm_abort(&ours).unwrap();
    ours.write_all(b"still works").unwrap();
    half_close(&ours).unwrap();
    assert_eq!(read_to_eof(&mut theirs), b"still works");
    theirs.write_all(b"both ways").unwrap();
    drop(theirs);
    assert_eq!(read_to_eof(&mut ours), b"both ways");
}

#[test]
fn an_abort_drops_what_was_queued() {
    let (ours, mut theirs) = pair();
    let written = fill(&ours);
    abort(ours);
    let mut received = 0;
    let mut buffer = vec![0; 65_536];
    // Until the reset, or what Wine makes of it.
    while let Ok(bytes @ 1..) = theirs.read(&mut buffer) {
        received += bytes as u64;
    }
    assert!(received < written, "{received} of {written}");
}

#[test]
fn discard_counts_what_it_drops_then_would_block_then_says_eof() {
    let (mut ours, theirs) = pair();
    theirs.set_nonblocking(true).unwrap();
    let mut scratch = [0xAA; 1024];
    let error = discard(&theirs, 4096, &mut scratch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    ours.write_all(&[7; 10_000]).unwrap();
    assert_eq!(discard_some(&theirs, 1, &mut scratch), 1);
    let mut rest = 9_999;
    while rest > 0 {
        let n = discard_some(&theirs, 4096, &mut scratch);
        assert!(n <= if LINUX { 4096 } else { 1024 });
        rest -= n;
    }
    if LINUX {
        assert!(scratch.iter().all(|&b| b == 0xAA), "dropped, not copied");
    }
    let error = discard(&theirs, 4096, &mut scratch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    half_close(&ours).unwrap();
    assert_eq!(discard_some(&theirs, usize::MAX, &mut scratch), 0);
    assert_eq!(discard_some(&theirs, 1, &mut scratch), 0);
}

#[test]
fn discard_takes_any_bound_but_refuses_to_receive_nothing() {
    let (mut ours, theirs) = pair();
    theirs.set_nonblocking(true).unwrap();
    ours.write_all(b"0123456789").unwrap();
    let refused = |result: io::Result<usize>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    };
    refused(discard(&theirs, 0, &mut [0; 8]));
    refused(discard(&theirs, 0, &mut []));
    if !LINUX {
        refused(discard(&theirs, 8, &mut []));
    }
    // Nothing was lost by asking wrongly.
    assert_eq!(discard_exactly(&theirs, usize::MAX, 10), 10);
}

#[test]
fn discard_of_a_blocking_socket_does_not_block_on_linux() {
    let (_ours, theirs) = pair();
    if !LINUX {
        println!("not asserted: a blocking socket blocks here");
        return;
    }
    let error = discard(&theirs, 1, &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_peers_abort_is_reported_once_and_then_it_looks_like_eof() {
    let (ours, theirs) = pair();
    theirs.set_nonblocking(true).unwrap();
    abort(ours);
    if wine::hides(Hidden::AbortIsReset) {
        return;
    }
    let error = until("the reset", || match discard(&theirs, 8, &mut [0; 8]) {
        Ok(n) => panic!("{n} bytes instead of an error"),
        Err(e) => (e.kind() != ErrorKind::WouldBlock).then_some(e),
    });
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(classify_end(&error), EndCause::Reset);
    if LINUX || BSD {
        assert_eq!(discard(&theirs, 8, &mut [0; 8]).unwrap(), 0);
    }

    let (ours, mut theirs) = pair();
    abort(ours);
    let error = theirs.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[cfg(unix)]
#[test]
fn discard_of_a_unix_stream_goes_through_the_scratch() {
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let error = discard(&theirs, 8, &mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    ours.write_all(&[7; 100]).unwrap();
    let error = discard(&theirs, 8, &mut []).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut scratch = [0; 64];
    assert_eq!(discard(&theirs, 8, &mut scratch).unwrap(), 8);
    assert_eq!(scratch[..9], [7, 7, 7, 7, 7, 7, 7, 7, 0]);
    assert_eq!(discard(&theirs, usize::MAX, &mut scratch).unwrap(), 64);
    assert_eq!(discard(&theirs, 64, &mut scratch).unwrap(), 28);

    half_close(&ours).unwrap();
    assert_eq!(discard(&theirs, 64, &mut scratch).unwrap(), 0);
}

#[test]
fn take_error_takes_the_error_away_and_a_read_then_looks_like_eof() {
    let (ours, mut theirs) = pair();
    assert!(take_error(&theirs).unwrap().is_none());
    abort(ours);
    if WINDOWS {
        // What it keeps there has not been measured (nothing, under Wine). If it is something, it is a reset.
        told_of_a_reset_or_nothing(&theirs);
        return;
    }
    let error = until("the reset", || take_error(&theirs).unwrap());
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(take_error(&theirs).unwrap().is_none());
    if LINUX {
        assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
    }
}

#[track_caller]
fn told_of_a_reset_or_nothing(stream: &TcpStream) {
    if let Some(error) = take_error(stream).unwrap() {
        assert_eq!(classify_end(&error), EndCause::Reset);
    }
}

#[test]
fn an_rst_after_the_peers_fin_shows_only_in_take_error() {
    let (mut ours, theirs) = pair();
    drop(theirs);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
    assert!(take_error(&ours).unwrap().is_none());
    // Nobody is there to take this, and the answer is an RST (RFC 9293 section 3.6.1).
    ours.write_all(b"x").unwrap();
    if WINDOWS {
        told_of_a_reset_or_nothing(&ours);
        return;
    }
    let error = until("the late RST", || {
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0, "still EOF");
        take_error(&ours).unwrap()
    });
    assert_eq!(classify_end(&error), EndCause::Reset);
    if cfg!(target_os = "linux") {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "not half-closed");
    }
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
    assert!(take_error(&ours).unwrap().is_none());
}

#[test]
fn a_write_after_our_own_half_close_is_a_broken_pipe_too() {
    let (mut ours, _theirs) = pair();
    half_close(&ours).unwrap();
    let error = ours.write(b"x").unwrap_err();
    if cfg!(unix) {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(
            classify_end(&error),
            EndCause::Reset,
            "documented: our mistake"
        );
    } else {
        assert_eq!(classify_end(&error), EndCause::Other);
    }
}

#[test]
fn half_close_is_that_of_the_write_side_alone() {
    let (mut ours, mut theirs) = pair();
    half_close(&ours).unwrap();
    theirs.write_all(b"late").unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_eof(&mut ours), b"late");
}

#[cfg(unix)]
#[test]
fn what_is_not_a_socket_is_an_error_everywhere() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(half_close(&file).is_err());
    assert!(arm_abort(&file).is_err());
    assert!(take_error(&file).is_err());
    if LINUX {
        assert!(discard(&file, 1, &mut [0]).is_err());
        assert!(finwait_platform::tcp_info(&file).is_err());
        assert!(finwait_platform::fin_acked(&file).is_err());
        assert!(finwait_platform::unacknowledged(&file).is_err());
        assert!(finwait_platform::unsent(&file).is_err());
        assert!(finwait_platform::unread(&file).is_err());
    }
}

fn abort(stream: TcpStream) {
    arm_abort(&stream).unwrap();
}

fn discard_some(stream: &TcpStream, max: usize, scratch: &mut [u8]) -> usize {
    until("something to discard", || {
        match discard(stream, max, scratch) {
            Ok(n) => Some(n),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("discard: {e}"),
        }
    })
}

fn discard_exactly(stream: &TcpStream, max: usize, total: usize) -> usize {
    let mut sum = 0;
    while sum < total {
        let n = discard_some(stream, max, &mut [0; 4]);
        assert_ne!(n, 0, "EOF after {sum} of {total}");
        sum += n;
    }
    sum
}
