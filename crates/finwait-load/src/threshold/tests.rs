use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::metric::Metric;
use super::*;
use crate::record::{ErrorKey, Phase};
use crate::verdict::{Ending, Progress};

fn threshold(text: &str) -> Threshold {
    text.parse().unwrap_or_else(|why| panic!("{text:?}: {why}"))
}

fn reason(text: &str) -> String {
    match text.parse::<Threshold>() {
        Ok(threshold) => panic!("{text:?} is {threshold}"),
        Err(why) => why.to_string(),
    }
}

/// 1,000 finished: 996 graceful, 3 reset-lost, 1 refused; and 2 that were cut.
fn tally() -> Tally {
    let mut tally = Tally {
        started: 1_002,
        open: 2,
        responses: 1_992,
        torn_down: 1_000,
        ..Tally::default()
    };
    tally.cells.extend([
        ((Progress::ResponseComplete, Ending::FinClean), 996),
        ((Progress::RequestAcked, Ending::Rst), 3),
        ((Progress::NoConnection, Ending::Refused), 1),
    ]);
    let error = |name: &'static str| ErrorKey {
        operation: Cow::from("read"),
        name: Cow::from(name),
        code: None,
    };
    tally
        .errors
        .extend([(error("ECONNRESET"), 3), (error("ECONNREFUSED"), 1)]);
    for ms in 1..=100 {
        let time = Duration::from_millis(ms);
        tally.phases.record(Phase::Teardown, Ending::FinClean, time);
    }
    let time = Duration::from_micros(7);
    tally.phases.record(Phase::Teardown, Ending::Rst, time);
    tally
        .windows
        .note(0, Duration::ZERO, Duration::from_secs(4));
    tally.late.starts = 3;
    tally.late.unstarted = 998;
    tally
}

const ELAPSED: Duration = Duration::from_secs(10);

/// Whether a run of this tally has failed.
fn fails(text: &str) -> bool {
    match threshold(text).judge(&tally(), ELAPSED) {
        Judgement::Failed { .. } => true,
        Judgement::Passed { .. } => false,
        Judgement::NoValue => panic!("{text}: no value"),
    }
}

fn value(metric: &str) -> Option<f64> {
    // Any bound does that is of the kind.
    let bounds = ["7", "7%", "7ms"].map(|bound| format!("{metric} != {bound}"));
    let found = bounds
        .iter()
        .find_map(|text| text.parse::<Threshold>().ok());
    let found = found.unwrap_or_else(|| panic!("{metric} is unknown"));
    found.value(&tally(), ELAPSED)
}

#[test]
fn what_is_typed_comes_back_in_one_form() {
    for (typed, canonical) in [
        ("reset-lost.rate>0.1%", "reset-lost.rate > 0.1%"),
        ("reset_lost.rate  >=0.001", "reset-lost.rate >= 0.1%"),
        ("graceful.rate < 99.9%", "graceful.rate < 99.9%"),
        ("good.rate<1", "good.rate < 100%"),
        (" teardown.p99 > 50ms ", "teardown.p99 > 50ms"),
        ("teardown.p99>1.5s", "teardown.p99 > 1500ms"),
        ("teardown.p99>50 ms", "teardown.p99 > 50ms"),
        (
            "teardown.fin-clean.p999>200us",
            "teardown.fin-clean.p999 > 200us",
        ),
        ("fin-to-peer-fin.max<=1m", "fin_to_peer_fin.max <= 1m"),
        ("fin_to_ack.rst.min==0s", "fin_to_ack.rst.min == 0s"),
        ("errors.count>0", "errors.count > 0"),
        ("bad.count>=1", "bad.count >= 1"),
        ("started.count!=1.5k", "started.count != 1500"),
        ("finished.count<2m", "finished.count < 2000000"),
        ("teardown.count<10k", "teardown.count < 10000"),
        (
            "ending.fin-then-rst.rate>0",
            "ending.fin-then-rst.rate > 0%",
        ),
        ("late.rate>1%", "late.rate > 1%"),
        ("throughput.finished<1.5k/s", "throughput.finished < 1500/s"),
        ("throughput.teardown<0.5", "throughput.teardown < 0.5/s"),
    ] {
        let parsed = threshold(typed);
        assert_eq!(parsed.to_string(), canonical, "{typed}");
        assert_eq!(threshold(canonical), parsed, "{typed}");
    }
}

