//! A real server: nginx, with a configuration and a port of its own.
#![cfg(unix)]

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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

/// Waits until the kernel has room for so many more connections in TIME-WAIT.
///
/// nginx closes first and leaves its sockets to the kernel in FIN-WAIT-2. Where the table is full,
/// as after some minutes of other tests, the kernel forgets them and answers our FIN with an RST:
/// `fin-then-rst`, truly, and no doing of nginx. Asked of /proc, and not of finwait-platform, whose
/// fallback does not know.
#[cfg(target_os = "linux")]
fn wait_for_room_in_time_wait(connections: u64) {
    let number = |text: &str| text.trim().parse::<u64>().expect("a number");
    let cap = fs::read_to_string("/proc/sys/net/ipv4/tcp_max_tw_buckets").expect("its limit");
    let in_time_wait = || {
        let counts = fs::read_to_string("/proc/net/sockstat").expect("the counts");
        let tcp = counts
            .lines()
            .find(|line| line.starts_with("TCP:"))
            .expect("those of TCP");
        let mut words = tcp.split_whitespace().skip_while(|&word| word != "tw");
        number(words.nth(1).expect("a number after its name"))
    };
    common::until(|| in_time_wait() + connections < number(&cap));
}

#[cfg(not(target_os = "linux"))]
fn wait_for_room_in_time_wait(_connections: u64) {}

#[test]
fn a_thousand_connections_are_answered_and_closed_gracefully_as_nginx_itself_has_logged() {
    let Some(program) = nginx() else {
        return common::skipped("nginx");
    };
    let server = Nginx::start(program);
    for (wave, mode) in [&["--storm"][..], &[]].into_iter().enumerate() {
        // Both ends of a connection may be there; and other tests run at the same time.
        wait_for_room_in_time_wait(20_000);
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
