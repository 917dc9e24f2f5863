//! `finwait send`: what arrives, what comes back, and the exit code for every way that it ends.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use common::{BOUND, REFUSES, Session, finwait, peer, read, run, scripted, unknown_host};

/// Bytes in which a shifted or repeated piece does not go unnoticed.
fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * i % 251) as u8).collect()
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room");
    std::io::Seek::rewind(&mut file).expect("a file has a start");
    file
}

#[test]
fn what_is_echoed_comes_back_and_the_code_is_0() {
    let server = peer("echo");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"to the last byte");
    let ran = session.finish().expect(0);
    assert_eq!(ran.text(), "to the last byte");
    assert_eq!(ran.stderr, "");
}

#[test]
fn stdin_is_sent_while_it_comes_and_the_answer_is_printed_while_it_comes() {
    let server = peer("echo");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"one ");
    session.until_stdout(b"one ");
    session.send(b"two");
    session.until_stdout(b"one two");
    session.finish().expect(0);
}

#[test]
fn a_file_of_8_mib_goes_both_ways() {
    let (server, bytes) = (peer("echo"), sample(8 << 20));
    let stdin = Stdio::from(file_of(&bytes));
    let command = &mut finwait(&["send", &server.addr().to_string()]);
    let ran = Session::start(command.stdin(stdin)).finish().expect(0);
    assert!(ran.stdout == bytes, "{} bytes came back", ran.stdout.len());
}

#[test]
fn a_pipe_of_8_mib_goes_both_ways() {
    let (server, bytes) = (peer("echo"), sample(8 << 20));
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(&bytes);
    let ran = session.finish().expect(0);
    assert!(ran.stdout == bytes, "{} bytes came back", ran.stdout.len());
}

#[test]
fn without_a_byte_on_stdin_the_fin_alone_is_sent() {
    let server = peer("respond=10k");
    let ran = run(&["send", &server.addr().to_string(), "--expect-bytes", "10k"]).expect(0);
    assert_eq!(ran.stdout.len(), 10 << 10);
}

// On Windows a program is always given one.
#[cfg(unix)]
#[test]
fn a_stdin_that_is_not_open_is_an_empty_one() {
    let server = peer("respond=5");
    let script = "exec \"$0\" send \"$1\" <&-";
    let addr = server.addr().to_string();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_finwait"), &addr]);
    assert_eq!(
        Session::start(&mut command).finish().expect(0).stdout.len(),
        5
    );
}

#[test]
fn a_peer_that_closes_first_ends_it_although_stdin_is_open() {
    let server = peer("fin");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    // The test still holds the other end of stdin.
    let stdin = session.stdin.take();
    // Without a byte of an answer.
    session.finish().expect(52);
    drop(stdin);
}

#[test]
fn a_file_is_sent_to_its_end_although_the_peer_has_half_closed_before() {
    let (addr, server) = scripted(|mut stream| {
        stream.shutdown(Shutdown::Write).expect("connected");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("all of it");
        bytes
    });
    let bytes = sample(4 << 20);
    let stdin = Stdio::from(file_of(&bytes));
    let command = &mut finwait(&["send", &addr.to_string()]);
    // Not one byte came back, and that is what it says.
    Session::start(command.stdin(stdin)).finish().expect(52);
    assert!(server.join().expect("the script ran") == bytes);
}

#[test]
fn without_half_close_the_write_side_stays_open_until_the_peers_fin() {
    let (addr, server) = scripted(|mut stream| {
        let mut request = [0; 4];
        stream.read_exact(&mut request).expect("the request");
        stream.set_nonblocking(true).expect("a socket");
        // Our FIN would be here by now: it would follow the request at once.
        let before = read(&mut stream, &mut request).map_err(|error| error.kind());
        stream.set_nonblocking(false).expect("a socket");
        stream.write_all(b"pong").expect("room");
        stream.shutdown(Shutdown::Write).expect("connected");
        (
            before,
            read(&mut stream, &mut request).expect("the peer's FIN"),
        )
    });
    let mut session = Session::piped(&["send", &addr.to_string(), "--no-half-close"]);
    session.send(b"ping");
    let ran = session.finish().expect(0);
    assert_eq!(ran.text(), "pong");
    let (before, after) = server.join().expect("the script ran");
    assert_eq!(before, Err(std::io::ErrorKind::WouldBlock));
    assert_eq!(after, 0);
}

#[test]
fn without_half_close_a_server_that_waits_for_it_is_waited_for_in_vain() {
    let server = peer("late-fin=0s");
    let args = [
        "send",
        &server.addr().to_string(),
        "--no-half-close",
        "-w",
        "200ms",
    ];
    run(&args).expect(28).complains("timed out");
}

