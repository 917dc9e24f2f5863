//! A test in a network namespace of its own: the test's program once more, inside `unshare -n`. The tests of the command
//! use this file too.

use std::any::type_name;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Set in the program inside.
const INSIDE: &str = "FINWAIT_FAULTS_INSIDE";

/// Whether this is the program inside.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs `test`, which is the test function itself, in a namespace that `link` has set up; its failure is this test's.
/// `false`, and nothing was run, if there is no privilege or no program for that.
#[track_caller]
pub(crate) fn passes_inside<T>(_: &T, link: &str, settings: &[(&str, &str)]) -> bool {
    let tried = in_namespace(link, "true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return false;
    }
    let program = std::env::current_exe().expect("this program has a path");
    let mut inside = in_namespace(link, "exec \"$0\" \"$@\"");
    inside.envs(settings.iter().copied());
    // `faults::loss::a_test` is known to the harness as `loss::a_test`.
    let path = type_name::<T>();
    let name = path.split_once("::").map_or(path, |(_, name)| name);
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
    true
}

fn in_namespace(link: &str, script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["-n", "sh", "-ec", &format!("{link}; {script}")])
        .env(INSIDE, "1")
        .stdin(Stdio::null());
    command
}

/// The stdout of a program; anything but success is a failure of the test.
#[track_caller]
pub(crate) fn run(program: &str, args: &[&str], stdin: &str) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(stdin.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{program} {args:?}: {stdin}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
