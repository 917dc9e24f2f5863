//! Runs the command and talks with it, every wait bounded.
#![expect(dead_code, reason = "each test file uses its own part of this")]

pub(crate) mod parts;
pub(crate) mod results;
#[cfg(target_os = "linux")]
pub(crate) mod wine;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use finwait_peer::{Options, Running, Server};

/// The longest wait for anything. Far above what anything takes: a busy machine is not a failure.
/// The longest is that for connections in TIME-WAIT, which last for 60 s.
pub(crate) const BOUND: Duration = Duration::from_secs(90);

/// `finwait ARGS`, with the environment that tests need.
pub(crate) fn finwait(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_finwait"));
    command
        .args(args)
        .env_remove("FINWAIT_LOG")
        .env_remove("NO_COLOR");
    command
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("stdout is UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON object: {error}\n{self:?}"))
    }

    /// The lines of stderr that finwait said, without the notes and the progress of a run. A warning
    /// of a full TIME-WAIT table is of what ran before on this machine; that parts began apart, of how
    /// long a busy machine took to start a process.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.stderr
            .lines()
            .filter(|line| !line.contains("no TARGET") && !line.contains(" started/s, "))
            .filter(|line| !line.starts_with("finwait: TIME-WAIT: "))
            .filter(|line| !line.starts_with("finwait: the parts began up to "))
            .collect()
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// One line on stderr that says this.
    #[track_caller]
    pub(crate) fn complains(self, of: &str) -> Self {
        let lines = self.errors();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].starts_with("finwait: "), "{self:#?}");
        assert!(lines[0].contains(of), "no {of:?} in {self:#?}");
        self
    }
}

/// Runs it with an empty stdin, to its end.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    Session::start(finwait(args).stdin(Stdio::null())).finish()
}

