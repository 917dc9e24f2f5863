//! Programs for Windows on Linux: run under Wine, and the C samples of tools/winsock built with mingw.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::{Ran, Session, finwait, skipped};

pub(crate) const GCC: &str = "x86_64-w64-mingw32-gcc";
/// Debian's package puts it on nobody's path.
const WINE: &str = "/usr/lib/wine/wine64";

/// Wine with a prefix of its own, and the samples.
#[derive(Debug)]
pub(crate) struct Wine {
    prefix: PathBuf,
    pub(crate) client: PathBuf,
    pub(crate) server: PathBuf,
    /// A program that runs as long as the test does. Without one Wine starts its services again for
    /// each test, which takes seconds, and they hold the stderr of the program they were started for.
    keeper: Mutex<Option<(Session, TcpStream)>>,
}

/// What is needed for a program for Windows; `None` if it is not there, and that was said.
#[track_caller]
pub(crate) fn wine() -> Option<&'static Wine> {
    static WINE_IS: OnceLock<Wine> = OnceLock::new();
    if !Path::new(WINE).exists() {
        skipped("wine64");
        return None;
    }
    if Command::new(GCC)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        skipped("mingw");
        return None;
    }
    Some(WINE_IS.get_or_init(Wine::start))
}

/// Where what the tests make is kept: below the target folder, so that a prefix is made once.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("winsock")
}

impl Wine {
    fn start() -> Self {
        let folder = folder();
        let prefix = std::env::var_os("WINEPREFIX").map_or(folder.join("prefix"), PathBuf::from);
        // The prefix may be another's, and lie elsewhere.
        for folder in [&folder, &prefix] {
            fs::create_dir_all(folder).expect("a folder");
        }
        let [client, server] = ["client", "server"].map(|name| build(name, &folder));
        let keeper = Mutex::new(None);
        let wine = Self {
            prefix,
            client,
            server,
            keeper,
        };
        // It serves until its client's FIN, which comes when this process ends, in whatever way.
        let (session, addr) = wine.serve(&[]);
        let client = TcpStream::connect(&addr).expect("it accepts");
        *wine.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some((session, client));
        wine
    }

    /// `program ARGS` under Wine.
    pub(crate) fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(WINE);
        command.arg(program).args(args);
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            // What a new prefix would ask for, in a window.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("FINWAIT_LOG")
            .env_remove("NO_COLOR");
    }

    /// A shell in which `finwait` is this system's, and `wine64` is Wine.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_finwait")).parent();
        let wine = Path::new(WINE).parent();
        let path = std::env::var("PATH").unwrap_or_default();
        let [bin, wine] = [bin, wine].map(|folder| folder.expect("a folder").display());
        let mut command = Command::new("sh");
        command
            .args(["-euc", line])
            .env("PATH", format!("{bin}:{wine}:{path}"));
        self.environment(&mut command);
        command
    }

    /// Runs it with an empty stdin, to its end.
    #[track_caller]
    pub(crate) fn run(&self, program: &Path, args: &[&str]) -> Ran {
        ran(|| Session::start(self.command(program, args).stdin(Stdio::null())).finish())
    }

    /// Runs it with these bytes as its stdin, to its end.
    #[track_caller]
    pub(crate) fn run_with(&self, program: &Path, args: &[&str], stdin: &[u8]) -> Ran {
        ran(|| Session::start(self.command(program, args).stdin(file_of(stdin))).finish())
    }

    /// The C client with these bytes as its text.
    #[track_caller]
    pub(crate) fn send(&self, addr: &str, bytes: &[u8]) -> Ran {
        let (name, port) = addr.rsplit_once(':').expect("an address with a port");
        self.run_with(&self.client, &[name, port, "-"], bytes)
    }

    /// The C server on a free port, and where it listens.
    #[track_caller]
    pub(crate) fn serve(&self, args: &[&str]) -> (Session, String) {
        let args = [&["0", "127.0.0.1"], args].concat();
        listening(self.command(&self.server, &args).stdin(Stdio::null()))
    }
}