#[test]
fn every_metric_has_a_name_of_its_own_and_is_read_with_both_kinds_of_dashes() {
    let all = Metric::all();
    let names: BTreeSet<_> = all
        .iter()
        .map(|metric| metric.to_string().replace('_', "-"))
        .collect();
    assert!(all.len() > 1_000 && names.len() == all.len());
    // Some of them, evenly: reading one means to look through all.
    for metric in all.iter().step_by(17) {
        let name = metric.to_string();
        let (hyphens, underscores) = (name.replace('_', "-"), name.replace('-', "_"));
        for name in [name, hyphens, underscores] {
            assert_eq!(Metric::parse(&name).as_ref(), Ok(metric), "{name}");
        }
    }
}

#[test]
fn an_unknown_metric_is_an_error_that_names_the_nearest() {
    for (text, hint) in [
        ("lost.rate > 0.1%", "unknown metric 'lost.rate'"),
        ("resetlost.rate > 0.1%", "reset-lost.rate"),
        ("gracefull.rate < 99%", "graceful.rate"),
        ("teardown > 5ms", "teardown.min"),
        ("teardown.p98 > 5ms", "teardown.p90"),
        ("teardown.p99.9 > 5ms", "teardown.p999"),
        ("teardown.p100 > 5ms", "unknown metric"),
        ("teardown.rate > 5%", "unknown metric"),
        ("teardown.nobody.p99 > 5ms", "unknown metric"),
        ("started.rate > 5%", "started.count"),
        ("Graceful.rate < 99%", "graceful.rate"),
        ("graceful > 5", "graceful.count"),
        ("throughput.closed > 5", "throughput.finished"),
        ("fin.rate > 5%", "'fin.rate'; see"),
        (". > 5", "see --help"),
        ("close_p99 > 5ms", "see --help"),
    ] {
        let why = reason(text);
        assert!(
            why.contains("unknown metric") && why.contains(hint),
            "{why}"
        );
        assert!(!why.contains('\n') && why.contains("see --help"), "{why}");
    }
    assert!(reason(&format!("{} > 5", "x".repeat(1 << 20))).contains("unknown"));
    assert!(!reason("a\nb > 5").contains('\n'));
}

#[test]
fn what_is_no_expression_is_refused_with_the_part() {
    for (text, part) in [
        ("", "no comparison"),
        ("bad.count", "no comparison"),
        ("bad.count 5", "no comparison"),
        ("> 5", "no metric before '>'"),
        ("bad.count >", "bad.count: no value after '>'"),
        ("bad.count = 5", "'=' is no comparison"),
        ("bad.count => 5", "'=>' is no comparison"),
        ("bad.count =! 5", "'=!' is no comparison"),
        ("bad.count <> 5", "'<>' is no comparison"),
        ("bad.count > > 5", "'> 5' is not a whole number"),
        ("bad.count > 5 ms", "is not a whole number"),
        ("bad.count > 5 or", "is not a whole number"),
    ] {
        assert!(reason(text).contains(part), "{text:?}: {}", reason(text));
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_and_the_right_one_named() {
    for (metric, right, wrong) in [
        (
            "bad.count",
            "whole number",
            &[
                "1.5",
                "5%",
                "5ms",
                "0.1",
                "1/s",
                "NaN",
                "1e3",
                "99999999999999999999999",
            ][..],
        ),
        (
            "bad.rate",
            "percentage",
            &["5", "1.1", "100.1%", "5ms", "%", "NaN", "inf", "1k", "5 %%"],
        ),
        (
            "total.p99",
            "its unit",
            &[
                "50", "0", "50%", "50x", "ms", "NaN", "inf", "0.1ns", "1e3ms",
            ],
        ),
        (
            "throughput.finished",
            "per second",
            &["5%", "5ms", "5/m", "/s", "NaN", "5/s/s"],
        ),
    ] {
        for bound in wrong {
            let why = reason(&format!("{metric} != {bound}"));
            assert!(
                why.starts_with(&format!("{metric}: '{bound}' is not")),
                "{why}"
            );
            assert!(why.contains(right), "{why}");
        }
        let why = reason(&format!("{metric} > -5"));
        assert!(why.contains("cannot be negative"), "{why}");
    }
}

#[test]
fn what_can_never_be_true_is_refused() {
    for text in [
        "bad.rate > 1",
        "bad.rate > 100%",
        "bad.count < 0",
        "total.p99 < 0ms",
    ] {
        assert!(reason(text).contains("never be true"), "{text}");
    }
    for text in [
        "bad.rate >= 100%",
        "good.rate < 100%",
        "bad.count <= 0",
        "bad.count > 1",
    ] {
        threshold(text);
    }
}

#[test]
fn every_comparison_holds_where_it_should_and_exactly_at_the_bound() {
    for (sign, below, equal, above) in [
        (">", true, false, false),
        (">=", true, true, false),
        ("<", false, false, true),
        ("<=", false, true, true),
        ("==", false, true, false),
        ("!=", true, false, true),
    ] {
        assert_eq!(
            fails(&format!("reset-lost.rate {sign} 0.2%")),
            below,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("reset-lost.rate {sign} 0.3%")),
            equal,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("reset-lost.rate {sign} 0.003")),
            equal,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("reset-lost.rate {sign} 0.300000000001%")),
            above,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("reset-lost.count {sign} 3")),
            equal,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("throughput.finished {sign} 100/s")),
            equal,
            "{sign}"
        );
        assert_eq!(
            fails(&format!("teardown.rst.max {sign} 7us")),
            equal,
            "{sign}"
        );
    }
}

