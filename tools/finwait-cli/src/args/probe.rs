//! `finwait probe`, as typed.

mod select;

use std::time::Duration;

use clap::Args;
use finwait_load::Expect;
use finwait_probe::battery::Settings;
use finwait_probe::{Patience, Severity};

use super::load::parse::{self, Payload, TypedTarget};
use super::send::family;
use super::units;
use crate::exit::Failure;
use crate::probe::{Asked, Format, Job, Paths, Remote, Run};

/// Check how a server closes its connections, one behaviour at a time
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ProbeArgs {
    /// http://HOST[:PORT][/PATH], or tcp://HOST:PORT or HOST:PORT for anything else; without it a
    /// server is started in this process
    #[arg(value_parser = target)]
    target: Option<TypedTarget>,

    /// Use TARGET's IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use TARGET's IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// The longest wait for what a server should do at once: accept, answer as before, send its FIN
    #[arg(short = 'w', long, value_name = "TIME", default_value = "2s", value_parser = units::time,
          allow_hyphen_values = true)]
    timeout: Duration,

    /// How long a connection may stay idle before it counts as one that is never closed
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = units::time,
          allow_hyphen_values = true)]
    max_idle: Duration,

    /// The server's process, if it runs on this machine: its open files and the states of its
    /// connections before and after each check, and what the kernel counted
    #[arg(long, requires = "target", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,

    #[command(flatten)]
    exchange: ExchangeArgs,

    #[command(flatten)]
    choice: ChoiceArgs,

    #[command(flatten)]
    results: ResultArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Requests")]
struct ExchangeArgs {
    /// Of HTTP: a path with a response of 1 MiB or more [default: the path of TARGET]
    #[arg(long, value_name = "PATH", value_parser = parse::http_path, requires = "target")]
    big_path: Option<String>,

    /// Of HTTP: a path whose response takes 500 ms or more
    #[arg(long, value_name = "PATH", value_parser = parse::http_path, requires = "target")]
    slow_path: Option<String>,

    /// Of HTTP: a path that takes a POST [default: the path of TARGET]
    #[arg(long, value_name = "PATH", value_parser = parse::http_path, requires = "target")]
    post_path: Option<String>,

    /// Of tcp: the request, as text:STRING, @FILE, or SIZE bytes of filler [default: 64]
    #[arg(long, value_name = "WHAT", value_parser = parse::payload, allow_hyphen_values = true,
          requires = "target")]
    send: Option<Payload>,

    /// Of tcp: what makes a response complete: until-fin, echo, or bytes=SIZE [default: until-fin]
    #[arg(long, value_name = "WHAT", value_parser = expect, requires = "target")]
    expect: Option<Expect>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
struct ChoiceArgs {
    /// Only these checks, by their ids; * stands for anything, ? for one character
    #[arg(long, value_name = "GLOB,..", value_delimiter = ',')]
    only: Vec<String>,

    /// Not these checks
    #[arg(long, value_name = "GLOB,..", value_delimiter = ',')]
    skip: Vec<String>,

    /// Only checks of this severity or above: info, low, medium, high, critical
    #[arg(long, value_name = "LEVEL", default_value = "info", hide_default_value = true,
          value_parser = severity)]
    severity: Severity,

    /// Also checks that take minutes
    #[arg(long)]
    slow: bool,

    /// Also checks that open many connections at once, or reset many
    #[arg(long)]
    storms: bool,

    /// A WARN of what the RFCs demand (MUST or SHOULD) is a failure too, and so is an ERROR
    #[arg(long)]
    strict: bool,

    /// List the checks and what they cost the server at most, and leave
    #[arg(long, conflicts_with_all = ["json", "markdown", "junit", "explain"])]
    list: bool,

    /// Tell all about one check, and leave
    #[arg(long, value_name = "ID", conflicts_with_all = ["json", "markdown", "junit"])]
    explain: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
struct ResultArgs {
    /// Print one JSON object on stdout, and nothing else there
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print Markdown, as for a comment on a pull request
    #[arg(long)]
    markdown: bool,

    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,

    /// Show no progress, and not what was chosen for you; warnings and errors are shown
    #[arg(short, long)]
    quiet: bool,
}

