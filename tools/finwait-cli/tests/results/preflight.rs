//! What is said before the run, and how often.
// The fallback platform knows no limits, and finds nothing.
#![cfg(all(target_os = "linux", not(finwait_force_fallback)))]

use crate::common::{Ran, Session, peer};
use crate::shell;

/// A run for which this process may not open enough files.
fn too_many(addr: &str, flags: &[&str]) -> Ran {
    let args = [
        &[addr, "-c", "100", "-n", "100", "--storm", "--json"],
        flags,
    ]
    .concat();
    Session::start(&mut shell("ulimit -n 64;", &args, "")).finish()
}

const FINDING: &str = "finwait: -c 100: needs ";

#[test]
fn what_cannot_be_done_is_refused_unless_forced() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    for flags in [&[][..], &["-q"]] {
        let ran = too_many(&addr, flags).expect(2);
        assert_eq!(ran.text(), "");
        assert!(
            ran.stderr.ends_with("; --force goes on all the same\n"),
            "{ran:?}"
        );
        ran.complains("-c 100: needs ");
    }
    assert_eq!(server.stats().accepted, 0);
    for flags in [&["--force"][..], &["--force", "-q"]] {
        // A warning is no note: it is said to those who want it quiet, too.
        let ran = too_many(&addr, flags).expect(4);
        assert_eq!(ran.stderr.matches(FINDING).count(), 1, "{ran:?}");
        assert!(!ran.stderr.contains("goes on all the same"), "{ran:?}");
    }
    assert!(server.stats().accepted > 0);
}
