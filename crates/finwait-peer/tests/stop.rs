//! The end of a server: what is accepted, drained, refused and cut.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use finwait_peer::{Options, Stop};
use support::{
    BOUND, assert_all_well, assert_ended, bind, bounded, connect, finish, half_close, noise,
    options, read_to_fin, serve, stop, until, until_refused,
};

#[test]
fn a_response_that_is_under_way_at_the_stop_arrives_whole() {
    let server = serve("respond=16m");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    client.read_exact(&mut [0]).unwrap();
    server.stop_handle().stop(BOUND);
    until_refused(server.addr());
    assert_eq!(read_to_fin(&mut client).len(), (16 << 20) - 1);
    drop(client);
    let summary = finish(server);
    // Others may have got in while the refusal was waited for: they owed nothing.
    assert_eq!(summary.cut, 0, "{summary}");
    assert!(summary.sent_bytes >= 16 << 20, "{summary}");
}

#[test]
fn an_echo_that_is_owed_at_the_stop_arrives_whole() {
    // More than the client's window takes unread, less than what it and the server's queue hold.
    let sent = noise(256 << 10);
    let server = serve("echo");
    let mut client = connect(server.addr());
    client.write_all(&sent).unwrap();
    until("all received", || {
        server.stats().received_bytes == 256 << 10
    });
    server.stop_handle().stop(BOUND);
    assert!(read_to_fin(&mut client) == sent);
    half_close(&client);
    assert_all_well(&finish(server), 1);
}

/// A server that is told to stop before it has taken anything: what the kernel had accepted for
/// it is served all the same.
#[test]
fn what_waits_in_the_backlog_at_the_stop_is_served() {
    for threads in [1, 3] {
        let server = bind(Options {
            threads,
            ..options("echo")
        });
        let addr = server.local_addr();
        let mut clients: Vec<TcpStream> = (0..50).map(|_| connect(addr)).collect();
        for client in &mut clients {
            client.write_all(b"before the stop").unwrap();
        }
        let order = Stop::new();
        order.handle().stop(BOUND);
        let serving = thread::spawn(move || server.run(&order).unwrap());
        for client in &mut clients {
            assert_eq!(read_to_fin(client), b"before the stop");
            half_close(client);
        }
        let summary = bounded("the server's end", move || serving.join().unwrap());
        assert_eq!(summary.accepted, 50);
        assert_all_well(&summary, 50);
    }
}

#[test]
fn idle_connections_get_a_fin_at_the_stop() {
    let server = serve("echo");
    let mut clients: Vec<TcpStream> = (0..20).map(|_| connect(server.addr())).collect();
    until("all accepted", || server.stats().open() == 20);
    server.stop_handle().stop(BOUND);
    for client in &mut clients {
        assert_eq!(read_to_fin(client), b"");
    }
    drop(clients);
    assert_all_well(&finish(server), 20);
}

#[test]
fn idle_connections_of_every_behaviour_end_by_the_deadline() {
    for behaviour in [
        "echo",
        "respond=64",
        "http",
        "fin",
        "late-fin=1h",
        "silent",
        "rst",
        "unread-close",
        "drip=1/1h",
        "flood",
        "linger",
        "rst-after-response",
        "no-close",
        "idle-rst=1h",
        "slow-read",
        "brittle=1h",
        "http?delay=1h",
    ] {
        let server = serve(behaviour);
        // They neither read nor close, so each ends by what the server alone does.
        let clients: Vec<TcpStream> = (0..3).map(|_| connect(server.addr())).collect();
        until("all accepted", || server.stats().accepted == 3);
        let summary = stop(server, Duration::from_millis(50));
        assert_eq!(summary.finished, 3, "{behaviour}: {summary}");
        let released_at_once = matches!(behaviour, "rst" | "unread-close");
        assert_eq!(
            summary.cut,
            if released_at_once { 0 } else { 3 },
            "{behaviour}: {summary}"
        );
        drop(clients);
    }
}