#[test]
fn values_are_those_of_the_run() {
    for (metric, expected) in [
        ("graceful.count", 996.0),
        ("graceful.rate", 0.996),
        ("good.count", 996.0),
        ("bad.count", 4.0),
        ("bad.rate", 0.004),
        ("reset-lost.rate", 0.003),
        ("leaked.count", 0.0),
        ("leaked.rate", 0.0),
        ("ending.rst.count", 3.0),
        ("ending.refused.rate", 0.001),
        ("open.count", 2.0),
        ("open.rate", 2.0 / 1_002.0),
        ("still-open.count", 2.0),
        ("ending.still-open.count", 2.0),
        ("errors.count", 4.0),
        ("errors.rate", 4.0 / 1_002.0),
        ("late.count", 1_001.0),
        ("late.rate", 1_001.0 / 2_000.0),
        ("started.count", 1_002.0),
        ("finished.count", 1_000.0),
        ("responses.count", 1_992.0),
        ("throughput.finished", 100.0),
        ("throughput.teardown", 250.0),
        ("teardown.count", 101.0),
        ("teardown.rst.count", 1.0),
        ("teardown.timeout.count", 0.0),
        ("connect.count", 0.0),
        ("teardown.min", 7e-6),
        ("teardown.rst.p99", 7e-6),
    ] {
        assert_eq!(value(metric), Some(expected), "{metric}");
    }
}

#[test]
fn times_agree_with_the_histograms_that_are_printed() {
    let times = tally().phases.of(Phase::Teardown);
    let close = |metric: &str, micros: f64| {
        let value = value(metric).unwrap() * 1e6;
        assert!((value - micros).abs() < 1e-6, "{metric}: {value} {micros}");
    };
    close("teardown.p50", times.value_at_quantile(0.5) as f64);
    close("teardown.p90", times.value_at_quantile(0.9) as f64);
    close("teardown.p95", times.value_at_quantile(0.95) as f64);
    close("teardown.p99", times.value_at_quantile(0.99) as f64);
    close("teardown.p999", times.value_at_quantile(0.999) as f64);
    close("teardown.p9999", times.value_at_quantile(0.9999) as f64);
    close("teardown.max", times.max() as f64);
    close("teardown.mean", times.mean());
    assert!(fails("teardown.p99 > 98ms") && !fails("teardown.p99 > 100ms"));
    assert!(fails("teardown.mean > 49ms") && !fails("teardown.mean > 51ms"));
}

#[test]
fn what_was_not_measured_has_no_value_and_does_not_pass() {
    let nothing = Tally::default();
    for text in [
        "connect.p99 > 1s",
        "connect.p99 < 1s",
        "teardown.timeout.mean > 1s",
        "reset-lost.rate > 0.1%",
        "good.rate < 99%",
        "open.rate > 0%",
        "errors.rate > 0%",
        "late.rate > 0%",
        "throughput.finished < 1",
        "throughput.teardown < 1",
    ] {
        let threshold = threshold(text);
        assert_eq!(threshold.value(&nothing, Duration::ZERO), None, "{text}");
        let judgement = threshold.judge(&nothing, Duration::ZERO);
        assert_eq!(judgement, Judgement::NoValue, "{text}");
        assert!(threshold.describe(judgement).contains("has no value"));
    }
    let judgement = threshold("bad.count > 0").judge(&nothing, Duration::ZERO);
    assert_eq!(judgement, Judgement::Passed { value: 0.0 });
    let bad = threshold("bad.rate > 0.1%");
    let judgement = bad.judge(&tally(), ELAPSED);
    assert_eq!(judgement, Judgement::Failed { value: 0.004 });
    assert_eq!(bad.describe(judgement), "bad.rate is 0.4 %");
    assert_eq!(value("connect.p99"), None);
    // Cleared histograms keep their memory.
    let mut cleared = tally();
    cleared.phases.clear();
    let judgement = threshold("teardown.rst.p99 > 1s").judge(&cleared, ELAPSED);
    assert_eq!(judgement, Judgement::NoValue);
}
