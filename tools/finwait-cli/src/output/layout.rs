//! Text in a given number of columns.

/// As much of it as fits, with dots where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    const DOTS: &str = "...";
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept = text.chars().take(columns.saturating_sub(DOTS.len()));
    let kept = kept.collect::<String>();
    let mut text = kept.trim_end().to_owned();
    text.push_str(&DOTS[..columns.min(DOTS.len())]);
    text
}

/// Its words in lines that fit; a word that is longer than a line has one of its own.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_shows_it() {
        for (text, columns, cut_to) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "..."),
            ("abcdef", 5, "ab..."),
            ("ab cdef", 6, "ab..."),
            ("äöüäöü", 5, "äö..."),
            ("abc", 1, "."),
        ] {
            assert_eq!(cut(text, columns), cut_to, "{text:?} {columns}");
        }
    }

    #[test]
    fn words_are_wrapped_and_never_lost() {
        assert_eq!(
            wrapped("a bb ccc d", 4),
            ["a bb", "ccc", "d"].map(str::to_owned)
        );
        assert_eq!(wrapped("longer x", 2), ["longer", "x"].map(str::to_owned));
        assert_eq!(wrapped("", 2), Vec::<String>::new());
    }
}
