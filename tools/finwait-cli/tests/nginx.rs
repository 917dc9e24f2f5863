//! A real server: nginx, with a configuration and a port of its own.
#![cfg(unix)]

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::run;

/// nginx in the foreground. Stopped when dropped.
struct Nginx {
    process: Child,
    addr: SocketAddr,
    home: tempfile::TempDir,
}

impl Nginx {
    fn start(program: &str) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        // On an address where nobody else looks for a free port.
        let ip = if cfg!(target_os = "linux") {
            "127.44.0.2:0"
        } else {
            "127.0.0.1:0"
        };
        let addr = TcpListener::bind(ip)
            .and_then(|free| free.local_addr())
            .expect("a free port");
        let file = home.path().join("nginx.conf");
        fs::write(&file, configuration(home.path(), addr)).expect("room");
        fs::write(
            home.path().join("index.html"),
            "nginx says hello\n".repeat(100),
        )
        .expect("room");
        let errors = fs::File::create(home.path().join("stderr")).expect("room");
        let process = Command::new(program)
            .args([
                "-p".as_ref(),
                home.path().as_os_str(),
                "-c".as_ref(),
                file.as_os_str(),
            ])
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .expect("nginx starts");
        let mut nginx = Self {
            process,
            addr,
            home,
        };
        common::until(|| {
            let ended = nginx.process.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "{ended:?}: {}", nginx.file("stderr"));
            TcpStream::connect(nginx.addr).is_ok()
        });
        nginx
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM, not KILL: a master that is killed leaves its worker behind.
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.process.wait();
    }
}

/// A worker, one log line for each request, and no path that needs privilege.
fn configuration(home: &Path, addr: SocketAddr) -> String {
    let home = home.display();
    format!(
        "daemon off;
        pid {home}/nginx.pid;
        error_log {home}/error.log;
        worker_processes 1;
        worker_rlimit_nofile 8192;
        events {{ worker_connections 4096; }}
        http {{
            access_log {home}/access.log;
            client_body_temp_path {home}/body;
            proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            server {{ listen {addr} backlog=4096; root {home}; }}
        }}
        "
    )
}

/// Where it is installed, if it is. `/usr/sbin` is not on every user's path.
fn nginx() -> Option<&'static str> {
    let runs = |program: &&str| {
        let version = Command::new(program)
            .arg("-v")
            .stderr(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    };
    ["nginx", "/usr/sbin/nginx"].into_iter().find(runs)
}

/// nginx closes first, so that its ends wait in TIME-WAIT, of which the kernel keeps only so many
/// (`tcp_max_tw_buckets`): beyond that an end is forgotten at once, and our FIN is answered by an
/// RST. A large run a minute ago may have filled it; `finwait` would then report resets, rightly.
fn wait_for_room_in_time_wait(connections: u64) {
    let Some(cap) = finwait_platform::time_wait_cap() else {
        return;
    };
    let room = || {
        let sockets = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
        let waiting = sockets
            .split_whitespace()
            .skip_while(|&word| word != "tw")
            .nth(1);
        let waiting: u64 = waiting.and_then(|n| n.parse().ok()).unwrap_or(0);
        waiting + connections < cap
    };
    // TIME-WAIT lasts a minute.
    let give_up = Instant::now() + Duration::from_secs(90);
    while !room() {
        assert!(Instant::now() < give_up, "TIME-WAIT stays full");
        thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn a_thousand_connections_are_answered_and_closed_gracefully_as_nginx_itself_has_logged() {
    let Some(program) = nginx() else {
        return common::skipped("nginx");
    };
    wait_for_room_in_time_wait(4_000);
    let server = Nginx::start(program);
    for (wave, mode) in [&["--storm"][..], &[]].into_iter().enumerate() {
        let target = format!("http://{}/", server.addr);
        let args = [
            &["load", &target, "-n", "1000", "-c", "1000", "--json"],
            mode,
        ]
        .concat();
        let json = run(&args).expect(0).json();
        assert_eq!(
            json["verdicts"],
            serde_json::json!({ "graceful": 1000 }),
            "{json:#}"
        );
        assert_eq!(
            json["endings"],
            serde_json::json!({ "fin-clean": 1000 }),
            "{json:#}"
        );
        assert_eq!(json["connections"]["open"], 0);
        // nginx writes the line after its last byte, which may be after we have gone.
        let lines = 1_000 * (wave + 1);
        common::until(|| server.file("access.log").lines().count() >= lines);
        let log = server.file("access.log");
        assert_eq!(log.lines().count(), lines);
        assert!(
            log.lines()
                .all(|line| line.contains("\"GET / HTTP/1.1\" 200 1700 ")),
            "{log}"
        );
    }
    assert_eq!(server.file("error.log"), "");
}
