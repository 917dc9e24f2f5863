//! The schemas say all there is, and no more.

use std::collections::BTreeSet;

use finwait_load::{CloseMode, Ending, Mode, Phase, Progress, Verdict};
use serde_json::{Value, json};

use crate::results::files::Files;
use crate::results::schema::{self, Schema};
use crate::{load, start};

/// Objects whose keys are what occurred.
fn is_map(path: &str) -> bool {
    let last = path.rsplit('/').next();
    matches!(last, Some("verdicts" | "endings" | "phases_us"))
}

/// Every value in it, with its place.
fn places(value: &Value, path: &str, all: &mut Vec<String>) {
    all.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                places(field, &format!("{path}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{i}"), all);
            }
        }
        _ => {}
    }
}

/// Nothing can be added, left out, or be of another type.
#[track_caller]
fn is_strict(schema: &Schema, value: &Value) {
    schema.holds(value);
    let mut all = Vec::new();
    places(value, "", &mut all);
    for path in &all {
        let change = |change: &dyn Fn(&mut Value)| {
            let mut changed = value.clone();
            change(changed.pointer_mut(path).expect("a place in it"));
            changed
        };
        let other = change(&|place| *place = json!([{ "no": "such" }]));
        assert!(!schema.is_held_by(&other), "{path} may be anything");
        let Some(fields) = value.pointer(path).and_then(Value::as_object) else {
            continue;
        };
        let more = change(&|place| place["unknown"] = json!(1));
        assert!(!schema.is_held_by(&more), "{path} may have more");
        for key in fields.keys().filter(|_| !is_map(path)) {
            let less = change(&|place| drop(place.as_object_mut().map(|all| all.remove(key))));
            assert!(!schema.is_held_by(&less), "{path}/{key} may be left out");
        }
    }
}

#[test]
fn a_field_more_or_less_is_refused() {
    let files = Files::new();
    let log = files.path("log");
    let args = [
        "--behave",
        "rst",
        "-n",
        "10",
        "--log",
        &log,
        "--fail-if",
        "bad.rate<50%",
    ];
    let json = load(&args).expect(0).json();
    is_strict(&schema::load(), &json);
    for line in files.log() {
        is_strict(&schema::line(), &line);
    }
    let mut session = start(&["--json", "--storm", "-c", "3"]);
    session.until_line("finwait/load/1");
    is_strict(&schema::load(), &session.finish().expect(0).json());
}

/// All lists of names in it.
fn enums<'a>(schema: &'a Value, all: &mut Vec<BTreeSet<&'a str>>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(names)) = fields.get("enum") {
                let names: BTreeSet<_> = names.iter().filter_map(Value::as_str).collect();
                all.push(names);
            }
            fields.values().for_each(|field| enums(field, all));
        }
        Value::Array(items) => items.iter().for_each(|item| enums(item, all)),
        _ => {}
    }
}

fn without<'a>(names: &BTreeSet<&'a str>, name: &str) -> BTreeSet<&'a str> {
    let mut names = names.clone();
    assert!(names.remove(name), "no {name} in {names:?}");
    names
}

#[track_caller]
fn names(schema: &Value) -> BTreeSet<&str> {
    let names = schema["enum"].as_array().expect("a list of names");
    names.iter().filter_map(Value::as_str).collect()
}

#[test]
fn the_names_are_those_of_the_library() {
    let verdicts = BTreeSet::from(Verdict::ALL.map(Verdict::name));
    let endings = BTreeSet::from(Ending::ALL.map(Ending::name));
    let progress = BTreeSet::from(Progress::ALL.map(Progress::name));
    let phases = BTreeSet::from(Phase::ALL.map(Phase::name));
    let closes = BTreeSet::from(CloseMode::ALL.map(CloseMode::name));
    let modes = [Mode::ClosedLoop, Mode::OpenLoop { rate: 1.0 }, Mode::Storm];
    let modes = BTreeSet::from(modes.map(Mode::name));
    // What is still open has no verdict yet, and is counted apart.
    let finished = (
        without(&verdicts, "still-open"),
        without(&endings, "still-open"),
    );

    let text = schema::load_schema();
    let fields = &text["properties"];
    assert_eq!(names(&fields["verdicts"]["propertyNames"]), finished.0);
    assert_eq!(names(&fields["endings"]["propertyNames"]), finished.1);
    let cell = &fields["cells"]["items"]["properties"];
    assert_eq!(names(&cell["progress"]), progress);
    assert_eq!(names(&cell["ending"]), finished.1);
    assert_eq!(names(&cell["verdict"]), finished.0);
    assert_eq!(names(&fields["config"]["properties"]["mode"]), modes);
    let timed = &text["$defs"]["phase"]["properties"]["endings"]["propertyNames"];
    assert_eq!(names(timed), endings);
    let keys = fields["phases"]["properties"]
        .as_object()
        .expect("an object");
    assert_eq!(
        keys.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        phases
    );

    let text = schema::line_schema();
    let fields = &text["properties"];
    assert_eq!(names(&fields["verdict"]), verdicts);
    assert_eq!(names(&fields["ending"]), endings);
    assert_eq!(names(&fields["progress"]), progress);
    assert_eq!(names(&fields["close"]), closes);
    assert_eq!(names(&fields["phases_us"]["propertyNames"]), phases);
}

/// A list that is added later is not forgotten above.
#[test]
fn no_list_of_names_is_unknown() {
    let count = |schema: &Value| {
        let mut all = Vec::new();
        enums(schema, &mut all);
        all.len()
    };
    // Beside those above: the operations of errors, which the library only says in words.
    assert_eq!(count(&schema::load_schema()), 7 + 1);
    assert_eq!(count(&schema::line_schema()), 5);
}
