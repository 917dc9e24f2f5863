//! How behaviours are read and written.

use std::collections::BTreeSet;
use std::time::Duration;

use finwait_peer::{Behaviour, Framing, Mix, Params, Treatment};

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
        assert_eq!(text.parse(), Ok(behaviour), "{text}");
        assert_eq!(behaviour.to_string().parse(), Ok(behaviour), "{text}");
    }
    assert_eq!(Behaviour::default(), Behaviour::Echo);
}

#[test]
fn the_catalogue_has_every_name_once_with_a_short_explanation() {
    let mut names = BTreeSet::new();
    for entry in Behaviour::catalogue() {
        let what = entry.what;
        assert!(!what.contains('\n') && what.len() < 100, "{what}");
        assert!(names.insert(entry.name()), "{} twice", entry.name());
        // As it is written, with something for each word in capitals.
        let mut text = entry.syntax.replace(['[', ']'], "").replace("=N", "=3");
        for (word, value) in [
            ("BYTES", "64"),
            ("DURATION", "3s"),
            ("PERIOD", "10ms"),
            ("PERCENT", "50"),
        ] {
            text = text.replace(word, value);
        }
        let behaviour: Behaviour = text.parse().unwrap();
        assert_eq!(behaviour.to_string(), text);
        assert_eq!(behaviour.name(), entry.name());
        assert_eq!(behaviour.needs_http(), entry.needs_http, "{text}");
    }
    assert_eq!(names.len(), 28);
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

#[test]
fn parameters_are_read_and_written_back() {
    let all = Treatment {
        behaviour: Behaviour::Trunc { percent: 50 },
        params: Params {
            size: Some(1 << 20),
            delay: Some(Duration::from_millis(20)),
            status: Some(404),
            framing: Some(Framing::Chunked),
        },
    };
    let text = "trunc=50%?size=1m&delay=20ms&status=404&framing=chunked";
    assert_eq!(text.parse(), Ok(all));
    assert_eq!(all.to_string(), text);
    assert_eq!("echo".parse(), Ok(Treatment::from(Behaviour::Echo)));
    for (text, says) in [
        ("linger?", "unknown parameter \"\""),
        ("linger?size", "unknown parameter \"size\""),
        ("linger?colour=red", "one of: size=BYTES, delay=DURATION, "),
        ("linger?size=x", "not a size: \"x\""),
        ("linger?delay=3", "not a duration: \"3\""),
        ("linger?status=100", "200 to 599"),
        ("linger?status=+200", "not a status"),
        ("linger?framing=none", "one of: length, chunked, close"),
        ("x?size=1", "unknown behaviour \"x\""),
        ("trunc=101%", "0% to 100%"),
        ("trunc=%", "not a share: \"%\""),
        ("quiet-limit=0", "1 or more"),
        ("idle-close=0s", "above zero"),
        ("idle-rst", "it is written idle-rst=DURATION"),
    ] {
        let error = text.parse::<Treatment>().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn mixes_are_read_and_written_back_and_choose_by_weight() {
    for text in [
        "echo",
        "rst?delay=1s",
        "mix=linger=30s:80,rst:20",
        "mix=drip=1/1s?size=3&delay=1s:1,trunc=50%:0,silent:2",
    ] {
        let mix: Mix = text.parse().unwrap();
        assert_eq!(mix.to_string(), text);
        assert_eq!(mix.to_string().parse(), Ok(mix));
    }
    assert_eq!("mix=rst:7".parse::<Mix>(), "rst".parse());
    let mix: Mix = "mix=linger:80,rst:20,fin:0".parse().unwrap();
    let count = |seed, behaviour: &str| {
        let behaviour: Behaviour = behaviour.parse().unwrap();
        let chosen = (0..10_000).map(|k| mix.choose(seed, k).behaviour);
        chosen.filter(|chosen| *chosen == behaviour).count()
    };
    for seed in [0, 1, u64::MAX] {
        let rst = count(seed, "rst");
        assert!((1_800..2_200).contains(&rst), "{rst}");
        assert_eq!(count(seed, "fin"), 0);
    }
    let chosen = |seed| (0..100).map(|k| mix.choose(seed, k)).collect::<Vec<_>>();
    assert_eq!(chosen(1), chosen(1));
    assert_ne!(chosen(1), chosen(2));
    for (text, says) in [
        ("mix=", "mix=A:80,B:20"),
        ("mix=rst", "mix=A:80,B:20"),
        ("mix=rst:x", "not a weight: \"x\""),
        ("mix=rst:0", "above zero"),
        ("mix=rst:1,x:1", "unknown behaviour \"x\""),
        ("mix=drop-backlog:1", "all connections or none"),
    ] {
        let error = text.parse::<Mix>().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
