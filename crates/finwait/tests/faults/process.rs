//! The peer's process is killed, or frozen.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use finwait::{Delivered, Ending, FinishOn, Phase};

use crate::common::Peer;
use crate::lab::{FIN_WAIT_2, long, policies, short};
use crate::namespace::alone;
use crate::own_network::run;
use crate::truth::{Allowed, DRAIN_IDLE, FLUSH_IDLE, is_graceful, is_one_of, reset, says};

/// More than the buffers of both ends take.
const TOO_MUCH: usize = 32 << 20;

/// A process that has the connection as its stdin, and nobody else has it. Killed when dropped.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn with(program: &str, args: &[&str], stream: TcpStream) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdout(Stdio::piped());
        command.stdin(Stdio::from(OwnedFd::from(stream)));
        Self(command.spawn().expect("it starts"))
    }

    /// Copies what it reads to its stdout, and says so once the connection has given something.
    fn reader(stream: TcpStream) -> Self {
        Self::with("cat", &[], stream)
    }

    /// Never reads.
    fn sleeper(stream: TcpStream) -> Self {
        Self::with("sleep", &["600"], stream)
    }

    fn kill(&mut self) {
        self.0.kill().expect("it lives");
        self.0.wait().expect("it is ours");
    }

    fn signal(&self, name: &str) {
        run("kill", &[&format!("-{name}"), &self.0.id().to_string()], "");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All that was sent had been read: to TCP, the death of a process is a close.
#[test]
fn a_peer_that_is_killed_with_nothing_unread() {
    alone(a_peer_that_is_killed_with_nothing_unread, |lab| {
        for limits in policies(long()) {
            let (ours, theirs) = lab.pair();
            let mut peer = Process::sleeper(theirs);
            lab.begin(ours, Vec::new(), &limits);
            lab.until("our FIN, acknowledged", |lab| {
                (lab.count(FIN_WAIT_2) == 1).then_some(())
            });
            peer.kill();
            let report = lab.only();
            if report.ending == Ending::Acked {
                let waits = !matches!(limits.finish_on, FinishOn::Acked { .. });
                assert!(!waits, "this policy waits for the FIN: {report:#?}");
            } else {
                is_graceful(&report, "its kernel sent a FIN");
            }
            says(&report, Delivered::Yes);
        }
    });
}

/// What it had not read is lost, and its kernel says so by RST.
#[test]
fn a_peer_that_is_killed_with_bytes_unread() {
    alone(a_peer_that_is_killed_with_bytes_unread, |lab| {
        let (ours, theirs) = lab.pair();
        let mut peer = Process::sleeper(theirs);
        lab.begin(ours, b"response".to_vec(), &long());
        lab.until("our FIN, acknowledged", |lab| {
            (lab.count(FIN_WAIT_2) == 1).then_some(())
        });
        peer.kill();
        let report = lab.only();
        is_one_of(
            &report,
            &[(reset(Phase::Drain, false), "bytes were unread at its end")],
        );
        // Its TCP may have acknowledged them before; its application never had them.
        assert!(!report.peer_fin, "{report:#?}");
    });
}

#[test]
fn a_peer_that_is_killed_in_the_middle_of_a_flush() {
    const ALLOWED: &[Allowed] = &[(reset(Phase::Flush, false), "its kernel answered our bytes")];
    alone(a_peer_that_is_killed_in_the_middle_of_a_flush, |lab| {
        for limits in policies(long()) {
            let (ours, theirs) = lab.pair();
            let mut peer = Process::reader(theirs);
            lab.begin(ours, vec![7; TOO_MUCH], &limits);
            // Its stdout is a pipe that fills; then it stops reading, and the window closes.
            let mut out = peer.0.stdout.take().expect("a pipe");
            let (has_read, reads) = mpsc::channel();
            let pipe = Peer::plays(move || {
                out.read_exact(&mut [0; 1 << 10]).expect("bytes");
                has_read.send(()).expect("a test");
                out
            });
            lab.until("the peer has read", |_| reads.try_recv().ok());
            peer.kill();
            let report = lab.only();
            is_one_of(&report, ALLOWED);
            says(&report, Delivered::No);
            drop(pipe.done());
        }
    });
}

#[test]
fn a_peer_that_is_frozen_with_its_window_full() {
    alone(a_peer_that_is_frozen_with_its_window_full, |lab| {
        let mut begun = Vec::new();
        let mut frozen = Vec::new();
        for limits in policies(short()) {
            for unsent in [100, TOO_MUCH] {
                let (ours, theirs) = lab.pair();
                let peer = Process::reader(theirs);
                peer.signal("STOP");
                frozen.push(peer);
                let waits = !matches!(limits.finish_on, FinishOn::Acked { .. });
                begun.push((lab.begin(ours, vec![7; unsent], &limits), unsent, waits));
            }
        }
        let reports = lab.all();
        for (key, unsent, waits) in begun {
            let report = reports[&key];
            if unsent == TOO_MUCH {
                is_one_of(&report, &[(FLUSH_IDLE, "its window is full")]);
                says(&report, Delivered::No);
            } else {
                // Its kernel lives: it acknowledges what has room.
                let end = if waits { DRAIN_IDLE } else { Ending::Acked };
                is_one_of(&report, &[(end, "its kernel answers, and it does not")]);
                says(&report, Delivered::Yes);
            }
        }
    });
}

/// Frozen, and thawed again before anybody has lost patience.
#[test]
fn a_peer_that_is_thawed() {
    alone(a_peer_that_is_thawed, |lab| {
        let (ours, theirs) = lab.pair();
        let mut peer = Process::reader(theirs);
        peer.signal("STOP");
        let port = ours.local_addr().expect("connected").port();
        lab.begin(ours, vec![7; TOO_MUCH], &long());
        lab.until("a full window", |lab| lab.probes(port).then_some(()));
        peer.signal("CONT");
        let mut out = peer.0.stdout.take().expect("a pipe");
        let all = Peer::plays(move || {
            let mut all = Vec::new();
            out.read_to_end(&mut all).expect("a pipe");
            all.len()
        });
        let report = lab.only();
        is_graceful(&report, "it read on to the end");
        says(&report, Delivered::Yes);
        assert_eq!(all.done(), TOO_MUCH, "{report:#?}");
    });
}
