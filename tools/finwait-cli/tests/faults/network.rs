//! A network of a test's own, and what goes wrong in it.

use crate::common::skipped;
use crate::own_network::{is_inside, passes_inside, run};

/// Small segments, so that what is lost is a part of a stream, and not 64 KiB of it at once.
const LINK: &str =
    "ip link set lo mtu 1500 gso_max_segs 1 up && nft list ruleset && ss -H >/dev/null";

pub(crate) const FIN: &str = "tcp flags & fin == fin";

/// States of a connection, as /proc/net/tcp names them (include/net/tcp_states.h).
const TIME_WAIT: &str = "06";
const LISTEN: &str = "0A";

/// Runs the script of `test`, which is the test function itself, in a network namespace: the test's
/// program once more. Tests may run at once, and none leaves a rule, a port or a process behind.
#[track_caller]
pub(crate) fn alone<T>(test: T, script: impl FnOnce(&Network)) {
    if is_inside() {
        return script(&Network::new());
    }
    if !passes_inside(&test, LINK, &[]) {
        skipped("root with unshare, ip, ss and nft");
    }
}

/// The network that this process has to itself.
#[derive(Debug)]
pub(crate) struct Network(());

impl Network {
    fn new() -> Self {
        // On the way in: a packet that its own sender's filter drops is known to the sender, and
        // TCP does not take it for lost.
        nft("add table inet lab\nadd chain inet lab in { type filter hook input priority 0; }\n");
        Self(())
    }

    /// From now on packets that match do not arrive.
    pub(crate) fn drops(&self, matches: &str) {
        nft(&format!("add rule inet lab in {matches} counter drop\n"));
    }

    /// Nothing gets through, to this server or from it.
    pub(crate) fn is_cut(&self, addr: &str) {
        self.drops(&from(addr));
        self.drops(&to(addr));
    }

    pub(crate) fn heals(&self) {
        nft("flush chain inet lab in\n");
    }

    /// How many packets were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        let rules = run("nft", &["list", "chain", "inet", "lab", "in"], "");
        let counters = rules.split("counter packets ").skip(1);
        let count = |rest: &str| rest.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        counters.map(|rest| count(rest).expect("a number")).sum()
    }

    /// How many ends of established connections have received so many bytes.
    pub(crate) fn have_received(&self, bytes: u64) -> usize {
        let ends = run("ss", &["-Hnti", "state", "established"], "");
        let said = format!("bytes_received:{bytes}");
        ends.split_whitespace().filter(|&word| word == said).count()
    }

    /// The ends of all connections, but for those that nobody owns and that have nothing to do.
    pub(crate) fn open(&self) -> Vec<End> {
        let table = std::fs::read_to_string("/proc/self/net/tcp").expect("proc");
        let ends = table.lines().skip(1).map(End::new);
        ends.filter(|end| ![TIME_WAIT, LISTEN].contains(&end.state.as_str()))
            .collect()
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) local_port: u16,
    pub(crate) state: String,
    /// Bytes that came, and that nobody has read.
    pub(crate) unread: u32,
    /// It waits for its peer's window to open.
    pub(crate) probes: bool,
}

impl End {
    fn new(line: &str) -> Self {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let hex = |text: &str| u32::from_str_radix(text, 16).expect("hexadecimal");
        let (_, port) = fields[1].split_once(':').expect("an address");
        let (_, unread) = fields[4].split_once(':').expect("two queues");
        Self {
            local_port: hex(port).try_into().expect("a port"),
            state: fields[3].to_owned(),
            unread: hex(unread),
            probes: fields[5].starts_with("04:"),
        }
    }
}

/// Packets of this server's, as nft matches them.
pub(crate) fn from(addr: &str) -> String {
    format!("tcp sport {}", port(addr))
}

/// Packets to this server.
pub(crate) fn to(addr: &str) -> String {
    format!("tcp dport {}", port(addr))
}

pub(crate) fn port(addr: &str) -> u16 {
    let (_, port) = addr.rsplit_once(':').expect("an address with a port");
    port.parse().expect("a port")
}

fn nft(commands: &str) {
    run("nft", &["-f", "-"], commands);
}
