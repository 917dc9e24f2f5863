//! `--hdr`: an interval log that others can read, with the histograms of the JSON object.

use serde_json::Value;

use crate::load;
use crate::results::files::{Files, Intervals};

/// Several seconds, phases and endings.
pub(crate) fn several_seconds(files: &Files) -> Value {
    let mix = "mix=half:60,fin:20,rst:20";
    let args = ["-z", "1200ms", "-c", "8", "--close", mix, "--threads", "2"];
    let mut own = Vec::new();
    load(&files.args(&args, &mut own)).expect(0).json()
}

#[test]
fn the_seconds_add_up_to_the_whole() {
    let files = Files::new();
    let json = several_seconds(&files);
    files.agree(&json);
    let read = Intervals::read(files.path("hdr"));
    assert_eq!(read.seconds.first(), Some(&0));
    assert!(read.seconds.last() >= Some(&1), "{:?}", read.seconds);
    for (phase, times) in json["phases"].as_object().expect("an object") {
        let of_phase = read.sums.iter().filter(|(tag, _)| {
            let phase_of_tag = tag.split('.').next();
            phase_of_tag == Some(phase)
        });
        let mut sum = finwait_load::Phases::histogram();
        for (_, histogram) in of_phase {
            sum.add(histogram).expect("the same bounds");
        }
        assert_eq!(sum.len(), times["count"], "{phase}");
        for (field, quantile) in [
            ("p50_us", 0.5),
            ("p90_us", 0.9),
            ("p99_us", 0.99),
            ("p999_us", 0.999),
            ("max_us", 1.0),
        ] {
            let told = times[field].as_u64();
            let read = (!sum.is_empty()).then(|| sum.value_at_quantile(quantile));
            assert_eq!(told, read, "{phase}.{field}");
        }
    }
}
