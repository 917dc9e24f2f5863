//! What a result is worth: what the generator itself says against it, and the thresholds.

use finwait_load::{Judgement, RunResult, Threshold};

use crate::note;

/// Says why the generator was the limit, if it was.
pub(crate) fn say_limits(result: &RunResult) {
    for reason in &result.generator.reasons {
        note::say(format_args!(
            "the generator was the limit, so the result is invalid: {reason}"
        ));
    }
}

/// Judges the thresholds, says which are true, and whether any is.
pub(crate) fn thresholds(thresholds: &[Threshold], result: &RunResult) -> bool {
    let mut failed = false;
    for threshold in thresholds {
        match threshold.judge(&result.tally, result.elapsed) {
            Judgement::Passed { .. } => continue,
            Judgement::Failed { value } => {
                let value = threshold.format_value(value);
                note::say(format_args!("--fail-if {threshold}: {value}"));
            }
            // What could not be judged must not pass for good.
            Judgement::NoValue => note::say(format_args!(
                "--fail-if {threshold}: there is no value to judge it by, which counts as failed"
            )),
        }
        failed = true;
    }
    failed
}
