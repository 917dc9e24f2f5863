//! The behaviours that close badly, or not at all, as a plain client sees them.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use support::{
    assert_ended, connect, finish, half_close, noise, read_to_reset, serve, stop, until,
};

#[test]
fn rst_resets_at_the_first_byte_and_at_a_fin() {
    let server = serve("rst");
    let mut client = connect(server.addr());
    client.write_all(b"x").unwrap();
    read_to_reset(&client);
    let client = connect(server.addr());
    half_close(&client);
    read_to_reset(&client);
    assert_ended(&finish(server), "aborted", 2);
}

#[test]
fn unread_close_resets_and_destroys_what_is_queued() {
    const BYTES: u64 = 512 << 10;
    let server = serve("unread-close=512k");
    let mut client = connect(server.addr());
    client.write_all(b"a request that nobody reads").unwrap();
    // It reads nothing before the server has closed: the most is in the server's queue then.
    until("the close", || server.stats().finished == 1);
    let received = read_to_reset(&client);
    assert!(received < BYTES, "nothing was lost");
    let summary = finish(server);
    assert_ended(&summary, "closed without a drain", 1);
    assert_eq!((summary.received_bytes, summary.sent_bytes), (0, BYTES));
}

#[test]
fn unread_close_resets_a_client_that_reads_as_it_comes() {
    let server = serve("unread-close");
    let mut client = connect(server.addr());
    client.write_all(b"a request that nobody reads").unwrap();
    read_to_reset(&client);
    assert_ended(&finish(server), "closed without a drain", 1);
}

#[test]
fn silent_takes_everything_answers_nothing_and_is_cut_in_the_end() {
    let server = serve("silent");
    let mut client = connect(server.addr());
    let request = noise(8 << 20);
    client.write_all(&request).unwrap();
    half_close(&client);
    until("all received", || server.stats().received_bytes == 8 << 20);
    client.set_nonblocking(true).unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    client.set_nonblocking(false).unwrap();
    let summary = stop(server, Duration::ZERO);
    assert_eq!(
        (summary.accepted, summary.finished, summary.cut),
        (1, 1, 1),
        "{summary}"
    );
    assert_ended(&summary, "cut at the deadline", 1);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}

#[test]
fn silent_notices_a_reset() {
    let server = serve("silent");
    let mut client = connect(server.addr());
    client.write_all(b"x").unwrap();
    // Not every system accepts what was reset before.
    until("it is received", || server.stats().received_bytes == 1);
    finwait_platform::arm_abort(&client).unwrap();
    drop(client);
    until("the end", || server.stats().finished == 1);
    assert_ended(&finish(server), "reset before the close", 1);
}

#[test]
fn drip_goes_on_after_the_fin_no_faster_than_it_says() {
    let server = serve("drip=3/50ms");
    let mut client = connect(server.addr());
    let mut drip = [0; 3];
    client.read_exact(&mut drip).unwrap();
    let first = Instant::now();
    half_close(&client);
    for _ in 0..4 {
        client.read_exact(&mut drip).unwrap();
    }
    // The first may have waited in the socket for almost a period.
    assert!(
        first.elapsed() >= Duration::from_millis(150),
        "{:?}",
        first.elapsed()
    );
    let summary = stop(server, Duration::ZERO);
    assert_eq!(summary.cut, 1, "{summary}");
    assert_eq!(summary.sent_bytes % 3, 0);
}

/// A client that takes nothing does not make drips pile up, and one that is gone is noticed.
#[test]
fn drip_ends_when_the_connection_dies() {
    let server = serve("drip=1m/1ms");
    let mut client = connect(server.addr());
    client.read_exact(&mut [0; 100]).unwrap();
    drop(client);
    until("the end", || server.stats().finished == 1);
    assert_ended(&finish(server), "reset before the close", 1);
}

#[test]
fn flood_sends_after_the_fin_without_end_until_it_is_cut() {
    let server = serve("flood");
    let mut client = connect(server.addr());
    half_close(&client);
    let mut left = 64_u64 << 20;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let n = client.read(&mut buffer).unwrap();
        assert!(n > 0, "a FIN from a flood");
        left = left.saturating_sub(n as u64);
    }
    let summary = stop(server, Duration::ZERO);
    assert_eq!((summary.finished, summary.cut), (1, 1), "{summary}");
    assert!(summary.sent_bytes >= 64 << 20);
}

#[test]
fn flood_ends_when_the_client_resets() {
    let server = serve("flood");
    let mut client = connect(server.addr());
    client.read_exact(&mut [0; 100]).unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    until("the end", || server.stats().finished == 1);
    assert_ended(&finish(server), "reset before the close", 1);
}
