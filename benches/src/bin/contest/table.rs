//! What the lines of many runs come to.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// One run: a kind with so many connections, in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    /// Teardowns per second.
    rate: f64,
    /// Microseconds of CPU time for each teardown.
    user: f64,
    system: f64,
}

impl Run {
    fn cpu(self) -> f64 {
        self.user + self.system
    }
}

/// By the number of connections, then by kind: one run for each round.
type Runs = BTreeMap<usize, BTreeMap<String, Vec<Run>>>;

/// Against which the others are held.
const FLOOR: &str = "floor";

pub(crate) fn print(lines: impl BufRead) -> io::Result<()> {
    let mut runs = Runs::new();
    for line in lines.lines() {
        let line = line?;
        let (kind, count, run) = parse(&line)
            .ok_or_else(|| io::Error::other(format!("not a line of `contest run`: {line}")))?;
        let kinds = runs.entry(count).or_default();
        kinds.entry(kind.to_string()).or_default().push(run);
    }
    if runs.is_empty() {
        return Err(io::Error::other(
            "no line of `contest run` on standard input",
        ));
    }
    for (count, kinds) in &runs {
        println!("{}", table(*count, kinds)?);
    }
    Ok(())
}

fn parse(line: &str) -> Option<(&str, usize, Run)> {
    let words: Vec<_> = line.split_whitespace().collect();
    let [kind, count, rate, user, system] = words.as_slice() else {
        return None;
    };
    let run = Run {
        rate: rate.parse().ok()?,
        user: user.parse().ok()?,
        system: system.parse().ok()?,
    };
    Some((kind, count.parse().ok()?, run))
}

/// Ratios are medians of the rounds' own ratios: a machine whose speed drifts changes both sides.
fn table(count: usize, kinds: &BTreeMap<String, Vec<Run>>) -> io::Result<String> {
    let floors = kinds.get(FLOOR);
    let floors = floors.ok_or_else(|| io::Error::other(format!("{count}: no run of the floor")))?;
    let mut text = format!(
        "{count} connections, medians of {} rounds; CPU is microseconds for each teardown\n\
         {:10} {:>12} {:>6} {:>8} {:>8} {:>8} {:>6} {:>12}\n",
        floors.len(),
        "",
        "teardowns/s",
        "ratio",
        "user",
        "system",
        "CPU",
        "ratio",
        "over floor",
    );
    for (kind, runs) in kinds {
        if runs.len() != floors.len() {
            let why = format!("{count} {kind}: another number of rounds than the floor's");
            return Err(io::Error::other(why));
        }
        let of = |value: fn(&Run) -> f64| median(runs.iter().map(value));
        let pairs = || runs.iter().zip(floors);
        text += &format!(
            "{kind:10} {:12.0} {:6.3} {:8.2} {:8.2} {:8.2} {:6.3} {:12.2}\n",
            of(|run| run.rate),
            median(pairs().map(|(run, floor)| run.rate / floor.rate)),
            of(|run| run.user),
            of(|run| run.system),
            of(|run| run.cpu()),
            median(pairs().map(|(run, floor)| run.cpu() / floor.cpu())),
            median(pairs().map(|(run, floor)| run.user - floor.user)),
        );
    }
    Ok(text)
}

/// Of one or more; of an even number the mean of the two in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(&high) if values.len() % 2 == 1 => high,
        Some(&high) => f64::midpoint(values[middle - 1], high),
        None => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_the_sorted_values() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median([].into_iter()).is_nan());
    }

    #[test]
    fn a_line_is_read_back_and_anything_else_refused() {
        let run = Run {
            rate: 50_000.0,
            user: 1.5,
            system: 18.25,
        };
        assert_eq!(
            parse("floor 10 50000.0 1.5 18.25"),
            Some(("floor", 10, run))
        );
        assert_eq!(parse("floor 10 50000.0 1.5"), None);
        assert_eq!(parse("floor ten 50000.0 1.5 18.25"), None);
    }

    #[test]
    fn ratios_are_those_of_the_rounds() {
        let run = |rate| Run {
            rate,
            user: 1.0,
            system: rate / 10.0 - 1.0,
        };
        // The machine was twice as fast in the last two rounds.
        let floors = vec![run(100.0), run(200.0), run(200.0)];
        let others = vec![run(50.0), run(100.0), run(100.0)];
        let kinds = [("floor".into(), floors), ("closer".into(), others)];
        let text = table(10, &kinds.into()).expect("as many of both");
        let row: Vec<_> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(
            row,
            [
                "closer", "100", "0.500", "1.00", "9.00", "10.00", "0.500", "0.00"
            ]
        );
        let alone = [("closer".to_string(), vec![run(1.0)])];
        assert!(table(10, &alone.into()).is_err());
    }
}
