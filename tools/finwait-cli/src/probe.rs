//! `finwait probe`: how one server closes its connections, check by check.

mod card;
mod catalogue;
mod junit;
mod live;
mod markdown;
mod prepare;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use finwait_load::Expect;
use finwait_probe::battery::{BASELINE, Battery, Result as Checked, Settings, Unfit};
use finwait_probe::{Check, Observer, Service, Target};

use crate::args::{Endpoint, Family};
use crate::exit::{Exit, Failure};
use crate::{interrupt, note, output};
use junit::Junit;
use live::Live;
use report::Report;

/// What `probe` is to do.
#[derive(Debug)]
pub(crate) enum Job {
    List(Vec<&'static Check>),
    Explain(&'static Check),
    Run(Box<Run>),
}

/// Which checks are to be made of whom, and how they are to be shown.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None`: a server that is started in this process.
    pub(crate) target: Option<Remote>,
    pub(crate) family: Family,
    /// Never none.
    pub(crate) checks: Vec<&'static Check>,
    pub(crate) settings: Settings,
    pub(crate) strict: bool,
    pub(crate) format: Format,
    /// The server's process, to be looked at.
    pub(crate) pid: Option<u32>,
    pub(crate) junit: Option<String>,
    pub(crate) quiet: bool,
}

/// A server, and what it is asked for.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) endpoint: Endpoint,
    pub(crate) asked: Asked,
}

#[derive(Debug)]
pub(crate) enum Asked {
    Http(Paths),
    Tcp { send: Vec<u8>, expect: Expect },
}

/// The resources of an HTTP server.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) plain: String,
    pub(crate) big: Option<String>,
    pub(crate) late: Option<String>,
    pub(crate) post: Option<String>,
}

/// What stdout is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Card,
    Json,
    Markdown,
}

pub(crate) fn run(job: &Job) -> anyhow::Result<Exit> {
    match job {
        Job::List(checks) => output::show(&catalogue::list(checks)),
        Job::Explain(check) => output::show(&catalogue::explain(check, output::width())),
        Job::Run(run) => probe(run),
    }
}

fn probe(run: &Run) -> anyhow::Result<Exit> {
    // Before anything is asked of the server.
    let junit = run.junit.as_deref().map(Junit::create).transpose()?;
    let prepared = prepare::prepare(run)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    interrupt::on_first_say("stopping after this check", move || {
        stopped.store(true, Ordering::SeqCst);
    })?;
    for line in &prepared.notes {
        note::say(line);
    }
    let live = Live::new(run.quiet, run.checks.len());
    let battery = match Battery::new(&prepared.target, &run.settings) {
        Ok(battery) => battery,
        Err(unfit) => {
            live.end();
            return Err(nothing_tested(&prepared.target, &unfit, junit).into());
        }
    };
    let observer = observer(run, &prepared.target)?;
    let battery = match &observer {
        Some(observer) => battery.observed_by(observer),
        None => battery,
    };
    say_what_is_missing(run, &battery);
    let checked = checked(run, &battery, &stop, &live);
    live.end();
    let report = Report::new(run, &prepared.target, &battery, &checked, &stop);
    if let Some(server) = prepared.server {
        // Every connection of ours is over by now; what is not will not end by itself.
        server.stop(Duration::from_secs(1));
    }
    finish(run, &report, junit)
}

/// Who looks at the server's process, if that is wanted; an error if it cannot be looked at.
fn observer(run: &Run, target: &Target) -> Result<Option<Observer>, Failure> {
    let Some(pid) = run.pid else {
        return Ok(None);
    };
    let observer = Observer::new(pid, target.addr.port());
    let sight = observer
        .look()
        .map_err(|why| Failure::usage(format!("--pid {pid}: {why}")))?;
    if observer.listens() == Some(false) || !sight.states.contains_key("LISTEN") {
        let port = target.addr.port();
        return Err(Failure::usage(format!(
            "--pid {pid}: it does not listen on port {port}; give the process of this server"
        )));
    }
    if sight.open_files.is_none() {
        note::say(format_args!(
            "--pid {pid}: its open files cannot be counted; run as its user, or as root"
        ));
    }
    Ok(Some(observer))
}

