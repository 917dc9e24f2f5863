//! The parts of one run: started together, their results and logs in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, Session, finwait, run};

/// What tells a process which part it is. This test itself may run under one of them.
pub(crate) const SCHEDULERS: [&str; 6] = [
    "SLURM_PROCID",
    "SLURM_NTASKS",
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "JOB_COMPLETION_INDEX",
    "PARALLEL_SEQ",
];

/// The parts of a run that were made, and where.
pub(crate) struct Parts {
    pub(crate) dir: TempDir,
    pub(crate) ran: Vec<Ran>,
}

/// `finwait load ARGS` in so many parts at the same time.
#[track_caller]
pub(crate) fn parts(args: &[&str], of: usize) -> Parts {
    let dir = TempDir::new().expect("a folder");
    let sessions: Vec<_> = (1..=of)
        .map(|part| {
            let mut command = finwait(&["load", "--json", "-q"]);
            command
                .args(args)
                .args(["--segment", &format!("{part}/{of}"), "--log"])
                .arg(dir.path().join(format!("log-{part}.jsonl")));
            Session::start(command.stdin(Stdio::null()))
        })
        .collect();
    let ran: Vec<_> = sessions.into_iter().map(Session::finish).collect();
    for (part, ran) in (1..).zip(&ran) {
        let name = dir.path().join(format!("part-{part}.json"));
        fs::write(name, &ran.stdout).expect("room");
    }
    Parts { dir, ran }
}

/// Two parts of a run that went well.
#[track_caller]
pub(crate) fn two_parts(more: &[&str]) -> Parts {
    let server = super::peer("echo");
    let addr = server.addr().to_string();
    parts(&[&[&addr, "-c", "4", "-n", "20"], more].concat(), 2).expect(0)
}

impl Parts {
    /// All with this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        for ran in &self.ran {
            assert_eq!(ran.code, Some(code), "{ran:#?}");
        }
        self
    }

    /// All done, if late: a busy machine may start connections later than they were due.
    #[track_caller]
    pub(crate) fn done_or_late(self) -> Self {
        for ran in &self.ran {
            assert!(matches!(ran.code, Some(0 | 4)), "{ran:#?}");
        }
        self
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        path.to_str().expect("a name in UTF-8").to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join(name), bytes).expect("room");
    }

    /// Writes a result again, changed.
    #[track_caller]
    pub(crate) fn change(&self, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
        let text = fs::read(self.dir.path().join(from)).expect("it was written");
        let mut value = serde_json::from_slice(&text).expect("a result");
        change(&mut value);
        self.write(to, value.to_string());
    }

    /// `finwait merge` of files in the folder; what begins with a hyphen is taken as it is.
    #[track_caller]
    pub(crate) fn merge(&self, args: &[&str]) -> Ran {
        let args: Vec<_> = args
            .iter()
            .map(|arg| match arg.split_once(".json") {
                Some(_) => self.path(arg),
                None => (*arg).to_owned(),
            })
            .collect();
        let args: Vec<_> = ["merge"]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .collect();
        run(&args)
    }

    /// `finwait merge` of all parts, as one object.
    #[track_caller]
    pub(crate) fn merged(&self) -> Value {
        let names: Vec<_> = (1..=self.ran.len())
            .map(|part| format!("part-{part}.json"))
            .collect();
        let args: Vec<_> = names.iter().map(String::as_str).chain(["--json"]).collect();
        let ran = self.merge(&args);
        assert!(matches!(ran.code, Some(0 | 4)), "{ran:#?}");
        ran.json()
    }

    /// The connections of all logs by their numbers, of which none is there twice.
    #[track_caller]
    pub(crate) fn log(&self) -> BTreeMap<u64, Value> {
        log(self.dir.path(), self.ran.len())
    }
}

/// The connections in `log-1.jsonl` and those after it, by their numbers.
#[track_caller]
pub(crate) fn log(dir: &Path, parts: usize) -> BTreeMap<u64, Value> {
    let mut lines = BTreeMap::new();
    for part in 1..=parts {
        let text = fs::read_to_string(dir.join(format!("log-{part}.jsonl"))).expect("a log");
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a JSON object");
            let id = line["id"].as_u64().expect("a number");
            let twice = lines.insert(id, line);
            assert!(twice.is_none(), "{id} is there twice");
        }
    }
    lines
}
