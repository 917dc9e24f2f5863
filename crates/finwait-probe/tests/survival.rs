//! Does the whole response survive the close? Each check against a server that does well and one
//! that does not.

mod bad_server;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bad_server::{Head, Server, Then, abort, answer, check, drain, head, verdict};
use finwait_load::Expect;
use finwait_probe::battery::Settings;
use finwait_probe::{Closing, Patience, Protocol, Service, Word};

const SMALL: usize = 200;
const BIG: usize = 4 << 20;

/// A server that answers each request with so many bytes, and then ends the connection so.
fn http(body: usize, end: fn(TcpStream)) -> Server {
    Server::new(move |mut stream| {
        if head(&mut stream) == Head::Whole {
            answer(&mut stream, body);
            end(stream);
        }
        Then::GoOn
    })
}

fn in_stages(stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = drain(&stream);
}

fn fully(stream: TcpStream) {
    drop(stream);
}

fn fin_and_rst(stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    abort(stream);
}

/// How long a client may take no byte, where that matters: less than half of the check's pause,
/// because a write that had some success waits once more for the rest.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// Resets who does not read.
fn impatient(body: usize) -> Server {
    Server::new(move |mut stream| {
        if head(&mut stream) != Head::Whole {
            return Then::GoOn;
        }
        stream.set_write_timeout(Some(IMPATIENCE)).unwrap();
        if !answer(&mut stream, body) {
            abort(stream);
            return Then::GoOn;
        }
        // The client sends nothing more: this is a wait for its acknowledgements.
        let tick = Duration::from_millis(10);
        stream.set_read_timeout(Some(tick)).unwrap();
        let (mut left, mut since) = (u64::MAX, Instant::now());
        while since.elapsed() < IMPATIENCE {
            let now = finwait_platform::unacknowledged(&stream).unwrap().unwrap();
            if now == 0 {
                stream
                    .set_read_timeout(Some(Duration::from_secs(20)))
                    .unwrap();
                in_stages(stream);
                return Then::GoOn;
            }
            if now < left {
                (left, since) = (now, Instant::now());
            }
            let _ = stream.read(&mut [0]);
        }
        abort(stream);
        Then::GoOn
    })
}

/// Slow checks, which take their time from how long an idle connection is waited for.
fn slow(seconds: u64) -> Settings {
    Settings {
        patience: Patience {
            max_idle: Duration::from_secs(seconds),
            ..Patience::default()
        },
        slow: true,
        storms: false,
    }
}

const WHOLE: (Word, Service, Closing) = (Word::Pass, Service::Whole, Closing::Fin);
const CUT: (Word, Service, Closing) = (Word::Fail, Service::Cut, Closing::Rst);

/// Whether this runs under Wine, which does not show what has this name; says so then.
fn hidden_by_wine(name: &str) -> bool {
    let wine = finwait_platform::wine_version().is_some();
    if wine {
        println!("skipped under Wine: {name}");
    }
    wine
}

#[test]
fn what_is_queued_survives_a_close_in_stages() {
    let found = http(BIG, in_stages).http("survival/1", &Settings::default());
    assert_eq!(verdict(&found), WHOLE, "{found:?}");
}

// Without the kernel's word on the peer's end the pause goes on, and by then nothing is queued.
#[cfg(not(finwait_force_fallback))]
#[test]
fn what_is_queued_does_not_survive_an_abort() {
    let found = impatient(BIG).http("survival/1", &Settings::default());
    assert_eq!(verdict(&found), CUT, "{found:?}");
    assert!(found.figure.unwrap().value > 0.0);
}

#[test]
fn a_response_that_is_never_whole_fails_the_check_of_plain_exchanges_alone() {
    let cut = || {
        Server::new(|mut stream| {
            if head(&mut stream) == Head::Whole {
                let whole = bad_server::response(BIG);
                let _ = stream.write_all(&whole[..whole.len() / 2]);
                abort(stream);
            }
            Then::GoOn
        })
    };
    let found = cut().http("survival/1", &Settings::default());
    assert_eq!(found.word, Word::Skip, "{found:?}");
    let found = cut().http("survival/7", &Settings::default());
    assert_eq!(verdict(&found), CUT, "{found:?}");
    let found = http(SMALL, in_stages).http("survival/1", &Settings::default());
    assert_eq!(found.word, Word::Skip, "{found:?}");
}

#[test]
fn a_cut_that_looks_whole_is_a_cut() {
    let server = Server::new(|mut stream| {
        // Somebody who does not read is given up, with a clean FIN.
        stream.set_write_timeout(Some(IMPATIENCE)).unwrap();
        let mut request = [0; 6];
        if stream.read_exact(&mut request).is_ok() {
            // On Windows the limit is for a whole write, however much of it is taken meanwhile.
            let piece = [b'.'; 64 << 10];
            let _ = (0..256).try_for_each(|_| stream.write_all(&piece));
            in_stages(stream);
        }
        Then::GoOn
    });
    let found = server.tcp("survival/1", Expect::UntilFin, &Settings::default());
    let cut = (Word::Fail, Service::Cut, Closing::Fin);
    assert_eq!(verdict(&found), cut, "{found:?}");
    assert!(found.figure.unwrap().value > 0.0);
}

#[test]
fn a_server_that_keeps_the_connection_has_nothing_to_survive() {
    let server = Server::new(|mut stream| {
        let mut bytes = [0; 6];
        while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {}
        Then::GoOn
    });
    for id in ["survival/2", "survival/4", "survival/5", "survival/7"] {
        let found = server.tcp(id, Expect::Echo, &Settings::default());
        assert_eq!(found.word, Word::Skip, "{id}: {found:?}");
    }
}

