//! What a test says that cannot run.

/// Of what is not there: says so, and fails where all must be tested.
#[track_caller]
pub(crate) fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
