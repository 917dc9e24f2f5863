//! HTTP/1.1 as a client of a well-behaved server sees it.

mod support;

use std::io::Write;
use std::time::{Duration, Instant};

use finwait_peer::Options;
use support::client::Client;
use support::{
    assert_all_well, bind, bounded, connect, finish, half_close, http_options, noise, options,
    read_to_fin, serve_http, stop,
};

#[test]
fn a_connection_persists_until_the_client_closes_it() {
    let server = serve_http("linger");
    let mut client = Client::new(server.addr());
    for path in ["/", "/x/y?z", "*", "http://host/x", "/?size=3"] {
        let response = client.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.body.len(), if path == "/?size=3" { 3 } else { 64 });
        assert!(!response.says_close());
    }
    half_close(&client.stream);
    client.assert_fin();
    assert_all_well(&finish(server), 1);
}

#[test]
fn requests_may_come_all_at_once_or_byte_by_byte() {
    let requests = "GET /?size=1 HTTP/1.1\r\n\r\n\
        POST /?size=2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\
        POST /?size=3&framing=chunked HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n\
        \r\nDELETE /?size=4 HTTP/1.1\nHost: x\n\n\
        GET /?size=5 HTTP/1.1\r\nConnection: x, CLOSE\r\n\r\n";
    for piece in [1, 2, 7, 10_000] {
        let server = serve_http("linger");
        let mut client = Client::new(server.addr());
        client.stream.set_nodelay(true).unwrap();
        for piece in requests.as_bytes().chunks(piece) {
            client.stream.write_all(piece).unwrap();
        }
        for size in 1..=5 {
            let response = client.response();
            assert_eq!(response.body, b"abcdefg"[..size], "{piece}");
            assert_eq!(response.says_close(), size == 5);
        }
        client.assert_fin();
        drop(client);
        let summary = finish(server);
        assert_all_well(&summary, 1);
        assert_eq!(summary.received_bytes, requests.len() as u64);
    }
}

/// What waits to be answered waits in the sockets, and nobody else waits with it.
#[test]
fn pipelined_requests_beyond_any_buffer_are_all_answered() {
    const REQUESTS: usize = 30_000;
    let server = serve_http("linger");
    let mut client = Client::new(server.addr());
    let mut writer = client.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer
            .write_all("GET / HTTP/1.1\r\n\r\n".repeat(REQUESTS).as_bytes())
            .unwrap();
        half_close(&writer);
    });
    for _ in 0..REQUESTS {
        assert_eq!(client.response().status, 200);
    }
    client.assert_fin();
    bounded("the sender's end", move || sender.join().unwrap());
    assert_all_well(&finish(server), 1);
}

#[test]
fn a_close_that_is_asked_for_is_announced_and_drained() {
    let server = serve_http("linger");
    for request in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let mut client = Client::new(server.addr());
        client.send(request);
        assert!(client.response().says_close(), "{request}");
        client.assert_fin();
        // It still takes what comes, and answers none of it.
        client.stream.write_all(&noise(10 << 20)).unwrap();
        half_close(&client.stream);
    }
    let summary = finish(server);
    assert_all_well(&summary, 3);
    assert!(summary.received_bytes > 30 << 20, "{summary}");
}

