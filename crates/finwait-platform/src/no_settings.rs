//! The kernel's settings where none is read; compiled into every module but that of Linux.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::types::{ConntrackUse, TimeWaitReuse};

pub(crate) fn local_port_range() -> Option<RangeInclusive<u16>> {
    None
}

pub(crate) fn local_reserved_ports() -> Option<u32> {
    None
}

pub(crate) fn time_wait_reuse() -> Option<TimeWaitReuse> {
    None
}

pub(crate) fn tcp_timestamps() -> Option<bool> {
    None
}

pub(crate) fn time_wait_cap() -> Option<u64> {
    None
}

pub(crate) fn time_wait_length() -> Option<Duration> {
    None
}

pub(crate) fn fin_timeout() -> Option<Duration> {
    None
}

pub(crate) fn orphan_cap() -> Option<u64> {
    None
}

pub(crate) fn conntrack_use() -> Option<ConntrackUse> {
    None
}

pub(crate) fn listen_backlog_cap() -> Option<u64> {
    None
}
