//! Where to connect or to listen, as typed: `HOST:PORT`, or for some `HOST:FIRST-LAST`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;

use finwait_platform::{self as platform, LookupError};

/// The port of the recipe that this project follows.
const DEFAULT_PORT: u16 = 27015;

/// A host, by name or address, and its port, or several that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    /// Never none.
    ports: RangeInclusive<u16>,
}

/// Which of a name's addresses are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    fn has(self, addr: &SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => addr.is_ipv4(),
            Self::V6 => addr.is_ipv6(),
        }
    }
}

impl Endpoint {
    /// `HOST:PORT`, `HOST`, `:PORT`, `PORT`, `[V6]:PORT`, `V6`; without a host the loopback.
    pub(crate) fn listening(text: &str) -> Result<Self, String> {
        Self::parse(text, DEFAULT_PORT)?.with_one_port()
    }

    /// The same for connecting, which port 0 cannot mean.
    pub(crate) fn connecting(text: &str, default_port: Option<u16>) -> Result<Self, String> {
        Self::connecting_range(text, default_port)?.with_one_port()
    }

    /// The same, and for PORT also `FIRST-LAST`: one source address has as many connections to
    /// each port of a server as to one.
    pub(crate) fn connecting_range(text: &str, default_port: Option<u16>) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("is a URL ('{scheme}'), and HOST:PORT is wanted"));
        }
        let endpoint = Self::parse(text, default_port.unwrap_or(DEFAULT_PORT))?;
        if *endpoint.ports.start() == 0 {
            return Err("port 0 is no port to connect to".to_owned());
        }
        Ok(endpoint)
    }

    pub(super) fn with_one_port(self) -> Result<Self, String> {
        if self.ports.start() != self.ports.end() {
            return Err(format!(
                "{self} is a range of ports, and one port is wanted"
            ));
        }
        Ok(self)
    }

    fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let (host, port) = split(text)?;
        let ports = match port {
            Some(ports) => parse_ports(ports)?,
            None => default_port..=default_port,
        };
        let loopback = || Ipv4Addr::LOCALHOST.to_string();
        let host = if host.is_empty() {
            loopback()
        } else {
            host.to_owned()
        };
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@?#\\".contains(c)) {
            return Err(format!(
                "'{}' is not the name of a host",
                host.escape_debug()
            ));
        }
        Ok(Self { host, ports })
    }

    /// One of its addresses, with each of its ports.
    pub(crate) fn at_each_port(&self, addr: SocketAddr) -> impl Iterator<Item = SocketAddr> {
        self.ports.clone().map(move |port| {
            // Not a new one: that would lose the zone of an IPv6 address.
            let mut addr = addr;
            addr.set_port(port);
            addr
        })
    }

    /// Its addresses with its first port, in the order of the system's resolver; never none.
    ///
    /// # Errors
    ///
    /// Why it has none, and what can be done about that.
    pub(crate) fn resolve(&self, family: Family) -> Result<Vec<SocketAddr>, String> {
        let mut addrs: Vec<SocketAddr> = Vec::new();
        let found = (self.host.as_str(), *self.ports.start()).to_socket_addrs();
        // A resolver may list an address once for each kind of socket.
        for addr in found.map_err(|error| why_unresolved(&error))? {
            if family.has(&addr) && !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        if addrs.is_empty() {
            let kind = if family == Family::V6 { "IPv6" } else { "IPv4" };
            return Err(format!("it has no {kind} address"));
        }
        Ok(addrs)
    }

    /// For HTTP's Host field: without the port that the scheme implies.
    pub(crate) fn http_host_at(&self, port: u16) -> String {
        let host = self.bracketed_host();
        match port {
            80 => host,
            _ => format!("{host}:{port}"),
        }
    }

    fn bracketed_host(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.ports.start(), self.ports.end());
        write!(f, "{}:{first}", self.bracketed_host())?;
        if first != last {
            write!(f, "-{last}")?;
        }
        Ok(())
    }
}

/// Only what the resolver has said of the name makes it an unknown one.
fn why_unresolved(error: &io::Error) -> String {
    let why = platform::describe_lookup_error(error);
    match platform::classify_lookup_error(error) {
        LookupError::NotFound => {
            format!("unknown host: {why}; check the name, or give an address")
        }
        LookupError::Temporary => {
            format!("cannot be looked up now: {why}; try again, or give an address")
        }
        _ => format!("cannot be looked up: {why}"),
    }
}

/// The text of the host and, if there is one, of the port.
fn split(text: &str) -> Result<(&str, Option<&str>), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    // A host's name may have digits and hyphens only, but hardly just one of them.
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    if digits(first) && digits(last) {
        return Ok(("", Some(text)));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err("has a '[' without a ']'".to_owned());
        };
        // A zone (`%eth0`) is the resolver's business.
        let address = host.split('%').next().unwrap_or(host);
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("'{host}' is not an IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(format!("'{after}' after ']' is not a port")),
        };
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err("has more than one ':'; an IPv6 address goes in brackets: [::1]:27015".to_owned())
        }
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

/// `PORT` or `FIRST-LAST`.
fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let Some((first, last)) = text.split_once('-') else {
        return parse_port(text).map(|port| port..=port);
    };
    let (first, last) = (parse_port(first)?, parse_port(last)?);
    if first > last {
        return Err(format!("the ports {first}-{last} run backwards"));
    }
    Ok(first..=last)
}

