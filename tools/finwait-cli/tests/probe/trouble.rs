//! Where nothing can be tested, or results are lost: an exit code of its own, and one line.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use tempfile::TempDir;

use super::forms::elements;
use crate::common::{BOUND, REFUSES, peer, read, unknown_host};
use crate::{http, probe, url};

#[track_caller]
fn refused(args: &[&str], code: i32, saying: &str) {
    let ran = probe(args).expect(code).complains(saying);
    assert_eq!(ran.text(), "", "{args:?}");
}

#[test]
fn what_makes_no_sense_is_2() {
    for (args, saying) in [
        (&["https://127.0.0.1/"][..], "TLS"),
        (&["ftp://127.0.0.1/"], "neither HOST:PORT nor"),
        (&["127.0.0.1:80-82"], "one port is wanted"),
        (&["http://127.0.0.1:80-82/"], "one port is wanted"),
        (&["127.0.0.1:0"], "port 0"),
        (&["http://127.0.0.1/", "--send", "text:x"], "--send: "),
        (&["http://127.0.0.1/", "--expect", "echo"], "--expect: "),
        (
            &["127.0.0.1:9", "--big-path", "/"],
            "--big-path: TARGET is not HTTP",
        ),
        (&["127.0.0.1:9", "--slow-path", "x"], "must begin with '/'"),
        (&["127.0.0.1:9", "--expect", "http"], "http:// TARGET"),
        (
            &["127.0.0.1:9", "--expect", "all"],
            "until-fin, echo, bytes=SIZE",
        ),
        (
            &["127.0.0.1:9", "--send", "@/nonexistent/file"],
            "/nonexistent",
        ),
        (&["--send", "text:x"], "TARGET"),
        (&["--timeout", "0"], "--timeout <TIME>': must be above zero"),
        (&["--max-idle", "soon"], "--max-idle"),
        (&["--severity", "dire"], "info, low, medium, high, critical"),
        (&["--only", "halfclose/1"], "near it: half-close/1, "),
        (
            &["--skip", "xyzzy"],
            "--skip 'xyzzy': no check has that id; see",
        ),
        (&["--only", "half-close/1", "--skip", "*"], "leave no check"),
        (&["--explain", "half-close/*"], "near it: half-close/"),
        (&["--list", "--json"], "--json"),
        (&["--markdown", "--json"], "--markdown"),
        (&["--junit", "-"], "--junit -"),
        (&["-4", "-6"], "--ipv6"),
        (&["--pid", "1"], "TARGET"),
        (&["127.0.0.1:9", "--pid", "0"], "--pid"),
    ] {
        refused(args, 2, saying);
    }
}

#[test]
fn where_nobody_answers_nothing_was_tested() {
    refused(&[REFUSES], 3, "nothing was tested: no connection: ");
    refused(&[&unknown_host()], 3, "unknown host");
    refused(&["-6", "127.0.0.1:9"], 3, "no IPv6 address");
}

/// Linux drops a SYN for a listener whose queue is full, and says nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_never_accepts_is_given_up() {
    if cfg!(finwait_force_fallback) {
        // It cannot choose the length of the queue.
        return;
    }
    use crate::common::until;
    use finwait_platform as platform;

    let listener = platform::listen((Ipv4Addr::LOCALHOST, 0).into(), 0).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let mut first = TcpStream::connect(addr).expect("there is room for one");
    // Once its byte is acknowledged it is in the queue, which is full with it.
    first.write_all(b"x").expect("a connection");
    until(|| platform::unacknowledged(&first).is_ok_and(|left| left == Some(0)));
    let addr = addr.to_string();
    refused(&[&addr, "--timeout", "100ms"], 3, "see --timeout");
}

/// Answers every connection in the same way, for as long as the test lasts.
fn answers(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer_one(stream, answer);
        }
    });
    addr
}

