//! The JSON object has the form that docs/schema promises.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::common::peer;
use crate::{check, http, probe, url};

fn text() -> Value {
    let text = include_str!("../../../../docs/schema/probe-1.json");
    serde_json::from_str(text).expect("JSON")
}

fn validator() -> Validator {
    let text = text();
    // What is no schema would hold of everything.
    jsonschema::meta::validate(&text).expect("a schema");
    jsonschema::draft202012::new(&text).expect("a schema")
}

/// Runs it, and holds what it writes against the schema and against itself.
#[track_caller]
fn conforms(code: i32, args: &[&str]) -> Value {
    let json = probe(&[args, &["--json"]].concat()).expect(code).json();
    let errors: Vec<_> = validator()
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{json:#}");
    let counts = json["summary"].as_object().expect("an object");
    let counted: u64 = counts.values().filter_map(Value::as_u64).sum();
    let checks = json["checks"].as_array().expect("an array");
    assert_eq!(counted, checks.len() as u64, "{json:#}");
    assert_eq!(json["failed"], code == 1, "{json:#}");
    json
}

#[test]
fn a_good_server_conforms() {
    let json = conforms(0, &["--only", "half-close/1,half-close/2"]);
    assert_eq!(json["schema"], "finwait/probe/1");
    assert_eq!(text()["properties"]["schema"]["const"], json["schema"]);
    assert_eq!(
        json["plain"]["big_bytes"].as_u64().map(|big| big >> 20),
        Some(4)
    );
    assert_eq!(json["summary"]["pass"], 2, "{json:#}");
    let connections = check(&json, "half-close/1")["connections"].as_u64();
    assert!(connections > Some(1), "{json:#}");
}

#[test]
fn a_server_without_http_conforms() {
    let server = peer("echo");
    let addr = server.addr().to_string();
    let only = ["--only", "half-close/1,half-close/3", "--expect", "echo"];
    let json = conforms(
        0,
        &[&[addr.as_str(), "--send", "text:hello"], &only[..]].concat(),
    );
    assert_eq!(json["protocol"], "tcp");
    assert_eq!(json["plain"]["bytes"], 5);
    assert_eq!(json["plain"]["status"], Value::Null);
}

#[test]
fn a_server_that_fails_conforms() {
    let server = http();
    let json = conforms(
        1,
        &[&url(&server, "half-close-deaf"), "--only", "half-close/1"],
    );
    let check = check(&json, "half-close/1");
    assert_eq!(check["word"], "FAIL", "{json:#}");
    assert_eq!(check["service"], "nothing", "{json:#}");
}

/// The server's side: here it is in this process, whose files and sockets are those of other
/// tests as well.
#[test]
#[cfg(target_os = "linux")]
fn the_server_is_looked_at_if_its_process_is_known() {
    let server = http();
    let pid = std::process::id().to_string();
    let target = url(&server, "no-close");
    let json = conforms(
        1,
        &[&target, "--only", "leak/1", "-w", "300ms", "--pid", &pid],
    );
    let there = &check(&json, "leak/1")["server"];
    let waiting = |sight: &str| there[sight]["states"]["CLOSE-WAIT"].as_u64().unwrap_or(0);
    // The last of the plain requests before it may be let go of only meanwhile.
    let more = waiting("after") - waiting("before");
    assert!((20..=25).contains(&more), "{json:#}");
    assert!(
        there["after"]["open_files"].as_u64() >= Some(20),
        "{json:#}"
    );
    assert_eq!(there["after"]["states"]["LISTEN"], 1, "{json:#}");

    let card = probe(&[&target, "--only", "leak/1", "-w", "300ms", "--pid", &pid]).expect(1);
    assert!(card.text().contains("CLOSE-WAIT +2"), "{}", card.text());
}

/// A field that the schema does not know would be one that nobody can rely on.
#[test]
fn the_schema_refuses_what_it_does_not_name() {
    let json = conforms(0, &["--only", "half-close/1"]);
    let validator = validator();
    for place in ["", "/plain", "/settings", "/summary", "/checks/0"] {
        let mut more = json.clone();
        more.pointer_mut(place).expect("a place in it")["more"] = json!(1);
        assert!(!validator.is_valid(&more), "{place}");
        let mut fewer = json.clone();
        let object = fewer.pointer_mut(place).and_then(Value::as_object_mut);
        let object = object.expect("an object");
        let first = object.keys().next().expect("a field").clone();
        object.remove(&first);
        assert!(!validator.is_valid(&fewer), "{place}");
    }
}
