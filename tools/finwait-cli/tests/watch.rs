//! `-v`, `-vv` and FINWAIT_LOG: on stderr, never on stdout.

mod common;

use std::process::Stdio;

use common::{Ran, Session, finwait};

#[track_caller]
fn load(flags: &[&str], environment: &[(&str, &str)]) -> Ran {
    let args = [&["load", "--json", "-n", "3", "-c", "1"], flags].concat();
    let command = &mut finwait(&args);
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    let ran = Session::start(command).finish().expect(0);
    // One object alone, whatever is shown.
    assert_eq!(ran.json()["verdicts"]["graceful"], 3, "{ran:?}");
    assert!(
        !ran.stderr.contains('\x1b'),
        "colour without a terminal: {ran:?}"
    );
    ran
}

fn count(ran: &Ran, what: &str) -> usize {
    ran.errors()
        .iter()
        .filter(|line| line.contains(what))
        .count()
}

#[test]
fn without_v_nothing_is_shown() {
    assert_eq!(load(&[], &[]).errors(), Vec::<&str>::new());
    // An empty variable is as none.
    assert_eq!(
        load(&[], &[("FINWAIT_LOG", "")]).errors(),
        Vec::<&str>::new()
    );
}

#[test]
fn v_shows_each_teardown_and_vv_each_phase_of_it() {
    let ran = load(&["-v"], &[]);
    // Both ends of three connections.
    assert_eq!(count(&ran, "finished"), 6, "{ran:?}");
    assert_eq!(count(&ran, "TRACE"), 0, "{ran:?}");
    let ran = load(&["-vv"], &[]);
    assert_eq!(count(&ran, "finished"), 6, "{ran:?}");
    assert!(count(&ran, "TRACE") > 6, "{ran:?}");
}

#[test]
fn the_variable_wins_over_v() {
    let ran = load(&["-vv"], &[("FINWAIT_LOG", "off")]);
    assert_eq!(ran.errors(), Vec::<&str>::new());
    let ran = load(&[], &[("FINWAIT_LOG", "finwait=debug")]);
    assert_eq!(count(&ran, "finished"), 6, "{ran:?}");
}
