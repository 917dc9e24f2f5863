//! Connecting from a chosen address, and listening.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use finwait_platform::{
    PortWalk, connect_bound, connect_from, half_close, listen, listen_shared, send_before_fin,
    take_error,
};
use socket2::{Domain, Socket, Type};

use crate::skipped::skipped;
use crate::support::{LINUX, accept, read_to_eof, told, until};

/// All of 127/8 is this host on Linux; elsewhere one address of it is.
fn loopback(last: u8) -> IpAddr {
    let last = if cfg!(target_os = "linux") { last } else { 1 };
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn any_port(ip: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 0)
}

/// Waits for a connection under way: a socket that is set up has a peer.
fn connected(stream: &TcpStream) -> io::Result<()> {
    until("the connection", || {
        if let Some(error) = take_error(stream).unwrap() {
            return Some(Err(error));
        }
        stream.peer_addr().is_ok().then_some(Ok(()))
    })
}

#[test]
fn the_listener_sees_the_address_that_was_connected_from() {
    let listener = listen(any_port(loopback(1)), 16).unwrap();
    let target = listener.local_addr().unwrap();
    let source = loopback(2);
    let mut client = connect_from(target, Some(source)).unwrap();
    connected(&client).unwrap();
    let local = client.local_addr().unwrap();
    assert_eq!(local.ip(), source);
    let mut server = accept(&listener, local);

    let would_block = client.read(&mut [0; 8]).unwrap_err();
    assert_eq!(would_block.kind(), ErrorKind::WouldBlock, "non-blocking");
    client.write_all(b"hello").unwrap();
    half_close(&client).unwrap();
    assert_eq!(read_to_eof(&mut server), b"hello");
}

#[test]
fn a_walk_connects_from_ports_in_turn_where_the_system_can_be_told() {
    let listener = listen(any_port(loopback(1)), 128).unwrap();
    let target = listener.local_addr().unwrap();
    let range = finwait_platform::local_port_range().unwrap_or(32_768..=60_999);
    for source in [None, Some(loopback(78))] {
        let mut walk = PortWalk::new(range.clone(), 5_000);
        let clients: Vec<_> = (0..32)
            .map(|_| {
                let client = walk.connect(target, source).unwrap();
                connected(&client).unwrap();
                client
            })
            .collect();
        let ports: Vec<_> = clients
            .iter()
            .map(|client| client.local_addr().unwrap().port())
            .collect();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 32, "{ports:?}");
        // A second walk over the same ports finds others.
        let other = PortWalk::new(range.clone(), 5_000)
            .connect(target, source)
            .unwrap();
        connected(&other).unwrap();
        assert!(!ports.contains(&other.local_addr().unwrap().port()));
    }
    let other_family = PortWalk::new(range, 0).connect(target, Some(Ipv6Addr::LOCALHOST.into()));
    assert_eq!(other_family.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_port_to_connect_from_can_be_given() {
    let listener = listen(any_port(loopback(1)), 16).unwrap();
    let target = listener.local_addr().unwrap();
    // A port that the system chose may be shared with connections to other targets, and with those
    // that are in TIME-WAIT: then it cannot be had alone.
    let mut given = (0..100).filter_map(|_| {
        let mut first = connect_from(target, Some(loopback(77))).unwrap();
        connected(&first).unwrap();
        let source = first.local_addr().unwrap();
        let taken = connect_bound(target, Some(source), None).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse, "{taken}");

        // Whoever closes second has no TIME-WAIT, so the port is free at once.
        let mut server = accept(&listener, source);
        half_close(&server).unwrap();
        assert_eq!(read_to_eof(&mut first), b"");
        half_close(&first).unwrap();
        assert_eq!(read_to_eof(&mut server), b"");
        drop((first, server));
        let again = connect_bound(target, Some(source), None).ok()?;
        Some((source, again))
    });
    let (source, again) = given.next().expect("a port of its own");
    connected(&again).unwrap();
    assert_eq!(again.local_addr().unwrap(), source);
}

#[test]
fn a_receive_buffer_bounds_what_the_peer_can_send() {
    const SMALL: usize = 8 << 10;
    let taken = |receive_buffer| {
        let listener = listen(any_port(loopback(1)), 16).unwrap();
        let target = listener.local_addr().unwrap();
        let client = connect_bound(target, None, receive_buffer).unwrap();
        connected(&client).unwrap();
        let mut server = accept(&listener, client.local_addr().unwrap());
        // Both have the same send buffer.
        socket2::SockRef::from(&server)
            .set_send_buffer_size(SMALL)
            .unwrap();
        server.set_nonblocking(true).unwrap();
        let mut sent = 0;
        while let Ok(bytes) = server.write(&[0; 4 << 10]) {
            sent += bytes;
            if sent > 64 << 20 {
                break;
            }
            std::thread::yield_now();
        }
        sent
    };
    let (small, usual) = (taken(Some(SMALL)), taken(None));
    assert!(small < usual, "{small} < {usual}");
}

