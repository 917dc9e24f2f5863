//! `finwait load`: many connections, one verdict each.

mod follow;
mod preflight;
mod prepare;
mod sinks;
mod size;
mod view;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use finwait::Limits;
use finwait_load::{
    CloseMix, Config, Control, Drip, Environment, Expect, Generator, Mode, Outcome, RunResult,
    Segment, Threshold,
};
use finwait_peer::Behaviour;
use finwait_platform as platform;

pub(crate) use sinks::Files;

use crate::args::{Endpoint, Family, StartAt};
use crate::exit::{Exit, Failure};
use crate::output::units::grouped;
use crate::output::{self, Table};
use crate::serve::cpus;
use crate::{interrupt, judge, note};
use follow::{Follow, Followed, Relay};
use prepare::Prepared;
use sinks::Sinks;
use view::View;

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
    pub(crate) ramp: Duration,
    pub(crate) hold: Duration,
    pub(crate) threads: Option<usize>,
    pub(crate) request: Request,
    pub(crate) requests: u32,
    pub(crate) expect: Expect,
    pub(crate) drip: Option<Drip>,
    pub(crate) read_rate: Option<u64>,
    pub(crate) close: CloseMix,
    pub(crate) close_rate: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) segment: Segment,
    pub(crate) start_at: Option<StartAt>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) stop_within: Duration,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) force: bool,
    pub(crate) files: Files,
    pub(crate) fail_if: Vec<Threshold>,
    pub(crate) abort_if: Vec<Threshold>,
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
    /// An HTTP request; its Host is known when the target is.
    Http {
        method: &'static str,
        path: String,
    },
}

pub(crate) fn run(job: &Job) -> anyhow::Result<Exit> {
    // Before anything is looked up or overwritten.
    wait_until_start(job)?;
    let mut prepared = prepare::prepare(job)?;
    let mut sinks = Sinks::create(&job.files, job.seed)?;
    let control = Arc::new(Control::new());
    let interrupted = Arc::clone(&control);
    interrupt::on_first(move || interrupted.stop())?;
    for line in &prepared.notes {
        note::say(line);
    }
    wait_for_start(job, &control)?;
    let began = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    sinks.begin();
    let (outcome, followed) = followed_run(job, &prepared, &control, sinks);
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
    finish(job, &prepared, began, &outcome, &followed)
}

/// Waits for the common start, or for somebody who does not want to wait any more.
fn wait_for_start(job: &Job, control: &Control) -> Result<(), Failure> {
    let wait = wait_until_start(job)?;
    if wait > Duration::from_secs(1) && !job.quiet {
        note::say(format_args!("begins in {:.0} s", wait.as_secs_f64()));
    }
    let end = Instant::now() + wait;
    while !control.is_stopped() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        thread::park_timeout(left.min(Duration::from_millis(50)));
    }
    Ok(())
}

/// How long it is until the common start; refused if that is over.
fn wait_until_start(job: &Job) -> Result<Duration, Failure> {
    let wait = job.start_at.map(|start| start.wait(SystemTime::now()));
    let wait = wait.transpose();
    let wait = wait.map_err(|why| Failure::usage(format!("--start-at: {why}")))?;
    Ok(wait.unwrap_or_default())
}

/// Runs the plan, and follows it on a thread of its own.
fn followed_run(
    job: &Job,
    prepared: &Prepared,
    control: &Control,
    sinks: Sinks,
) -> (io::Result<Outcome>, Followed) {
    let view = (!job.quiet).then(View::new);
    let seconds = view.is_some() || job.files.hdr.is_some() || !job.abort_if.is_empty();
    let (relay, messages) = Relay::new(job.files.log.is_some(), seconds);
    let follow = Follow {
        control,
        began: Instant::now(),
        workers: prepared.plan.workers(),
        sinks,
        view,
        abort_if: &job.abort_if,
    };
    thread::scope(|scope| {
        let following = scope.spawn(move || follow::follow(follow, &messages));
        let outcome = finwait_load::run_observed(&prepared.plan, control, &relay);
        drop(relay);
        let followed = following
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (outcome, followed)
    })
}

