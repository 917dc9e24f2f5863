//! The JSON object of `finwait load --json`, checked.

use serde_json::Value;

fn sum(counts: &Value) -> u64 {
    let counts = counts.as_object().expect("an object");
    counts
        .values()
        .map(|count| count.as_u64().expect("a count"))
        .sum()
}

/// Every field that the schema promises is there, and what must add up does.
#[track_caller]
pub(crate) fn adds_up(json: &Value) {
    assert_eq!(json["schema"], "finwait/load/1");
    for (field, keys) in [
        (
            "connections",
            &["started", "finished", "open", "most_open"][..],
        ),
        ("bytes", &["sent", "received", "discarded"]),
        ("rate", &["finished_per_s", "teardown_per_s"]),
        (
            "phases",
            &["connect", "send", "fin_to_peer_fin", "teardown"],
        ),
        ("environment", &["os", "kernel", "cpus", "finwait"]),
        (
            "generator",
            &[
                "cpu_user_s",
                "cpu_system_s",
                "threads",
                "nofile",
                "limited",
                "reasons",
                "embedded_server",
            ],
        ),
    ] {
        let object = json[field]
            .as_object()
            .unwrap_or_else(|| panic!("{field}: {json:#}"));
        for key in keys {
            assert!(object.contains_key(*key), "{field}.{key}: {json:#}");
        }
    }
    for field in ["target", "mode", "close"] {
        assert!(json[field].is_string(), "{field}: {json:#}");
    }
    assert!(
        json["elapsed_s"].as_f64().is_some_and(|s| s > 0.0),
        "{json:#}"
    );
    let connections = &json["connections"];
    let finished = connections["finished"].as_u64().expect("a count");
    let open = connections["open"].as_u64().expect("a count");
    assert_eq!(connections["started"], finished + open, "{json:#}");
    assert_eq!(sum(&json["verdicts"]), finished, "{json:#}");
    assert_eq!(sum(&json["endings"]), finished, "{json:#}");
    for phase in json["phases"].as_object().expect("an object").values() {
        ascends(phase);
    }
}

#[track_caller]
fn ascends(phase: &Value) {
    let keys = ["min_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
    let values: Vec<_> = keys.iter().map(|key| phase[key].as_u64()).collect();
    if phase["count"] == 0 {
        assert!(keys.iter().all(|key| phase[key].is_null()), "{phase:#}");
    } else {
        assert!(
            values.iter().all(Option::is_some) && values.is_sorted(),
            "{phase:#}"
        );
    }
}
