//! The names of all metrics, for a command's help. It is made from the lists that are read, so
//! that neither names what the other does not know.

use std::fmt::Write;

use super::metric::{Set, Stat, Work};
use crate::record::Phase;
use crate::verdict::Ending;

const WIDTH: usize = 96;

pub(super) fn metrics() -> String {
    let is_ending = |set: &Set| matches!(set, Set::Ending(_));
    let sets = Set::all().into_iter().filter(|set| !is_ending(set));
    let (shares, counts): (Vec<_>, Vec<_>) = sets.partition(|set| set.has_rate());
    let stats = Stat::ALL.map(|stat| stat.to_string());
    let works = Work::ALL.map(|work| format!("throughput.{work}"));

    let mut text = String::new();
    line(&mut text, "NAME.count, NAME.rate", &names(&shares));
    line(&mut text, "ending.ENDING.count, .rate", &[]);
    line(&mut text, "NAME.count", &names(&counts));
    line(&mut text, "PHASE.STAT, PHASE.ENDING.STAT", &[]);
    line(
        &mut text,
        "PHASE",
        &Phase::ALL.map(|phase| phase.to_string()),
    );
    line(
        &mut text,
        "ENDING",
        &Ending::ALL.map(|ending| ending.to_string()),
    );
    line(&mut text, "STAT", &stats);
    line(&mut text, "per second", &works);
    text.push_str(
        "A rate is a share of the finished connections: 0.1% or 0.001; of late of those due, and\n\
         of open and errors of all. Times need a unit: 200us, 50ms, 1.5s, 1m. p999 is 99.9 %.\n",
    );
    text
}

fn names(sets: &[Set]) -> Vec<String> {
    sets.iter().map(Set::to_string).collect()
}

/// `  label: word, word`, broken before the line is too long.
fn line(text: &mut String, label: &str, words: &[String]) {
    let mut at = text.len();
    // Writing to a String cannot fail.
    let _ = write!(text, "  {label}");
    for (i, word) in words.iter().enumerate() {
        text.push_str(if i == 0 { ":" } else { "," });
        if text.len() - at + word.len() + 2 > WIDTH {
            text.push_str("\n   ");
            at = text.len() - 3;
        }
        text.push(' ');
        text.push_str(word);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::metric::Metric;
    use super::*;

    /// The words after a label, which the next line goes on with if it is further in.
    fn words(help: &str, label: &str) -> Vec<String> {
        let start = format!("  {label}: ");
        let mut lines = help.lines().skip_while(|line| !line.starts_with(&start));
        let first = lines.next().unwrap_or_else(|| panic!("no {label}"));
        let mut list = first[start.len()..].to_owned();
        for line in lines.take_while(|line| line.starts_with("    ")) {
            list.push_str(line);
        }
        list.split(',').map(|word| word.trim().to_owned()).collect()
    }

    #[test]
    fn the_help_names_every_metric_and_no_other() {
        let help = metrics();
        assert!(help.lines().all(|line| line.len() <= WIDTH), "{help}");
        let mut named = words(&help, "per second");
        for name in words(&help, "NAME.count, NAME.rate") {
            named.extend([format!("{name}.count"), format!("{name}.rate")]);
        }
        for name in words(&help, "NAME.count") {
            named.push(format!("{name}.count"));
        }
        let endings = words(&help, "ENDING");
        for ending in &endings {
            named.extend(["count", "rate"].map(|of| format!("ending.{ending}.{of}")));
        }
        for phase in words(&help, "PHASE") {
            for stat in words(&help, "STAT") {
                named.push(format!("{phase}.{stat}"));
                named.extend(
                    endings
                        .iter()
                        .map(|ending| format!("{phase}.{ending}.{stat}")),
                );
            }
        }
        let all = Metric::all();
        let all: BTreeSet<_> = all.iter().map(Metric::to_string).collect();
        assert_eq!(named.len(), all.len());
        assert_eq!(BTreeSet::from_iter(named), all);
        // One of them through the front door.
        Metric::parse("last_byte_to_peer_fin.fin-then-rst.p9999").unwrap();
    }
}
