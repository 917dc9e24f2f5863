//! Endings by the limit of discarded bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use finwait::{Delivered, Ending, Fin, Limits, OnLimit};

use crate::common::{Driver, Peer, if_told, ms, pair, patient, tells};

const LIMIT: u64 = 256 << 10;
/// One call that discards without copying takes at most this.
const ONE_READ: u64 = 1 << 20;
const RESPONSE_BYTES: usize = 3 << 20;

fn limits(on_limit: OnLimit) -> Limits {
    Limits {
        drain_bytes: Some(LIMIT),
        on_limit,
        // Where the acknowledgement cannot be told, this is how long the pause is.
        drain_idle: if tells().fin_acked {
            patient().drain_idle
        } else {
            ms(500)
        },
        ..patient()
    }
}

/// Writes for ever, until the connection is reset.
fn flood(mut stream: TcpStream) -> ErrorKind {
    let chunk = [9; 65_536];
    loop {
        if let Err(error) = stream.write_all(&chunk) {
            return error.kind();
        }
    }
}

#[test]
fn at_the_limit_a_flood_is_aborted_if_that_is_wanted() {
    let (ours, theirs) = pair();
    let theirs = Peer::plays(move || flood(theirs));
    let mut driver = Driver::new(limits(OnLimit::Abort));
    driver.close(ours, []);
    let report = driver.finished().report;
    assert_eq!(report.ending, Ending::ByteLimit, "{report:?}");
    assert!((LIMIT..LIMIT + ONE_READ).contains(&report.discarded_bytes));
    assert!(
        matches!(
            theirs.done(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "the RST"
    );
    assert!(!report.peer_fin && report.error.is_none());
}

#[test]
fn a_pause_at_the_limit_lets_every_byte_of_ours_arrive_before_the_reset() {
    let (ours, theirs) = pair();
    let mut reading = theirs.try_clone().expect("a second descriptor");
    let flooding = Peer::plays(move || flood(theirs));
    let reading = Peer::plays(move || {
        let mut buffer = vec![0; 65_536];
        let mut bytes = 0;
        loop {
            match reading.read(&mut buffer) {
                Ok(0) => return (bytes, None),
                Ok(n) => bytes += n,
                Err(error) => return (bytes, Some(error.kind())),
            }
        }
    });
    let mut driver = Driver::new(limits(OnLimit::PauseAndConfirm { grace: ms(50) }));
    driver.close(ours, vec![7; RESPONSE_BYTES]);
    let report = driver.finished().report;
    assert_eq!(report.ending, Ending::ByteLimit, "{report:?}");
    assert!((LIMIT..LIMIT + ONE_READ).contains(&report.discarded_bytes));
    assert_eq!(report.delivered(), if_told(Delivered::Yes), "{report:?}");
    if tells().fin_acked {
        assert_eq!(report.fin, Fin::Acked);
    }
    if tells().unread {
        assert!(report.unread_bytes > Some(0), "and the report says why RST");
    }
    // Our FIN was read before the RST, or the RST was.
    let (bytes, _) = reading.done();
    assert_eq!(bytes, RESPONSE_BYTES);
    flooding.done();
}

#[test]
fn a_reset_during_the_pause_ends_it_as_a_reset() {
    let (ours, mut theirs) = pair();
    theirs.set_nonblocking(true).expect("non-blocking");
    crate::common::fill(&ours);
    // More than the limit is in our receive buffer, and the peer's window is full: our FIN stays
    // unacknowledged.
    let mut sent = 0;
    // The reset ends the pause: no clock may do so before, however busy the machine is.
    let mut driver = Driver::new(Limits {
        drain_idle: patient().drain_idle,
        ..limits(OnLimit::PauseAndConfirm { grace: ms(0) })
    });
    driver.close(ours, []);
    driver.until("the limit", |_| {
        match theirs.write(&[9; 65_536]) {
            Ok(n) => sent += n as u64,
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        (sent > LIMIT + ONE_READ).then_some(())
    });
    assert!(driver.closer.poll_finished().is_none(), "it is paused");
    crate::abort(theirs);
    let report = driver.finished().report;
    assert!(matches!(report.ending, Ending::Reset { .. }), "{report:?}");
    assert_eq!(report.delivered(), if_told(Delivered::Unknown));
}

/// One edge told of both, and no other comes.
#[test]
fn a_reset_that_came_with_the_bytes_of_the_limit_ends_it_at_once() {
    let (ours, mut theirs) = pair();
    let mut driver = Driver::new(Limits {
        drain_bytes: Some(1_000),
        ..limits(OnLimit::PauseAndConfirm {
            grace: patient().drain_idle,
        })
    });
    driver.close(ours, []);
    // The half-close, and a read that finds nothing.
    driver.turn();
    theirs.write_all(&[9; 1_000]).expect("room");
    crate::abort(theirs);
    let report = driver.finished().report;
    assert!(matches!(report.ending, Ending::Reset { .. }), "{report:?}");
}
