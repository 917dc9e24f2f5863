//! The checks `http/11` to `http/13`.

use std::time::Duration;

use finwait_probe::battery::Settings;
use finwait_probe::{Closing, Finding, Service, Word};

use crate::server::{End, Serve, find, slow, words};

fn found(id: &str, serve: Serve) -> Finding {
    find(id, serve.start(), &Settings::default())
}

fn idle(milliseconds: u64) -> Serve {
    Serve {
        idle: Some(Duration::from_millis(milliseconds)),
        ..Serve::default()
    }
}

#[test]
fn an_idle_connection_ends_gracefully_or_not() {
    for (end, word, closing, told) in [
        (End::Fin, Word::Pass, Closing::Fin, "FIN after "),
        (End::Rst, Word::Warn, Closing::Rst, "RST after "),
        (
            End::Status408,
            Word::Warn,
            Closing::Fin,
            "unasked 408, FIN after ",
        ),
    ] {
        let finding = found("http/11", Serve { end, ..idle(300) });
        assert_eq!(words(&finding), (word, Service::Whole, closing));
        assert!(finding.said.starts_with(told), "{}", finding.said);
        assert!(
            finding.said.ends_with("; not announced"),
            "{}",
            finding.said
        );
    }
}

#[test]
fn how_is_not_told_of_a_connection_that_does_not_end() {
    let addr = Serve::default().start();
    for id in ["http/11", "http/13"] {
        assert_eq!(find(id, addr, &slow(300)).word, Word::Skip);
        let finding = find(id, addr, &Settings::default());
        assert_eq!(finding.word, Word::Skip);
        assert_eq!(finding.said, "no timeout within 3 s; --slow waits longer");
    }
}

#[test]
fn the_last_response_says_that_it_is() {
    let announces = Serve {
        most: Some(100),
        ..Serve::default()
    };
    let finding = found("http/12", announces.clone());
    let good = (Word::Pass, Service::Whole, Closing::Fin);
    assert_eq!(words(&finding), good);
    assert_eq!(finding.said, "`close` said in response 100");
    let silent = Serve {
        silent: true,
        ..announces
    };
    let finding = found("http/12", silent);
    assert_eq!(
        (finding.word, finding.service),
        (Word::Fail, Service::Nothing)
    );
    assert!(finding.said.starts_with("closed after 100 responses"));
}

#[test]
fn a_last_response_that_is_not_reached_is_no_finding() {
    let finding = found("http/12", Serve::default());
    let fact = (Word::Info, Service::Whole, Closing::Open);
    assert_eq!(words(&finding), fact);
    let many = Serve {
        most: Some(1000),
        ..Serve::default()
    };
    let addr = many.start();
    assert_eq!(words(&find("http/12", addr, &Settings::default())), fact);
    assert_eq!(find("http/12", addr, &slow(300)).word, Word::Pass);
}

#[test]
fn requests_that_cross_the_close_are_lost() {
    // What is sent while it makes up its mind to close is not read any more.
    let hesitates = Serve {
        hesitates: Duration::from_millis(100),
        ..idle(300)
    };
    let finding = found("http/13", hesitates);
    let fact = (Word::Info, Service::NotAsked, Closing::NotLooked);
    assert_eq!(words(&finding), fact);
    // A machine that is too busy for it measures no window, and says so.
    let window = finding.figure.map_or(1.0, |window| window.value);
    assert!(window > 0.0, "{}", finding.said);
}

#[test]
fn a_client_that_honours_an_announced_time_is_out_of_the_race() {
    let careful = Serve {
        announces: Some("timeout=1"),
        ..idle(2100)
    };
    let finding = found("http/13", careful);
    let good = (Word::Pass, Service::NotAsked, Closing::NotLooked);
    assert_eq!(words(&finding), good);
    let exact = Serve {
        announces: Some("timeout=1"),
        ..idle(1100)
    };
    assert_eq!(found("http/13", exact).word, Word::Info);
}

#[test]
fn what_is_not_kept_has_no_idle_end() {
    let once = Serve {
        most: Some(1),
        ..Serve::default()
    };
    for id in ["http/11", "http/13"] {
        assert_eq!(found(id, once.clone()).word, Word::Skip, "{id}");
    }
    assert_eq!(found("http/12", once).word, Word::Pass);
}
