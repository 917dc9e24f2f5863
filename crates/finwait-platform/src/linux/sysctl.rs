//! The kernel's settings and counters, as /proc shows them to this process (those of TCP: of its
//! network namespace).

use std::fs::{self, File};
use std::io::Read;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::types::{ConntrackUse, TimeWaitReuse};

pub(crate) fn local_port_range() -> Option<RangeInclusive<u16>> {
    parse_port_range(&read("net/ipv4/ip_local_port_range")?)
}

pub(crate) fn local_reserved_ports() -> Option<u32> {
    let list = read_list("net/ipv4/ip_local_reserved_ports")?;
    parse_reserved_ports(&list, &local_port_range()?)
}

pub(crate) fn time_wait_reuse() -> Option<TimeWaitReuse> {
    parse_time_wait_reuse(&read("net/ipv4/tcp_tw_reuse")?)
}

/// 1: with an offset of their own for each pair of hosts; 2: without. Both are on.
pub(crate) fn tcp_timestamps() -> Option<bool> {
    parse_number(&read("net/ipv4/tcp_timestamps")?).map(|setting| setting != 0)
}

pub(crate) fn time_wait_cap() -> Option<u64> {
    parse_number(&read("net/ipv4/tcp_max_tw_buckets")?)
}

pub(crate) fn time_wait_count() -> Option<u64> {
    parse_time_wait_count(&fs::read_to_string("/proc/net/sockstat").ok()?)
}

/// TCP_TIMEWAIT_LEN (include/net/tcp.h).
pub(crate) fn time_wait_length() -> Option<Duration> {
    Some(Duration::from_secs(60))
}

pub(crate) fn fin_timeout() -> Option<Duration> {
    parse_number(&read("net/ipv4/tcp_fin_timeout")?).map(Duration::from_secs)
}

pub(crate) fn orphan_cap() -> Option<u64> {
    parse_number(&read("net/ipv4/tcp_max_orphans")?)
}

pub(crate) fn conntrack_use() -> Option<ConntrackUse> {
    let used = read("net/netfilter/nf_conntrack_count")?;
    parse_conntrack_use(&used, &read("net/netfilter/nf_conntrack_max")?)
}

pub(crate) fn listen_backlog_cap() -> Option<u64> {
    parse_number(&read("net/core/somaxconn")?)
}

pub(crate) fn kernel_release() -> Option<String> {
    Some(read("kernel/osrelease")?.trim().to_owned())
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()
}

/// Reads a list of ports, in one call: the kernel answers the first read with as much as fits, be
/// it cut inside a number, and every further one with EOF (proc_do_large_bitmap). The first read
/// of `fs::read_to_string` is one of 32 bytes here.
fn read_list(name: &str) -> Option<String> {
    // Every second of 65,536 ports is a list of 191,053 bytes, and there is none longer.
    let mut text = vec![0; 256 * 1024];
    let length = File::open(format!("/proc/sys/{name}"))
        .and_then(|mut file| file.read(&mut text))
        .ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

fn parse_number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    Some(low.parse().ok()?..=high.trim_start().parse().ok()?)
}

/// How many ports of `within` are on a list such as `8080,9000-9010`.
fn parse_reserved_ports(list: &str, within: &RangeInclusive<u16>) -> Option<u32> {
    let list = list.trim();
    if list.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    let mut last = None;
    for item in list.split(',') {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        let (low, high): (u16, u16) = (low.parse().ok()?, high.parse().ok()?);
        // The kernel lists them in order and each once. What is not so would be counted wrongly.
        if low > high || last.is_some_and(|last| low <= last) {
            return None;
        }
        last = Some(high);
        let (low, high) = (low.max(*within.start()), high.min(*within.end()));
        count += (u32::from(high) + 1).saturating_sub(low.into());
    }
    Some(count)
}

fn parse_time_wait_reuse(text: &str) -> Option<TimeWaitReuse> {
    Some(match text.trim() {
        "0" => TimeWaitReuse::Off,
        "1" => TimeWaitReuse::Global,
        "2" => TimeWaitReuse::LoopbackOnly,
        _ => return None,
    })
}