#[test]
fn an_unknown_host_is_6() {
    let name = if cfg!(windows) {
        "WSAHOST_NOT_FOUND (11001): "
    } else {
        "EAI_NONAME ("
    };
    run(&["send", &unknown_host()])
        .expect(6)
        .complains(&format!("unknown host: {name}"));
}

#[test]
fn a_host_without_an_address_of_the_wanted_family_is_6() {
    run(&["send", "127.0.0.1:9", "-6"])
        .expect(6)
        .complains("no IPv6 address");
    run(&["send", "[::1]:9", "-4"])
        .expect(6)
        .complains("no IPv4 address");
}

#[test]
fn a_refused_port_is_7() {
    let ran = run(&["send", REFUSES]).expect(7).complains(REFUSES);
    assert!(ran.stderr.contains("refused"), "{ran:?}");
}

#[test]
fn every_address_that_fails_is_told_with_v() {
    let ran = run(&["send", REFUSES, "-v"]).expect(7);
    let told = format!("finwait: {REFUSES}: cannot connect: ");
    assert_eq!(
        ran.stderr
            .lines()
            .filter(|line| line.starts_with(&told))
            .count(),
        2,
        "{ran:?}"
    );
}

#[test]
fn fewer_bytes_than_expected_are_18() {
    let server = peer("respond=10");
    let addr = server.addr().to_string();
    let ran = run(&["send", &addr, "--expect-bytes", "11"]).expect(18);
    assert_eq!(ran.stdout.len(), 10);
    ran.complains("received 10 of 11 bytes");
    run(&["send", &addr, "--expect-bytes", "10"]).expect(0);
}

