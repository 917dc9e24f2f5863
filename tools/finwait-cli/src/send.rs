//! `finwait send`: stdin out, half-close, everything received to stdout.

mod connect;
mod finish;
mod link;
mod stdin;
mod story;
mod talk;

use std::time::Duration;

use crate::args::{Endpoint, Family};
use crate::exit::{Exit, Failure};
use crate::note;
use link::Link;
use talk::Talk;

/// What `send` is to do.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) target: Endpoint,
    pub(crate) family: Family,
    /// Whether the end of stdin is our FIN.
    pub(crate) half_close: bool,
    pub(crate) timeout: Duration,
    pub(crate) expect_bytes: Option<u64>,
    /// Whether to tell the story of the close.
    pub(crate) tell: bool,
}

pub(crate) fn run(job: &Job) -> anyhow::Result<Exit> {
    let addrs = job.target.resolve(job.family).map_err(|why| {
        let message = format!("{}: {why}", job.target);
        Failure::new(Exit::UnknownHost, message)
    })?;
    let mut link = Link::new(job.timeout)?;
    let stream = connect::first_that_accepts(job, &addrs, &mut link)?;
    let talk = Talk::new(job, stream, &mut link).run()?;
    let story = match talk {
        talk::End::Close(open) => finish::finish(open, &mut link)?,
        talk::End::Over(story) => story,
    };
    if job.tell {
        note::say(format_args!("{}: {story}", job.target));
    }
    let exit = story.exit(job.expect_bytes);
    // A reader of stdout that has seen enough needs no explanation.
    if exit != Exit::Ok && !story.is_quiet() {
        note::say(format_args!(
            "{}: {}",
            job.target,
            story.why(exit, job.expect_bytes)
        ));
    }
    Ok(exit)
}
