//! A laboratory for each test, in a network of its own.

use crate::lab::Lab;
use crate::own_network::{is_inside, passes_inside};

/// Small segments, so that what is lost is a part of a stream, and not 64 KiB of it at once.
const LINK: &str =
    "ip link set lo mtu 1500 gso_max_segs 1 up && nft list ruleset && tc qdisc show >/dev/null";
/// glibc keeps what was freed for later; here it gives all back at once, so that memory in use can be told from
/// outside.
const GIVES_BACK: &[(&str, &str)] = &[
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
];

/// Runs the script of `test`, which is the test function itself, with a network that is only its
/// own: tests may run at once, and none leaves a rule, a port or a TIME-WAIT behind.
#[track_caller]
pub(crate) fn alone<T>(test: T, script: impl FnOnce(&mut Lab)) {
    if is_inside() {
        let mut lab = Lab::new();
        script(&mut lab);
        return lab.is_as_before();
    }
    if !passes_inside(&test, LINK, GIVES_BACK) {
        skipped("root with unshare, ip, nft and tc");
    }
}

/// Of a program or privilege that is not there: says so, and fails where all must be tested.
#[track_caller]
fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
