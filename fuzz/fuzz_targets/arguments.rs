//! The command line: whatever is typed is understood, or refused in one line.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// Reading the file of `--send @FILE`, and holding a gigabyte of filler, is what was asked for,
/// but takes its time.
fn is_costly(words: &[&str]) -> bool {
    let sends = words.iter().any(|word| word.starts_with("--send"));
    let heavy = |word: &&str| {
        word.contains('@')
            || word.bytes().filter(u8::is_ascii_digit).count() > 4
            || word.ends_with(|last: char| "mMgGtTkK".contains(last))
    };
    sends && words.iter().any(heavy)
}

// Each line is a word.
fuzz_target!(|text: &str| {
    let words: Vec<_> = text.lines().collect();
    if is_costly(&words) {
        return;
    }
    if let Err(why) = finwait_cli::check_command_line([&["finwait"], &words[..]].concat()) {
        assert!(!why.is_empty(), "no reason");
        assert!(!why.contains(char::is_control), "not one line: {why:?}");
    }
});
