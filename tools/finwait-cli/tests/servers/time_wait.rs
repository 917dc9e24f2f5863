//! The kernel's table of connections in TIME-WAIT.

/// Waits until the kernel has room for so many more connections in TIME-WAIT.
///
/// A server that closes first leaves its sockets to the kernel in FIN-WAIT-2. Where the table is
/// full, as after some minutes of other tests, the kernel forgets them and answers our FIN with an
/// RST: `fin-then-rst`, truly, and no doing of the server. Asked of /proc, and not of
/// finwait-platform, whose fallback does not know.
#[cfg(target_os = "linux")]
pub(crate) fn wait_for_room(connections: u64) {
    use std::fs::read_to_string;

    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    let cap = read_to_string("/proc/sys/net/ipv4/tcp_max_tw_buckets").expect("its limit");
    let in_time_wait = || {
        let counts = read_to_string("/proc/net/sockstat").expect("the counts");
        let tcp = counts
            .lines()
            .find(|line| line.starts_with("TCP:"))
            .expect("those of TCP");
        let mut words = tcp.split_whitespace().skip_while(|&word| word != "tw");
        number(words.nth(1).expect("a number after its name"))
    };
    crate::common::until(|| in_time_wait() + connections < number(&cap));
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn wait_for_room(_connections: u64) {}
