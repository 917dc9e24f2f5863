//! The command built for Windows, run under Wine: with this system's command, with the recipe in C, and
//! with itself.
//!
//! Building it takes another toolchain, so these tests are ignored unless asked for: tools/windows.sh
//! builds it and runs them, with FINWAIT_WINDOWS_EXE naming the program.
#![cfg(target_os = "linux")]

mod common;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::results::adds_up;
use common::wine::{Wine, all_in_order, listening, reference_server, sample, stopped, wine};
use common::{BOUND, REFUSES, Ran, Session, peer, skipped, until};
use serde_json::json;

/// The command for Windows.
struct Finwait {
    wine: &'static Wine,
    exe: PathBuf,
}

/// `None` if there is none, or no Wine, and that was said.
#[track_caller]
fn windows() -> Option<Finwait> {
    let Some(exe) = std::env::var_os("FINWAIT_WINDOWS_EXE") else {
        skipped("FINWAIT_WINDOWS_EXE");
        return None;
    };
    let exe = PathBuf::from(exe);
    assert!(exe.is_absolute() && exe.exists(), "{}", exe.display());
    wine().map(|wine| Finwait { wine, exe })
}

impl Finwait {
    #[track_caller]
    fn run(&self, args: &[&str], stdin: &[u8]) -> Ran {
        self.wine.run_with(&self.exe, args, stdin)
    }

    #[track_caller]
    fn start(&self, args: &[&str]) -> Session {
        Session::start(self.wine.command(&self.exe, args).stdin(Stdio::null()))
    }

    /// `finwait serve` for Windows, and where it listens.
    #[track_caller]
    fn serve(&self, behaviour: &str) -> (Session, String) {
        let args = ["serve", "127.0.0.1:0", "--behave", behaviour];
        let mut command = self.wine.command(&self.exe, &args);
        listening(command.stdin(Stdio::null()))
    }
}

/// A line, and more than one buffer holds.
fn texts() -> [Vec<u8>; 2] {
    [b"hello\n".to_vec(), sample(8 << 20)]
}

