//! Where to connect or to listen, as typed: `HOST:PORT`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The port of the recipe that this project follows.
const DEFAULT_PORT: u16 = 27015;

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
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
        Self::parse(text, DEFAULT_PORT)
    }

    /// The same for connecting, which port 0 cannot mean.
    pub(crate) fn connecting(text: &str, default_port: Option<u16>) -> Result<Self, String> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("is a URL ('{scheme}'), and HOST:PORT is wanted"));
        }
        match Self::parse(text, default_port.unwrap_or(DEFAULT_PORT))? {
            Self { port: 0, .. } => Err("port 0 is no port to connect to".to_owned()),
            endpoint => Ok(endpoint),
        }
    }

    fn parse(text: &str, default_port: u16) -> Result<Self, String> {
        let (host, port) = split(text)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None => default_port,
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
        Ok(Self { host, port })
    }

    /// Its addresses, in the order of the system's resolver; never none.
    pub(crate) fn resolve(&self, family: Family) -> io::Result<Vec<SocketAddr>> {
        let mut addrs: Vec<SocketAddr> = Vec::new();
        // A resolver may list an address once for each kind of socket.
        for addr in (self.host.as_str(), self.port).to_socket_addrs()? {
            if family.has(&addr) && !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        if addrs.is_empty() {
            let kind = if family == Family::V6 { "IPv6" } else { "IPv4" };
            return Err(io::Error::other(format!("it has no {kind} address")));
        }
        Ok(addrs)
    }

    /// For HTTP's Host field: without the port that the scheme implies.
    pub(crate) fn http_host(&self) -> String {
        let text = self.to_string();
        text.strip_suffix(":80").map_or(text.clone(), str::to_owned)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The text of the host and, if there is one, of the port.
fn split(text: &str) -> Result<(&str, Option<&str>), String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
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
        assert_eq!(endpoint.http_host(), "example.org");
    }
}
