//! Behaviours that are about more than one answer: idle timeouts, brittle servers, backlogs, mixes.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use finwait_peer::{Options, Protocol, Running};
use support::client::Client;
use support::{
    assert_all_well, assert_ended, bind, connect, exchange, finish, half_close, options,
    read_to_fin, read_to_reset, serve, serve_http, until,
};

/// Longer than a busy machine keeps a client from its next call.
const IDLE: Duration = Duration::from_millis(500);

fn echo(client: &mut TcpStream) {
    client.write_all(b"hello").unwrap();
    let mut echoed = [0; 5];
    client.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"hello");
}

#[test]
fn idle_close_ends_in_a_fin_when_nothing_came_for_so_long() {
    let bound_by_options = Options {
        idle: Some(IDLE),
        ..options("echo")
    };
    for options in [options("idle-close=500ms"), bound_by_options] {
        let server = bind(options).spawn().unwrap();
        let before = Instant::now();
        let mut silent = connect(server.addr());
        assert_eq!(read_to_fin(&mut silent), b"");
        assert!(before.elapsed() >= IDLE);
        let mut client = connect(server.addr());
        let before = Instant::now();
        echo(&mut client);
        assert_eq!(read_to_fin(&mut client), b"");
        assert!(before.elapsed() >= IDLE);
        assert_eq!(exchange(server.addr(), b"bye"), b"bye");
        drop((silent, client));
        assert_all_well(&finish(server), 3);
    }
}

#[test]
fn idle_rst_ends_in_a_reset_when_nothing_came_for_so_long() {
    let server = serve("idle-rst=500ms");
    let mut client = connect(server.addr());
    let before = Instant::now();
    echo(&mut client);
    assert_eq!(read_to_reset(&client), 0);
    assert!(before.elapsed() >= IDLE);
    assert_eq!(exchange(server.addr(), b"bye"), b"bye");
    assert_ended(&finish(server), "aborted", 1);
}

#[test]
fn a_client_that_does_not_take_its_echo_is_not_idle() {
    let server = serve("idle-rst=500ms");
    let mut client = connect(server.addr());
    client.set_nonblocking(true).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    // Until nobody takes any more: the client's own queue is full as well.
    let mut last = Instant::now();
    while last.elapsed() < IDLE * 2 {
        if let Ok(n) = client.write(&chunk) {
            sent += n;
            last = Instant::now();
        }
    }
    client.set_nonblocking(false).unwrap();
    half_close(&client);
    assert_eq!(read_to_fin(&mut client).len(), sent);
    assert_all_well(&finish(server), 1);
}

/// Whether a request of a new client is answered, and not reset.
fn is_answered(addr: SocketAddr) -> bool {
    let mut answer = Vec::new();
    // An RST may come at any moment.
    let read = TcpStream::connect_timeout(&addr, support::BOUND).and_then(|mut client| {
        client.set_read_timeout(Some(support::BOUND))?;
        client.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")?;
        client.read_to_end(&mut answer)
    });
    match read {
        Ok(_) => !answer.is_empty(),
        Err(error) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
                "{error}"
            );
            false
        }
    }
}

#[test]
fn brittle_breaks_for_a_while_when_a_client_ends_badly() {
    type Bad = fn(&Running);
    let without_a_byte: Bad = |server| drop(connect(server.addr()));
    let reset: Bad = |server| {
        let before = server.stats().received_bytes;
        let mut client = connect(server.addr());
        client.write_all(b"GET /").unwrap();
        // A client that has gone before it is accepted, not every system hands to the server.
        until("a part of a request", || {
            server.stats().received_bytes > before
        });
        finwait_platform::arm_abort(&client).unwrap();
    };
    let cut_short: Bad = |server| {
        let mut client = connect(server.addr());
        client
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n1")
            .unwrap();
        half_close(&client);
        let _ = client.read_to_end(&mut Vec::new());
    };
    let not_read: Bad = |server| {
        let mut client = connect(server.addr());
        client
            .write_all(b"GET /?size=64m HTTP/1.1\r\n\r\n")
            .unwrap();
        client.read_exact(&mut [0; 9]).unwrap();
    };
    for (protocol, bad) in [
        (Protocol::Raw, without_a_byte),
        (Protocol::Http, without_a_byte),
        (Protocol::Http, reset),
        (Protocol::Http, cut_short),
        (Protocol::Http, not_read),
    ] {
        let options = Options {
            protocol,
            threads: 2,
            ..options("brittle=1s")
        };
        let server = bind(options).spawn().unwrap();
        let addr = server.addr();
        assert!(is_answered(addr));
        assert!(is_answered(addr));
        bad(&server);
        until("a broken server", || !is_answered(addr));
        let broken = Instant::now();
        // What is reset now is the server's doing, and breaks nothing anew.
        until("a server that has recovered", || is_answered(addr));
        assert!(broken.elapsed() < support::BOUND);
        assert!(is_answered(addr));
        support::stop(server, support::BOUND);
    }
}

#[test]
fn brittle_resets_requests_on_connections_that_it_has() {
    let server = serve_http("brittle=1h");
    let mut client = Client::new(server.addr());
    assert_eq!(client.get("/").status, 200);
    drop(connect(server.addr()));
    until("a broken server", || !is_answered(server.addr()));
    client.send("GET / HTTP/1.1\r\n\r\n");
    read_to_reset(&client.stream);
}

#[test]
fn drop_backlog_resets_everyone_and_refuses_nobody() {
    let server = serve("drop-backlog");
    for _ in 0..200 {
        // The reset may come while `connect` still looks.
        let error = match TcpStream::connect_timeout(&server.addr(), support::BOUND) {
            Ok(mut client) => {
                let read = client.read(&mut [0]);
                support::witness::of_read(&client, read).unwrap_err()
            }
            Err(error) => error,
        };
        let reset = [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
        assert!(reset.contains(&error.kind()), "{error}");
    }
    let summary = finish(server);
    let accepts = !cfg!(unix) || cfg!(finwait_force_fallback);
    assert_eq!(summary.accepted, if accepts { 200 } else { 0 }, "{summary}");
    assert_eq!(summary.accept_errors, 0, "{summary}");
}

#[test]
fn what_waits_before_a_dropping_server_runs_is_reset_too() {
    let server = bind(Options {
        threads: 3,
        ..options("drop-backlog")
    });
    let client = connect(server.local_addr());
    let server = server.spawn().unwrap();
    assert_eq!(read_to_reset(&client), 0);
    finish(server);
}

/// Connections one after the other are numbered as they come.
#[test]
fn a_mix_treats_connection_number_k_as_it_says() {
    for seed in [1, 2] {
        let options = Options {
            seed,
            ..options("mix=linger?size=3:1,linger?size=5:1,respond=7:2")
        };
        let mix = options.behaviour.clone();
        let server = bind(options).spawn().unwrap();
        for k in 0..60 {
            let chosen = mix.choose(seed, k);
            let size = chosen.params.size.unwrap_or(7);
            assert_eq!(
                exchange(server.addr(), b"?").len() as u64,
                size,
                "{seed} {k}"
            );
        }
        assert_all_well(&finish(server), 60);
    }
}
