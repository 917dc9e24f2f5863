//! What Windows does and Wine hides: the assertions that are left out under Wine, each with its name.

use std::io::{Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

use finwait_platform::wine_version;

/// What Wine makes impossible to assert. A test that has come to such a place asserts what is left there; every other
/// assertion is made under Wine as on Windows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    AbortIsReset,
    HalfCloseAfterReset,
    State,
}

impl Hidden {
    const ALL: [Self; 3] = [Self::AbortIsReset, Self::HalfCloseAfterReset, Self::State];

    fn name(self) -> &'static str {
        match self {
            Self::AbortIsReset => "the peer's abort is an error of the next read or discard",
            Self::HalfCloseAfterReset => "a half-close after a reset is refused",
            Self::State => "SIO_TCP_INFO tells the state of a connection",
        }
    }
}

/// Whether Wine hides this; said out loud where it does, once, past the harness, which keeps the output of tests that pass.
pub(crate) fn hides(what: Hidden) -> bool {
    static SAID: [AtomicBool; Hidden::ALL.len()] =
        [const { AtomicBool::new(false) }; Hidden::ALL.len()];
    let Some(version) = wine_version() else {
        return false;
    };
    if !SAID[what as usize].swap(true, Ordering::Relaxed) {
        let (number, all) = (what as usize + 1, Hidden::ALL.len());
        let name = what.name();
        let line = format!("skipped under Wine {version} ({number} of {all}): {name}\n");
        stderr().write_all(line.as_bytes()).unwrap();
    }
    true
}

#[test]
fn only_a_program_for_windows_runs_under_wine() {
    match wine_version() {
        Some(version) => assert!(cfg!(windows) && version.contains('.'), "{version:?}"),
        None => println!("this is not Wine"),
    }
}

/// Each name is asked for in one place, and there are no more than five. The state is one place for all tests that need it.
#[test]
fn at_most_five_things_are_left_out_under_wine_each_under_its_own_name() {
    const SOURCES: [&str; 7] = [
        include_str!("closing.rs"),
        include_str!("connecting.rs"),
        include_str!("errors.rs"),
        include_str!("fin.rs"),
        include_str!("queues.rs"),
        include_str!("support.rs"),
        include_str!("system.rs"),
    ];
    let uses =
        |text: &str| -> usize { SOURCES.iter().map(|file| file.matches(text).count()).sum() };
    for what in Hidden::ALL {
        assert_eq!(
            uses(&format!("wine::hides(Hidden::{what:?})")),
            1,
            "{what:?}"
        );
    }
    assert_eq!(uses("wine_version"), 0, "around this list");
    assert_eq!(uses("Hidden::"), Hidden::ALL.len(), "beside this list");
    assert!(Hidden::ALL.len() <= 5);
}
