//! The kernel's settings, as /proc shows them to this process (those of TCP: of its network
//! namespace).

use std::fs;
use std::ops::RangeInclusive;

use crate::types::TimeWaitReuse;

pub(crate) fn local_port_range() -> Option<RangeInclusive<u16>> {
    parse_port_range(&read("net/ipv4/ip_local_port_range")?)
}

pub(crate) fn time_wait_reuse() -> Option<TimeWaitReuse> {
    parse_time_wait_reuse(&read("net/ipv4/tcp_tw_reuse")?)
}

pub(crate) fn time_wait_cap() -> Option<u64> {
    read("net/ipv4/tcp_max_tw_buckets")?.trim().parse().ok()
}

pub(crate) fn listen_backlog_cap() -> Option<u64> {
    read("net/core/somaxconn")?.trim().parse().ok()
}

pub(crate) fn kernel_release() -> Option<String> {
    Some(read("kernel/osrelease")?.trim().to_owned())
}

fn read(name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()
}

fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    Some(low.parse().ok()?..=high.trim_start().parse().ok()?)
}

fn parse_time_wait_reuse(text: &str) -> Option<TimeWaitReuse> {
    Some(match text.trim() {
        "0" => TimeWaitReuse::Off,
        "1" => TimeWaitReuse::Global,
        "2" => TimeWaitReuse::LoopbackOnly,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_range_is_two_numbers() {
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_port_range("1 \t 65535"), Some(1..=65535));
        for text in ["", "\n", "32768", "a\tb", "1\t65536", "1\t2\t3"] {
            assert_eq!(parse_port_range(text), None, "{text:?}");
        }
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
}
