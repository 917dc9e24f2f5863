//! The verdict matrix: of 1,000 connections to each kind of server, 1,000 get the cell and the
//! verdict that they deserve, in a closed loop and in storms.
//!
//! Linux only: what an RST leaves to be read, and which error it leaves, is each system's own.
//! What must hold everywhere is in `verdicts.rs`.
#![cfg(target_os = "linux")]

#[path = "matrix/files.rs"]
mod files;
#[path = "matrix/raw_peer.rs"]
mod raw_peer;
#[path = "matrix/table.rs"]
mod table;
#[path = "matrix/unserved.rs"]
mod unserved;

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use finwait_load::{
    CloseMix, CloseMode, Control, Ending, Mode, Outcome, Plan, Progress, Verdict, run,
};
use finwait_peer::{Options, Running, Server as PeerServer};
use finwait_platform as platform;

use files::Files;
use raw_peer::{BOUND, RawPeer};
use table::{
    Closes, EARLY, FIN_THEN_RST, FIN_THEN_RST_WHILE_WRITING, REFERENCE, Row, SCRIPTED, Sends,
    Server, UNENDING, WAITS,
};

const CONNECTIONS: u64 = 1_000;
/// The floods move as many bytes as the processors can, at both ends, and four times 250 of them take
/// 2 s each on a machine that is quiet. Beside work that left this process 8 % of the processors they
/// took 50 s, most of it the loop's way once around all 250.
const FAR: Duration = BOUND.saturating_mul(5);
const BOTH: [Mode; 2] = [Mode::ClosedLoop, Mode::Storm];

#[test]
fn the_reference_server() {
    all_of(REFERENCE, &BOTH);
}

#[test]
fn a_server_that_follows_a_script() {
    all_of(SCRIPTED, &BOTH);
}

#[test]
fn a_server_that_leaves_us_waiting() {
    all_of(WAITS, &BOTH);
}

#[test]
fn a_server_that_never_stops_sending() {
    all_of(UNENDING, &BOTH);
}

#[test]
fn a_server_that_answers_early() {
    all_of(EARLY, &BOTH);
}

#[test]
fn a_reset_behind_the_fin() {
    if !tells_whether_a_fin_is_acknowledged() {
        // Nobody waits for what cannot be told, so the RST may come after the end.
        return println!("not asserted: this build knows nothing of acknowledgements");
    }
    all_of(FIN_THEN_RST, &[Mode::Storm]);
    let mut rows = FIN_THEN_RST_WHILE_WRITING.to_vec();
    if cfg!(all(target_os = "linux", not(finwait_force_fallback))) {
        // There the error of the write tells that a FIN came first, though nobody has read it.
        for row in &mut rows {
            row.endings = &[Ending::FinThenRst];
        }
    }
    all_of(&rows, &[Mode::ClosedLoop]);
}

