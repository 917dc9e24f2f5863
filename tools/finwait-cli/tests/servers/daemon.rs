//! A server in the foreground, with a directory and an address of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::kinds::{Kind, LARGE, Place, SMALL};
use crate::common::{BOUND, skipped, until};

/// A server that runs. Stopped when dropped.
pub(crate) struct Daemon {
    process: Child,
    kind: &'static Kind,
    pub(crate) addr: SocketAddr,
    home: tempfile::TempDir,
}

impl Daemon {
    /// Starts it and waits until it listens; without it says what is skipped.
    #[track_caller]
    pub(crate) fn start(kind: &'static Kind, upstream: SocketAddr) -> Option<Self> {
        let Some(program) = kind.program() else {
            skipped(kind.name);
            return None;
        };
        let home = tempfile::tempdir().expect("a directory");
        files(home.path());
        let place = Place {
            home: home.path(),
            addr: free(),
            upstream,
            root: fs::metadata(home.path()).expect("it is there").uid() == 0,
        };
        let create = |name| fs::File::create(home.path().join(name)).expect("room");
        let process = kind
            .command(&program, &place)
            .stdin(Stdio::null())
            .stdout(create("stdout"))
            .stderr(create("stderr"))
            .spawn()
            .expect("it starts");
        let addr = place.addr;
        let mut daemon = Self {
            process,
            kind,
            addr,
            home,
        };
        until(|| {
            let ended = daemon.process.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "{ended:?}: {}", daemon.errors());
            TcpStream::connect(addr).is_ok()
        });
        Some(daemon)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).unwrap_or_default()
    }

    /// Whatever it complained of.
    pub(crate) fn errors(&self) -> String {
        self.file("stderr") + &self.file("error.log")
    }

    /// The lines of its access log so far, wherever it goes.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = self.file("stdout") + &self.file("access.log");
        // HAProxy says there as well how it ends.
        let of_requests = log.lines().filter(|line| !line.starts_with("Proxy "));
        of_requests.map(str::to_owned).collect()
    }

    /// Lets it finish what is open and write all of its log; returns that.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.signal(self.kind.finish);
        until(|| matches!(self.process.try_wait(), Ok(Some(_))));
        self.log()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // TERM, not KILL: a parent that is killed leaves its workers behind.
        if let Ok(None) = self.process.try_wait() {
            self.signal("TERM");
        }
        let deadline = Instant::now() + BOUND;
        while let Ok(None) = self.process.try_wait() {
            if Instant::now() > deadline {
                let _ = self.process.kill();
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// What it serves. Root's servers read it as somebody else.
fn files(home: &Path) {
    let readable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home, readable).expect("it is ours");
    let files = home.join("files");
    fs::create_dir(&files).expect("room");
    let small = "x".repeat(usize::try_from(SMALL).expect("small"));
    fs::write(files.join("index.html"), &small).expect("room");
    fs::write(files.join("behind"), &small).expect("room");
    // A hole: it takes no room, and reads as zeros.
    let large = fs::File::create(files.join("large")).expect("room");
    large.set_len(LARGE).expect("room");
}

/// A free port, on an address where nobody else looks for one: servers cannot be told "any".
fn free() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let ip = if cfg!(target_os = "linux") {
        format!("127.44.0.{}:0", NEXT.fetch_add(1, Ordering::Relaxed))
    } else {
        "127.0.0.1:0".to_owned()
    };
    TcpListener::bind(ip)
        .and_then(|free| free.local_addr())
        .expect("a free port")
}
