//! The server's own side, where it runs on this machine and its process may be looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

/// Looks at a server's process.
#[derive(Debug, Clone)]
pub struct Observer {
    pid: u32,
    port: u16,
}

/// What a look at a server's process showed.
///
/// # Portability
///
/// Linux, from `/proc`. It is a snapshot of something that goes on: kernel states change while
/// they are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// Sockets at the server's port, by state, spelled as in RFC 9293. TIME-WAIT is here too,
    /// although no process owns such a connection any more. Of all processes in the server's
    /// network namespace; where that is ours as well, of the server's ends only.
    pub states: BTreeMap<&'static str, u32>,
    /// Open files of the process and those it started. `None` if they may not be looked at.
    pub open_files: Option<u64>,
    /// Of the server's network namespace, and so of every program in it, ours too if it is one
    /// of them.
    pub counters: Counters,
}

/// Counters of the kernel that say how connections were ended (`/proc/net/netstat`, `snmp`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Connections closed with received bytes unread: an RST went out.
    pub abort_on_close: u64,
    /// Connections that got data after they were closed, or were closed with SO_LINGER 0.
    pub abort_on_data: u64,
    /// Segments with RST sent.
    pub resets_sent: u64,
}

impl Counters {
    /// What was added since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            abort_on_close: self.abort_on_close.saturating_sub(before.abort_on_close),
            abort_on_data: self.abort_on_data.saturating_sub(before.abort_on_data),
            resets_sent: self.resets_sent.saturating_sub(before.resets_sent),
        }
    }
}

impl Observer {
    /// Of the process `pid`, which listens on `port`.
    #[must_use]
    pub fn new(pid: u32, port: u16) -> Self {
        Self { pid, port }
    }

    /// Looks once.
    ///
    /// # Errors
    ///
    /// In words, if there is no such process, or it cannot be looked at on this system.
    pub fn look(&self) -> Result<Sight, String> {
        let process = Path::new("/proc").join(self.pid.to_string());
        if !cfg!(target_os = "linux") {
            return Err("processes can be looked at on Linux only".to_owned());
        }
        if !process.exists() {
            return Err("there is no such process".to_owned());
        }
        let mut states = BTreeMap::new();
        let mut readable = false;
        for table in ["net/tcp", "net/tcp6"] {
            if let Ok(text) = fs::read_to_string(process.join(table)) {
                readable = true;
                count_states(&text, self.port, &mut states);
            }
        }
        if !readable {
            return Err("its sockets cannot be listed; run as its user, or as root".to_owned());
        }
        let read = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
        Ok(Sight {
            states,
            open_files: self.open_files(),
            counters: counters(&read("net/netstat"), &read("net/snmp")),
        })
    }

    /// Whether the process, or one that it started, listens on the port. `None` if its files may
    /// not be looked at.
    #[must_use]
    pub fn listens(&self) -> Option<bool> {
        let process = Path::new("/proc").join(self.pid.to_string());
        let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(process.join(table)));
        let mut sockets = Vec::new();
        for table in tables.into_iter().flatten() {
            sockets.extend(listeners(&table, self.port));
        }
        for pid in self.family() {
            match fs::read_dir(format!("/proc/{pid}/fd")) {
                Ok(files) => {
                    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
                    let mut names = links.map(|link| link.to_string_lossy().into_owned());
                    if names.any(|name| sockets.contains(&name)) {
                        return Some(true);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(_) => return None,
            }
        }
        Some(false)
    }

    /// The process and its descendants: many servers serve in processes that they start.
    fn family(&self) -> Vec<u32> {
        let parents = parents();
        let mut family = vec![self.pid];
        let mut at = 0;
        while let Some(&pid) = family.get(at) {
            let children = parents.iter().filter(|&&(_, parent)| parent == pid);
            family.extend(children.map(|&(child, _)| child));
            at += 1;
        }
        family
    }

    fn open_files(&self) -> Option<u64> {
        let mut sum = 0;
        for pid in self.family() {
            match fs::read_dir(format!("/proc/{pid}/fd")) {
                Ok(files) => sum += files.count() as u64,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(_) => return None,
            }
        }
        Some(sum)
    }
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain anything, parentheses too.
        let (_, rest) = stat.rsplit_once(')')?;
        let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
        Some((pid, parent))
    })
    .collect()
}