/// What a program did that ran. These programs say what failed; now and then Wine 8 ends one with code
/// 1, or by SIGKILL, before it has said or done anything, mostly beside other prefixes that start.
fn ran(start: impl Fn() -> Ran) -> Ran {
    let start = || without_wines_own(start());
    for _ in 0..2 {
        let ran = start();
        if !matches!(ran.code, None | Some(1)) || !ran.stdout.is_empty() || !ran.stderr.is_empty() {
            return ran;
        }
        println!("Wine ended a program without a word: once more");
    }
    start()
}

/// Without what Wine 8 says, once in hundreds of runs, of a thread that the program's exit has overtaken.
fn without_wines_own(mut ran: Ran) -> Ran {
    let own = |line: &&str| line.starts_with("wine client error:");
    if ran.stderr.lines().any(|line| own(&line)) {
        println!("Wine's own: {:?}", ran.stderr);
        let lines = ran.stderr.split_inclusive('\n');
        ran.stderr = lines.filter(|line| !own(line)).collect();
    }
    ran
}

/// A server that says where it listens.
#[track_caller]
pub(crate) fn listening(command: &mut Command) -> (Session, String) {
    let mut session = Session::start(command);
    let line = session.until_line("listening on ");
    let addr = line
        .strip_prefix("listening on ")
        .expect("nothing before it");
    (session, addr.to_owned())
}

/// `finwait serve` of this system.
#[track_caller]
pub(crate) fn reference_server(behaviour: &str) -> (Session, String) {
    let args = ["serve", "127.0.0.1:0", "--behave", behaviour];
    listening(finwait(&args).stdin(Stdio::null()))
}

/// Stops `finwait serve`, whose connections have all ended in order.
#[track_caller]
pub(crate) fn stopped(server: Session, connections: u64) {
    server.signal("TERM");
    all_in_order(&server.finish().expect(0), connections);
}

/// What `finwait serve` has said at its end: so many connections, none with a bad ending.
#[track_caller]
pub(crate) fn all_in_order(ran: &Ran, connections: u64) {
    let plural = if connections == 1 { "" } else { "s" };
    let counted = format!("{connections} connection{plural} accepted, {connections} finished, ");
    assert!(ran.stderr.contains(&counted), "{ran:?}");
    let said = ran.errors();
    let endings = said
        .iter()
        .find_map(|line| line.strip_prefix("finwait: endings: "))
        .unwrap_or_default();
    // The server does not wait for the acknowledgement of its FIN, which on a busy machine may be late,
    // and which not every system tells.
    let in_order: u64 = endings
        .split(" · ")
        .filter_map(|ending| ending.rsplit_once(' '))
        .filter(|(ending, _)| {
            ["graceful", "peer FIN, acknowledgement of ours not seen"].contains(ending)
        })
        .map(|(_, count)| count.parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(in_order, connections, "{ran:?}");
}

/// A stdin that can be as large as it wants.
fn file_of(bytes: &[u8]) -> Stdio {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room");
    file.rewind().expect("a file");
    file.into()
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// With the command of docs/winsock.md: what the page says is what is tested.
fn build(name: &str, folder: &Path) -> PathBuf {
    let output = format!("target/winsock-{name}.exe");
    let page = fs::read_to_string(root().join("docs/winsock.md")).expect("the page");
    let line = page
        .lines()
        .find(|line| line.starts_with(GCC) && line.contains(&output))
        .unwrap_or_else(|| panic!("no command makes {output}"));
    let program = folder.join(format!("{name}.exe"));
    // Another process may do the same, or run the program: it appears at once, and whole.
    let unfinished = folder.join(format!("{name}-{}.exe", process::id()));
    let words = line.split(' ').skip(1).map(|word| match word {
        word if word == output => unfinished.clone(),
        word => PathBuf::from(word),
    });
    let built = Command::new(GCC)
        .args(words)
        .arg("-Werror")
        .current_dir(root())
        .output()
        .expect("it runs");
    assert!(
        built.status.success() && built.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    fs::rename(&unfinished, &program).expect("the same folder");
    program
}

/// Bytes of every value, that end in a line break.
pub(crate) fn sample(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..length).map(|at| (at * 7 + at / 251) as u8).collect();
    bytes.push(b'\n');
    bytes
}
