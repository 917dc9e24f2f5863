//! What goes wrong is told with the call, the number and the name, and with the exit code.

use std::net::TcpListener;
use std::path::Path;

use crate::common::wine::{reference_server, sample, wine};
use crate::common::{REFUSES, Ran, Session, unknown_host};

#[track_caller]
fn failed(ran: Ran, call: &str, error: &str) {
    let ran = ran.expect(1);
    let wanted = format!("{call} failed: {error}\n");
    assert_eq!(ran.stderr, wanted, "{ran:?}");
}

#[test]
fn a_refused_connection() {
    let Some(wine) = wine() else { return };
    let ran = wine.send(REFUSES, b"anybody there?");
    failed(ran, &format!("connect({REFUSES})"), "10061 WSAECONNREFUSED");
}

#[test]
fn a_name_that_is_unknown() {
    let Some(wine) = wine() else { return };
    let name = unknown_host();
    let ran = wine.send(&format!("{name}:9"), b"anybody there?");
    failed(
        ran,
        &format!("getaddrinfo({name})"),
        "11001 WSAHOST_NOT_FOUND",
    );
}

#[test]
fn a_port_that_is_taken() {
    let Some(wine) = wine() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("it is bound");
    let port = addr.port().to_string();
    let ran = wine.run(&wine.server, &[&port, "127.0.0.1"]);
    failed(ran, &format!("bind({addr})"), "10048 WSAEADDRINUSE");
}

#[test]
fn what_makes_no_sense_is_2() {
    let Some(wine) = wine() else { return };
    let clients: [&[&str]; 4] = [
        &["127.0.0.1", "http"],
        &["127.0.0.1", "65536"],
        &["127.0.0.1", ""],
        &["127.0.0.1", "9", "text", "more"],
    ];
    for args in clients {
        let ran = wine.run(&wine.client, args).expect(2);
        assert!(ran.stderr.starts_with("usage: client "), "{ran:?}");
    }
    let servers: [&[&str]; 6] = [
        &["-1"],
        &["0", "127.0.0.1", "more"],
        &["0", "--connections"],
        &["0", "--connections", "0"],
        &["0", "--end", "well"],
        &["0", "--begin", "fin"],
    ];
    for args in servers {
        let ran = wine.run(&wine.server, args).expect(2);
        assert!(ran.stderr.starts_with("usage: server "), "{ran:?}");
    }
}

#[test]
fn help_is_told_and_nothing_is_done() {
    let Some(wine) = wine() else { return };
    let asked: [(&Path, &[&str]); 3] = [
        (&wine.client, &["--help"]),
        (&wine.client, &["127.0.0.1", "9", "-h"]),
        (&wine.server, &["0", "--help"]),
    ];
    for (program, args) in asked {
        let ran = wine.run(program, args).expect(0);
        assert!(ran.text().starts_with("usage: "), "{ran:?}");
        assert!(ran.text().contains("Exit codes: 0 "), "{ran:?}");
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn a_server_in_c_that_resets_or_closes_with_the_request_unread_is_56_for_send() {
    let Some(wine) = wine() else { return };
    for ending in ["reset", "unread"] {
        let (server, addr) = wine.serve(&["--end", ending]);
        let mut session = Session::piped(&["send", &addr]);
        session.send(b"hello");
        let ran = session.finish().expect(56);
        assert_eq!(ran.stdout, b"");
        if !cfg!(finwait_force_fallback) {
            assert!(ran.stderr.contains("ECONNRESET (104)"), "{ending}: {ran:?}");
        }
        let ran = server.finish().expect(0);
        assert_eq!(ran.stderr, "");
    }
}

/// Far more than the buffers take, so that it is still sending.
const ENDLESS: usize = 48 << 20;

#[test]
fn a_reset_while_the_client_in_c_sends() {
    let Some(wine) = wine() else { return };
    let text = sample(ENDLESS);
    for behaviour in ["rst", "rst-after-response", "unread-close=10"] {
        let (server, addr) = reference_server(behaviour);
        let ran = wine.send(&addr, &text);
        failed(ran, &format!("send({addr})"), "10054 WSAECONNRESET");
        server.signal("TERM");
        server.finish().expect(0);
    }
}

/// Windows tells it with WSAECONNRESET. Wine mostly does not; what it does say has to be right.
#[test]
fn a_reset_while_the_client_in_c_receives() {
    let Some(wine) = wine() else { return };
    let behaviours = [
        ("rst", 0),
        ("rst-after-response", 64),
        ("rst-mid-response", 32),
        ("unread-close=10", 10),
    ];
    for (behaviour, bytes) in behaviours {
        let (server, addr) = reference_server(behaviour);
        let ran = wine.send(&addr, b"hello\n");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        if ran.code == Some(0) {
            println!("skipped: {behaviour}: Wine tells a receiver nothing of a reset");
            assert_eq!(ran.stderr, "");
            let wanted = format!("{bytes} bytes received");
            assert_eq!(said.lines().last(), Some(&wanted[..]), "{behaviour}");
        } else {
            // Or it came before the client had said everything.
            let told = [
                ("recv", "10054 WSAECONNRESET"),
                ("send", "10054 WSAECONNRESET"),
                ("shutdown", "10057 WSAENOTCONN"),
            ];
            let mut told = told.iter();
            let told = told.find(|(call, _)| ran.stderr.starts_with(&format!("{call}(")));
            let (call, error) = told.unwrap_or_else(|| panic!("{behaviour}: {ran:?}"));
            failed(ran, &format!("{call}({addr})"), error);
        }
        server.signal("TERM");
        server.finish().expect(0);
    }
}