#[test]
fn a_stdout_whose_reader_is_gone_is_23_without_a_word() {
    let server = peer("flood");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let command = &mut finwait(&["send", &server.addr().to_string()]);
    let ran = Session::with_stdout(command.stdin(Stdio::piped()), writer.into())
        .finish()
        .expect(23);
    assert_eq!(ran.stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_stdout_that_is_full_is_23_with_the_reason() {
    let server = peer("respond=5");
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let command = &mut finwait(&["send", &server.addr().to_string()]);
    let session = Session::with_stdout(command.stdin(Stdio::null()), full.into());
    session
        .finish()
        .expect(23)
        .complains("stdout cannot be written");
}

#[test]
fn a_stdin_that_cannot_be_read_is_26() {
    let server = peer("echo");
    let folder = tempfile::tempdir().expect("a folder");
    // On Unix a folder can be opened, and not be read; on Windows a file can be that.
    let unreadable = if cfg!(windows) {
        File::create(folder.path().join("file"))
    } else {
        File::open(folder.path())
    };
    let command = &mut finwait(&["send", &server.addr().to_string()]);
    let session = Session::start(command.stdin(unreadable.expect("it opens")));
    session
        .finish()
        .expect(26)
        .complains("stdin cannot be read");
}

#[test]
fn a_peer_that_never_answers_is_28() {
    let server = peer("silent");
    let mut session = Session::piped(&["send", &server.addr().to_string(), "-w", "200ms"]);
    session.send(b"anybody there?");
    session.finish().expect(28).complains("timed out");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_is_not_accepted_in_time_is_28() {
    let loopback = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    let listener = finwait_platform::listen(loopback, 0).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    // Linux keeps one more than asked for, and ignores who comes then.
    let _first = std::net::TcpStream::connect_timeout(&addr, BOUND).expect("room for one");
    let args = ["send", &addr.to_string(), "-w", "200ms"];
    run(&args).expect(28).complains("no answer in time");
}

#[test]
fn a_peer_that_takes_nothing_is_28() {
    let (to, over) = mpsc::channel::<()>();
    // Without reading a byte, until the other side has given up.
    let (addr, server) = scripted(move |_stream| over.recv_timeout(BOUND));
    let stdin = Stdio::from(file_of(&sample(64 << 20)));
    let command = &mut finwait(&["send", &addr.to_string(), "-w", "200ms"]);
    Session::start(command.stdin(stdin))
        .finish()
        .expect(28)
        .complains("timed out");
    to.send(()).expect("the script waits");
    server
        .join()
        .expect("the script ran")
        .expect("it was told to end");
}

/// Its buffers stay full for longer than the timeout, and still it takes some all the time.
#[test]
fn a_slow_reader_is_waited_for() {
    if cfg!(finwait_force_fallback) {
        // Nobody tells what the peer has acknowledged, so only writes count.
        return;
    }
    const PAUSES: usize = 20;
    let bytes = sample(24 << 20);
    let expected = bytes.len();
    let (addr, server) = scripted(move |mut stream| {
        let mut piece = vec![0; 256 << 10];
        let mut received = 0;
        for _ in 0..PAUSES {
            received += read(&mut stream, &mut piece).expect("more");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        while let Ok(length @ 1..) = read(&mut stream, &mut piece) {
            received += length;
        }
        received
    });
    let stdin = Stdio::from(file_of(&bytes));
    let command = &mut finwait(&["send", &addr.to_string(), "-w", "1s"]);
    Session::start(command.stdin(stdin)).finish().expect(52);
    assert_eq!(server.join().expect("the script ran"), expected);
}

#[test]
fn a_fin_without_a_byte_is_52_if_bytes_were_sent() {
    let (addr, server) = scripted(|mut stream| stream.read_to_end(&mut Vec::new()));
    let mut session = Session::piped(&["send", &addr.to_string()]);
    session.send(b"well?");
    session.finish().expect(52).complains("no response");
    server.join().expect("the script ran").expect("all of it");
}

#[test]
fn a_reset_before_the_peers_fin_is_56() {
    let server = peer("rst");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"hello");
    let ran = session.finish().expect(56).complains("reset");
    if !cfg!(finwait_force_fallback) {
        assert!(
            ran.stderr.contains("ECONNRESET") || ran.stderr.contains("EPIPE"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_reset_ends_it_at_once_although_stdin_is_open() {
    let server = peer("rst");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"hello");
    let stdin = session.stdin.take();
    session.finish().expect(56);
    drop(stdin);
}

/// The classic failure: a server that closes with the request unread. Its RST overtakes what is
/// still queued of 4 MiB; even if that was nothing, there was no FIN.
#[test]
fn a_server_that_closes_with_the_request_unread_is_56() {
    let server = peer("unread-close");
    let mut session = Session::piped(&["send", &server.addr().to_string()]);
    session.send(b"a request that nobody reads");
    session.finish().expect(56).complains("reset");
}

/// The hidden reset. The client is stopped meanwhile, so that it finds both at once.
#[cfg(target_os = "linux")]
#[test]
fn all_bytes_and_then_a_reset_are_57() {
    let (to_test, request_is_there) = mpsc::channel();
    let (to_script, client_is_stopped) = mpsc::channel();
    let (addr, server) = scripted(move |mut stream| {
        // The request is there and stays unread: that makes the close below an RST.
        common::uninterrupted(|| stream.peek(&mut [0; 5])).expect("the request");
        to_test.send(()).expect("the test waits");
        client_is_stopped
            .recv_timeout(BOUND)
            .expect("the client is stopped");
        stream.write_all(b"answer").expect("room");
        stream.shutdown(Shutdown::Write).expect("connected");
    });
    let mut session = Session::piped(&["send", &addr.to_string()]);
    session.send(b"hello");
    request_is_there.recv_timeout(BOUND).expect("the request");
    session.stop();
    to_script.send(()).expect("the script waits");
    server.join().expect("the script ran");
    session.signal("CONT");
    let ran = session
        .finish()
        .expect(57)
        .complains("after the peer's FIN");
    assert_eq!(ran.text(), "answer");
}

#[cfg(target_os = "linux")]
impl Session {
    /// Stops it (SIGSTOP), and waits until it has stopped.
    fn stop(&self) {
        self.signal("STOP");
        let stat = format!("/proc/{}/stat", self.id());
        // Field 3, after the name in parentheses.
        common::until(|| {
            std::fs::read_to_string(&stat)
                .expect("it lives")
                .contains(") T ")
        });
    }
}

#[test]
fn the_story_of_the_close_is_one_line_on_stderr() {
    let server = peer("echo");
    let mut session = Session::piped(&["send", &server.addr().to_string(), "-v"]);
    session.send(b"hello");
    let ran = session.finish().expect(0);
    assert_eq!(ran.text(), "hello");
    let told = format!("finwait: {}: ", server.addr());
    let lines: Vec<_> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with(&told))
        .collect();
    assert_eq!(lines.len(), 1, "{ran:?}");
    // Neither tells what the peer has acknowledged.
    let unknown = cfg!(finwait_force_fallback) || finwait_platform::wine_version().is_some();
    let delivered = if unknown { "unknown" } else { "yes" };
    assert!(
        lines[0].contains(&format!("delivered: {delivered}")),
        "{ran:?}"
    );
    assert!(lines[0].contains("5 bytes sent, 5 received"), "{ran:?}");
    // What the library says of itself stands beside it.
    assert!(ran.stderr.contains("teardown"), "{ran:?}");
}
