//! What `finwait load --help` says after the flags.

use finwait_load::Threshold;

// A paragraph is one line here: clap breaks it where the terminal ends.
macro_rules! verdicts {
    () => {
        concat!(
            "\
Every connection gets exactly one verdict: graceful is good, and so are closed, aborted and \
abandoned where --close asks for them. ",
            stop_keys!(),
            " stops starting connections, drains those that are open, and prints the results; a \
second one leaves at once."
        )
    };
}

pub(super) const SHORT: &str = concat!(verdicts!(), " More with --help.");

const LONG: &str = concat!(
    verdicts!(),
    "

A half-close comes right after the request. A server that takes the client's FIN for an abort may \
cut its response short then: nginx does when it has to wait. --close fin --expect http sends no FIN \
before the response is complete.

Metrics of --fail-if and --abort-if, with one of > >= < <= == !=:
"
);

const EXITS: &str = "
Exit codes: 0 the run is valid, whatever the verdicts are; 2 usage, or the preflight refused; 3 \
nothing was tested: unknown host, refused, no route; 4 the generator was the limit (ports, \
descriptors, CPU, too few connections), so the result is invalid; 74 results or logs could not be \
written; 99 a --fail-if or --abort-if was true, or had no value; 130 interrupted, with results. Of \
several the first of 130, 74, 4, 3, 99.

With --rate, what was due before -z is over still starts, late, within half of --stop-within. \
--json and the table are for whoever reads stdout: if nobody does, that is no error.

Examples:
  finwait load -z 2s
  finwait load --storm -n 2000 -c 2000
  finwait load 127.0.0.1:27015 -c 100 -n 1k --send text:hello --expect echo
  finwait load http://127.0.0.1:80/ -c 50 -n 2k --json
  finwait load --rate 500/s -z 2s --close \"mix=half:80,rst:20\" --fail-if \"bad.rate>0.1%\"";

pub(super) fn long() -> String {
    format!("{LONG}{}{EXITS}", Threshold::metrics_help())
}