/// The number after `tw` in the line `TCP: inuse 5 orphan 0 tw 12 alloc 7 mem 1`.
fn parse_time_wait_count(sockstat: &str) -> Option<u64> {
    let tcp = sockstat
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = tcp.split_whitespace();
    while let (Some(name), Some(number)) = (words.next(), words.next()) {
        if name == "tw" {
            return number.parse().ok();
        }
    }
    None
}

fn parse_conntrack_use(used: &str, cap: &str) -> Option<ConntrackUse> {
    let cap = match parse_number(cap)? {
        // The kernel does not compare then.
        0 => u64::MAX,
        cap => cap,
    };
    Some(ConntrackUse {
        used: parse_number(used)?,
        cap,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_alone() {
        assert_eq!(parse_number("131072\n"), Some(131_072));
        assert_eq!(parse_number("0"), Some(0));
        for text in ["", "\n", "-1", "1.5", "1 2", "x", "18446744073709551616"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_port_range_is_two_numbers() {
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_port_range("1 \t 65535"), Some(1..=65535));
        for text in ["", "\n", "32768", "a\tb", "1\t65536", "1\t2\t3"] {
            assert_eq!(parse_port_range(text), None, "{text:?}");
        }
    }

    #[test]
    fn of_the_reserved_ports_those_in_the_range_count() {
        let reserved = |list| parse_reserved_ports(list, &(32768..=60999));
        for (list, count) in [
            ("\n", 0),
            ("", 0),
            ("8080,9148\n", 0),
            ("50000\n", 1),
            ("8080,40000-40010,50000,61000-61010\n", 12),
            ("32767-32768,60999-61000\n", 2),
            ("0-65535\n", 28_232),
        ] {
            assert_eq!(reserved(list), Some(count), "{list:?}");
        }
        for list in [
            "x", ",", "1,", "1-", "-1", "1-2-3", "2-1", "65536", "5,5", "9,8", "1-9,9", "1 2",
        ] {
            assert_eq!(reserved(list), None, "{list:?}");
        }
        // A range that is none has no reserved ports.
        let (low, high) = (9, 1);
        assert_eq!(parse_reserved_ports("0-65535", &(low..=high)), Some(0));
        assert_eq!(
            parse_reserved_ports("0-65535", &(0..=u16::MAX)),
            Some(65_536)
        );
    }

    #[test]
    fn only_the_documented_values_of_time_wait_reuse_are_known() {
        assert_eq!(parse_time_wait_reuse("0\n"), Some(TimeWaitReuse::Off));
        assert_eq!(parse_time_wait_reuse("1\n"), Some(TimeWaitReuse::Global));
        assert_eq!(
            parse_time_wait_reuse("2\n"),
            Some(TimeWaitReuse::LoopbackOnly)
        );
        assert_eq!(parse_time_wait_reuse("3\n"), None);
        assert_eq!(parse_time_wait_reuse(""), None);
    }

    #[test]
    fn time_wait_is_counted_on_the_line_of_tcp() {
        let sockstat =
            "sockets: used 12\nTCP: inuse 1 orphan 0 tw 2 alloc 1 mem 68\nUDP: inuse 0 mem 0\n";
        assert_eq!(parse_time_wait_count(sockstat), Some(2));
        assert_eq!(parse_time_wait_count("TCP: tw 70000"), Some(70_000));
        for text in [
            "",
            "\n",
            "TCP:",
            "TCP: inuse 1 orphan 0",
            "TCP: inuse 1 tw",
            "TCP: tw x",
            "TCP: tw -1",
            // Not a name but the value of one.
            "TCP: inuse tw 5 6",
            "UDP: tw 5",
            "TCP6: tw 5",
        ] {
            assert_eq!(parse_time_wait_count(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_conntrack_table_without_a_bound_is_never_full() {
        let parsed = |used, cap| parse_conntrack_use(used, cap).map(|both| (both.used, both.cap));
        assert_eq!(parsed("17\n", "262144\n"), Some((17, 262_144)));
        assert_eq!(parsed("17\n", "0\n"), Some((17, u64::MAX)));
        for (used, cap) in [("", "1"), ("1", ""), ("x", "1"), ("1", "x"), ("-1", "1")] {
            assert_eq!(parsed(used, cap), None, "{used:?} {cap:?}");
        }
    }
}