fn parse_port(text: &str) -> Result<u16, String> {
    // Not `parse` alone: it would take "+80".
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let port = plain.then(|| text.parse().ok()).flatten();
    port.ok_or_else(|| format!("'{}' is not a port from 0 to 65535", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(text: &str) -> String {
        Endpoint::listening(text).map_or_else(|why| why, |endpoint| endpoint.to_string())
    }

    #[test]
    fn what_is_left_out_is_the_loopback_and_the_port_of_the_recipe() {
        assert_eq!(listening("example.org:80"), "example.org:80");
        assert_eq!(listening("example.org"), "example.org:27015");
        assert_eq!(listening(":0"), "127.0.0.1:0");
        assert_eq!(listening("8080"), "127.0.0.1:8080");
        assert_eq!(listening("0.0.0.0"), "0.0.0.0:27015");
        assert_eq!(listening("[::1]:0"), "[::1]:0");
        assert_eq!(listening("[::1]"), "[::1]:27015");
        assert_eq!(listening("::1"), "[::1]:27015");
        assert_eq!(listening("[fe80::1%lo]:9"), "[fe80::1%lo]:9");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("host:", "not a port"),
            ("host:+80", "not a port"),
            ("host:65536", "not a port"),
            ("99999", "not a port"),
            ("a:b:c", "more than one"),
            ("[::1", "without a ']'"),
            ("[::1]80", "not a port"),
            ("[host]:80", "not an IPv6 address"),
            ("ho st:80", "not the name"),
            ("a/b:80", "not the name"),
        ] {
            assert!(
                listening(text).contains(reason),
                "{text:?}: {}",
                listening(text)
            );
        }
    }

    #[test]
    fn nobody_connects_to_port_0_or_to_a_url() {
        assert!(Endpoint::connecting("127.0.0.1:0", None).is_err());
        assert!(Endpoint::connecting("https://example.org", None).is_err());
        let endpoint = Endpoint::connecting("example.org", Some(80)).unwrap();
        assert_eq!(endpoint.http_host_at(80), "example.org");
    }

    #[test]
    fn only_a_name_that_is_not_there_is_an_unknown_host() {
        let [no_such, later] = if cfg!(windows) {
            [11001, 11002].map(io::Error::from_raw_os_error)
        } else {
            // As the standard library says it, with the words of glibc.
            [
                "Name or service not known",
                "Temporary failure in name resolution",
            ]
            .map(|text| io::Error::other(format!("failed to lookup address information: {text}")))
        };
        if cfg!(any(windows, all(target_os = "linux", target_env = "gnu"))) {
            assert!(why_unresolved(&no_such).starts_with("unknown host: "));
            let later = why_unresolved(&later);
            assert!(later.starts_with("cannot be looked up now: "), "{later}");
            assert!(
                later.ends_with("; try again, or give an address"),
                "{later}"
            );
        }
        let other = why_unresolved(&io::ErrorKind::OutOfMemory.into());
        assert_eq!(other, "cannot be looked up: out of memory");
    }

    fn connecting_range(text: &str) -> String {
        Endpoint::connecting_range(text, Some(80))
            .map_or_else(|why| why, |endpoint| endpoint.to_string())
    }

    #[test]
    fn a_target_may_have_several_ports() {
        for (text, same) in [
            ("host:8000-8003", "host:8000-8003"),
            ("ho-st:8000-8003", "ho-st:8000-8003"),
            ("ho-st", "ho-st:80"),
            ("[::1]:8000-8003", "[::1]:8000-8003"),
            (":8000-8003", "127.0.0.1:8000-8003"),
            ("8000-8003", "127.0.0.1:8000-8003"),
            ("1-65535", "127.0.0.1:1-65535"),
            ("host:8000-8000", "host:8000"),
            ("host:8000", "host:8000"),
            ("10-0-0-1", "10-0-0-1:80"),
        ] {
            assert_eq!(connecting_range(text), same);
        }
        let endpoint = Endpoint::connecting_range("127.0.0.1:80-82", None).unwrap();
        let addrs = endpoint.resolve(Family::Any).unwrap();
        assert_eq!(addrs, [([127, 0, 0, 1], 80).into()]);
        let all: Vec<_> = endpoint.at_each_port(addrs[0]).collect();
        assert_eq!(all, [80, 81, 82].map(|port| ([127, 0, 0, 1], port).into()));
        assert_eq!(endpoint.http_host_at(81), "127.0.0.1:81");
        let v6 = Endpoint::connecting_range("[::1]:79-80", None).unwrap();
        assert_eq!(v6.http_host_at(79), "[::1]:79");
        assert_eq!(v6.http_host_at(80), "[::1]");
    }

    #[test]
    fn what_is_no_range_of_ports_is_refused_with_the_reason() {
        for (text, reason) in [
            ("host:8003-8000", "8003-8000 run backwards"),
            ("host:0-5", "port 0"),
            ("host:0", "port 0"),
            ("host:80-x", "'x' is not a port"),
            ("host:80-", "'' is not a port"),
            ("host:-80", "'' is not a port"),
            ("host:80-90-100", "'90-100' is not a port"),
            ("host:80-+90", "'+90' is not a port"),
            ("host:80-65536", "'65536' is not a port"),
            ("[::1]:9-8", "run backwards"),
            ("http://host:80-81", "is a URL"),
        ] {
            let why = connecting_range(text);
            assert!(why.contains(reason), "{text:?}: {why}");
        }
    }

    #[test]
    fn one_port_is_wanted_where_one_is_used() {
        for why in [
            Endpoint::connecting("host:8000-8003", None).unwrap_err(),
            listening("host:8000-8003"),
        ] {
            assert_eq!(
                why,
                "host:8000-8003 is a range of ports, and one port is wanted"
            );
        }
        assert!(Endpoint::connecting("host:80-80", None).is_ok());
        assert!(listening(":0-5").contains("one port is wanted"));
    }
}
