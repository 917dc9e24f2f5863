//! `finwait merge`, as typed.

use clap::Args;
use finwait_load::Threshold;

use crate::merge::Job;

/// Put together the results of the parts of one run
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct MergeArgs {
    /// What 'finwait load --segment I/N --json' has written, one file for each part, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// Go on although parts are missing, or were interrupted
    #[arg(long)]
    allow_partial: bool,

    /// Print one JSON object on stdout, and nothing else there
    #[arg(long)]
    json: bool,

    /// Exit with 99 if this is true of the whole, beside what the parts were given; 'finwait load
    /// --help' names all metrics
    #[arg(long, value_name = "EXPR")]
    fail_if: Vec<Threshold>,
}

const AFTER_HELP: &str = "\
Counts and histograms are added exactly, in any order; percentiles are those of all connections, and
not averages of averages. Results that are not parts of one run are refused. The open connections at
most are the sum of the parts' own, a bound; the time of the run is that of its longest part.

Exit codes: 0 done; 2 usage, unreadable, incomplete, or not parts of one run; 3 nothing was tested; 4
the generator was the limit in some part; 74 the results could not be written; 99 a --fail-if was
true, or had no value.

Example:
  finwait merge part-1.json part-2.json --fail-if 'bad.rate>0.1%'";

impl MergeArgs {
    pub(super) fn meaning(self) -> Job {
        Job {
            files: self.files,
            partial: self.allow_partial,
            json: self.json,
            fail_if: self.fail_if,
        }
    }
}
