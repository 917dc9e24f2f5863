//! The checks of the group `time-wait`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use finwait_platform as platform;
use finwait_probe::battery::Settings;
use finwait_probe::{Closing, Finding, Patience, Service, Word};

use crate::server::{Serve, find, words};

fn found(id: &str, serve: Serve) -> Finding {
    find(id, serve.start(), &Settings::default())
}

fn once() -> Serve {
    Serve {
        most: Some(1),
        ..Serve::default()
    }
}

#[test]
fn a_server_that_keeps_connections_leaves_the_first_fin_to_the_client() {
    let finding = found("time-wait/1", Serve::default());
    let good = (Word::Pass, Service::Whole, Closing::Fin);
    assert_eq!(words(&finding), good);
    assert_eq!(
        finding.said,
        "kept: client; close: server; HTTP/1.0: server; nonsense: server"
    );
}

#[test]
fn a_server_that_closes_after_each_response_is_warned_of() {
    for silent in [false, true] {
        let finding = found("time-wait/1", Serve { silent, ..once() });
        let bad = (Word::Warn, Service::Whole, Closing::Fin);
        assert_eq!(words(&finding), bad);
        assert!(finding.said.starts_with("kept: server; "));
    }
}

/// Only where a bind tells: the check says so itself.
#[test]
fn the_side_that_closes_first_holds_time_wait() {
    let told = |serve, expected: &str| {
        let finding = found("time-wait/2", serve);
        if finding.word == Word::Skip && cfg!(not(target_os = "linux")) {
            return;
        }
        let fact = (Word::Info, Service::NotAsked, Closing::NotLooked);
        assert_eq!(words(&finding), fact);
        assert_eq!(finding.said, expected);
    };
    told(Serve::default(), "kept: client; close: server");
    let resets = Serve {
        resets: true,
        ..Serve::default()
    };
    let finding = found("time-wait/2", resets);
    assert_eq!(finding.word, Word::Skip);
}

#[test]
fn the_same_port_can_be_used_again_at_once() {
    let finding = found("time-wait/3", Serve::default());
    let good = (Word::Pass, Service::NotAsked, Closing::NotLooked);
    assert_eq!(words(&finding), good);
}

/// What a server does when its listener has been asked often enough.
enum Then {
    /// Nobody listens any more.
    Refuse,
    /// Its queue is full for ever, so that the kernel drops SYNs.
    Drop,
}

/// A server that closes after each response, and after so many does not let the next one in.
fn failing(after: usize, then: Then) -> SocketAddr {
    let listener = platform::listen("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    listener.set_nonblocking(false).unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut listener = Some(listener);
        for served in 1..=after {
            let Some(open) = &listener else { return };
            let (mut stream, _) = open.accept().unwrap();
            answer(&mut stream, || match then {
                _ if served < after => {}
                Then::Refuse => listener = None,
                Then::Drop => fill(addr),
            });
            if served == after {
                park((listener, stream));
            }
        }
    });
    addr
}

fn answer(stream: &mut TcpStream, before: impl FnOnce()) {
    let mut head = [0; 1024];
    // A connection without a request is closed.
    if stream.read(&mut head).unwrap() == 0 {
        return;
    }
    before();
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(response).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
}

fn park<T>(_held: T) -> ! {
    loop {
        thread::park();
    }
}

/// Connects until no more connections come about.
fn fill(addr: SocketAddr) {
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(500)) {
        held.push(stream);
    }
    std::mem::forget(held);
}

/// Five connections are the baseline's, one tells our own address, and the next is closed first.
const UNTIL_CLOSED: usize = 7;

#[test]
fn a_refused_reconnection_is_a_failure() {
    let addr = failing(UNTIL_CLOSED, Then::Refuse);
    let finding = find("time-wait/3", addr, &Settings::default());
    let bad = (Word::Fail, Service::NotAsked, Closing::NoConnection);
    assert_eq!(words(&finding), bad);
}

#[test]
fn a_reconnection_that_is_never_established_is_a_failure() {
    let settings = Settings {
        patience: Patience {
            wait: Duration::from_millis(1500),
            ..Patience::default()
        },
        ..Settings::default()
    };
    let addr = failing(UNTIL_CLOSED, Then::Drop);
    let finding = find("time-wait/3", addr, &settings);
    let bad = (Word::Fail, Service::NotAsked, Closing::NoConnection);
    assert_eq!(words(&finding), bad);
}
