//! The ways to end an answer, without HTTP, as a plain client sees them.

mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use support::{
    ACK_KNOWN, assert_all_well, assert_ended, assert_silent, connect, exchange, finish, half_close,
    half_close_acked, noise, read_to_fin, read_to_reset, serve, stop, until, until_hidden_reset,
};

#[test]
fn linger_answers_and_takes_all_that_still_comes() {
    let server = serve("linger");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 64);
    // More than any limit of finwait's own would let it discard.
    client.write_all(&noise(20 << 20)).unwrap();
    half_close(&client);
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert_eq!(summary.received_bytes, (20 << 20) + 1);
}

#[test]
fn linger_answers_a_fin_and_its_size_is_a_parameter() {
    let server = serve("linger?size=3m");
    assert_eq!(exchange(server.addr(), b"").len(), 3 << 20);
    assert_all_well(&finish(server), 1);
}

#[test]
fn linger_drains_no_longer_than_it_says() {
    let server = serve("linger=150ms");
    let mut client = connect(server.addr());
    let before = Instant::now();
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 64);
    until("the end", || server.stats().finished == 1);
    assert!(before.elapsed() >= Duration::from_millis(150));
    let summary = finish(server);
    let timed_out = summary.endings.keys().next().unwrap();
    assert!(timed_out.starts_with("timed out in drain"), "{summary}");
}

#[test]
fn an_answer_waits_as_long_as_its_delay_says() {
    for behaviour in ["linger?delay=150ms", "respond=64?delay=150ms"] {
        let server = serve(behaviour);
        let before = Instant::now();
        assert_eq!(exchange(server.addr(), b"?").len(), 64);
        assert!(before.elapsed() >= Duration::from_millis(150));
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn a_client_that_resets_while_its_answer_waits_is_noticed() {
    for behaviour in [
        "linger?delay=1h",
        "half-close-deaf?delay=1h",
        "http?delay=1h",
    ] {
        let server = serve(behaviour);
        let mut client = connect(server.addr());
        let request = b"GET / HTTP/1.1\r\n\r\n";
        client.write_all(request).unwrap();
        until("it is received", || {
            server.stats().received_bytes == request.len() as u64
        });
        finwait_platform::arm_abort(&client).unwrap();
        drop(client);
        until("the end", || server.stats().finished == 1);
        assert_ended(&finish(server), "reset before the close", 1);
    }
}

#[test]
fn rst_after_response_resets_when_all_is_acknowledged() {
    let server = serve("rst-after-response?size=1m");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    let received = read_to_reset(&client);
    // Linux lets a program read what had come before the reset; others may throw it away.
    assert!(received == 1 << 20 || !ACK_KNOWN, "{received}");
    let summary = finish(server);
    assert_eq!(summary.sent_bytes, 1 << 20);
    assert_ended(&summary, "aborted", 1);
}

#[test]
fn rst_mid_response_resets_when_half_is_sent() {
    let server = serve("rst-mid-response?size=100k");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert!(read_to_reset(&client) <= 50 << 10);
    let summary = finish(server);
    assert_eq!(summary.sent_bytes, 50 << 10);
    assert_ended(&summary, "aborted", 1);
}

#[test]
fn trunc_ends_an_answer_early_in_a_proper_way() {
    let server = serve("trunc=30%?size=1000");
    assert_eq!(exchange(server.addr(), b"?").len(), 300);
    assert_all_well(&finish(server), 1);
}

#[test]
fn fin_then_rst_hides_a_reset_behind_a_fin() {
    let server = serve("fin-then-rst?size=10k");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 10 << 10);
    until_hidden_reset(&client);
    assert_ended(&finish(server), "aborted", 1);
}

#[test]
fn no_close_answers_and_stays_whatever_the_client_does() {
    let server = serve("no-close");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    std::io::Read::read_exact(&mut client, &mut [0; 64]).unwrap();
    client.write_all(&noise(1 << 20)).unwrap();
    half_close_acked(&client);
    until("all received", || {
        server.stats().received_bytes == (1 << 20) + 1
    });
    assert_silent(&client);
    let summary = stop(server, Duration::ZERO);
    assert_eq!((summary.finished, summary.cut), (1, 1), "{summary}");
}

#[test]
fn half_close_deaf_leaves_a_client_that_half_closes_without_an_answer() {
    let server = serve("half-close-deaf");
    assert_eq!(exchange(server.addr(), b"?"), b"");
    assert_ended(&finish(server), "closed without a drain", 1);
    let server = serve("half-close-deaf");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 64);
    drop(client);
    assert_all_well(&finish(server), 1);
}

#[test]
fn half_close_abort_resets_a_client_that_half_closes_before_the_end() {
    // Before the answer, and in the middle of one that no socket holds.
    for (behaviour, read) in [
        ("half-close-abort", 0),
        ("half-close-abort?size=256m&delay=0s", 9),
    ] {
        let server = serve(behaviour);
        let mut client = connect(server.addr());
        client.write_all(b"?").unwrap();
        std::io::Read::read_exact(&mut client, &mut vec![0; read]).unwrap();
        half_close(&client);
        assert!(read_to_reset(&client) < 256 << 20);
        assert_ended(&finish(server), "aborted", 1);
    }
    let server = serve("half-close-abort");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 64);
    drop(client);
    assert_all_well(&finish(server), 1);
}

#[test]
fn slow_read_echoes_as_slowly_as_it_says() {
    let server = serve("slow-read=1k/20ms");
    let before = Instant::now();
    let sent = noise(10 << 10);
    assert!(exchange(server.addr(), &sent) == sent);
    assert!(before.elapsed() >= Duration::from_millis(180));
    assert_all_well(&finish(server), 1);
}

#[test]
fn an_http_response_may_have_parameters_without_a_server_of_http() {
    let server = serve("http=10?status=503");
    let mut client = support::client::Client::new(server.addr());
    let response = client.get("/");
    assert_eq!((response.status, response.body.len()), (503, 10));
    assert!(response.says_close());
    client.assert_fin();
    drop(client);
    assert_all_well(&finish(server), 1);
}
