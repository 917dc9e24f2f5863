//! Values of the command line that are written again, in results and messages: each is then read as
//! the same.

#![no_main]

use finwait_load::Threshold;
use finwait_peer::{Behaviour, Mix, format_bytes, format_duration, parse_bytes, parse_duration};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|word: &str| {
    if let Ok(threshold) = word.parse::<Threshold>() {
        let again = threshold.to_string().parse();
        assert_eq!(again, Ok(threshold), "{word:?}");
    }
    if let Ok(behaviour) = word.parse::<Behaviour>() {
        let again = behaviour.to_string().parse::<Behaviour>();
        assert_eq!(again.ok(), Some(behaviour), "{word:?}");
    }
    if let Ok(mix) = word.parse::<Mix>() {
        let again = mix.to_string().parse::<Mix>();
        assert_eq!(again.ok(), Some(mix), "{word:?}");
    }
    if let Ok(bytes) = parse_bytes(word) {
        assert_eq!(
            parse_bytes(&format_bytes(bytes)).ok(),
            Some(bytes),
            "{word:?}"
        );
    }
    if let Ok(time) = parse_duration(word) {
        assert_eq!(
            parse_duration(&format_duration(time)).ok(),
            Some(time),
            "{word:?}"
        );
    }
});
