//! The process and the kernel's settings.

use std::net::UdpSocket;
use std::time::Duration;

use finwait_platform::{
    CpuTime, FileLimit, SocketLibrary, conntrack_use, fin_timeout, kernel_release,
    listen_backlog_cap, local_port_range, local_reserved_ports, open_file_limit, orphan_cap,
    process_cpu_time, raise_open_file_limit, tcp_timestamps, time_wait_cap, time_wait_count,
    time_wait_length, time_wait_reuse,
};

use crate::support::{BSD, LINUX, WINDOWS, pair, told, until};

/// One test, for the limit is the process's.
#[test]
fn the_file_limit_is_raised_and_never_lowered() {
    let Some(before) = told("file limit", LINUX || BSD, open_file_limit().unwrap()) else {
        assert_eq!(raise_open_file_limit(1_000_000).unwrap(), None);
        return;
    };
    assert!(before.soft > 0 && before.soft <= before.hard);
    let raise = |want| raise_open_file_limit(want).unwrap().unwrap();
    assert_eq!(raise(0), before);
    assert_eq!(raise(before.soft), before);

    let full = raise(before.hard);
    if LINUX {
        let hard = before.hard;
        assert_eq!(full, FileLimit { soft: hard, hard });
    }
    assert!(full.soft >= before.soft);
    assert_eq!(raise(before.soft), full, "never lowered");

    let more = raise(before.hard.saturating_add(1));
    assert!(more.soft >= full.soft && more.soft <= more.hard);
    if more.hard > before.hard {
        println!("this process may raise its hard limit");
    }
    // No system has a table of that size: refused, and nothing changes for the worse.
    let most = raise(u64::MAX - 1);
    assert!(most.soft >= more.soft);
    assert_eq!(open_file_limit().unwrap(), Some(most));
}

#[test]
fn the_kernels_settings_are_those_of_proc_sys() {
    if let Some(ports) = told("local_port_range", LINUX, local_port_range()) {
        assert!(*ports.start() > 0 && ports.start() < ports.end());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(ports.contains(&socket.local_addr().unwrap().port()));
        let reserved = told("local_reserved_ports", LINUX, local_reserved_ports()).unwrap();
        assert!((reserved as usize) < ports.len());
    } else {
        told("local_reserved_ports", LINUX, local_reserved_ports());
    }
    told("time_wait_reuse", LINUX, time_wait_reuse());
    told("time_wait_cap", LINUX, time_wait_cap());
    told("tcp_timestamps", LINUX, tcp_timestamps());
    if let Some(length) = told("time_wait_length", LINUX, time_wait_length()) {
        assert_eq!(length, Duration::from_secs(60));
    }
    told("fin_timeout", LINUX, fin_timeout());
    if let Some(cap) = told("listen_backlog_cap", LINUX, listen_backlog_cap()) {
        assert!(cap > 0);
    }
}

#[test]
fn the_kernels_release_is_a_number_with_dots() {
    let tells = LINUX || BSD || WINDOWS;
    if let Some(release) = told("kernel_release", tells, kernel_release()) {
        assert!(release.starts_with(|c: char| c.is_ascii_digit()));
        assert!(
            release.contains('.') && release == release.trim(),
            "{release:?}"
        );
        assert!(!WINDOWS || release.split('.').count() == 3, "{release:?}");
    }
}

/// A container, or a kernel without the module, has none of these two even on Linux.
#[test]
fn what_is_not_everywhere_on_linux_is_nowhere_else() {
    match orphan_cap() {
        Some(cap) => assert!(LINUX && cap > 0),
        None => println!("orphan_cap: cannot be told here"),
    }
    match conntrack_use() {
        Some(table) => assert!(LINUX && table.cap > 0),
        None => println!("conntrack_use: cannot be told here"),
    }
}

#[test]
fn a_connection_that_is_over_is_counted_in_time_wait() {
    let (ours, theirs) = pair();
    drop(ours);
    drop(theirs);
    let tells = LINUX || WINDOWS;
    if told("time_wait_count", tells, time_wait_count()).is_some() && time_wait_cap() != Some(0) {
        // Whoever was first has it for a minute.
        until("TIME-WAIT", || time_wait_count().filter(|&count| count > 0));
    }
}

#[test]
fn cpu_time_grows_with_work() {
    let used = || process_cpu_time().map(|CpuTime { user, system }| user + system);
    let tells = LINUX || BSD || WINDOWS;
    let Some(before) = told("process_cpu_time", tells, used()) else {
        return;
    };
    until("20 ms of work", || {
        std::hint::black_box((0..100_000_u64).map(std::hint::black_box).sum::<u64>());
        (used().unwrap() >= before + Duration::from_millis(20)).then_some(())
    });
}

#[test]
fn the_socket_library_may_be_held_often_and_sockets_outlive_a_hold() {
    let outer = SocketLibrary::start().unwrap();
    drop(SocketLibrary::start().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    drop(outer);
    // The standard library holds it as well, once it has made a socket.
    assert!(socket.local_addr().is_ok());
    assert!(UdpSocket::bind("127.0.0.1:0").is_ok());
}
