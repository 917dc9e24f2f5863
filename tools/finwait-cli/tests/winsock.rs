//! The Winsock recipe in C, run under Wine, and finwait on this system: each with the other.
#![cfg(target_os = "linux")]

mod common;
mod winsock {
    pub(crate) mod failing;
    pub(crate) mod hidden;
    pub(crate) mod page;
}

use std::process::Stdio;

use common::wine::{reference_server, sample, stopped, wine};
use common::{Ran, Session, finwait};

/// A line, more than one buffer of the samples, and nothing at all. Not more than the buffers of two
/// sockets: the recipe sends everything before it receives.
fn texts() -> [Vec<u8>; 3] {
    [b"hello\n".to_vec(), sample(100_000), Vec::new()]
}

/// What the C client has written: what it received, and how many bytes that were.
#[track_caller]
fn received(ran: &Ran, text: &[u8]) {
    let line = format!("{} bytes received\n", text.len());
    let wanted = [text, line.as_bytes()].concat();
    assert!(ran.stdout == wanted, "not what was sent: {ran:?}");
    assert_eq!(ran.stderr, "");
}

/// What the C server has written.
#[track_caller]
fn sent_back(server: Session, texts: &[Vec<u8>]) {
    let ran = server.finish().expect(0);
    assert_eq!(ran.stderr, "");
    let said = ran.text();
    let lines: Vec<_> = said.lines().skip(1).collect();
    assert_eq!(lines.len(), texts.len(), "{said}");
    for (line, text) in lines.iter().zip(texts) {
        let wanted = format!(": {} bytes sent back", text.len());
        assert!(line.ends_with(&wanted), "{wanted:?} is not in {said}");
    }
}

#[test]
fn the_client_in_c_gets_every_byte_back_from_the_reference_server() {
    let Some(wine) = wine() else { return };
    let (server, addr) = reference_server("echo");
    for text in &texts() {
        received(&wine.send(&addr, text).expect(0), text);
    }
    stopped(server, 3);
}

#[test]
fn send_gets_every_byte_back_from_the_server_in_c() {
    let Some(wine) = wine() else { return };
    let texts = texts();
    let (server, addr) = wine.serve(&["--connections", "3"]);
    for text in &texts {
        let mut session = Session::piped(&["send", "-v", &addr]);
        session.send(text);
        // A FIN without a byte before it is 52, also if nothing was asked.
        let ran = session
            .finish()
            .expect(if text.is_empty() { 52 } else { 0 });
        assert!(ran.stdout == *text, "{ran:?}");
        if !cfg!(finwait_force_fallback) {
            let told = format!("finwait: {addr}: graceful; delivered: yes; ");
            assert!(ran.stderr.contains(&told), "{ran:?}");
        }
    }
    sent_back(server, &texts);
}

#[test]
fn the_client_and_the_server_in_c_understand_each_other() {
    let Some(wine) = wine() else { return };
    let texts = texts();
    let (server, addr) = wine.serve(&["--connections", "3"]);
    for text in &texts {
        received(&wine.send(&addr, text).expect(0), text);
    }
    sent_back(server, &texts);
}

#[test]
fn the_client_in_c_looks_its_server_up_by_name_and_sends_a_line() {
    let Some(wine) = wine() else { return };
    let (server, addr) = wine.serve(&[]);
    let port = addr.trim_start_matches("127.0.0.1:");
    let ran = wine.run(&wine.client, &["localhost", port, "a line"]);
    // Where `localhost` has an IPv6 address too, nobody listens there, and that is told.
    assert_eq!(ran.expect(0).text(), "a line\n7 bytes received\n");
    sent_back(server, &[b"a line\n".to_vec()]);
}

#[test]
fn the_server_in_c_listens_on_both_families_unless_told_where() {
    let Some(wine) = wine() else { return };
    let args = ["0", "--connections", "2"];
    let mut command = wine.command(&wine.server, &args);
    let (server, addr) = common::wine::listening(command.stdin(Stdio::null()));
    let (address, port) = addr.rsplit_once(':').expect("a port");
    // Where the system has no IPv6, that is told, and IPv4 is served alone.
    let hosts = match address {
        "[::]" => ["127.0.0.1", "[::1]"],
        _ => ["127.0.0.1"; 2],
    };
    for host in hosts {
        let mut session = Session::piped(&["send", &format!("{host}:{port}")]);
        session.send(b"hello");
        assert_eq!(session.finish().expect(0).text(), "hello", "{host}");
    }
    let ran = server.finish().expect(0);
    if address == "[::]" {
        assert!(ran.text().contains("[::ffff:127.0.0.1]:"), "{ran:?}");
        assert!(ran.text().contains("[::1]:"), "{ran:?}");
        assert_eq!(ran.stderr, "");
    } else {
        assert_eq!(address, "0.0.0.0", "{ran:?}");
        assert!(ran.stderr.contains("[::]"), "{ran:?}");
    }
}

#[test]
fn the_client_in_c_takes_a_server_that_answers_something_else() {
    let Some(wine) = wine() else { return };
    let args = ["serve", "127.0.0.1:0", "--behave", "respond=10"];
    let (server, addr) = common::wine::listening(finwait(&args).stdin(Stdio::null()));
    let ran = wine.send(&addr, b"well?").expect(0);
    assert_eq!(ran.text(), "abcdefghij\n10 bytes received\n");
    server.signal("TERM");
    server.finish().expect(0);
}
