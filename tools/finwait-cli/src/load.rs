//! `finwait load`: many connections, one verdict each.

mod preflight;
mod prepare;
mod size;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use finwait::Limits;
use finwait_load::{CloseMix, Control, Expect, Mode, Outcome};
use finwait_peer::Behaviour;

use crate::args::{Endpoint, Family};
use crate::exit::{Exit, Failure};
use crate::output::{self, Json, Table};
use crate::{interrupt, note, progress};
use prepare::Prepared;
use progress::Watched;

/// What `load` is to do.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) target: Target,
    pub(crate) family: Family,
    pub(crate) mode: Mode,
    /// How many at once; `None`: chosen by [`size`].
    pub(crate) connections: Option<usize>,
    pub(crate) total: Option<u64>,
    pub(crate) duration: Option<Duration>,
    pub(crate) threads: Option<usize>,
    pub(crate) request: Request,
    pub(crate) expect: Expect,
    pub(crate) close: CloseMix,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) stop_within: Duration,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// Whom to load.
#[derive(Debug)]
pub(crate) enum Target {
    /// A server that is started in this process.
    Embedded(Behaviour),
    Remote(Endpoint),
}

/// What each connection sends.
#[derive(Debug)]
pub(crate) enum Request {
    Bytes(Arc<[u8]>),
    /// An HTTP GET; its Host is known when the target is.
    Get {
        path: String,
    },
}

/// A run and its results, for those who print them.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    pub(crate) job: &'a Job,
    pub(crate) prepared: &'a Prepared,
    pub(crate) outcome: &'a Outcome,
}

pub(crate) fn run(job: &Job) -> anyhow::Result<Exit> {
    let mut prepared = prepare::prepare(job)?;
    let control = Arc::new(Control::new());
    let interrupted = Arc::clone(&control);
    interrupt::on_first(move || interrupted.stop())?;
    for line in &prepared.notes {
        note::say(line);
    }
    let (outcome, watched) = watched_run(job, &prepared, &control);
    let outcome = outcome.context("the generator failed")?;
    if let Some(server) = prepared.server.take() {
        // Every connection of ours is over by now; what is not will not end by itself.
        server.stop(Duration::from_secs(1));
    }
    let tally = &outcome.tally;
    if !tally.adds_up() {
        let (finished, open, started) = (tally.finished(), tally.open, tally.started);
        let message = format!(
            "internal error: {finished} finished and {open} open connections are not the {started} started"
        );
        return Err(Failure::new(Exit::Internal, message).into());
    }
    if watched == Watched::NobodyAccepts && tally.tested_anything() {
        note::say("stopped before its time: no connection was established in the first second");
    }
    let interrupted = outcome.stopped && watched == Watched::Accepted;
    let results = Results {
        job,
        prepared: &prepared,
        outcome: &outcome,
    };
    finish(&results, interrupted)
}

/// Runs the plan, with the progress beside it.
fn watched_run(
    job: &Job,
    prepared: &Prepared,
    control: &Control,
) -> (io::Result<Outcome>, Watched) {
    let (done, is_done) = mpsc::channel();
    let show = !job.quiet && progress::is_wanted();
    thread::scope(|scope| {
        let watching = scope.spawn(move || progress::watch(control, show, &is_done));
        let outcome = finwait_load::run(&prepared.plan, control);
        drop(done);
        // A progress that fails says nothing about the run.
        (outcome, watching.join().unwrap_or(Watched::Accepted))
    })
}

/// Prints the results, and says what they are worth.
fn finish(results: &Results<'_>, interrupted: bool) -> anyhow::Result<Exit> {
    let Results { job, outcome, .. } = results;
    let exit = match outcome {
        _ if interrupted => Exit::Interrupted,
        _ if !outcome.limited.is_empty() => Exit::GeneratorLimited,
        _ if !outcome.tally.tested_anything() => Exit::NothingTested,
        _ => Exit::Ok,
    };
    if job.json {
        output::show(&Json::new(results).to_text()?)?;
    } else if exit != Exit::NothingTested {
        output::show(&Table::new(results).to_text())?;
    }
    match exit {
        Exit::NothingTested => note::say(nothing_tested(results)),
        Exit::GeneratorLimited => {
            for reason in &outcome.limited {
                note::say(format_args!(
                    "the generator was the limit, so the result is invalid: {reason}"
                ));
            }
        }
        _ => {}
    }
    if let (Some(choice), false) = (&results.prepared.choice, exit == Exit::NothingTested) {
        note::say(choice);
    }
    Ok(exit)
}

fn nothing_tested(results: &Results<'_>) -> String {
    let tally = &results.outcome.tally;
    let worst = tally.errors.iter().max_by_key(|(_, count)| **count);
    let (why, kind) = match worst {
        Some((key, _)) => {
            let error = key.code.map(io::Error::from_raw_os_error);
            (key.describe(), error.map(|error| error.kind()))
        }
        None => ("no connection was started".to_owned(), None),
    };
    let mend = match kind {
        Some(io::ErrorKind::ConnectionRefused) => "; start the server, or check the port",
        Some(io::ErrorKind::InvalidInput) if !results.job.sources.is_empty() => {
            "; --source-ip may have no route to it"
        }
        // Our own clock has no number of the OS.
        None | Some(io::ErrorKind::TimedOut) if tally.started > 0 => {
            "; is it reachable? see --connect-timeout"
        }
        _ => "",
    };
    let choice = results
        .prepared
        .choice
        .as_ref()
        .map_or(String::new(), |choice| format!("; {choice}"));
    format!(
        "{}: nothing was tested: of {} connections none was established: {why}{mend}{choice}",
        results.prepared.name, tally.started
    )
}
