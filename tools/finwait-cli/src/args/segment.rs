//! Which part of a whole run this process makes, as typed or as a scheduler says.

use finwait_load::Segment;

/// `--segment`, before the environment was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentArg {
    /// `I/N`.
    Part(Segment),
    /// `auto` or `auto/N`: the scheduler that started this process says the rest.
    Auto { of: Option<u64> },
}

/// One that starts a command many times, and tells each which one it is.
#[derive(Debug)]
struct Scheduler {
    rank: &'static str,
    /// The number of the first.
    first: u64,
    /// How many there are, where it tells that too.
    size: Option<&'static str>,
}

const SCHEDULERS: [Scheduler; 4] = [
    // Slurm: srun.
    Scheduler {
        rank: "SLURM_PROCID",
        first: 0,
        size: Some("SLURM_NTASKS"),
    },
    // Open MPI: mpirun.
    Scheduler {
        rank: "OMPI_COMM_WORLD_RANK",
        first: 0,
        size: Some("OMPI_COMM_WORLD_SIZE"),
    },
    // Kubernetes: a Job whose completion mode is Indexed.
    Scheduler {
        rank: "JOB_COMPLETION_INDEX",
        first: 0,
        size: None,
    },
    // GNU parallel.
    Scheduler {
        rank: "PARALLEL_SEQ",
        first: 1,
        size: None,
    },
];

/// Numbers of connections are products of it. More processes than these nobody starts.
const MOST: u64 = 1_000_000;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl SegmentArg {
    /// `I/N` from 1, `auto` or `auto/N`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto { of: None });
        }
        let Some((part, of)) = text.split_once('/') else {
            return Err("is not I/N such as 1/4, auto, or auto/N".to_owned());
        };
        let of = number(of)
            .filter(|of| (1..=MOST).contains(of))
            .ok_or_else(|| {
                let of = of.escape_debug();
                format!("the number of parts '{of}' is not a whole number from 1 to {MOST}")
            })?;
        if part == "auto" {
            return Ok(Self::Auto { of: Some(of) });
        }
        match number(part) {
            Some(part) if (1..=of).contains(&part) => {
                let index = part - 1;
                Ok(Self::Part(Segment { index, of }))
            }
            _ => Err(format!(
                "the part '{}' is not one of 1 to {of}",
                part.escape_debug()
            )),
        }
    }

    /// The part; `environment` has the variables that schedulers set.
    pub(super) fn meaning(self, environment: Environment<'_>) -> Result<Segment, String> {
        let of = match self {
            Self::Part(segment) => return Ok(segment),
            Self::Auto { of } => of,
        };
        let scheduler = scheduler(environment)?;
        let of = parts(scheduler, of, environment)?;
        let rank = variable(scheduler.rank, environment)?;
        let index = rank.checked_sub(scheduler.first);
        match index.filter(|index| *index < of) {
            Some(index) => Ok(Segment { index, of }),
            None => Err(format!(
                "auto: {} is {rank}, and {of} parts are numbered {} to {}",
                scheduler.rank,
                scheduler.first,
                scheduler.first + of - 1
            )),
        }
    }
}

/// The one that started this process. One may run inside another, and then it is not known whose
/// numbers count.
fn scheduler(environment: Environment<'_>) -> Result<&'static Scheduler, String> {
    let found: Vec<_> = SCHEDULERS
        .iter()
        .filter(|scheduler| environment(scheduler.rank).is_some())
        .collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let names = SCHEDULERS.map(|scheduler| scheduler.rank).join(", ");
            Err(format!(
                "auto: no scheduler is known here: none of {names} is set"
            ))
        }
        many => {
            let names: Vec<_> = many.iter().map(|scheduler| scheduler.rank).collect();
            Err(format!(
                "auto: more than one scheduler is here: {} are set; give I/N",
                names.join(" and ")
            ))
        }
    }
}

/// How many parts there are: as typed, as the scheduler says, or as both agree.
fn parts(
    scheduler: &Scheduler,
    typed: Option<u64>,
    environment: Environment<'_>,
) -> Result<u64, String> {
    let told = match scheduler.size {
        Some(size) if typed.is_none() || environment(size).is_some() => {
            let told = variable(size, environment)?;
            if !(1..=MOST).contains(&told) {
                return Err(format!(
                    "auto: {size} is {told}, not a number from 1 to {MOST}"
                ));
            }
            Some((size, told))
        }
        _ => None,
    };
    match (typed, told) {
        (Some(of), Some((size, told))) if of != told => {
            Err(format!("auto/{of}: {size} is {told}, not {of}"))
        }
        (Some(of), _) | (None, Some((_, of))) => Ok(of),
        (None, None) => Err(format!(
            "auto: {} does not come with the number of parts; give auto/N",
            scheduler.rank
        )),
    }
}

fn variable(name: &str, environment: Environment<'_>) -> Result<u64, String> {
    let value = environment(name).ok_or_else(|| format!("auto: {name} is not set"))?;
    number(&value)
        .ok_or_else(|| format!("auto: {name} is '{}', not a number", value.escape_debug()))
}

