//! The results of runs of every kind have the form that docs/schema promises.

use jsonschema::Validator;
use serde_json::Value;

use crate::common::{REFUSES, Ran, run};
use crate::expect_rated;
use crate::results::files::{Files, number};

/// A schema that values are held against.
pub(crate) struct Schema {
    validator: Validator,
}

/// That of a result.
pub(crate) fn load_schema() -> Value {
    parsed(include_str!("../../../../docs/schema/load-1.json"))
}

/// That of a line of the log.
pub(crate) fn line_schema() -> Value {
    parsed(include_str!("../../../../docs/schema/load-log-1.json"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

pub(crate) fn load() -> Schema {
    Schema::new(&load_schema())
}

pub(crate) fn line() -> Schema {
    Schema::new(&line_schema())
}

impl Schema {
    fn new(text: &Value) -> Self {
        // What is no schema would hold of everything.
        jsonschema::meta::validate(text).expect("a schema");
        let validator = jsonschema::draft202012::new(text).expect("a schema");
        Self { validator }
    }

    pub(crate) fn is_held_by(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    #[track_caller]
    pub(crate) fn holds(&self, value: &Value) {
        let errors: Vec<_> = self
            .validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
    }
}

/// Runs it, and holds everything it writes against the schemas and against each other.
#[track_caller]
fn conforms(args: &[&str], judge: impl FnOnce(Ran) -> Ran) -> Value {
    let files = Files::new();
    let mut own = Vec::new();
    let json = judge(crate::load(&files.args(args, &mut own))).json();
    files.agree(&json);
    json
}

#[track_caller]
fn conforms_with(code: i32, args: &[&str]) -> Value {
    conforms(args, |ran| ran.expect(code))
}

#[test]
fn closed_loops_open_loops_and_storms_conform() {
    conforms_with(0, &["-n", "200", "-c", "20", "--threads", "2"]);
    let json = conforms(
        &["--rate", "300/s", "-z", "300ms", "--ramp", "100ms"],
        expect_rated,
    );
    assert_eq!(json["config"]["rate_per_s"], 300.0);
    let json = conforms_with(0, &["--storm", "-n", "90", "-c", "30", "--hold", "5ms"]);
    assert_eq!(
        json["torn_down"]["windows_us"].as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn every_way_to_close_conforms() {
    for how in ["half", "fin", "rst", "abandon"] {
        conforms_with(0, &["-n", "20", "-c", "5", "--close", how]);
    }
    let mix = "mix=half:40,fin:20,rst:20,abandon:20";
    let json = conforms_with(0, &["-n", "200", "-c", "20", "--close", mix]);
    let kinds = json["verdicts"].as_object().expect("an object");
    assert_eq!(kinds.len(), 4, "{json:#}");
}

#[test]
fn http_and_several_requests_conform() {
    conforms_with(0, &["-n", "20", "-c", "5", "--http", "/x?y=1"]);
    conforms_with(0, &["-n", "5", "--http", "/", "--head"]);
    // The embedded server closes after its first response, which HTTP allows.
    let args = ["-n", "20", "-c", "5", "--http", "/", "--requests", "3"];
    let json = conforms_with(0, &args);
    assert_eq!(json["responses"], 20);
    let json = conforms_with(0, &["-n", "10", "--requests", "4"]);
    assert_eq!(json["responses"], 40);
    assert_eq!(json["config"]["request_bytes"], 4 * 64);
}

#[test]
fn slow_exchanges_conform() {
    let json = conforms_with(0, &["-n", "5", "--drip", "16/2ms"]);
    assert_eq!(json["config"]["drip_bytes"], 16);
    let args = [
        "-n",
        "3",
        "--behave",
        "respond=20k",
        "--read-rate",
        "200k/s",
    ];
    let json = conforms_with(0, &args);
    assert_eq!(json["bytes"]["received"], 3 * 20 * 1024);
    let json = conforms(&["-n", "20", "--close-rate", "400/s"], expect_rated);
    assert_eq!(json["config"]["close_rate_per_s"], 400.0);
}

#[test]
fn failures_of_the_server_conform() {
    let json = conforms_with(3, &[REFUSES, "-n", "5"]);
    assert_eq!(json["verdicts"]["refused"], 5);
    let json = conforms_with(
        0,
        &["--behave", "silent", "-n", "5", "--drain-idle", "30ms"],
    );
    assert_eq!(json["verdicts"]["timed-out"], 5);
    conforms_with(0, &["--behave", "rst", "-n", "50", "-c", "5"]);
    let args = [
        "--behave",
        "unread-close",
        "--expect",
        "bytes=4m",
        "-n",
        "3",
    ];
    conforms_with(0, &args);
    // Loopback addresses reach nobody else.
    let json = conforms(
        &["192.0.2.1:9", "--source-ip", "127.0.0.1", "-n", "3"],
        |ran| ran,
    );
    assert_eq!(number(&json["phases"]["connect"]["count"]), 0, "{json:#}");
}

// The fallback platform does not tell what ran out.
#[cfg(all(target_os = "linux", not(finwait_force_fallback)))]
#[test]
fn a_run_that_its_own_limits_spoil_conforms() {
    let server = crate::common::peer("echo");
    let addr = server.addr().to_string();
    let files = Files::new();
    let mut own = Vec::new();
    let args = [
        &addr[..],
        "--json",
        "--storm",
        "-c",
        "100",
        "-n",
        "100",
        "--force",
    ];
    let mut command = crate::shell("ulimit -n 64;", &files.args(&args, &mut own), "");
    let ran = crate::common::Session::start(&mut command)
        .finish()
        .expect(4);
    let json = ran.json();
    files.agree(&json);
    assert_eq!(json["generator"]["limited"], true);
    assert!(
        number(&json["verdicts"]["generator-limited"]) > 0,
        "{json:#}"
    );
}

// Windows has no signals: see `Session::signal`.
#[cfg(unix)]
#[test]
fn a_run_that_is_cut_conforms() {
    use crate::common::{peer, until};

    let server = peer("silent");
    let addr = server.addr().to_string();
    let files = Files::new();
    let mut own = Vec::new();
    let args = [
        &addr[..],
        "--json",
        "-n",
        "7",
        "--drain-idle",
        "1h",
        "--stop-within",
        "50ms",
    ];
    let session = crate::start(&files.args(&args, &mut own));
    until(|| server.stats().received_bytes == 7 * 64);
    session.signal("INT");
    let json = session.finish().expect(130).json();
    files.agree(&json);
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["connections"]["open"], 7);
    let open = files.log();
    assert!(
        open.iter().all(|line| line["ending"] == "still-open"),
        "{open:#?}"
    );
}

#[test]
fn parts_and_their_sum_conform() {
    let files = Files::new();
    let mut names = vec!["merge".to_owned(), "--json".to_owned()];
    for part in ["1/3", "2/3", "3/3"] {
        let args = [
            "-c",
            "9",
            "-n",
            "31",
            "--segment",
            part,
            "--fail-if",
            "bad.count>0",
        ];
        let json = conforms_with(0, &args);
        let name = files.path(&part.replace('/', "-"));
        std::fs::write(&name, json.to_string()).expect("room");
        names.push(name);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let json = run(&names).expect(0).json();
    load().holds(&json);
    assert_eq!(json["verdicts"]["graceful"], 31);
}

/// Whoever keeps results next to each other must be able to tell them apart.
#[test]
fn the_schema_is_the_one_that_the_object_names() {
    let text = load_schema();
    assert_eq!(text["properties"]["schema"]["const"], finwait_load::SCHEMA);
    let json = crate::load(&["-n", "1"]).expect(0).json();
    assert_eq!(json["schema"], finwait_load::SCHEMA);
}