/// Adds the connections at `port` of a table such as `/proc/net/tcp`.
fn count_states(table: &str, port: u16, states: &mut BTreeMap<&'static str, u32>) {
    for line in table.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(local), Some(_), Some(state)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let local = local.rsplit(':').next();
        let local = local.and_then(|port| u16::from_str_radix(port, 16).ok());
        if local == Some(port)
            && let Some(name) = state_name(state)
        {
            *states.entry(name).or_default() += 1;
        }
    }
}

/// The sockets that listen on `port`, as the links of open files name them.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let mut sockets = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1).and_then(|local| local.rsplit(':').next());
        let local = local.and_then(|port| u16::from_str_radix(port, 16).ok());
        if local == Some(port)
            && fields.get(3) == Some(&"0A")
            && let Some(inode) = fields.get(9)
        {
            sockets.push(format!("socket:[{inode}]"));
        }
    }
    sockets
}

/// Linux numbers the states from 1 (`include/net/tcp_states.h`).
fn state_name(code: &str) -> Option<&'static str> {
    Some(match u8::from_str_radix(code, 16).ok()? {
        1 => "ESTABLISHED",
        3 | 12 => "SYN-RECEIVED",
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => return None,
    })
}

fn counters(netstat: &str, snmp: &str) -> Counters {
    let of = |text, group, name| counter(text, group, name).unwrap_or_default();
    Counters {
        abort_on_close: of(netstat, "TcpExt:", "TCPAbortOnClose"),
        abort_on_data: of(netstat, "TcpExt:", "TCPAbortOnData"),
        resets_sent: of(snmp, "Tcp:", "OutRsts"),
    }
}

/// A line of names, and below it one of values.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|n| n == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:6987 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:6987 0100007F:C001 08 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0100007F:6987 0100007F:C002 08 00000000:00000000 00:00000000 00000000     0        0 3
   3: 0100007F:C002 0100007F:6987 05 00000000:00000000 00:00000000 00000000     0        0 4
   4: nonsense
";

    #[test]
    fn only_the_servers_ends_are_counted() {
        let mut states = BTreeMap::new();
        count_states(TABLE, 27015, &mut states);
        assert_eq!(states, BTreeMap::from([("LISTEN", 1), ("CLOSE-WAIT", 2)]));
    }

    #[test]
    fn a_counter_is_found_below_its_name() {
        let text = "Ip: A B\nIp: 1 2\nTcp: InSegs OutRsts\nTcp: 10 7\n";
        assert_eq!(counter(text, "Tcp:", "OutRsts"), Some(7));
        assert_eq!(counter(text, "Tcp:", "Other"), None);
        assert_eq!(counter("Tcp: OutRsts\n", "Tcp:", "OutRsts"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_can_be_looked_at() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let observer = Observer::new(std::process::id(), port);
        let before = observer.look().unwrap();
        assert_eq!(observer.listens(), Some(true));
        assert_eq!(Observer::new(std::process::id(), 1).listens(), Some(false));
        // Not the whole map: the system may give a port at which an earlier listener's connections are in TIME-WAIT.
        assert_eq!(before.states.get("LISTEN"), Some(&1));
        assert_eq!(before.states.get("CLOSE-WAIT"), None);
        let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let server = listener.accept().unwrap().0;
        drop(client);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        // The FIN is on its way.
        while observer.look().unwrap().states.get("CLOSE-WAIT") != Some(&1) {
            assert!(std::time::Instant::now() < end);
        }
        // The listener and both ends, at least.
        assert!(before.open_files >= Some(1));
        assert!(observer.look().unwrap().open_files >= Some(2));
        drop(server);
        assert!(Observer::new(u32::MAX, port).look().is_err());
    }
}
