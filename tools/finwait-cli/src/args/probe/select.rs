//! Which checks: by their ids, with globs, and by their severity.

use finwait_probe::{Check, Severity, battery};

use crate::exit::Failure;

/// Those that any of `only` matches (all, if there is none), without those of `skip`.
pub(super) fn selected(
    only: &[String],
    skip: &[String],
    severity: Severity,
) -> Result<Vec<&'static Check>, Failure> {
    for (flag, globs) in [("--only", only), ("--skip", skip)] {
        // A slip here would leave out in silence what somebody relies on.
        for glob in globs {
            if !battery::checks().any(|check| matches(glob, check.id)) {
                return Err(unknown(flag, glob));
            }
        }
    }
    let any = |globs: &[String], id| globs.iter().any(|glob| matches(glob, id));
    let checks: Vec<_> = battery::checks()
        .filter(|check| only.is_empty() || any(only, check.id))
        .filter(|check| !any(skip, check.id) && check.severity >= severity)
        .collect();
    if checks.is_empty() {
        return Err(Failure::usage(
            "--only, --skip, --severity: together they leave no check; see finwait probe --list",
        ));
    }
    Ok(checks)
}

/// The check of this very id.
pub(super) fn named(id: &str) -> Result<&'static Check, Failure> {
    battery::checks()
        .find(|check| check.id == id)
        .ok_or_else(|| unknown("--explain", id))
}

fn unknown(flag: &str, typed: &str) -> Failure {
    let near = near(typed);
    let near = match near.as_slice() {
        [] => String::new(),
        ids => format!("near it: {}; ", ids.join(", ")),
    };
    let typed = typed.escape_debug();
    Failure::usage(format!(
        "{flag} '{typed}': no check has that id; {near}see finwait probe --list"
    ))
}

/// The ids that are most like it.
fn near(typed: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    const LIKE: f64 = 0.7;
    let plain = typed.replace(['*', '?'], "").to_lowercase();
    let mut ids: Vec<_> = battery::checks()
        .map(|check| (strsim::jaro_winkler(&plain, check.id), check.id))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    ids.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ids.into_iter().take(MOST).map(|(_, id)| id).collect()
}

/// Whether a glob stands for all of `text`. It goes back to the last `*` only, so that no glob
/// takes long.
fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<_>, Vec<_>) = (glob.chars().collect(), text.chars().collect());
    let (mut g, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    g = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_stands_for_the_whole_id() {
        for (glob, text, is) in [
            ("half-close/1", "half-close/1", true),
            ("half-close/1", "half-close/12", false),
            ("half-close/*", "half-close/12", true),
            ("*", "", true),
            ("*/1", "http-idle/1", true),
            ("*1", "http-idle/11", true),
            ("*/1", "http-idle/12", false),
            ("h*-*/?", "half-close/1", true),
            ("h*-*/?", "half-close/10", false),
            ("?", "", false),
            ("", "", true),
            ("", "x", false),
            ("a**b", "a-b", true),
            ("*a*a*a*a*a*a*b", &"a".repeat(200), false),
        ] {
            assert_eq!(matches(glob, text), is, "{glob} {text}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_with_what_is_near() {
        let typed = |only: &str| {
            let chosen = selected(&[only.to_owned()], &[], Severity::Info);
            chosen.map_or_else(
                |failure| failure.to_string(),
                |checks| checks[0].id.to_owned(),
            )
        };
        assert_eq!(typed("half-close/1"), "half-close/1");
        assert!(typed("halfclose/1").contains("near it: half-close/1, "));
        assert!(!typed("xyzzy").contains("near it"));
        assert!(typed("a\nb").contains(r"a\nb"));
    }

    #[test]
    fn every_id_is_there_once() {
        let mut ids: Vec<_> = battery::checks().map(|check| check.id).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
