//! How behaviours are read and written.

use std::time::Duration;

use finwait_peer::Behaviour;

#[test]
fn every_behaviour_is_read_and_written_back() {
    let drip = Behaviour::Drip {
        bytes: 64,
        period: Duration::from_millis(1_500),
    };
    for (text, behaviour) in [
        ("echo", Behaviour::Echo),
        ("respond=0", Behaviour::Respond { bytes: 0 }),
        ("respond=4m", Behaviour::Respond { bytes: 4 << 20 }),
        ("respond=1g", Behaviour::Respond { bytes: 1 << 30 }),
        ("http", Behaviour::Http { bytes: 64 }),
        ("http=10k", Behaviour::Http { bytes: 10_240 }),
        ("fin", Behaviour::Fin),
        ("silent", Behaviour::Silent),
        ("rst", Behaviour::Rst),
        ("unread-close", Behaviour::UnreadClose { bytes: 4 << 20 }),
        ("unread-close=1", Behaviour::UnreadClose { bytes: 1 }),
        ("drip=64/1.5s", drip),
        ("flood", Behaviour::Flood),
        (
            "late-fin=500ms",
            Behaviour::LateFin {
                delay: Duration::from_millis(500),
            },
        ),
    ] {
        assert_eq!(text.parse(), Ok(behaviour.clone()), "{text}");
        assert_eq!(behaviour.to_string().parse(), Ok(behaviour), "{text}");
    }
    assert_eq!(Behaviour::default(), Behaviour::Echo);
}

#[test]
fn the_catalogue_has_every_name_once() {
    let names: Vec<&str> = Behaviour::catalogue()
        .iter()
        .map(|(syntax, explanation)| {
            assert!(
                !explanation.contains('\n') && explanation.len() < 100,
                "{explanation}"
            );
            syntax.split(['=', '[']).next().unwrap()
        })
        .collect();
    assert_eq!(
        names,
        [
            "echo",
            "respond",
            "http",
            "fin",
            "late-fin",
            "silent",
            "rst",
            "unread-close",
            "drip",
            "flood"
        ]
    );
}

#[test]
fn what_is_no_behaviour_is_refused_in_one_line_that_names_it() {
    for (text, says) in [
        ("", "unknown behaviour"),
        ("nonsense", "one of: echo, respond=BYTES, http[=BYTES], "),
        ("Echo", "unknown behaviour"),
        ("echo=1", "it is written echo"),
        ("respond", "it is written respond=BYTES"),
        ("respond=", "not a size"),
        ("respond=x", "not a size: \"x\""),
        ("respond=2g", "at most 1g"),
        ("http=-1", "not a size"),
        ("late-fin", "it is written late-fin=DURATION"),
        ("late-fin=3", "not a duration: \"3\""),
        ("drip", "it is written drip=BYTES/PERIOD"),
        ("drip=64", "it is written drip=BYTES/PERIOD"),
        ("drip=0/1s", "above zero"),
        ("drip=1/0s", "above zero"),
        ("drip=1/1s/2s", "not a duration: \"1s/2s\""),
        ("flood=1", "it is written flood"),
        ("=", "unknown behaviour"),
        ("rst\n", "unknown behaviour"),
    ] {
        let error = text.parse::<Behaviour>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")), "{error}");
        assert!(error.contains(says), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
