//! Results when something goes wrong: they come, they are whole, and the code says what it was.

use std::process::Stdio;

use crate::common::{BOUND, REFUSES, Session, finwait, peer};
use crate::results::files::{Files, number};
use crate::results::schema;
use crate::{load, start};

#[test]
fn files_are_written_when_nobody_reads_stdout() {
    let files = Files::new();
    let mut own = Vec::new();
    let args = files.args(&["-n", "50", "--json"], &mut own);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = finwait(&[&["load"], &args[..]].concat());
    let session = Session::with_stdout(command.stdin(Stdio::null()), writer.into());
    let broken = session.finish().expect(0);
    assert_eq!(broken.errors(), Vec::<&str>::new());
    assert_eq!(files.log().len(), 50);
}

// On Windows a program is always given one.
#[cfg(unix)]
#[test]
fn files_are_written_when_stdout_is_not_open() {
    let files = Files::new();
    let mut own = Vec::new();
    let args = files.args(&["-n", "50", "--json"], &mut own);
    let mut command = crate::shell("", &args, ">&-");
    let closed = Session::start(&mut command).finish().expect(0);
    assert_eq!(closed.errors(), Vec::<&str>::new());
    assert_eq!(files.log().len(), 50);
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_cannot_be_written_leave_the_results_and_74() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    for flag in ["--log", "--hdr"] {
        let ran = load(&[&addr, "-n", "50", flag, "/dev/full"]).expect(74);
        assert_eq!(ran.json()["verdicts"]["graceful"], 50);
        assert!(ran.stderr.contains("No space left"), "{ran:?}");
        ran.complains(&format!("{flag} '/dev/full': not complete: "));
    }
}

/// Who wants no file names the device that takes everything.
#[test]
fn a_log_may_go_nowhere() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let nowhere = if cfg!(windows) { "NUL" } else { "/dev/null" };
    for flag in ["--log", "--hdr"] {
        let ran = load(&[&addr, "-n", "5", flag, nowhere]).expect(0);
        assert_eq!(ran.json()["verdicts"]["graceful"], 5);
    }
}

#[test]
fn files_that_cannot_be_made_are_refused_before_the_run() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    for flag in ["--log", "--hdr"] {
        let ran = load(&[&addr, "-n", "5", flag, "/nonexistent/x"]).expect(2);
        assert_eq!(ran.text(), "");
        // Windows has words of its own for it, and Wine others: ERROR_PATH_NOT_FOUND.
        let why = if cfg!(windows) {
            "(os error 3)"
        } else {
            "No such file or directory"
        };
        assert!(ran.stderr.contains(why), "{ran:?}");
        ran.complains(&format!("{flag} '/nonexistent/x': cannot be written: "));
        load(&[&addr, "-n", "5", flag, "-"])
            .expect(2)
            .complains(flag);
    }
    let files = Files::new();
    let same = files.path("same");
    let ran = load(&[&addr, "-n", "5", "--log", &same, "--hdr", &same]).expect(2);
    ran.complains("are the same file");
    assert_eq!(server.stats().accepted, 0);
}

#[test]
fn a_server_that_is_killed_in_mid_run_is_a_result() {
    let mut server = Session::start(finwait(&["serve", "127.0.0.1:0"]).stdin(Stdio::null()));
    let line = server.until_line("listening on ");
    let addr = line
        .split_whitespace()
        .find(|word| word.starts_with("127.0.0.1:"))
        .expect(&line)
        .trim_end_matches([',', ';']);
    let files = Files::new();
    let mut own = Vec::new();
    let args = [
        addr, "--json", "-z", "1500ms", "-c", "8", "--expect", "echo",
    ];
    let mut session = start(&files.args(&args, &mut own));
    session.until_line("finwait: 1 s: ");
    server.kill();
    let ran = session.finish().expect(0);
    let json = ran.json();
    files.agree(&json);
    assert!(number(&json["verdicts"]["graceful"]) > 0, "{json:#}");
    assert_eq!(json["connections"]["open"], 0);
    assert!(
        json["elapsed_s"].as_f64() < Some(BOUND.as_secs_f64()),
        "{json:#}"
    );
}

#[test]
fn a_server_that_refuses_all_is_3_and_soon() {
    let args = [REFUSES, "-z", "1h", "-c", "2", "--fail-if", "bad.rate>1%"];
    let ran = load(&args).expect(3);
    let json = ran.json();
    schema::load().holds(&json);
    // Stopped by itself, and not by somebody.
    assert_eq!(json["interrupted"], false);
    assert!(
        json["elapsed_s"].as_f64() < Some(BOUND.as_secs_f64()),
        "{json:#}"
    );
    assert!(ran.stderr.contains("nothing was tested"), "{ran:?}");
}
