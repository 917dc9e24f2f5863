//! Both ends of every connection are in this process: its descriptors are shared out.

use std::fs;
use std::sync::{Condvar, Mutex, PoisonError};

use finwait_platform as platform;

use crate::raw_peer::until;

const WANTED: u64 = 4096;
/// Of those, for listeners, event loops, and what the process has open anyway.
const KEPT: u64 = 256;

static FREE: Mutex<u64> = Mutex::new(WANTED - KEPT);
static GIVEN_BACK: Condvar = Condvar::new();

/// Raises the limit if need be, and if that is permitted.
pub(crate) fn are_enough() -> bool {
    match platform::raise_open_file_limit(WANTED).expect("an answer") {
        Some(limit) => limit.soft >= WANTED,
        None => true,
    }
}

/// A share of the descriptors. Given back when dropped.
pub(crate) struct Files(u64);

impl Files {
    /// Waits until so many are free. Whoever has some needs no more, so they will be.
    pub(crate) fn take(count: u64) -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let free = GIVEN_BACK.wait_while(free, |free| *free < count);
        *free.unwrap_or_else(PoisonError::into_inner) -= count;
        Self(count)
    }

    /// All of them, so that no other test runs meanwhile, once the kernel has memory for TCP.
    ///
    /// While it is short of that, Linux saves the segment of a FIN: it writes the flag into the one
    /// before, although that has been sent (`tcp_send_fin`). An RST that follows at once then is
    /// the first that the client hears.
    pub(crate) fn take_all_in_quiet() -> Self {
        let all = Self::take(WANTED - KEPT);
        until(|| tcp_memory() < memory_without_pressure());
        all
    }
}

/// In pages.
fn tcp_memory() -> u64 {
    let counts = fs::read_to_string("/proc/net/sockstat").expect("the counts");
    let mut tcp = counts.lines().filter(|line| line.starts_with("TCP:"));
    let words = tcp.next().expect("those of TCP").split_whitespace();
    let memory = words.skip_while(|&word| word != "mem").nth(1);
    memory
        .and_then(|pages| pages.parse().ok())
        .expect("a number")
}

/// No bound where it cannot be read: another network namespace than the first has no such file.
fn memory_without_pressure() -> u64 {
    let limits = fs::read_to_string("/proc/sys/net/ipv4/tcp_mem").unwrap_or_default();
    let low = limits.split_whitespace().next();
    low.and_then(|pages| pages.parse().ok()).unwrap_or(u64::MAX)
}

impl Drop for Files {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        GIVEN_BACK.notify_all();
    }
}