/// Plays every row in every mode; what is not as it should be is told all together.
fn all_of(rows: &[Row], modes: &[Mode]) {
    if !files::are_enough() {
        return skipped("4096 open files");
    }
    let play_all = |mode| -> Vec<String> {
        let wrong = rows.iter().filter_map(|row| play(row, mode).err());
        wrong.collect()
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        // All are started before the first is waited for.
        let playing: Vec<_> = modes
            .iter()
            .map(|&mode| scope.spawn(move || play_all(mode)))
            .collect();
        let done = playing.into_iter().map(thread::ScopedJoinHandle::join);
        done.flat_map(|wrong| wrong.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn play(row: &Row, mode: Mode) -> Result<(), String> {
    let _files = if row.endings.contains(&Ending::FinThenRst) {
        Files::take_all_in_quiet()
    } else {
        Files::take(2 * at_once(row) as u64)
    };
    let server = Serving::start(row.server);
    let mut plan = plan(server.addr());
    plan.mode = mode;
    plan.connections = at_once(row);
    plan.request = request(row.sends);
    plan.expect = row.expect;
    close_by(&mut plan, row.closes);
    if waits(row) {
        plan.limits.drain_idle = Duration::from_millis(500);
        // Far above the time for which a busy machine may leave a thread waiting.
        plan.limits.drain_total = Some(Duration::from_secs(2));
        // Or the kernel would keep what the peer did not take, and try for minutes.
        plan.limits.on_deadline = finwait::OnDeadline::Abort;
    }
    let outcome = run(&plan, &Control::new()).expect("it runs");
    drop(server);
    match check(&outcome, row.progress, row.endings, row.verdict) {
        Ok(()) => {
            println!(
                "{}, {mode}: {}, {:?}",
                row.name, row.verdict, outcome.elapsed
            );
            Ok(())
        }
        Err(what) => Err(format!("{}, {mode}: {what}", row.name)),
    }
}

fn waits(row: &Row) -> bool {
    row.endings.contains(&Ending::Timeout)
}

fn floods(row: &Row) -> bool {
    matches!(row.server, Server::Peer("flood"))
}

/// Whether every connection is in one of these cells, and has this verdict.
fn check(
    outcome: &Outcome,
    progress: &[Progress],
    endings: &[Ending],
    verdict: Verdict,
) -> Result<(), String> {
    let tally = &outcome.tally;
    assert!(tally.adds_up(), "{tally:?}");
    let expected =
        |cell: &(Progress, Ending)| progress.contains(&cell.0) && endings.contains(&cell.1);
    let in_place = tally.cells.iter().filter(|(cell, _)| expected(cell));
    let in_place: u64 = in_place.map(|(_, count)| count).sum();
    let verdicts = tally.verdicts();
    if in_place == CONNECTIONS && verdicts.get(&verdict) == Some(&CONNECTIONS) {
        return Ok(());
    }
    Err(format!(
        "{:?} = {verdicts:?}, {} open, errors {:?}; wanted {progress:?} x {endings:?} = {verdict}",
        tally.cells, tally.open, tally.errors
    ))
}

/// A plan whose clocks no connection reaches, with an end for a run that would have none.
fn plan(target: SocketAddr) -> Plan {
    let mut plan = Plan::new(target);
    plan.total = Some(CONNECTIONS);
    plan.duration = Some(FAR);
    plan.connect_timeout = FAR;
    plan.limits.flush_stall = FAR;
    plan.limits.drain_idle = FAR;
    plan.limits.drain_total = Some(FAR);
    plan.limits.finish_on = finwait::FinishOn::PeerFinAndAcked { confirm: FAR };
    plan
}

fn close_by(plan: &mut Plan, closes: Closes) {
    plan.close = CloseMix::only(match closes {
        Closes::Half => CloseMode::Half,
        Closes::Fin => CloseMode::Fin,
        Closes::Rst => CloseMode::Rst,
        Closes::Abandon => CloseMode::Abandon,
    });
}

fn request(sends: Sends) -> Arc<[u8]> {
    const MIB: usize = 1 << 20;
    match sends {
        Sends::Nothing => Arc::from([]),
        Sends::Hello => Arc::from(*b"hello"),
        Sends::Get => Arc::from(*b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        Sends::Much => vec![7; 2 * receive_buffer().max(MIB / 8)].into(),
        Sends::TooMuch => vec![7; 8 * MIB].into(),
    }
}

/// What a connection's receive buffer holds at first; it grows only while somebody reads.
fn receive_buffer() -> usize {
    let sizes = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_rmem").expect("the sizes");
    let default = sizes.split_whitespace().nth(1).expect("three of them");
    default.parse().expect("a number")
}

/// Those that wait do so all together. What much data holds is memory of the kernel, which behaves
/// differently when it is short of it.
fn at_once(row: &Row) -> usize {
    match row.sends {
        _ if floods(row) => 250,
        Sends::TooMuch => 10,
        Sends::Much if waits(row) => 200,
        Sends::Much => 50,
        _ if waits(row) => 500,
        _ => 200,
    }
}

/// A server of a row. Stopped when dropped.
enum Serving {
    Peer(Running),
    Raw(RawPeer),
}

impl Serving {
    fn start(server: Server) -> Self {
        match server {
            Server::Raw(script) => Self::Raw(RawPeer::follows(script)),
            Server::Peer(behaviour) => {
                let options = Options {
                    behaviour: behaviour.parse().expect("a behaviour"),
                    ..Options::default()
                };
                let server = PeerServer::bind((Ipv4Addr::LOCALHOST, 0).into(), options);
                Self::Peer(server.expect("a free port").spawn().expect("a thread"))
            }
        }
    }

    fn addr(&self) -> SocketAddr {
        match self {
            Self::Peer(server) => server.addr(),
            Self::Raw(server) => server.addr(),
        }
    }
}

fn tells_whether_a_fin_is_acknowledged() -> bool {
    let listener = raw_peer::listen();
    let addr = listener.local_addr().expect("it is bound");
    let stream = std::net::TcpStream::connect(addr).expect("a connection");
    platform::half_close(&stream).expect("a connection");
    platform::fin_acked(&stream).expect("an answer") != platform::FinAck::Unknown
}

/// Of what is not there: says so, and fails where all must be tested.
#[track_caller]
fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