#[test]
fn what_is_sent_before_a_fin_arrives_whole() {
    let listener = listen(any_port(loopback(1)), 16).unwrap();
    let client = connect_from(listener.local_addr().unwrap(), None).unwrap();
    connected(&client).unwrap();
    let mut server = accept(&listener, client.local_addr().unwrap());
    let sent = send_before_fin(&client, b"hello").unwrap();
    if let Some(sent) = told("a held segment", LINUX, sent) {
        assert_eq!(sent, 5);
        half_close(&client).unwrap();
        assert_eq!(read_to_eof(&mut server), b"hello");
    }
}

#[test]
fn without_a_source_the_system_chooses() {
    let listener = listen(any_port(loopback(1)), 16).unwrap();
    let client = connect_from(listener.local_addr().unwrap(), None).unwrap();
    connected(&client).unwrap();
    accept(&listener, client.local_addr().unwrap());
}

#[test]
fn ipv6_works_the_same_way() {
    let Ok(listener) = listen(any_port(Ipv6Addr::LOCALHOST), 16) else {
        return skipped("IPv6 on the loopback interface");
    };
    let target = listener.local_addr().unwrap();
    let client = connect_from(target, Some(Ipv6Addr::LOCALHOST.into())).unwrap();
    connected(&client).unwrap();
    accept(&listener, client.local_addr().unwrap());
}

#[test]
fn many_connections_from_one_source_to_two_targets() {
    const EACH: usize = 200;
    let source = loopback(3);
    let listeners = [4, 5].map(|last| listen(any_port(loopback(last)), 1024).unwrap());
    let mut clients = Vec::new();
    for _ in 0..EACH {
        for listener in &listeners {
            clients.push(connect_from(listener.local_addr().unwrap(), Some(source)).unwrap());
        }
    }
    let mut tuples = HashSet::new();
    for client in &clients {
        connected(client).unwrap();
        let local = client.local_addr().unwrap();
        assert_eq!(local.ip(), source);
        assert!(tuples.insert((local, client.peer_addr().unwrap())));
    }
    assert_eq!(tuples.len(), 2 * EACH);
}

#[test]
fn a_source_of_the_other_family_is_refused_in_words() {
    let pairs: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()),
        (Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()),
    ];
    for (target, source) in pairs {
        let error = connect_from(SocketAddr::new(target, 9), Some(source)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("both be IPv4 or both be IPv6"));
    }
}

#[test]
fn a_source_that_is_not_ours_is_not_available() {
    let target = any_port(loopback(1));
    // TEST-NET-1 (RFC 5737): nobody's address.
    let source = Ipv4Addr::new(192, 0, 2, 1).into();
    let error = connect_from(SocketAddr::new(target.ip(), 9), Some(source)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[test]
fn where_nobody_listens_the_connection_is_refused_at_once_or_soon() {
    // Bound and not listening: no other test can come to listen there.
    let nobody = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    nobody.bind(&any_port(loopback(1)).into()).unwrap();
    let target = nobody.local_addr().unwrap().as_socket().unwrap();
    let result = connect_from(target, None).and_then(|stream| connected(&stream));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_listener_does_not_block_and_keeps_its_address_to_itself() {
    let listener = listen(any_port(loopback(6)), 1).unwrap();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let error = listen(listener.local_addr().unwrap(), 1).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied
    ));
}

#[test]
fn a_restarted_server_gets_its_port_back_in_spite_of_time_wait() {
    let old = listen(any_port(loopback(7)), 16).unwrap();
    let addr = old.local_addr().unwrap();
    let mut client = connect_from(addr, None).unwrap();
    connected(&client).unwrap();
    let server = accept(&old, client.local_addr().unwrap());
    // Who closes first gets the TIME-WAIT.
    half_close(&server).unwrap();
    until("the server's FIN", || client.read(&mut [0; 8]).ok());
    half_close(&client).unwrap();
    read_to_eof(&mut { server });
    drop((old, client));
    listen(addr, 16).unwrap();
}

#[test]
fn a_backlog_beyond_the_cap_is_no_error() {
    let listener: TcpListener = listen(any_port(loopback(1)), i32::MAX).unwrap();
    assert_ne!(listener.local_addr().unwrap().port(), 0);
}

/// The second is there before the first goes: nobody is refused, and what waited in the queue of
/// the first is reset.
#[test]
fn a_shared_listener_can_be_replaced_without_a_refusal() {
    let Some(first) = listen_shared(any_port(loopback(8)), 16).unwrap() else {
        let has_none = cfg!(not(unix)) || cfg!(finwait_force_fallback);
        assert!(has_none, "an option that every Unix here has");
        return;
    };
    let addr = first.local_addr().unwrap();
    assert!(listen(addr, 16).is_err(), "one that does not share got in");
    let mut waiting = connect_from(addr, None).unwrap();
    connected(&waiting).unwrap();
    let second = listen_shared(addr, 16).unwrap().unwrap();
    drop(first);
    let error = until("the reset", || match waiting.read(&mut [0]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        other => Some(other.unwrap_err()),
    });
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let next = connect_from(addr, None).unwrap();
    connected(&next).unwrap();
    accept(&second, next.local_addr().unwrap());
}
