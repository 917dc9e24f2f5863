//! The behaviours that close well, as a plain client sees them.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use finwait_peer::Options;
use support::{
    assert_all_well, assert_ended, bind, bounded, connect, exchange, finish, half_close, noise,
    options, read_to_fin, serve, until,
};

#[test]
fn echo_returns_what_was_sent_and_then_its_fin() {
    let server = serve("echo");
    assert_eq!(
        exchange(server.addr(), b"to the last byte"),
        b"to the last byte"
    );
    assert_eq!(exchange(server.addr(), b""), b"");
    let summary = finish(server);
    assert_all_well(&summary, 2);
    assert_eq!((summary.received_bytes, summary.sent_bytes), (16, 16));
}

#[test]
fn echo_answers_before_the_half_close_too() {
    let server = serve("echo");
    let mut client = connect(server.addr());
    for round in 0..100_u8 {
        client.write_all(&[round; 100]).unwrap();
        let mut answer = [0; 100];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [round; 100]);
    }
    half_close(&client);
    assert_eq!(read_to_fin(&mut client), b"");
    assert_all_well(&finish(server), 1);
}

#[test]
fn echo_returns_eight_megabytes_to_a_client_that_reads_meanwhile() {
    let server = serve("echo");
    let sent = noise(8 << 20);
    let mut client = connect(server.addr());
    let mut reader = client.try_clone().unwrap();
    let received = thread::spawn(move || read_to_fin(&mut reader));
    client.write_all(&sent).unwrap();
    half_close(&client);
    let received = bounded("the whole echo", move || received.join().unwrap());
    assert!(
        received == sent,
        "{} bytes came back changed",
        received.len()
    );
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert_eq!(
        (summary.received_bytes, summary.sent_bytes),
        (8 << 20, 8 << 20)
    );
}

/// What a connection is owed stays within 64 KiB, and nobody else waits for it.
#[test]
fn echo_holds_little_for_a_client_that_does_not_read_and_serves_others_meanwhile() {
    const BYTES: usize = 32 << 20;
    let server = serve("echo");
    let mut client = connect(server.addr());
    let mut writer = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        writer.write_all(&noise(BYTES)).unwrap();
        half_close(&writer);
    });
    let mut exchanges = 0;
    until(
        "two hundred exchanges while the other client fills its buffers",
        || {
            let stats = server.stats();
            let held = stats.received_bytes.saturating_sub(stats.sent_bytes);
            assert!(held <= 64 << 10, "{stats:?}");
            assert_eq!(exchange(server.addr(), b"me too"), b"me too");
            exchanges += 1;
            exchanges == 200
        },
    );
    assert!(read_to_fin(&mut client) == noise(BYTES));
    bounded("the sender's end", move || sender.join().unwrap());
    assert_all_well(&finish(server), 201);
}

#[test]
fn echo_serves_others_while_one_floods_it() {
    let server = serve("echo");
    let client = connect(server.addr());
    let (mut writer, mut reader) = (client.try_clone().unwrap(), client.try_clone().unwrap());
    let writes = thread::spawn(move || while writer.write_all(&[b'x'; 65_536]).is_ok() {});
    let reads = thread::spawn(move || while reader.read(&mut [0; 65_536]).is_ok_and(|n| n > 0) {});
    until("the flood", || server.stats().sent_bytes > 1 << 20);
    for _ in 0..200 {
        assert_eq!(exchange(server.addr(), b"me too"), b"me too");
    }
    client.shutdown(std::net::Shutdown::Both).unwrap();
    bounded("the flood's end", move || {
        (writes.join().unwrap(), reads.join().unwrap())
    });
    let summary = finish(server);
    assert_eq!(summary.accepted, 201, "{summary}");
}

#[test]
fn late_fin_echoes_and_ends_no_sooner_than_it_says() {
    let delay = Duration::from_millis(300);
    let server = serve("late-fin=300ms");
    let mut client = connect(server.addr());
    client.write_all(b"echoed at once").unwrap();
    let mut echoed = [0; 14];
    client.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"echoed at once");
    let before = Instant::now();
    half_close(&client);
    assert_eq!(read_to_fin(&mut client), b"");
    assert!(before.elapsed() >= delay, "{:?}", before.elapsed());
    assert_all_well(&finish(server), 1);
}

#[test]
fn late_fin_notices_a_client_that_aborts_while_it_waits() {
    let server = serve("late-fin=1h");
    let client = connect(server.addr());
    // Not every system accepts what was reset before.
    until("it is accepted", || server.stats().open() == 1);
    half_close(&client);
    // Its FIN is taken before the RST comes, or with it; both ways it is a reset.
    finwait_platform::arm_abort(&client).unwrap();
    drop(client);
    until("the end", || server.stats().finished == 1);
    assert_ended(&finish(server), "reset before the close", 1);
}