#[test]
fn new_clients_are_refused_while_old_ones_are_drained() {
    let server = serve("silent");
    let mut client = connect(server.addr());
    until("it is accepted", || server.stats().accepted == 1);
    server.stop_handle().stop(BOUND);
    until_refused(server.addr());
    client.write_all(b"still taken").unwrap();
    until("it is received", || server.stats().received_bytes == 11);
    let summary = stop(server, Duration::ZERO);
    assert_eq!(summary.cut, summary.accepted, "{summary}");
}

#[test]
fn a_second_stop_can_only_shorten() {
    let server = serve("flood");
    let client = connect(server.addr());
    until("it is accepted", || server.stats().accepted == 1);
    let handle = server.stop_handle();
    handle.stop(Duration::MAX);
    handle.stop(Duration::from_millis(1));
    handle.stop(Duration::from_secs(3_600));
    let summary = bounded("the server's end", move || server.wait());
    assert_eq!((summary.finished, summary.cut), (1, 1), "{summary}");
    drop(client);
}

/// The moment falls anywhere in the server's loop, also between two looks at the clock.
#[test]
fn a_deadline_is_kept_whenever_it_comes() {
    for us in 0..400 {
        let server = serve("silent");
        let client = connect(server.addr());
        until("it is accepted", || server.stats().accepted == 1);
        let summary = stop(server, Duration::from_micros(us));
        assert_eq!((summary.finished, summary.cut), (1, 1), "{summary}");
        drop(client);
    }
}

#[test]
fn a_peer_that_never_closes_is_cut_by_the_closer() {
    let server = serve("respond=64");
    let mut client = connect(server.addr());
    client.write_all(b"?").unwrap();
    assert_eq!(read_to_fin(&mut client).len(), 64);
    let summary = stop(server, Duration::from_millis(10));
    assert_eq!((summary.finished, summary.cut), (1, 1), "{summary}");
    assert_ended(&summary, "timed out in drain: stopped", 1);
}

#[test]
fn a_server_that_is_dropped_ends_at_once() {
    let server = serve("silent");
    let addr = server.addr();
    let mut client = connect(addr);
    until("it is accepted", || server.stats().accepted == 1);
    bounded("the drop", move || drop(server));
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let error = TcpStream::connect(addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn one_stop_ends_several_servers() {
    let order = Stop::new();
    let serving: Vec<_> = ["echo", "silent"]
        .into_iter()
        .map(|behaviour| {
            let (server, order) = (bind(options(behaviour)), order.handle());
            // Each thread needs the `Stop` itself.
            (server, order)
        })
        .collect();
    thread::scope(|scope| {
        let order = &order;
        for (server, handle) in serving {
            let mut client = connect(server.local_addr());
            let running = scope.spawn(move || server.run(order).unwrap());
            client.write_all(b"x").unwrap();
            handle.stop(Duration::from_millis(20));
            assert_eq!(running.join().unwrap().accepted, 1);
        }
    });
}

#[test]
fn bad_options_are_refused() {
    let none = Options {
        threads: 0,
        ..Options::default()
    };
    let huge = Options {
        behaviour: finwait_peer::Behaviour::Respond { bytes: 1 << 40 }.into(),
        ..Options::default()
    };
    let for_http = options("skip-body");
    for options in [none, huge, for_http] {
        let addr = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let error = finwait_peer::Server::bind(addr, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let taken = bind(Options::default());
    let error = finwait_peer::Server::bind(taken.local_addr(), Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
}

#[test]
fn a_summary_reads_in_a_few_lines() {
    let server = serve("echo");
    assert_eq!(support::exchange(server.addr(), b"12345"), b"12345");
    let text = finish(server).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].starts_with("1 connection accepted, 1 finished, "),
        "{text}"
    );
    assert_eq!(lines[1], "5 bytes received, 5 bytes sent");
    assert!(lines[2].starts_with("endings: "), "{text}");
}