/// Digits only: `parse` alone would take "+1".
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, variables: &[(&str, &str)]) -> Result<(u64, u64), String> {
        let environment = |name: &str| {
            let mut all = variables.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let segment = SegmentArg::parse(text)?.meaning(&environment)?;
        Ok((segment.index, segment.of))
    }

    #[test]
    fn a_typed_part_counts_from_1_and_asks_nobody() {
        assert_eq!(part("1/1", &[]), Ok((0, 1)));
        assert_eq!(part("1/4", &[("SLURM_PROCID", "x")]), Ok((0, 4)));
        assert_eq!(part("4/4", &[]), Ok((3, 4)));
        assert_eq!(part("1000000/1000000", &[]), Ok((999_999, 1_000_000)));
    }

    #[test]
    fn what_is_no_part_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "is not I/N"),
            ("2", "is not I/N"),
            ("Auto", "is not I/N"),
            ("0/4", "the part '0' is not one of 1 to 4"),
            ("5/4", "the part '5' is not one of 1 to 4"),
            ("-1/4", "the part '-1'"),
            ("+1/4", "the part '+1'"),
            ("1.5/4", "the part '1.5'"),
            ("/4", "the part ''"),
            ("99999999999999999999/4", "the part '99"),
            ("1/0", "the number of parts '0'"),
            ("1/", "the number of parts ''"),
            ("1/2/3", "the number of parts '2/3'"),
            ("1/1000001", "from 1 to 1000000"),
            ("auto/", "the number of parts ''"),
            ("auto/0", "the number of parts '0'"),
        ] {
            let why = part(text, &[]).unwrap_err();
            assert!(why.contains(reason), "{text:?}: {why}");
        }
    }

    #[test]
    fn schedulers_say_the_part_and_how_many_there_are() {
        let slurm = [("SLURM_PROCID", "2"), ("SLURM_NTASKS", "8")];
        assert_eq!(part("auto", &slurm), Ok((2, 8)));
        assert_eq!(part("auto/8", &slurm), Ok((2, 8)));
        assert_eq!(part("auto/8", &slurm[..1]), Ok((2, 8)));
        let mpi = [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "3")];
        assert_eq!(part("auto", &mpi), Ok((0, 3)));
        assert_eq!(part("auto/5", &[("JOB_COMPLETION_INDEX", "4")]), Ok((4, 5)));
        // The only one that counts from 1.
        assert_eq!(part("auto/5", &[("PARALLEL_SEQ", "1")]), Ok((0, 5)));
        assert_eq!(part("auto/5", &[("PARALLEL_SEQ", "5")]), Ok((4, 5)));
        // A size without a rank is no scheduler: a login shell of a Slurm job has one.
        let shell = [("SLURM_NTASKS", "8"), ("JOB_COMPLETION_INDEX", "1")];
        assert_eq!(part("auto/5", &shell), Ok((1, 5)));
    }

    #[test]
    fn what_a_scheduler_says_wrong_is_named_with_its_variable() {
        type Variables<'a> = &'a [(&'a str, &'a str)];
        let cases: [(&str, Variables<'_>, &str); 16] = [
            (
                "auto",
                &[],
                "none of SLURM_PROCID, OMPI_COMM_WORLD_RANK, JOB_COMPL",
            ),
            ("auto/4", &[], "PARALLEL_SEQ is set"),
            ("auto", &[("SLURM_PROCID", "1")], "SLURM_NTASKS is not set"),
            ("auto", &[("JOB_COMPLETION_INDEX", "1")], "give auto/N"),
            (
                "auto",
                &[("PARALLEL_SEQ", "1")],
                "PARALLEL_SEQ does not come with",
            ),
            (
                "auto/4",
                &[("SLURM_PROCID", "one")],
                "SLURM_PROCID is 'one', not a number",
            ),
            (
                "auto/4",
                &[("SLURM_PROCID", "")],
                "SLURM_PROCID is '', not a number",
            ),
            ("auto/4", &[("SLURM_PROCID", "-1")], "SLURM_PROCID is '-1'"),
            (
                "auto/4",
                &[("SLURM_PROCID", "4")],
                "is 4, and 4 parts are numbered 0 to 3",
            ),
            (
                "auto/4",
                &[("PARALLEL_SEQ", "5")],
                "is 5, and 4 parts are numbered 1 to 4",
            ),
            ("auto/4", &[("PARALLEL_SEQ", "0")], "PARALLEL_SEQ is 0"),
            (
                "auto/4",
                &[("SLURM_PROCID", "1"), ("SLURM_NTASKS", "8")],
                "auto/4: SLURM_NTASKS is 8, not 4",
            ),
            (
                "auto",
                &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "0")],
                "SLURM_NTASKS is 0",
            ),
            (
                "auto",
                &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "8(x2)")],
                "'8(x2)'",
            ),
            (
                "auto",
                &[
                    ("SLURM_PROCID", "0"),
                    ("SLURM_NTASKS", "8"),
                    ("OMPI_COMM_WORLD_RANK", "1"),
                ],
                "SLURM_PROCID and OMPI_COMM_WORLD_RANK are set",
            ),
            (
                "auto/4",
                &[("JOB_COMPLETION_INDEX", "0"), ("PARALLEL_SEQ", "1")],
                "JOB_COMPLETION_INDEX and PARALLEL_SEQ are set",
            ),
        ];
        for (text, variables, reason) in cases {
            let why = part(text, variables).unwrap_err();
            assert!(why.contains(reason), "{text} {variables:?}: {why}");
        }
    }
}
