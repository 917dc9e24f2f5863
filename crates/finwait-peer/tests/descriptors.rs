//! A server without descriptors. Its process takes all there are, so it is one of its own.
//! Windows has no limit on them.
#![cfg(unix)]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Instant;

use support::{assert_all_well, connect, finish, half_close, read_to_fin, serve, until};

const INSIDE: &str = "FINWAIT_TEST_INSIDE";

#[test]
fn out_of_descriptors_it_waits_counts_and_goes_on() {
    if std::env::var_os(INSIDE).is_some() {
        return without_descriptors();
    }
    let program = std::env::current_exe().unwrap();
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 200 && exec \"$0\" --nocapture"])
        .arg(program)
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn without_descriptors() {
    let server = serve("echo");
    let mut before = connect(server.addr());
    until("the first is accepted", || server.stats().accepted == 1);
    let mut files = vec![File::open(std::env::current_exe().unwrap()).unwrap()];
    while let Ok(file) = files[0].try_clone() {
        files.push(file);
    }
    // One descriptor for the client, none for the server.
    drop(files.pop());
    let started = Instant::now();
    let mut client = connect(server.addr());
    until("it has tried and failed some times", || {
        server.stats().accept_errors >= 3
    });
    let (errors, elapsed) = (server.stats().accept_errors, started.elapsed());
    assert!(
        u128::from(errors) <= elapsed.as_millis() / 10 + 2,
        "{errors} errors in {elapsed:?}: it spins"
    );
    // Those that it has are served all the while.
    before.write_all(b"still here").unwrap();
    let mut echoed = [0; 10];
    before.read_exact(&mut echoed).unwrap();
    assert_eq!(server.stats().accepted, 1);
    drop(files);
    client.write_all(b"at last").unwrap();
    for client in [&mut before, &mut client] {
        half_close(client);
    }
    assert_eq!(read_to_fin(&mut client), b"at last");
    assert_eq!(read_to_fin(&mut before), b"");
    let summary = finish(server);
    assert!(summary.accept_errors >= 3, "{summary}");
    assert_all_well(&summary, 2);
}