#[test]
fn respond_answers_the_first_byte_in_full_and_drains() {
    let server = serve("respond=4m");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    let answer = read_to_fin(&mut client);
    assert_eq!(answer.len(), 4 << 20);
    // Its FIN is out; it still takes what comes.
    client.write_all(&noise(100_000)).unwrap();
    half_close(&client);
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert_eq!(
        (summary.received_bytes, summary.sent_bytes),
        (100_001, 4 << 20)
    );
}

#[test]
fn respond_answers_a_client_that_only_half_closes() {
    let server = serve("respond=10k");
    assert_eq!(exchange(server.addr(), b"").len(), 10_240);
    assert_all_well(&finish(server), 1);
}

/// The classic failure's control: what makes `unread-close` lose its answer does no harm here.
#[test]
fn respond_loses_nothing_to_a_client_that_uploads_first_and_reads_later() {
    let server = serve("respond=4m");
    let mut client = connect(server.addr());
    client.write_all(&noise(4 << 20)).unwrap();
    half_close(&client);
    assert_eq!(read_to_fin(&mut client).len(), 4 << 20);
    assert_all_well(&finish(server), 1);
}

#[test]
fn fin_ends_first_and_takes_what_still_comes() {
    let server = serve("fin");
    let mut client = connect(server.addr());
    assert_eq!(read_to_fin(&mut client), b"");
    client.write_all(&noise(1 << 20)).unwrap();
    half_close(&client);
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert_eq!((summary.received_bytes, summary.sent_bytes), (1 << 20, 0));
}

fn http_body(answer: &[u8]) -> (&str, &[u8]) {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    (std::str::from_utf8(&answer[..end]).unwrap(), &answer[end..])
}

#[test]
fn http_answers_a_head_that_comes_in_pieces() {
    let server = serve("http=10k");
    let mut client = connect(server.addr());
    for piece in ["GET / HT", "TP/1.1\r", "\nHost: x\r\n\r", "\n"] {
        client.write_all(piece.as_bytes()).unwrap();
    }
    let answer = read_to_fin(&mut client);
    let (head, body) = http_body(&answer);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 10240\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(body.len(), 10_240);
    drop(client);
    assert_all_well(&finish(server), 1);
}

#[test]
fn http_drains_a_body_that_it_does_not_want() {
    let server = serve("http");
    let mut request = b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n".to_vec();
    request.extend(noise(1_000_000));
    let answer = exchange(server.addr(), &request);
    assert_eq!(http_body(&answer).1.len(), 64);
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert_eq!(summary.received_bytes, request.len() as u64);
}

#[test]
fn http_refuses_a_head_without_end_and_ignores_half_a_one() {
    let server = serve("http");
    let answer = exchange(server.addr(), &[b'x'; 200_000]);
    assert!(
        answer.starts_with(b"HTTP/1.1 431 "),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(exchange(server.addr(), b"GET / HTTP/1.1\r\n"), b"");
    assert_all_well(&finish(server), 2);
}

#[test]
fn two_thousand_connections_are_open_at_once_and_end_well() {
    // Its time grows with the square of the number: a minute for all.
    let connections = match support::skipped_under_wine("2,000 at once: 500 instead") {
        true => 500,
        false => 2_000,
    };
    let files = connections as u64 * 2 + 100;
    if finwait_platform::raise_open_file_limit(files)
        .unwrap()
        .is_some_and(|limit| limit.soft < files)
    {
        support::skipped("an open-file limit of 4,100");
        return;
    }
    let server = bind(Options {
        threads: 2,
        ..options("echo")
    });
    let server = server.spawn().unwrap();
    let mut clients: Vec<TcpStream> = (0..connections).map(|_| connect(server.addr())).collect();
    for client in &mut clients {
        client.write_all(b"all of us").unwrap();
    }
    until("all accepted", || {
        server.stats().open() == connections as u64
    });
    for client in &clients {
        half_close(client);
    }
    for client in &mut clients {
        assert_eq!(read_to_fin(client), b"all of us");
    }
    assert_all_well(&finish(server), connections as u64);
}

#[test]
fn a_client_that_resets_is_told_from_one_that_closes() {
    let server = serve("echo");
    let mut client = connect(server.addr());
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    finwait_platform::arm_abort(&client).unwrap();
    drop(client);
    until("the end", || server.stats().finished == 1);
    assert_ended(&finish(server), "reset before the close", 1);
}