#[track_caller]
fn echoed(ran: Ran, text: &[u8]) {
    let ran = ran.expect(0);
    let (got, sent) = (ran.stdout.len(), text.len());
    assert!(ran.stdout == text, "{got} of {sent}: {}", ran.stderr);
    assert_eq!(ran.stderr, "");
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn send_gets_every_byte_back_from_this_systems_server() {
    let Some(windows) = windows() else { return };
    let (server, addr) = reference_server("echo");
    for text in &texts() {
        echoed(windows.run(&["send", &addr], text), text);
    }
    stopped(server, 2);
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn send_gets_every_byte_back_from_the_server_in_c() {
    let Some(windows) = windows() else { return };
    let (server, addr) = windows.wine.serve(&["--connections", "2"]);
    for text in [b"hello\n".to_vec(), sample(100_000)] {
        echoed(windows.run(&["send", &addr], &text), &text);
    }
    assert_eq!(server.finish().expect(0).stderr, "");
}

/// Ctrl-C, which Wine makes of SIGINT.
#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn serve_gives_every_byte_back_to_both_systems_and_stops_on_ctrl_c() {
    let Some(windows) = windows() else { return };
    let (server, addr) = windows.serve("echo");
    for text in &texts() {
        echoed(windows.run(&["send", &addr], text), text);
        let mut session = Session::piped(&["send", &addr]);
        session.send(text);
        echoed(session.finish(), text);
    }
    let text = sample(100_000);
    windows.wine.send(&addr, &text).expect(0);
    server.signal("INT");
    all_in_order(&server.finish().expect(0), 5);
}

/// Ctrl-C once: it stops starting, drains, and has its results.
#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn ctrl_c_stops_load_which_drains_and_prints_the_results() {
    let Some(windows) = windows() else { return };
    let server = peer("echo");
    let addr = server.addr().to_string();
    let load = windows.start(&["load", &addr, "--json", "-z", "1h", "-c", "4"]);
    until(|| server.stats().finished > 100);
    load.signal("INT");
    let ran = load.finish().expect(130);
    assert!(ran.stderr.contains("stopping: draining"), "{ran:?}");
    let json = ran.json();
    adds_up(&json);
    assert_eq!(json["interrupted"], true, "{json:#}");
    assert_eq!(json["connections"]["open"], 0, "{json:#}");
    assert!(
        json["verdicts"]["graceful"].as_u64() > Some(100),
        "{json:#}"
    );
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_second_ctrl_c_leaves_load_at_once() {
    let Some(windows) = windows() else { return };
    let server = peer("silent");
    let addr = server.addr().to_string();
    let forever = ["--drain-idle", "1h", "--stop-within", "1h"];
    let args = [&["load", &addr, "--json", "-n", "1"][..], &forever].concat();
    let mut load = windows.start(&args);
    until(|| server.stats().received_bytes == 64);
    load.signal("INT");
    load.until_line("interrupt again");
    load.signal("INT");
    assert_eq!(load.finish().expect(130).text(), "");
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn ctrl_c_ends_stdin_and_send_drains() {
    let Some(windows) = windows() else { return };
    let server = peer("echo");
    let args = ["send", &server.addr().to_string()];
    let mut command = windows.wine.command(&windows.exe, &args);
    let mut send = Session::start(command.stdin(Stdio::piped()));
    send.send(b"begun");
    send.until_stdout(b"begun");
    let stdin = send.stdin.take();
    send.signal("INT");
    let ran = send.finish().expect(130);
    assert_eq!(ran.text(), "begun");
    assert!(ran.stderr.contains("interrupted"), "{ran:?}");
    drop(stdin);
    // The server got our FIN, not an RST.
    let summary = server.stop(BOUND);
    let mut endings = summary.endings.keys();
    assert!(endings.all(|ending| !ending.contains("reset")), "{summary}");
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_storm_of_1000_against_this_systems_server_is_graceful_throughout() {
    let Some(windows) = windows() else { return };
    let (server, addr) = reference_server("echo");
    let args = [
        "load", &addr, "--storm", "-n", "1000", "-c", "1000", "--json",
    ];
    let json = windows.run(&args, b"").expect(0).json();
    adds_up(&json);
    assert_eq!(json["verdicts"], json!({ "graceful": 1_000 }), "{json:#}");
    assert_eq!(json["endings"], json!({ "fin-clean": 1_000 }), "{json:#}");
    assert_eq!(json["connections"]["most_open"], 1_000, "{json:#}");
    assert_eq!(json["environment"]["os"], "windows", "{json:#}");
    stopped(server, 1_000);
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_refused_connection_is_7() {
    let Some(windows) = windows() else { return };
    let ran = windows.run(&["send", REFUSES], b"anybody there?").expect(7);
    ran.complains("WSAECONNREFUSED (10061)");
}

#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_reset_and_an_unread_close_are_56() {
    let Some(windows) = windows() else { return };
    let long = sample(48 << 20);
    for behaviour in ["rst", "unread-close=10"] {
        let (server, addr) = reference_server(behaviour);
        // While it still sends, Wine too tells it with the number; unless the bytes that came before it are
        // received at that moment, and it shows only as readiness.
        let ran = windows.run(&["send", &addr], &long).expect(56);
        ran.complains("WSAECONNRESET");
        // While it receives, Wine keeps no error; that it was a reset shows all the same.
        let ran = windows.run(&["send", &addr], b"hello\n").expect(56);
        ran.complains("reset");
        server.signal("TERM");
        server.finish().expect(0);
    }
}

/// Each kind of server that resets a connection as soon as there is one.
#[track_caller]
fn at_servers_that_reset_at_once(look: impl Fn(&str)) {
    let (server, addr) = reference_server("drop-backlog");
    look(&addr);
    server.signal("TERM");
    server.finish().expect(0);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let (stream, _) = listener.accept().expect("a connection");
                finwait_platform::arm_abort(&stream).expect("a socket");
            }
        });
        // A panic must not wait for the server for ever.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            look(&addr.to_string());
        }));
        over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(addr));
        looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// It leaves no pending error there, and a socket that looks as if it still connected.
#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_reset_at_once_is_no_timeout_of_load() {
    let Some(windows) = windows() else { return };
    at_servers_that_reset_at_once(|addr| {
        let args = ["load", addr, "-n", "200", "-c", "50", "--json"];
        let json = windows.run(&args, b"").expect(0).json();
        adds_up(&json);
        assert_eq!(json["endings"], json!({ "rst": 200 }), "{json:#}");
    });
}

/// 7 or 56, as on Linux: it may come before the command has looked at the connection, or after.
#[test]
#[ignore = "needs the command for Windows: tools/windows.sh"]
fn a_reset_at_once_is_no_timeout_of_send() {
    let Some(windows) = windows() else { return };
    at_servers_that_reset_at_once(|addr| {
        for _ in 0..5 {
            let ran = windows.run(&["send", addr], b"hello\n");
            assert!(matches!(ran.code, Some(7 | 56)), "{ran:?}");
            ran.complains("reset");
        }
    });
}
