//! `finwait serve`: one line when it listens, and an orderly end.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;

use common::{BOUND, Session, finwait, run};

/// A server that listens, and where.
#[track_caller]
fn serve(args: &[&str]) -> (Session, String) {
    let args = [&["serve"], args].concat();
    let mut session = Session::start(finwait(&args).stdin(Stdio::null()));
    let line = session.until_line("listening on ");
    let addr = line
        .strip_prefix("listening on ")
        .expect("nothing before it")
        .to_owned();
    (session, addr)
}

#[track_caller]
fn echo(addr: &str) {
    let mut stream = TcpStream::connect(addr).expect("it accepts");
    stream.set_read_timeout(Some(BOUND)).expect("a bound");
    stream.write_all(b"hello").expect("room");
    stream.shutdown(Shutdown::Write).expect("connected");
    let mut echoed = String::new();
    stream.read_to_string(&mut echoed).expect("an echo");
    assert_eq!(echoed, "hello");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn it_says_where_it_listens_and_stops_when_told_to() {
    for signal in ["TERM", "INT"] {
        let (session, addr) = serve(&[":0"]);
        echo(&addr);
        session.signal(signal);
        let ran = session.finish().expect(0);
        assert_eq!(ran.text(), format!("listening on {addr}\n"));
        assert!(
            ran.stderr.contains("1 connection accepted, 1 finished"),
            "{ran:?}"
        );
    }
}

#[test]
fn an_address_may_be_written_in_several_ways() {
    for (typed, begins) in [
        ("127.0.0.1:0", "127.0.0.1:"),
        ("localhost:0", ""),
        ("0", "127.0.0.1:"),
        ("0.0.0.0:0", "0.0.0.0:"),
    ] {
        let (session, addr) = serve(&[typed]);
        assert!(addr.starts_with(begins), "{typed}: {addr}");
        assert!(!addr.ends_with(":0"), "{typed}: {addr}");
        session.stop_server();
    }
}

#[test]
fn ipv6_goes_in_brackets() {
    if TcpListener::bind("[::1]:0").is_err() {
        return common::skipped("IPv6 on the loopback interface");
    }
    let (session, addr) = serve(&["[::1]:0", "--threads", "2"]);
    echo(&addr);
    session.stop_server();
}

#[test]
fn an_address_in_use_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("it is bound").to_string();
    let ran = run(&["serve", &addr]).expect(1).complains(&addr);
    assert_eq!(ran.text(), "");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn connections_that_had_to_be_cut_are_1() {
    let (session, addr) = serve(&[":0", "--behave", "silent", "--stop-within", "50ms"]);
    let mut stream = TcpStream::connect(&addr).expect("it accepts");
    stream.write_all(b"hello").expect("room");
    session.signal("TERM");
    let ran = session.finish().expect(1);
    assert!(ran.stderr.contains("1 cut"), "{ran:?}");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn open_connections_are_drained_before_it_ends() {
    let (mut session, addr) = serve(&[":0"]);
    let mut stream = TcpStream::connect(&addr).expect("it accepts");
    stream.set_read_timeout(Some(BOUND)).expect("a bound");
    stream.write_all(b"before").expect("room");
    let mut echoed = [0; 6];
    stream.read_exact(&mut echoed).expect("an echo");
    session.signal("TERM");
    session.until_line("stopping");
    // Its FIN, and then ours.
    assert_eq!(
        common::read(&mut stream, &mut echoed).expect("not a reset"),
        0
    );
    drop(stream);
    let ran = session.finish().expect(0);
    assert!(ran.stderr.contains("0 cut"), "{ran:?}");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn a_second_signal_leaves_at_once() {
    let (mut session, addr) = serve(&[":0", "--behave", "silent", "--stop-within", "10m"]);
    let mut stream = TcpStream::connect(&addr).expect("it accepts");
    stream.write_all(b"hello").expect("room");
    session.signal("INT");
    session.until_line("interrupt again");
    session.signal("INT");
    session.finish().expect(130);
}

#[test]
fn nobody_reading_its_line_is_no_reason_not_to_serve() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    // The address is not told here, so it must be known before: that of a port just given back.
    let addr = free_address();
    let command = &mut finwait(&["serve", &addr]);
    let session = Session::with_stdout(command.stdin(Stdio::null()), writer.into());
    common::until(|| TcpStream::connect(&addr).is_ok());
    echo(&addr);
    session.stop_server();
}

/// On an address of its own, where nobody else looks for a free port.
fn free_address() -> String {
    let ip = if cfg!(target_os = "linux") {
        "127.44.0.1:0"
    } else {
        "127.0.0.1:0"
    };
    let listener = TcpListener::bind(ip).expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn the_list_names_every_behaviour_once_in_narrow_lines() {
    let ran = run(&["serve", "--list"]).expect(0);
    let listed = ran.text();
    for entry in finwait_peer::Behaviour::catalogue() {
        let begins = format!("  {} ", entry.syntax);
        let lines = listed.lines().filter(|line| line.starts_with(&begins));
        assert_eq!(lines.count(), 1, "{}", entry.syntax);
    }
    for group in ["Good: ", "Bad: ", "Endless: "] {
        assert!(
            listed.lines().any(|line| line.starts_with(group)),
            "{group}"
        );
    }
    assert!(listed.lines().all(|line| line.len() <= 100), "{listed}");
}

#[test]
fn it_speaks_http_and_a_path_chooses_a_behaviour() {
    let (session, addr) = serve(&[":0", "--http", "--idle", "5s"]);
    let mut stream = TcpStream::connect(&addr).expect("it accepts");
    stream.set_read_timeout(Some(BOUND)).expect("a bound");
    let requests = b"GET / HTTP/1.1\r\n\r\nGET /behave/trunc=50 HTTP/1.1\r\n\r\n";
    stream.write_all(requests).expect("room");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("two answers");
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.contains("Keep-Alive: timeout=4"), "{answers}");
    assert!(
        answers.ends_with("\r\n\r\nabcdefghijklmnopqrstuvwxyzabcdef"),
        "{answers}"
    );
    drop(stream);
    session.stop_server();
}