/// Prints the results, and says what they are worth.
fn finish(
    job: &Job,
    prepared: &Prepared,
    began: Duration,
    outcome: &Outcome,
    followed: &Followed,
) -> anyhow::Result<Exit> {
    let result = result_of(job, prepared, began, outcome, followed);
    let tested = result.tally.tested_anything();
    if job.json {
        output::show(&result.to_json())?;
    } else if tested {
        output::show(&Table::new(&result).to_text())?;
    }
    if followed.nobody_accepts && tested {
        note::say("stopped before its time: no connection was established in the first second");
    }
    for lost in &followed.lost {
        note::say(lost);
    }
    if !tested && result.generator.reasons.is_empty() {
        note::say(nothing_tested(job, prepared, &result));
    }
    judge::say_limits(&result);
    if let Some(searched) = preflight::ports_were_searched(&prepared.plan, &result) {
        note::say(searched);
    }
    if let (Some(choice), true) = (&prepared.choice, tested) {
        note::say(choice);
    }
    if let Some(aborted) = &followed.aborted {
        note::say(format_args!("--abort-if {aborted}"));
    }
    let failed = if job.segment == Segment::WHOLE {
        judge::thresholds(&job.fail_if, &result)
    } else {
        if !job.fail_if.is_empty() {
            note::say("--fail-if is judged by 'finwait merge', on the results of all parts");
        }
        false
    };
    Ok(match () {
        () if result.interrupted => Exit::Interrupted,
        () if !followed.lost.is_empty() => Exit::ResultsLost,
        () if !result.generator.reasons.is_empty() => Exit::GeneratorLimited,
        () if !tested => Exit::NothingTested,
        () if failed || followed.aborted.is_some() => Exit::ThresholdFailed,
        () => Exit::Ok,
    })
}

fn result_of(
    job: &Job,
    prepared: &Prepared,
    began: Duration,
    outcome: &Outcome,
    followed: &Followed,
) -> RunResult {
    let fail_if = job.fail_if.iter().map(Threshold::to_string).collect();
    let config = Config::new(&prepared.plan, prepared.name.clone(), fail_if);
    let generator = Generator {
        began_first: began,
        began_last: began,
        nofile: prepared.nofile,
        embedded_server: prepared.embedded,
        ..Generator::default()
    };
    let environment = Environment {
        os: [std::env::consts::OS.to_owned()].into(),
        kernel: kernel().into_iter().collect(),
        cpus: cpus() as u64,
        finwait: [env!("CARGO_PKG_VERSION").to_owned()].into(),
    };
    let mut result = RunResult::new(&prepared.plan, config, outcome, generator, environment);
    // Stopped by ourselves is not interrupted.
    result.interrupted &= !followed.nobody_accepts && followed.aborted.is_none();
    result
}

fn nothing_tested(job: &Job, prepared: &Prepared, result: &RunResult) -> String {
    let tally = &result.tally;
    if tally.started == 0 && result.interrupted {
        return "nothing was tested: interrupted before the first connection".to_owned();
    }
    let worst = tally.errors.iter().max_by_key(|(_, count)| **count);
    let (why, code) = match worst {
        Some((error, _)) => (error.describe(), Some(error.code)),
        None => ("no connection was started".to_owned(), None),
    };
    let kind = code.map(|code| match code {
        Some(code) => io::Error::from_raw_os_error(code).kind(),
        // Our own clock has no number of the OS.
        None => io::ErrorKind::TimedOut,
    });
    let mend = match kind {
        Some(io::ErrorKind::ConnectionRefused) => "; start the server, or check the port",
        Some(io::ErrorKind::InvalidInput) if !job.sources.is_empty() => {
            "; --source-ip may have no route to it"
        }
        Some(io::ErrorKind::TimedOut) => "; is it reachable? see --connect-timeout",
        _ => "",
    };
    let choice = prepared.choice.as_ref();
    let choice = choice.map_or(String::new(), |choice| format!("; {choice}"));
    format!(
        "{}: nothing was tested: of {} connections none was established: {why}{mend}{choice}",
        prepared.name,
        grouped(tally.started)
    )
}

/// The kernel's release; under Wine, which says that of some Windows, whose it is.
fn kernel() -> Option<String> {
    let release = platform::kernel_release()?;
    Some(match platform::wine_version() {
        Some(wine) => format!("{release}, Wine {wine}"),
        None => release,
    })
}