/// Under Wine a process sometimes dies while Wine prepares it, before its first instruction: Windows'
/// ERROR_INTERNAL_ERROR, seen once in many thousand starts. Then it is started anew.
#[track_caller]
fn spawn(command: &mut Command) -> Child {
    const ERROR_INTERNAL_ERROR: i32 = 1359;
    let mut tries = 0;
    loop {
        tries += 1;
        match command.spawn() {
            Ok(child) => return child,
            Err(error)
                if cfg!(windows)
                    && error.raw_os_error() == Some(ERROR_INTERNAL_ERROR)
                    && tries < 5 =>
            {
                println!("{command:?}: {error}: once more");
            }
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}

/// A command that is running. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    output: Receiver<Output>,
    open: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[derive(Debug)]
enum Output {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    End,
}

impl Session {
    /// Starts it. stdin is a pipe unless the command says otherwise before.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::with_stdout(command, Stdio::piped())
    }

    #[track_caller]
    pub(crate) fn piped(args: &[&str]) -> Self {
        Self::start(finwait(args).stdin(Stdio::piped()))
    }

    #[track_caller]
    pub(crate) fn with_stdout(command: &mut Command, stdout: Stdio) -> Self {
        let mut child = spawn(command.stdout(stdout).stderr(Stdio::piped()));
        let (to, output) = mpsc::channel();
        let mut open = 0;
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, to.clone(), Output::Stdout);
            open += 1;
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, to, Output::Stderr);
            open += 1;
        }
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            output,
            open,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is a pipe");
        stdin.write_all(bytes).expect("stdin takes it");
        stdin.flush().expect("stdin takes it");
    }

    /// Waits until stdout has said all this, alone.
    #[track_caller]
    pub(crate) fn until_stdout(&mut self, wanted: &[u8]) {
        self.until(|session| session.stdout.len() >= wanted.len());
        assert_eq!(
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(wanted)
        );
    }

    /// Waits for a whole line on stdout, or on stderr, that contains `wanted`; returns it.
    #[track_caller]
    pub(crate) fn until_line(&mut self, wanted: &str) -> String {
        let find = |session: &Self| {
            let said =
                [&session.stdout, &session.stderr].map(|s| String::from_utf8_lossy(s).into_owned());
            let lines = said.iter().flat_map(|text| text.split_inclusive('\n'));
            let mut whole = lines.filter(|line| line.ends_with('\n') && line.contains(wanted));
            whole.next().map(|line| line.trim_end().to_owned())
        };
        self.until(|session| find(session).is_some());
        find(self).unwrap_or_else(|| panic!("ended without a line with {wanted:?}: {self:#?}"))
    }

    /// `kill -NAME`. Windows has nothing like it: its Ctrl-C takes a console that both programs share,
    /// which a test has not. tests/windows_command.rs says it from outside of Wine.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let killed = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(killed.expect("kill runs").success(), "kill -{name} {id}");
    }

    /// Ends it at once, without a word to it.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
    }

    /// Tells `finwait serve` to stop, and waits until it has done so in order. On Windows it is killed.
    #[track_caller]
    pub(crate) fn stop_server(self) {
        #[cfg(unix)]
        {
            self.signal("TERM");
            self.finish().expect(0);
        }
        #[cfg(windows)]
        {
            println!("skipped on Windows: the end of the server");
            drop(self);
        }
    }

    /// Closes stdin and waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        self.stdin = None;
        self.until(|_| false);
        let code = self.wait().code();
        let stderr = String::from_utf8_lossy(&self.stderr).into_owned();
        Ran {
            code,
            stdout: std::mem::take(&mut self.stdout),
            stderr,
        }
    }

    /// Takes what comes until `done`, or the end of both streams.
    #[track_caller]
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + BOUND;
        while self.open > 0 && !done(self) {
            match self
                .output
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Output::Stdout(bytes)) => self.stdout.extend(bytes),
                Ok(Output::Stderr(bytes)) => self.stderr.extend(bytes),
                Ok(Output::End) => self.open -= 1,
                Err(RecvTimeoutError::Disconnected) => self.open = 0,
                Err(RecvTimeoutError::Timeout) => panic!("nothing within {BOUND:?}: {self:#?}"),
            }
        }
    }

    /// Both streams are closed, so this takes no time; if it does, that is a failure.
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "closed its streams and did not end: {self:#?}"
            );
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(
    mut from: impl Read + Send + 'static,
    to: Sender<Output>,
    what: impl Fn(Vec<u8>) -> Output + Send + 'static,
) {
    thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if to.send(what(buffer[..length].to_vec())).is_err() {
                return;
            }
        }
        let _ = to.send(Output::End);
    });
}

/// The reference server in this process, on a free port.
#[track_caller]
pub(crate) fn peer(behaviour: &str) -> Running {
    let behaviour = behaviour.parse().expect("a behaviour");
    let options = Options {
        behaviour,
        ..Options::default()
    };
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options).expect("a free port");
    server.spawn().expect("a thread")
}

/// A server that accepts one connection and does with it as the script says.
pub(crate) fn scripted<T: Send + 'static>(
    script: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(BOUND)).expect("a bound");
        stream.set_write_timeout(Some(BOUND)).expect("a bound");
        script(stream)
    });
    (addr, server)
}

/// One read, again if it was interrupted.
pub(crate) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| stream.read(buffer))
}

/// Again, if it was interrupted: of a socket with a timeout Linux interrupts a call for good where another
/// thread's child ends, handler or not.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Waits until `done`.
#[track_caller]
pub(crate) fn until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !done() {
        assert!(Instant::now() < deadline, "not within {BOUND:?}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Where nobody listens: tests listen on 127.0.0.1 only.
pub(crate) const REFUSES: &str = "127.55.0.1:9";

/// A name that no resolver can know: a label has at most 63 letters.
pub(crate) fn unknown_host() -> String {
    format!("{}.invalid", "a".repeat(64))
}

/// Of a program or privilege that is not there: says so, and fails where all must be tested.
#[track_caller]
pub(crate) fn skipped(needs: &str) {
    let required = std::env::var("FINWAIT_REQUIRE").is_ok_and(|what| what == "all");
    assert!(!required, "needs {needs}, and FINWAIT_REQUIRE is all");
    println!("skipped: needs {needs}");
}