/// Reads a request, answers it, and reads to the end.
fn answer_one(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.set_read_timeout(Some(BOUND));
    let mut buffer = [0; 4096];
    // What goes wrong here is the client's to notice.
    let _ = read(&mut stream, &mut buffer);
    let _ = stream.write_all(answer);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while matches!(read(&mut stream, &mut buffer), Ok(1..)) {}
}

#[test]
fn a_server_that_does_not_speak_http_is_not_asked_any_further() {
    let addr = answers(b"SSH-2.0-x\x1b[2J\r\n");
    let dir = TempDir::new().expect("a folder");
    let file = dir.path().join("probe.xml");
    let file = file.to_str().expect("UTF-8");
    let url = format!("http://{addr}/");
    refused(
        &[&url, "--junit", file],
        3,
        "not HTTP, it begins with \"SSH-2.0-x",
    );
    // Who reads the file only learns it as well.
    let seen = elements(&fs::read_to_string(file).expect("it was written"));
    assert!(seen.iter().any(|(name, _)| name == "error"), "{seen:#?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_not_the_servers_is_refused() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let mut other = crate::common::finwait(&["serve", "127.0.0.1:0"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let pid = other.id().to_string();
    refused(
        &[&addr, "--expect", "echo", "--pid", &pid],
        2,
        "it does not listen on port",
    );
    other.kill().expect("it is ours");
    other.wait().expect("it ends");
    refused(
        &[&addr, "--expect", "echo", "--pid", &pid],
        2,
        "there is no such process",
    );
}

#[test]
fn checks_without_any_verdict_test_nothing() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let args = [&addr[..], "--expect", "echo", "--only", "half-close/2"];
    let ran = probe(&args)
        .expect(3)
        .complains("no check came to a verdict");
    assert!(ran.text().contains("\nSKIP  half-close/2 "), "{ran:#?}");
}

#[test]
fn a_path_that_does_not_bring_what_it_is_for_is_told() {
    let server = http();
    let url = url(&server, "linger");
    let args = [
        &url[..],
        "--only",
        "half-close/1",
        "--big-path",
        "/?size=10",
    ];
    probe(&args).expect(0).complains("--big-path /?size=10: ");
}

#[test]
fn a_file_that_cannot_be_written_is_74_before_anything_is_asked() {
    let server = http();
    let url = url(&server, "linger");
    refused(
        &[&url, "--junit", "/nonexistent/x.xml"],
        74,
        "--junit '/nonexistent/x.xml'",
    );
    assert_eq!(server.stats().accepted, 0);
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_takes_nothing_is_74_and_the_card_is_there() {
    let args = ["--only", "half-close/1", "-q", "--junit", "/dev/full"];
    let ran = probe(&args)
        .expect(74)
        .complains("--junit '/dev/full': not complete");
    assert!(ran.text().contains("\nok: 1 PASS\n"), "{ran:#?}");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_check_that_is_under_way_and_prints_what_there_is() {
    use std::process::Stdio;
    use std::sync::mpsc;

    use crate::common::{Session, finwait};

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let (begins, in_the_check) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            // The first ones are the plain requests.
            if number == 5 {
                let _ = begins.send(());
                let _ = may_go_on.recv_timeout(BOUND);
            }
            answer_one(stream, OK);
        }
    });
    let args = [
        "probe",
        &url,
        "--timeout",
        "60s",
        "--json",
        "--only",
        "half-close/*",
    ];
    let mut session = Session::start(finwait(&args).stdin(Stdio::null()));
    in_the_check.recv_timeout(BOUND).expect("a check begins");
    session.signal("INT");
    session.until_line("stopping after this check; interrupt again");
    go_on.send(()).expect("it waits");
    let json = session.finish().expect(130).json();
    assert_eq!(json["interrupted"], true, "{json:#}");
    assert_eq!(json["summary"]["pass"], 1, "{json:#}");
    assert_eq!(json["checks"].as_array().map(Vec::len), Some(1), "{json:#}");
}