#[test]
fn bodies_are_framed_as_asked_for() {
    let server = serve_http("linger?size=100k");
    for framing in ["length", "chunked", "close"] {
        let mut client = Client::new(server.addr());
        let response = client.get(&format!("/?framing={framing}"));
        assert_eq!(response.body.len(), 100 << 10);
        let field = |name| response.field(name).is_some();
        assert_eq!(field("content-length"), framing == "length");
        assert_eq!(field("transfer-encoding"), framing == "chunked");
        assert_eq!(response.says_close(), framing == "close");
        let alphabet = response.body.iter().zip((b'a'..=b'z').cycle());
        assert!(alphabet.into_iter().all(|(is, should)| *is == should));
    }
    // HTTP/1.0 knows no chunks.
    let mut client = Client::new(server.addr());
    client.send("GET /?framing=chunked HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(response.field("transfer-encoding"), None);
    assert_eq!(response.body.len(), 100 << 10);
    drop(client);
    assert_all_well(&finish(server), 4);
}

#[test]
fn what_has_no_body_has_none() {
    let server = serve_http("linger");
    let mut client = Client::new(server.addr());
    for (method, path, length) in [
        ("HEAD", "/?size=10k", Some("10240")),
        ("GET", "/?status=204", None),
        ("GET", "/?status=304", None),
        ("HEAD", "/?framing=chunked", None),
    ] {
        client.send(&format!("{method} {path} HTTP/1.1\r\n\r\n"));
        let response = client.response_to(method == "HEAD");
        assert_eq!(response.field("content-length"), length, "{path}");
    }
    assert_eq!(client.get("/?status=599").status, 599);
    half_close(&client.stream);
    client.assert_fin();
    assert_all_well(&finish(server), 1);
}

#[test]
fn a_body_that_waits_for_a_word_is_asked_for() {
    let server = serve_http("linger");
    let mut client = Client::new(server.addr());
    for _ in 0..2 {
        client.send("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.response().status, 100);
        client.send("hello");
        assert_eq!(client.response().status, 200);
    }
    // Without a body there is nothing to wait for, and HTTP/1.0 does not know it.
    client.send("GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 200);
    client.send("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1");
    assert_eq!(client.response().status, 200);
    client.assert_fin();
    drop(client);
    assert_all_well(&finish(server), 1);
}

#[test]
fn sixteen_megabytes_are_taken_and_then_answered() {
    let server = serve_http("linger");
    let mut client = Client::new(server.addr());
    for _ in 0..2 {
        client.send("PUT / HTTP/1.1\r\nContent-Length: 16777216\r\n\r\n");
        client.stream.write_all(&noise(16 << 20)).unwrap();
        assert_eq!(client.response().status, 200);
    }
    drop(client);
    let summary = finish(server);
    assert_all_well(&summary, 1);
    assert!(summary.received_bytes > 32 << 20);
}

#[test]
fn an_idle_connection_is_closed_as_announced() {
    // Longer than a busy machine keeps a client from its next call.
    let idle = Duration::from_millis(500);
    let server = bind(Options {
        idle: Some(idle),
        ..http_options("linger")
    });
    let server = server.spawn().unwrap();
    let before = Instant::now();
    let mut client = connect(server.addr());
    assert_eq!(read_to_fin(&mut client), b"");
    assert!(before.elapsed() >= idle);
    drop(client);
    let mut client = Client::new(server.addr());
    let before = Instant::now();
    let response = client.get("/");
    // Below a whole second there is nothing that could be announced.
    assert_eq!(response.field("keep-alive"), None);
    client.assert_fin();
    assert!(before.elapsed() >= idle);
    for request in [
        "GET / HT",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1",
    ] {
        let mut client = Client::new(server.addr());
        client.send(request);
        let response = client.response();
        assert_eq!(response.status, 408);
        assert!(response.says_close());
        client.assert_fin();
    }
    drop(client);
    assert_eq!(stop(server, support::BOUND).cut, 0);
}

#[test]
fn the_idle_timeout_is_announced_with_a_margin() {
    for (idle, announced) in [
        (None, Some("timeout=9")),
        (Some(Duration::from_millis(3_900)), Some("timeout=2")),
        (Some(Duration::from_secs(2)), Some("timeout=1")),
        (Some(Duration::from_millis(1_999)), None),
    ] {
        let options = Options {
            idle,
            protocol: finwait_peer::Protocol::Http,
            ..options("linger")
        };
        let server = bind(options).spawn().unwrap();
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/").field("keep-alive"), announced);
        let behave = client.get("/behave/idle-close=60s");
        assert_eq!(behave.field("keep-alive"), Some("timeout=59"));
    }
}

#[test]
fn a_stop_answers_what_is_being_answered_and_closes_the_rest() {
    let server = serve_http("linger");
    let mut idle = Client::new(server.addr());
    assert_eq!(idle.get("/").status, 200);
    let mut busy = Client::new(server.addr());
    busy.send("GET /?size=16m HTTP/1.1\r\n\r\n");
    busy.head();
    server.stop_handle().stop(support::BOUND);
    idle.assert_fin();
    support::until_refused(server.addr());
    // Its length was announced; the FIN comes after it.
    assert_eq!(
        read_to_fin(&mut busy.stream).len() + busy.ahead.len(),
        16 << 20
    );
    drop((idle, busy));
    let summary = bounded("the server's end", move || server.wait());
    assert_eq!(summary.cut, 0, "{summary}");
}
