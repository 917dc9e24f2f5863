//! Requests that are refused, and what is left of them.

mod support;

use std::io::{ErrorKind, Write};

use support::client::Client;
use support::{assert_all_well, assert_ended, finish, half_close, noise, serve_http};

/// Each with the status by which it is refused.
fn bad_requests() -> Vec<(String, u16)> {
    let long = "a".repeat(9_000);
    let wide = format!("A: {long}\r\n").repeat(4);
    [
        ("nonsense\r\n\r\n", 400),
        ("\x01", 400),
        ("GET / HTTP/2.0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            400,
        ),
        ("TRACE / HTTP/1.1\r\n\r\n", 405),
        ("PATCH / HTTP/1.1\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", 413),
        (
            "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 17000000\r\n\r\n",
            413,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000001\r\n",
            413,
        ),
        (
            "PUT / HTTP/1.1\r\nExpect: x\r\nContent-Length: 5\r\n\r\n",
            417,
        ),
    ]
    .map(|(request, status)| (request.to_owned(), status))
    .into_iter()
    .chain([
        (format!("GET /{long}"), 414),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\n{wide}"), 431),
    ])
    .collect()
}

#[test]
fn what_is_refused_is_refused_at_once_and_drained() {
    for (request, status) in bad_requests() {
        let server = serve_http("linger");
        let mut client = Client::new(server.addr());
        client.send(&request);
        let response = client.response();
        assert_eq!(response.status, status, "{request:.60}");
        assert!(response.says_close());
        assert!(response.body.ends_with(b"\n"));
        assert_eq!(response.field("allow").is_some(), status == 405);
        client.assert_fin();
        // What was on its way when the refusal came does no harm.
        client.stream.write_all(&noise(1 << 20)).unwrap();
        half_close(&client.stream);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn early_close_lets_its_refusal_be_overtaken_by_a_reset() {
    for path in ["/", "/behave/early-close"] {
        let server = serve_http(if path == "/" { "early-close" } else { "linger" });
        let mut client = Client::new(server.addr());
        assert_eq!(client.get(path).status, 200);
        client.send(&format!(
            "PUT {path} HTTP/1.1\r\nContent-Length: 17000000\r\n\r\n"
        ));
        // Whoever sends it all is reset long before the end, and what was to be read is gone, or
        // is not: that is a race.
        let failure = support::write_to_failure(&client.stream, &noise(17_000_000));
        assert!(
            matches!(failure, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{failure}"
        );
        assert_ended(&finish(server), "closed without a drain", 1);
    }
}

#[test]
fn early_close_resets_although_the_body_comes_a_little_later() {
    let server = serve_http("early-close");
    let mut client = Client::new(server.addr());
    client.send("PUT / HTTP/1.1\r\nContent-Length: 17000000\r\n\r\nhello");
    support::read_to_reset(&client.stream);
    assert_ended(&finish(server), "closed without a drain", 1);
}

#[test]
fn early_close_closes_well_where_nothing_is_early() {
    let server = serve_http("early-close");
    let mut client = Client::new(server.addr());
    client.send("PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status, 200);
    client.assert_fin();
    drop(client);
    assert_all_well(&finish(server), 1);
}

const CUT_SHORT: [&str; 3] = [
    "GET / HTTP/1.1\r\nHo",
    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
];

#[test]
fn a_request_that_a_fin_cuts_short_is_refused_after_the_others_are_answered() {
    for request in CUT_SHORT {
        let server = serve_http("linger");
        let mut client = Client::new(server.addr());
        client.send("GET / HTTP/1.1\r\n\r\n");
        client.send(request);
        half_close(&client.stream);
        assert_eq!(client.response().status, 200);
        let response = client.response();
        assert_eq!(response.status, 400);
        assert!(response.says_close());
        client.assert_fin();
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn eof_completes_takes_it_for_whole() {
    let paths = ["/behave/eof-completes", "/"];
    for (request, path) in CUT_SHORT.iter().zip(["/", paths[0], paths[0]]) {
        let server = serve_http(if path == "/" {
            "eof-completes"
        } else {
            "linger"
        });
        let mut client = Client::new(server.addr());
        client.send(&request.replace(" / ", &format!(" {path} ")));
        half_close(&client.stream);
        let response = client.response();
        assert_eq!(response.status, 200, "{request}");
        assert!(response.says_close());
        client.assert_fin();
        assert_all_well(&finish(server), 1);
    }
}