/// Makes one check after the other, until there is none left or somebody does not want more.
fn checked(run: &Run, battery: &Battery<'_>, stop: &AtomicBool, live: &Live) -> Vec<Checked> {
    let mut checked = Vec::with_capacity(run.checks.len());
    for check in &run.checks {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        live.begins(check, checked.len());
        checked.push(battery.run(check));
    }
    checked
}

/// What was named for a check and is not fit for it: the check alone would only say that it needs
/// something.
fn say_what_is_missing(run: &Run, battery: &Battery<'_>) {
    let Some(Asked::Http(paths)) = run.target.as_ref().map(|remote| &remote.asked) else {
        return;
    };
    let plainly = battery.plainly();
    for (flag, given, found, what) in [
        (
            "--big-path",
            &paths.big,
            plainly.big_bytes.is_some(),
            "of 1 MiB or more",
        ),
        (
            "--slow-path",
            &paths.late,
            plainly.late_us.is_some(),
            "after 500 ms or more",
        ),
    ] {
        if let Some(path) = given
            && !found
        {
            note::say(format_args!(
                "{flag} {path}: brought no whole response {what}; what needs one is skipped"
            ));
        }
    }
}

fn finish(run: &Run, report: &Report, junit: Option<Junit>) -> anyhow::Result<Exit> {
    // Before stdout, so that a broken pipe there leaves the file whole.
    let lost = junit.and_then(|junit| junit.write(&report.target, report).err());
    output::show(&match run.format {
        Format::Card => card::text(report, output::width()),
        Format::Json => report.to_json(),
        Format::Markdown => markdown::text(report),
    })?;
    if let Some(lost) = &lost {
        note::say(lost);
    }
    // Of an unknown protocol nobody knows whether the server or the request is wrong.
    let plain = &report.plain;
    let unknown = report.protocol == "tcp" && plain.service != Service::Whole && !report.failed;
    if unknown {
        note::say(format_args!(
            "{}: the request is not answered as --expect has it ({}); see --send and --expect",
            report.target, plain.said
        ));
    }
    let verdicts = report.has_verdicts() && !unknown;
    if !verdicts && !unknown && !report.interrupted {
        note::say(format_args!(
            "{}: nothing was tested: no check came to a verdict; each line says why",
            report.target
        ));
    }
    Ok(match () {
        () if report.interrupted => Exit::Interrupted,
        () if lost.is_some() => Exit::ResultsLost,
        () if !verdicts => Exit::NothingTested,
        () if report.failed => Exit::Failed,
        () => Exit::Ok,
    })
}

fn nothing_tested(target: &Target, unfit: &Unfit, junit: Option<Junit>) -> Failure {
    let (why, mend) = match unfit {
        Unfit::Unreachable(why) => (
            why.clone(),
            "is the server running, and reachable? see --timeout",
        ),
        Unfit::NotHttp(began) => (
            format!("the answer is not HTTP, it begins with \"{began}\""),
            "give HOST:PORT without http://, with --send and --expect",
        ),
        Unfit::TooLarge => (
            format!(
                "five plain responses have more than the {} that they may have",
                output::units::bytes(BASELINE.bytes)
            ),
            "give a path with a smaller response",
        ),
        Unfit::Local(why) => (why.clone(), "this machine, not the server, is the reason"),
    };
    let message = format!("{target}: nothing was tested: {why}; {mend}");
    // A pipeline that reads the file only must see it too.
    if let Some(Err(lost)) = junit.map(|junit| junit.write_unfit(&target.name, &message)) {
        note::say(lost);
    }
    Failure::new(Exit::NothingTested, message)
}
