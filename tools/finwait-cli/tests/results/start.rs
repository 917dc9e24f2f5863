//! `--start-at`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::common::peer;
use crate::load;
use crate::results::files::{Files, Intervals};

#[test]
fn a_start_in_the_past_is_refused_and_overwrites_nothing() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let files = Files::new();
    let log = files.path("log");
    std::fs::write(&log, "of yesterday").expect("room");
    for when in ["2020-01-01T00:00:00Z", "1", "1577836800.5"] {
        let ran = load(&[&addr, "-n", "5", "--start-at", when, "--log", &log]).expect(2);
        assert_eq!(ran.text(), "");
        ran.complains("--start-at: lies ");
    }
    assert_eq!(server.stats().accepted, 0);
    assert_eq!(std::fs::read_to_string(&log).expect("it"), "of yesterday");
}

#[test]
fn a_start_in_a_second_is_waited_for() {
    let files = Files::new();
    let hdr = files.path("hdr");
    let (before, wall) = (Instant::now(), SystemTime::now());
    let json = load(&["-n", "5", "--start-at", "+1s", "--hdr", &hdr])
        .expect(0)
        .json();
    assert!(
        before.elapsed() >= Duration::from_secs(1),
        "{:?}",
        before.elapsed()
    );
    // The wait is no part of the run.
    let began = Intervals::read(&hdr).began;
    let asked = wall
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    assert!(began >= asked + 0.99, "{began} {asked}");
    let most = before.elapsed().as_secs_f64() - 0.99;
    assert!(json["elapsed_s"].as_f64() < Some(most), "{json:#}");
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn nobody_has_to_wait_for_the_start() {
    use crate::common::BOUND;
    use crate::results::schema;
    use crate::start;

    for signal in ["INT", "TERM"] {
        let files = Files::new();
        let mut own = Vec::new();
        let args = ["--json", "--start-at", "+1h", "-n", "5", "--threads", "1"];
        let mut session = start(&files.args(&args, &mut own));
        session.until_line("no TARGET");
        let since = Instant::now();
        session.signal(signal);
        let ran = session.finish().expect(130);
        assert!(since.elapsed() < BOUND / 2, "{:?}", since.elapsed());
        let json = ran.json();
        // Nothing, but in all its forms.
        schema::load().holds(&json);
        assert_eq!(json["connections"]["started"], 0, "{json:#}");
        assert_eq!(files.log(), Vec::<serde_json::Value>::new());
        assert!(Intervals::read(files.path("hdr")).sums.is_empty());
        assert!(
            ran.stderr.contains("interrupted before the first"),
            "{ran:?}"
        );
    }
}