const AFTER_HELP: &str = "\
Each check does one thing that clients and networks do, and has a word: PASS, INFO (good to know),
WARN (not as it should be, nobody lost anything by it), FAIL (somebody loses something), SKIP (not
done), ERROR (not finished). Two verdicts go with it: what was served, and how it was closed.

No check asks more of the server than --list says. Ctrl-C ends the run after the check that is under
way, and prints what there is; a second one leaves at once.

Exit codes: 0 no check failed; 1 one failed; 2 usage; 3 nothing was tested: unknown host, refused, no
answer, not HTTP, or no check came to a verdict; 74 results could not be written; 130 interrupted,
with results. Of several the first of 130, 74, 3, 1.

Examples:
  finwait probe --only \"half-close/*\"
  finwait probe http://127.0.0.1:80/ --only \"half-close/*\" --markdown
  finwait probe 127.0.0.1:27015 --only half-close/1 --send text:hello --expect echo --json
  finwait probe --explain half-close/1
  finwait probe --list --severity high";

fn target(text: &str) -> Result<TypedTarget, String> {
    Ok(match parse::target(text)? {
        TypedTarget::Tcp(endpoint) => TypedTarget::Tcp(endpoint.with_one_port()?),
        TypedTarget::Http { host, path } => TypedTarget::Http {
            host: host.with_one_port()?,
            path,
        },
    })
}

fn expect(text: &str) -> Result<Expect, String> {
    match parse::expect(text) {
        Ok(expect) if expect != Expect::Http => Ok(expect),
        Ok(_) => Err("is for an http:// TARGET, which has it anyway".to_owned()),
        Err(why) if why.contains("http") => {
            Err("is none of until-fin, echo, bytes=SIZE".to_owned())
        }
        Err(why) => Err(why),
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    let all = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let mut all = all.into_iter();
    all.find(|severity| severity.to_string() == text)
        .ok_or_else(|| "is none of info, low, medium, high, critical".to_owned())
}

impl ProbeArgs {
    pub(super) fn meaning(self) -> Result<Job, Failure> {
        let choice = &self.choice;
        if let Some(id) = &choice.explain {
            return select::named(id).map(Job::Explain);
        }
        let checks = select::selected(&choice.only, &choice.skip, choice.severity)?;
        if choice.list {
            return Ok(Job::List(checks));
        }
        let format = match &self.results {
            results if results.json => Format::Json,
            results if results.markdown => Format::Markdown,
            _ => Format::Card,
        };
        let settings = Settings {
            patience: Patience {
                wait: self.timeout,
                max_idle: self.max_idle,
            },
            slow: choice.slow,
            storms: choice.storms,
        };
        let strict = choice.strict;
        let family = family(self.ipv4, self.ipv6);
        Ok(Job::Run(Box::new(Run {
            target: remote(self.target, self.exchange)?,
            family,
            checks,
            settings,
            strict,
            format,
            pid: self.pid,
            junit: self.results.junit,
            quiet: self.results.quiet,
        })))
    }
}

fn remote(target: Option<TypedTarget>, exchange: ExchangeArgs) -> Result<Option<Remote>, Failure> {
    let wrong = |flag, why| Err(Failure::usage(format!("{flag}: {why}")));
    let (endpoint, asked) = match target {
        None => return Ok(None),
        Some(TypedTarget::Http { host, path }) => {
            const WHY: &str =
                "an http:// TARGET is sent HTTP requests; give HOST:PORT to send bytes";
            if exchange.send.is_some() {
                return wrong("--send", WHY);
            }
            if exchange.expect.is_some() {
                return wrong("--expect", WHY);
            }
            let paths = Paths {
                plain: path,
                big: exchange.big_path,
                late: exchange.slow_path,
                post: exchange.post_path,
            };
            (host, Asked::Http(paths))
        }
        Some(TypedTarget::Tcp(endpoint)) => {
            let paths = [
                ("--big-path", exchange.big_path),
                ("--slow-path", exchange.slow_path),
                ("--post-path", exchange.post_path),
            ];
            if let Some((flag, _)) = paths.iter().find(|(_, path)| path.is_some()) {
                return wrong(*flag, "TARGET is not HTTP; begin it with http://");
            }
            let send = Payload::bytes(exchange.send.as_ref())?;
            let expect = exchange.expect.unwrap_or(Expect::UntilFin);
            (endpoint, Asked::Tcp { send, expect })
        }
    };
    Ok(Some(Remote { endpoint, asked }))
}
