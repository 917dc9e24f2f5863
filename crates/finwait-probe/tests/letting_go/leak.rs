//! The checks of the group `leak`.

use std::time::Duration;

use finwait_load::Expect;
use finwait_peer::{Options, Server};
use finwait_probe::battery::Settings;
use finwait_probe::{Closing, Protocol, Service, Word};

use crate::server::{End, Serve, State, find, find_at, slow, words};

const SOON: Option<Duration> = Some(Duration::from_millis(300));

fn found(id: &str, serve: Serve) -> (Word, Service, Closing) {
    words(&find(id, serve.start(), &Settings::default()))
}

#[test]
fn a_fin_is_answered_or_not() {
    let good = (Word::Pass, Service::Whole, Closing::Fin);
    assert_eq!(found("leak/1", Serve::default()), good);
    let deaf = Serve {
        deaf: Some(State::Answered),
        ..Serve::default()
    };
    let bad = (Word::Fail, Service::Whole, Closing::Open);
    assert_eq!(found("leak/1", deaf), bad);
    let resets = Serve {
        resets: true,
        ..Serve::default()
    };
    let rude = (Word::Warn, Service::Whole, Closing::Rst);
    assert_eq!(found("leak/1", resets), rude);
}

#[test]
fn a_server_that_closes_first_cannot_be_asked_to_answer_a_fin() {
    let once = Serve {
        most: Some(1),
        ..Serve::default()
    };
    assert_eq!(found("leak/1", once.clone()).0, Word::Skip);
    let silent = Serve {
        silent: true,
        ..once
    };
    assert_eq!(found("leak/1", silent).0, Word::Skip);
}

#[test]
fn a_server_of_one_connection_at_a_time_comes_to_all_of_them() {
    let serial = Serve {
        serial: true,
        ..Serve::default()
    };
    assert_eq!(found("leak/1", serial.clone()).0, Word::Pass);
    assert_eq!(found("leak/2", serial.clone()).0, Word::Pass);
    assert_eq!(found("leak/3", serial.clone()).0, Word::Skip);
}

#[test]
fn a_leak_in_one_state_is_found_there() {
    let good = (Word::Pass, Service::NotAsked, Closing::NotLooked);
    assert_eq!(found("leak/2", Serve::default()), good);
    let told = |state, told| {
        let deaf = Serve {
            deaf: Some(state),
            ..Serve::default()
        };
        let finding = find("leak/2", deaf.start(), &Settings::default());
        let bad = (Word::Fail, Service::NotAsked, Closing::Open);
        assert_eq!(words(&finding), bad);
        assert_eq!(finding.said, told);
    };
    std::thread::scope(|all| {
        all.spawn(|| told(State::Unused, "of 90 still open: 30 before a request"));
        all.spawn(|| told(State::InRequest, "of 90 still open: 30 in a request"));
        all.spawn(|| told(State::Answered, "of 90 still open: 30 after a response"));
    });
}

#[test]
fn idle_connections_end_with_fin_or_rst() {
    let fin = Serve {
        idle: SOON,
        ..Serve::default()
    };
    let rst = Serve {
        end: End::Rst,
        ..fin.clone()
    };
    let timeout = Serve {
        end: End::Status408,
        ..fin.clone()
    };
    for id in ["leak/3", "leak/4"] {
        let good = (Word::Pass, Service::NotAsked, Closing::Fin);
        assert_eq!(found(id, fin.clone()), good, "{id}");
        let rude = (Word::Warn, Service::NotAsked, Closing::Rst);
        assert_eq!(found(id, rst.clone()), rude, "{id}");
        let finding = find(id, timeout.clone().start(), &Settings::default());
        assert_eq!(words(&finding), good, "{id}");
        assert!(finding.said.contains("408, FIN after"), "{id}");
    }
    let good = (Word::Pass, Service::Whole, Closing::Fin);
    assert_eq!(found("leak/5", fin), good);
}

#[test]
fn without_a_timeout_it_depends_on_how_long_was_waited() {
    for (id, service) in [
        ("leak/3", Service::NotAsked),
        ("leak/4", Service::NotAsked),
        ("leak/5", Service::Whole),
    ] {
        let addr = Serve::default().start();
        let finding = find(id, addr, &slow(400));
        assert_eq!(words(&finding), (Word::Warn, service, Closing::Open));
        assert_eq!(finding.said, "no timeout within 400 ms");
        let finding = find(id, addr, &Settings::default());
        assert_eq!(words(&finding), (Word::Info, service, Closing::Open));
        assert_eq!(finding.said, "no timeout within 3 s; --slow waits longer");
    }
}

#[test]
fn a_stalled_body_is_not_a_whole_one() {
    // Longer than an answer that does not wait for the body may take.
    let believes = Serve {
        idle: Some(Duration::from_millis(2500)),
        believes: true,
        ..Serve::default()
    };
    let bad = (Word::Fail, Service::Wrong, Closing::Fin);
    assert_eq!(found("leak/4", believes), bad);
    let ignores = Serve {
        idle: SOON,
        ignores_bodies: true,
        ..Serve::default()
    };
    let good = (Word::Pass, Service::NotAsked, Closing::Fin);
    assert_eq!(found("leak/4", ignores), good);
}

#[test]
fn an_announced_time_is_kept_or_not() {
    let announces = |announces, idle| Serve {
        idle: Some(Duration::from_millis(idle)),
        announces: Some(announces),
        ..Serve::default()
    };
    for (announced, idle, word) in [
        ("timeout=1, max=5", 1100, Word::Pass),
        ("timeout=1", 500, Word::Warn),
        ("timeout=2", 300, Word::Fail),
    ] {
        let found = found("leak/5", announces(announced, idle));
        assert_eq!(found, (word, Service::Whole, Closing::Fin), "{announced}");
    }
}

#[test]
fn what_is_not_kept_has_no_idle_time() {
    let once = Serve {
        most: Some(1),
        ..Serve::default()
    };
    assert_eq!(found("leak/5", once).0, Word::Skip);
}

#[test]
fn other_protocols_are_judged_as_far_as_they_can_be() {
    let peer = |behaviour: &str| {
        let options = Options {
            behaviour: behaviour.parse().unwrap(),
            ..Options::default()
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), options).unwrap();
        server.spawn().unwrap()
    };
    let tcp = |expect| Protocol::Tcp {
        send: b"hello\n".to_vec(),
        expect,
    };
    let (echo, settings) = (peer("echo"), slow(300));
    let word = |id, addr, expect| find_at(id, addr, tcp(expect), &settings).word;
    assert_eq!(word("leak/1", echo.addr(), Expect::Echo), Word::Pass);
    assert_eq!(word("leak/2", echo.addr(), Expect::Echo), Word::Pass);
    assert_eq!(word("leak/3", echo.addr(), Expect::Echo), Word::Warn);
    assert_eq!(word("leak/4", echo.addr(), Expect::Echo), Word::Skip);
    assert_eq!(word("leak/5", echo.addr(), Expect::Echo), Word::Warn);
    // It is the server's FIN that ends a response here, and it comes after ours.
    assert_eq!(word("leak/1", echo.addr(), Expect::UntilFin), Word::Pass);
    assert_eq!(word("leak/5", echo.addr(), Expect::UntilFin), Word::Skip);
}
