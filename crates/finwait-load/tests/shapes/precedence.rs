//! Who ended a connection is told by what had come when it was closed, looked at or not.
//!
//! A storm looks at nothing once all are established; so what the peer does then is there, unseen,
//! when it breaks.

use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use finwait_load::{CloseMode, Ending, Expect, Mode, Verdict};
use finwait_platform as platform;

use crate::support::{
    Counter, HANG, Scripted, Seen, close_in_order, closing, plan, read_bytes, reset, start, until,
};

const LINUX: bool = cfg!(all(target_os = "linux", not(finwait_force_fallback)));
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A storm that breaks when the peer has done this to all ten connections.
fn storm(close: CloseMode, peer: impl Fn(TcpStream, &Counter) + Send + Sync + 'static) -> Seen {
    let done = Counter::default();
    let counter = done.clone();
    let server = Scripted::new(move |mut stream| {
        read_bytes(&mut stream, 21).expect("a request");
        peer(stream, &counter);
    });
    let mut plan = plan(server.addr);
    plan.mode = Mode::Storm;
    plan.hold = FOR_EVER;
    plan.expect = Expect::Bytes(0);
    plan.close = closing(close);
    plan.stop_within = HANG;
    let started = start(&plan);
    done.reaches(10);
    started.stop_when(|live| live.open == 10)
}

/// Returns when the client's system has the FIN.
fn close_first(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    until("the FIN is acknowledged", || {
        platform::fin_acked(stream).unwrap() == platform::FinAck::Yes
    });
}

#[track_caller]
fn all_end(seen: &Seen, ending: Ending) {
    assert!(
        seen.records.iter().all(|record| record.ending == ending),
        "{:#?}",
        seen.records
    );
}

#[test]
fn one_whose_peer_has_closed_is_not_closed_by_us() {
    if !LINUX {
        return println!("not asserted: only Linux tells of a FIN that was not read");
    }
    let seen = storm(CloseMode::Fin, |stream, done| {
        close_first(&stream);
        done.add(1);
        close_in_order(stream);
    });
    seen.all_are(Verdict::Graceful, 10);
    all_end(&seen, Ending::FinClean);
}

#[test]
fn one_whose_peer_has_reset_it_is_neither_closed_nor_aborted_by_us() {
    if !LINUX {
        return println!("not asserted: not every system tells of an RST that was not read");
    }
    for close in [CloseMode::Fin, CloseMode::Rst] {
        let seen = storm(close, |stream, done| {
            reset(stream);
            done.add(1);
        });
        seen.all_are(Verdict::UncleanComplete, 10);
        all_end(&seen, Ending::Rst);
    }
}

#[test]
fn a_reset_behind_a_fin_that_nobody_has_read_is_told_from_a_plain_one() {
    if !LINUX {
        return println!("not asserted: only Linux tells by the error that a FIN came first");
    }
    for close in [CloseMode::Fin, CloseMode::Rst] {
        let seen = storm(close, |stream, done| {
            close_first(&stream);
            reset(stream);
            done.add(1);
        });
        seen.all_are(Verdict::UncleanComplete, 10);
        all_end(&seen, Ending::FinThenRst);
    }
}
