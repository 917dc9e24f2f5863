//! The behaviours over HTTP, chosen by the server and by the path of a request.

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use finwait_peer::{Mix, Running};
use support::client::Client;
use support::{
    assert_all_well, assert_ended, assert_silent, finish, half_close, half_close_acked,
    read_to_fin, read_to_reset, serve_http, skipped_under_wine, stop, until, until_hidden_reset,
};

/// A server that behaves so, or is told to by the path; and the path.
fn both(behaviour: &str) -> [(Running, String); 2] {
    [
        (serve_http(behaviour), "/".to_owned()),
        (serve_http("linger"), format!("/behave/{behaviour}")),
    ]
}

#[test]
fn what_is_healthy_goes_on_after_an_answer() {
    for behaviour in [
        "echo",
        "linger=2s",
        "late-fin=10ms",
        "slow-read",
        "idle-close=60s",
        "idle-rst=60s",
        "brittle=1h",
        "half-close-deaf?delay=1ms",
        "half-close-abort?delay=1ms",
        "skip-body",
        "serve-after-close",
        "eof-completes",
        "quiet-limit=9",
        "early-close",
        "drip=10/1ms?size=30",
    ] {
        for (server, path) in both(behaviour) {
            let mut client = Client::new(server.addr());
            for _ in 0..2 {
                let response = client.get(&path);
                assert_eq!(response.status, 200, "{behaviour}");
                assert!(!response.says_close());
            }
            half_close(&client.stream);
            client.assert_fin();
            assert_all_well(&finish(server), 1);
        }
    }
}

#[test]
fn what_ends_after_one_answer_says_so_and_ends_in_its_way() {
    for (behaviour, size, ending) in [
        ("respond=1k", 1 << 10, ""),
        ("http=1k", 1 << 10, ""),
        ("rst-after-response?size=100k", 100 << 10, "aborted"),
        (
            "fin-then-rst?size=100k&framing=chunked",
            100 << 10,
            "aborted",
        ),
    ] {
        for (server, path) in both(behaviour) {
            let mut client = Client::new(server.addr());
            let response = client.get(&path);
            assert_eq!(response.body.len(), size, "{behaviour}");
            assert!(response.says_close());
            match behaviour.split(['=', '?']).next() {
                Some("rst-after-response") => assert_eq!(read_to_reset(&client.stream), 0),
                Some("fin-then-rst") => {
                    client.assert_fin();
                    until_hidden_reset(&client.stream);
                }
                _ => client.assert_fin(),
            }
            drop(client);
            let summary = finish(server);
            match ending {
                "" => assert_all_well(&summary, 1),
                ending => assert_ended(&summary, ending, 1),
            }
        }
    }
}

#[test]
fn what_sends_a_part_announces_the_whole() {
    for (behaviour, framing, sent) in [
        ("trunc=25%", "length", 250),
        ("trunc=25", "close", 250),
        ("trunc=100%", "chunked", 1_000 + 7),
        ("rst-mid-response", "length", 500),
    ] {
        for (server, path) in both(&format!("{behaviour}?size=1000&framing={framing}")) {
            let mut client = Client::new(server.addr());
            client.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
            if behaviour == "rst-mid-response" {
                read_to_reset(&client.stream);
                let summary = finish(server);
                assert!(summary.sent_bytes > sent && summary.sent_bytes < 1_000);
                continue;
            }
            let head = client.head();
            let announces = head.contains("Content-Length: 1000\r\n");
            assert_eq!(announces, framing == "length", "{head}");
            let body = read_to_fin(&mut client.stream).len() + client.ahead.len();
            assert_eq!(body as u64, sent, "{behaviour} {framing}");
            drop(client);
            assert_all_well(&finish(server), 1);
        }
    }
}