#[test]
fn unread_bytes_are_harmless_to_a_server_that_lingers() {
    for (id, body) in [("survival/2", SMALL), ("survival/3", BIG)] {
        let found = http(body, in_stages).http(id, &Settings::default());
        assert_eq!(verdict(&found), WHOLE, "{id}: {found:?}");
    }
}

#[test]
fn a_small_response_arrives_in_spite_of_unread_bytes() {
    let found = http(SMALL, fully).http("survival/2", &Settings::default());
    let reset = (Word::Warn, Service::Whole, Closing::Rst);
    assert_eq!(verdict(&found), reset, "{found:?}");
    // Some may look like a FIN there.
    if !hidden_by_wine("each reset after the last byte") {
        assert_eq!(found.share.unwrap().seen, 20);
    }
}

#[test]
fn a_big_response_is_cut_by_unread_bytes() {
    let found = http(BIG, fully).http("survival/3", &Settings::default());
    assert_eq!(verdict(&found), CUT, "{found:?}");
    assert!(found.figure.unwrap().value > 0.0);
}

#[test]
fn without_a_count_an_rst_cannot_be_told_from_a_cut() {
    let server = Server::new(|mut stream| {
        let _ = stream.read_exact(&mut [0; 6]);
        let _ = stream.write_all(&[b'.'; SMALL]);
        Then::GoOn
    });
    let found = server.tcp("survival/2", Expect::UntilFin, &Settings::default());
    assert_eq!(found.word, Word::Skip, "{found:?}");
    let counted = Expect::Bytes(SMALL as u64);
    let found = server.tcp("survival/2", counted, &Settings::default());
    let reset = (Word::Warn, Service::Whole, Closing::Rst);
    assert_eq!(verdict(&found), reset, "{found:?}");
}

#[test]
fn late_bytes_are_taken_or_not() {
    let found = http(SMALL, in_stages).http("survival/4", &Settings::default());
    assert_eq!(verdict(&found), WHOLE, "{found:?}");
    let found = http(SMALL, fully).http("survival/4", &Settings::default());
    let reset = (Word::Info, Service::Whole, Closing::FinThenRst);
    assert_eq!(verdict(&found), reset, "{found:?}");
}

#[test]
fn lingering_is_measured() {
    let lingers = http(SMALL, |mut stream| {
        let _ = stream.shutdown(Shutdown::Write);
        let end = Instant::now() + Duration::from_millis(500);
        let mut scratch = [0; 4096];
        while Instant::now() < end && stream.read(&mut scratch).is_ok_and(|bytes| bytes > 0) {}
    });
    let found = lingers.http("survival/5", &Settings::default());
    let while_it_lasts = (Word::Pass, Service::Whole, Closing::FinThenRst);
    assert_eq!(verdict(&found), while_it_lasts, "{found:?}");
    // Whatever the machine does, a byte that was taken was sent before the server's end.
    assert!(found.figure.unwrap().value > 0.0);
}

#[test]
fn no_lingering_is_told() {
    let found = http(SMALL, fully).http("survival/5", &Settings::default());
    let not_at_all = (Word::Info, Service::Whole, Closing::FinThenRst);
    assert_eq!(verdict(&found), not_at_all, "{found:?}");
    assert_eq!(found.figure.unwrap().name, "linger");
}

#[test]
fn lingering_without_end_is_given_up() {
    let found = http(SMALL, in_stages).http("survival/5", &slow(2));
    assert_eq!(verdict(&found), WHOLE, "{found:?}");
    assert!(found.figure.unwrap().value >= 2000.0);
}

#[test]
fn a_slow_reader_is_served_to_the_end() {
    let found = http(BIG, in_stages).http("survival/6", &slow(9));
    assert_eq!(verdict(&found), WHOLE, "{found:?}");
    let found = impatient(BIG).http("survival/6", &slow(9));
    assert_eq!(verdict(&found), CUT, "{found:?}");
    let found = http(BIG, in_stages).http("survival/6", &Settings::default());
    assert_eq!(found.word, Word::Skip, "{found:?}");
}

#[test]
fn an_rst_behind_the_fin_is_seen() {
    let found = http(SMALL, in_stages).http("survival/7", &Settings::default());
    assert_eq!(verdict(&found), WHOLE, "{found:?}");
    assert_eq!(found.share.unwrap().of, 20);
    let found = http(SMALL, fin_and_rst).http("survival/7", &Settings::default());
    let closing = if hidden_by_wine("the FIN before a reset") {
        Closing::Rst
    } else {
        Closing::FinThenRst
    };
    let hidden = (Word::Warn, Service::Whole, closing);
    assert_eq!(verdict(&found), hidden, "{found:?}");
}

#[test]
fn what_came_before_a_write_failed_is_read() {
    let server = Server::new(|mut stream| {
        let _ = stream.read_exact(&mut [0; 6]);
        let _ = stream.write_all(&[b'.'; SMALL]);
        Then::GoOn
    });
    // More than the buffers on the way hold: our side still writes when the RST comes.
    let protocol = Protocol::Tcp {
        send: vec![b'x'; 32 << 20],
        expect: Expect::Bytes(SMALL as u64),
    };
    let found = check(server.addr, "survival/7", protocol, &Settings::default());
    let reset = (Word::Warn, Service::Whole, Closing::Rst);
    assert_eq!(verdict(&found), reset, "{found:?}");
}
