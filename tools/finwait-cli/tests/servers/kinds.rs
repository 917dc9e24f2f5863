//! The four servers: where they are installed, how they are started, and their configurations.
//!
//! Every configuration is whole, needs no privilege, serves `/` (600 bytes), and `/large` itself or
//! from the upstream, hands `/slow` to the upstream, and logs a line `GET / HTTP/1.1 200 600` for
//! each request.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `/` answers.
pub(crate) const SMALL: u64 = 600;

/// What `/large` answers: more than the socket buffers of both ends hold while nobody reads (on
/// Linux 4 MiB at most to send, and a receive buffer grows only with its reader).
pub(crate) const LARGE: u64 = 16 << 20;

/// What a configuration is made of.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) home: &'a Path,
    pub(crate) addr: SocketAddr,
    /// Another server, to be a proxy for.
    pub(crate) upstream: SocketAddr,
    /// Root's servers give up their privilege, and have to be told for whom.
    pub(crate) root: bool,
}

#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Prints the version, or anything, and succeeds.
    pub(crate) version: &'static str,
    pub(crate) configuration: fn(&Place<'_>) -> String,
    /// In the foreground, with the configuration in the file `conf`.
    pub(crate) arguments: &'static [&'static str],
    /// Asks for an end that finishes and logs what is open.
    pub(crate) finish: &'static str,
}

impl Kind {
    /// Where it is installed, if it is. `/usr/sbin` is not on every user's path.
    pub(crate) fn program(&self) -> Option<String> {
        let runs = |program: &String| {
            let version = Command::new(program)
                .arg(self.version)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            version.is_ok_and(|status| status.success())
        };
        let programs = [self.name.to_owned(), format!("/usr/sbin/{}", self.name)];
        programs.into_iter().find(runs)
    }

    /// Writes its configuration; returns how to run it from `place.home`.
    pub(crate) fn command(&self, program: &str, place: &Place<'_>) -> Command {
        // HAProxy wants a line feed at the very end.
        let configuration = format!("{}\n", (self.configuration)(place).trim_end());
        std::fs::write(place.home.join("conf"), configuration).expect("room");
        // Each connection is a file, and only some of the servers raise the limit themselves.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"ulimit -Sn 8192; exec "$0" "$@""#, program])
            .args(self.arguments)
            .current_dir(place.home);
        command
    }
}

pub(crate) const NGINX: Kind = Kind {
    name: "nginx",
    version: "-v",
    configuration: nginx,
    arguments: &["-p", ".", "-c", "conf", "-e", "error.log"],
    finish: "QUIT",
};

fn nginx(place: &Place<'_>) -> String {
    let home = place.home.display();
    let Place { addr, upstream, .. } = place;
    format!(
        "daemon off;
        pid {home}/pid;
        error_log {home}/error.log;
        worker_processes 1;
        events {{ worker_connections 4096; }}
        http {{
            log_format line '$request $status $body_bytes_sent';
            access_log {home}/access.log line;
            client_body_temp_path {home}/body;
            proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            server {{
                listen {addr} backlog=4096;
                root {home}/files;
                location /slow {{ proxy_pass http://{upstream}; }}
            }}
        }}
        "
    )
}

pub(crate) const APACHE: Kind = Kind {
    name: "apache2",
    version: "-v",
    configuration: apache,
    arguments: &["-d", ".", "-f", "conf", "-D", "FOREGROUND"],
    finish: "WINCH",
};

/// With the modules where Debian has them.
fn apache(place: &Place<'_>) -> String {
    let home = place.home.display();
    let Place { addr, upstream, .. } = place;
    let privilege = if place.root {
        "User www-data\nGroup www-data"
    } else {
        ""
    };
    format!(
        r#"{privilege}
        ServerName localhost
        Listen {addr}
        ListenBacklog 4096
        PidFile {home}/pid
        DefaultRuntimeDir {home}
        ErrorLog {home}/error.log
        Define modules /usr/lib/apache2/modules
        LoadModule mpm_event_module ${{modules}}/mod_mpm_event.so
        LoadModule authz_core_module ${{modules}}/mod_authz_core.so
        LoadModule dir_module ${{modules}}/mod_dir.so
        LoadModule proxy_module ${{modules}}/mod_proxy.so
        LoadModule proxy_http_module ${{modules}}/mod_proxy_http.so
        # One process, and connections that wait for their end need no thread of their own.
        StartServers 1
        ServerLimit 1
        ThreadsPerChild 64
        MaxRequestWorkers 64
        AsyncRequestWorkerFactor 64
        DocumentRoot {home}/files
        ProxyPass /slow http://{upstream}/slow
        LogFormat "%r %>s %B" line
        CustomLog {home}/access.log line
        "#
    )
}

pub(crate) const HAPROXY: Kind = Kind {
    name: "haproxy",
    version: "-v",
    configuration: haproxy,
    arguments: &["-db", "-f", "conf"],
    finish: "USR1",
};

/// It serves no files: `/` is in its configuration, and the rest comes from the upstream. The size
/// is from the response's head, as HAProxy counts heads and bodies in one.
fn haproxy(place: &Place<'_>) -> String {
    let Place { addr, upstream, .. } = place;
    let text = "x".repeat(usize::try_from(SMALL).expect("small"));
    format!(
        r#"
        global
            log stdout format raw local0
            maxconn 4096
            # Of two threads that log at the same moment, one drops its line rather than wait.
            nbthread 1
        defaults
            mode http
            log global
            # Without this the connection that asks whether it listens is logged as well.
            option dontlognull
            timeout connect 60s
            timeout client 60s
            timeout server 60s
        frontend front
            bind {addr} backlog 4096
            log-format "%HM %HU %HV %ST %[var(txn.size)]"
            http-after-response set-var(txn.size) res.hdr(content-length)
            http-request return status 200 content-type text/plain string "{text}" if {{ path / }}
            default_backend back
        backend back
            server upstream {upstream}
        "#
    )
}

pub(crate) const LIGHTTPD: Kind = Kind {
    name: "lighttpd",
    version: "-v",
    configuration: lighttpd,
    arguments: &["-D", "-f", "conf"],
    finish: "INT",
};

fn lighttpd(place: &Place<'_>) -> String {
    let home = place.home.display();
    let [ip, port] = [place.addr.ip().to_string(), place.addr.port().to_string()];
    let [up_ip, up_port] = [
        place.upstream.ip().to_string(),
        place.upstream.port().to_string(),
    ];
    format!(
        r#"server.modules = ("mod_accesslog", "mod_proxy")
        server.bind = "{ip}"
        server.port = {port}
        server.listen-backlog = 4096
        server.max-connections = 4096
        server.max-fds = 8192
        server.document-root = "{home}/files"
        server.errorlog = "{home}/error.log"
        index-file.names = ("index.html")
        accesslog.filename = "{home}/access.log"
        accesslog.format = "%r %s %b"
        $HTTP["url"] == "/slow" {{
            proxy.server = ("" => (("host" => "{up_ip}", "port" => {up_port})))
        }}
        "#
    )
}