#[test]
fn rst_and_fin_come_instead_of_an_answer() {
    for (server, path) in both("rst") {
        let mut client = Client::new(server.addr());
        client.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
        assert_eq!(read_to_reset(&client.stream), 0);
        assert_ended(&finish(server), "aborted", 1);
    }
    for (server, path) in both("fin") {
        let mut client = Client::new(server.addr());
        client.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
        client.assert_fin();
        drop(client);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn unread_close_answers_what_it_has_not_read_and_resets() {
    for body in ["", "hello"] {
        for (server, path) in both("unread-close=10") {
            let mut client = Client::new(server.addr());
            let length = body.len();
            client.send(&format!(
                "PUT {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
            read_to_reset(&client.stream);
            let summary = finish(server);
            assert_ended(&summary, "closed without a drain", 1);
            assert_eq!(summary.received_bytes, 0);
        }
    }
}

#[test]
fn no_close_and_silent_stay_for_ever() {
    for (server, path) in both("no-close") {
        let mut client = Client::new(server.addr());
        client.send(&format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(!client.response().says_close());
        client.send(&format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(!client.response().says_close());
        half_close_acked(&client.stream);
        assert_silent(&client.stream);
        assert_eq!(stop(server, Duration::ZERO).cut, 1);
    }
    for (server, path) in both("silent") {
        let mut client = Client::new(server.addr());
        let request = format!("GET {path} HTTP/1.1\r\n\r\nand more");
        client.send(&request);
        half_close_acked(&client.stream);
        until("all received", || {
            server.stats().received_bytes == request.len() as u64
        });
        assert_silent(&client.stream);
        assert_eq!(stop(server, Duration::ZERO).cut, 1);
    }
}

#[test]
fn half_close_deaf_and_abort_leave_a_client_that_half_closes_without_an_answer() {
    // One of the requests is behind another, and so is the FIN.
    for requests in [1, 2] {
        // It tells of a FIN only once what is before it was read.
        if requests == 2 && skipped_under_wine("a FIN behind an unread request") {
            continue;
        }
        for (server, path) in both("half-close-deaf") {
            let mut client = Client::new(server.addr());
            client.send(&format!("GET {path} HTTP/1.1\r\n\r\n").repeat(requests));
            half_close(&client.stream);
            // What is unread behind the request makes it an RST.
            assert!(client.stream.read(&mut [0]).is_ok_and(|n| n == 0) || requests == 2);
            assert_ended(&finish(server), "closed without a drain", 1);
        }
        for (server, path) in both("half-close-abort") {
            let mut client = Client::new(server.addr());
            client.send(&format!("GET {path} HTTP/1.1\r\n\r\n").repeat(requests));
            half_close(&client.stream);
            assert_eq!(read_to_reset(&client.stream), 0);
            assert_ended(&finish(server), "aborted", 1);
        }
    }
}

#[test]
fn skip_body_takes_a_body_for_the_next_request() {
    for (server, path) in both("skip-body") {
        let mut client = Client::new(server.addr());
        let inner = "GET /?size=7 HTTP/1.1\r\n\r\n";
        client.send(&format!(
            "PUT {path} HTTP/1.1\r\nContent-Length: 25\r\n\r\n{inner}"
        ));
        assert_eq!(client.response().body.len(), 64);
        assert_eq!(client.response().body.len(), 7);
        half_close(&client.stream);
        client.assert_fin();
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn serve_after_close_answers_what_follows_and_then_closes() {
    for (server, path) in both("serve-after-close") {
        let mut client = Client::new(server.addr());
        let close = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n");
        client.send(&format!("{close}GET {path} HTTP/1.1\r\n\r\n"));
        for _ in 0..2 {
            assert!(client.response().says_close());
        }
        client.assert_fin();
        drop(client);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn quiet_limit_closes_without_having_said_so() {
    for (server, path) in both("quiet-limit=3") {
        let mut client = Client::new(server.addr());
        for _ in 0..3 {
            assert!(!client.get(&path).says_close());
        }
        client.assert_fin();
        drop(client);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn an_idle_timeout_may_be_a_behaviour() {
    for (server, path) in both("idle-close=100ms") {
        let mut client = Client::new(server.addr());
        assert_eq!(client.get(&path).status, 200);
        client.assert_fin();
        drop(client);
        assert_all_well(&finish(server), 1);
    }
    for (server, path) in both("idle-rst=100ms") {
        let mut client = Client::new(server.addr());
        assert_eq!(client.get(&path).status, 200);
        read_to_reset(&client.stream);
        assert_ended(&finish(server), "aborted", 1);
    }
}

#[test]
fn late_fin_closes_late() {
    for (server, path) in both("late-fin=150ms") {
        let mut client = Client::new(server.addr());
        let before = Instant::now();
        client.send(&format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(client.response().says_close());
        client.assert_fin();
        assert!(before.elapsed() >= Duration::from_millis(150));
        drop(client);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn slow_read_takes_a_body_slowly() {
    for (server, path) in both("slow-read=1k/20ms") {
        let mut client = Client::new(server.addr());
        let before = Instant::now();
        client.send(&format!(
            "PUT {path} HTTP/1.1\r\nContent-Length: 10240\r\n\r\n"
        ));
        client.stream.write_all(&[b'x'; 10_240]).unwrap();
        assert_eq!(client.response().status, 200);
        assert!(before.elapsed() >= Duration::from_millis(180));
        drop(client);
        assert_all_well(&finish(server), 1);
    }
}

#[test]
fn drip_and_flood_have_no_end_unless_they_are_given_a_size() {
    for behaviour in ["drip=3/1ms", "flood", "flood?framing=length"] {
        for (server, path) in both(behaviour) {
            let mut client = Client::new(server.addr());
            client.send(&format!("GET {path} HTTP/1.1\r\n\r\n"));
            half_close(&client.stream);
            let head = client.head();
            assert_eq!(
                head.contains("chunked"),
                !behaviour.ends_with("length"),
                "{head}"
            );
            client.stream.read_exact(&mut [0; 300]).unwrap();
            drop(client);
            until("the end", || server.stats().finished == 1);
            assert_ended(&finish(server), "reset before the close", 1);
        }
    }
}

#[test]
fn a_path_wins_over_what_a_mix_has_chosen() {
    let text = "mix=linger?size=3:1,quiet-limit=9?size=5:1";
    let mix: Mix = text.parse().unwrap();
    let server = serve_http(text);
    for k in 0..10 {
        let own = mix.choose(1, k).params.size;
        let mut client = Client::new(server.addr());
        let chosen = client.get("/behave/linger?size=7");
        assert_eq!(chosen.body.len(), 7);
        assert_eq!(Some(client.get("/").body.len() as u64), own);
    }
    assert_all_well(&finish(server), 10);
}

#[test]
fn a_path_that_names_no_behaviour_is_not_found_and_says_why() {
    let server = serve_http("rst-after-response");
    let mut client = Client::new(server.addr());
    for (path, says) in [
        ("/behave/", "unknown behaviour \"\""),
        ("/behave/nonsense", "one of: echo, "),
        ("/behave/trunc=101%25", "0% to 100%"),
        ("/behave/rst?size=x", "not a size: \"x\""),
        ("/behave/drop-backlog", "for a whole server"),
        ("/behave/mix=rst:1", "unknown behaviour"),
        ("/?size=x", "not a size: \"x\""),
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 404, "{path}");
        let text = String::from_utf8(response.body).unwrap();
        assert!(text.contains(says) && text.ends_with('\n'), "{text}");
        assert!(!response.head.contains("Connection: close"));
    }
    half_close(&client.stream);
    client.assert_fin();
    assert_all_well(&finish(server), 1);
}
