//! The examples run, and end well. `cargo test` builds them; with `--test examples` alone, say
//! `cargo build --examples` first.

use std::process::Command;

fn run(example: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile
        .join("examples")
        .join(example)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{}: not there; cargo build -p finwait --examples",
        path.display()
    );
    let output = Command::new(path).output().unwrap();
    assert!(output.status.success(), "{example}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_blocking_example_tells_how_both_sides_ended() {
    let said = run("blocking");
    assert!(said.contains("that is enough, thank you"), "{said}");
    assert!(said.contains("10 bytes of the client discarded"), "{said}");
}

#[test]
fn the_example_of_a_server_answers_its_three_clients() {
    let said = run("own_loop");
    assert_eq!(said.matches("answered: up for").count(), 3, "{said}");
}

#[test]
fn the_machine_alone_can_be_driven_with_std() {
    assert!(run("machine_only").contains("18 bytes came back"));
}
