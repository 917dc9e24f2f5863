//! A test in a network namespace of its own: the test's program once more, inside `unshare -n`.

use std::any::type_name;
use std::process::{Command, Output, Stdio};

use crate::lab::Lab;

/// Set in the program inside.
const INSIDE: &str = "FINWAIT_FAULTS_INSIDE";

/// Small segments, so that what is lost is a part of a stream, and not 64 KiB of it at once.
const LINK: &str =
    "ip link set lo mtu 1500 gso_max_segs 1 up && nft list ruleset && tc qdisc show >/dev/null";

/// Runs the script of `test`, which is the test function itself, with a network that is only its
/// own: tests may run at once, and none leaves a rule, a port or a TIME-WAIT behind.
#[track_caller]
pub(crate) fn alone<T>(test: T, script: impl FnOnce(&mut Lab)) {
    if std::env::var_os(INSIDE).is_some() {
        let mut lab = Lab::new();
        script(&mut lab);
        return lab.is_as_before();
    }
    if !is_permitted() {
        return skipped("root with unshare, ip, nft and tc");
    }
    let name = name_of(&test);
    let program = std::env::current_exe().expect("this program has a path");
    let mut inside = in_namespace("exec \"$0\" \"$@\"");
    inside.arg(program).args(["--exact", name, "--nocapture"]);
    let Output {
        status,
        stdout,
        stderr,
    } = inside.output().expect("unshare runs");
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    // A name that nobody has would be a success without a test.
    let passed = status.success() && said.contains("1 passed");
    assert!(passed, "{status}, in its namespace:\n{said}");
    print!("{said}");
}

/// `faults::loss::a_test` is known to the harness as `loss::a_test`.
fn name_of<T>(_: &T) -> &'static str {
    let path = type_name::<T>();
    path.split_once("::").map_or(path, |(_, name)| name)
}

fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["-n", "sh", "-ec", &format!("{LINK}; {script}")])
        .env(INSIDE, "1")
        // glibc keeps what was freed for later; here it gives all back at once, so that memory in use
        // can be told from outside.
        .env("MALLOC_ARENA_MAX", "1")
        .env("MALLOC_TRIM_THRESHOLD_", "65536")
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .stdin(Stdio::null());
    command
}

fn is_permitted() -> bool {
    let tried = in_namespace("true").output();
    tried.is_ok_and(|output| output.status.success())
}

/// Of a program or privilege that is not there: says so, and fails where all must be tested.
#[track_caller]
fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
