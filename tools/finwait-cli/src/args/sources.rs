//! Addresses to connect from, as typed: one, a range, or a network.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::output::units::grouped;

/// Each of them is tried before a run. A longer list is a slip: 127.0.0.0/8 has 16 million.
const MOST: u128 = 4_096;

/// `10.0.0.1`, `10.0.0.1-10.0.0.20`, `10.0.0.1-20` or `10.0.0.0/28`, in order.
pub(super) fn sources(text: &str) -> Result<Vec<IpAddr>, String> {
    let (first, last) = if let Some((first, last)) = text.split_once('-') {
        range(first, last)?
    } else if let Some((network, prefix)) = text.split_once('/') {
        self::network(network, prefix)?
    } else {
        let only = address(text)?;
        (only, only)
    };
    if first.to_number() > last.to_number() {
        return Err(format!("runs backwards: {last} is before {first}"));
    }
    // All of IPv6 is one more than fits, which is too many either way.
    let count = (last.to_number() - first.to_number()).saturating_add(1);
    if count > MOST {
        let count = u64::try_from(count).map_or_else(|_| "more than 2^64".to_owned(), grouped);
        let most = grouped(MOST as u64);
        return Err(format!(
            "names {count} addresses, and at most {most} are taken"
        ));
    }
    let all = first.to_number()..=last.to_number();
    let all = all.map(|number| first.like(number));
    all.map(|addr| match addr {
        _ if addr.is_unspecified() || addr.is_multicast() || addr == Ipv4Addr::BROADCAST => {
            Err(format!("{addr} is no address to connect from"))
        }
        _ => Ok(addr),
    })
    .collect()
}

/// All of several lists. An address that is named twice would be used twice as often.
pub(super) fn merged(lists: Vec<Vec<IpAddr>>) -> Result<Vec<IpAddr>, String> {
    let mut seen = HashSet::new();
    let all: Vec<_> = lists.into_iter().flatten().collect();
    match all.iter().find(|addr| !seen.insert(**addr)) {
        Some(twice) => Err(format!("--source-ip {twice} is named twice")),
        None => Ok(all),
    }
}

/// Both ends; of IPv4 the last part is enough for the second.
fn range(first: &str, last: &str) -> Result<(IpAddr, IpAddr), String> {
    let first = address(first)?;
    let last = match (first, number(last)) {
        (IpAddr::V4(v4), Some(part)) => {
            let [a, b, c, _] = v4.octets();
            let part = u8::try_from(part)
                .map_err(|_| format!("'{part}' is not the last part of an IPv4 address"))?;
            IpAddr::from([a, b, c, part])
        }
        _ => address(last)?,
    };
    if first.is_ipv4() != last.is_ipv4() {
        return Err(format!("{first} and {last} are not of one family"));
    }
    Ok((first, last))
}

/// A network's first and last address that a host may have.
fn network(network: &str, prefix: &str) -> Result<(IpAddr, IpAddr), String> {
    let network = address(network)?;
    let bits: u32 = if network.is_ipv4() { 32 } else { 128 };
    let host_bits = number(prefix)
        .and_then(|prefix| bits.checked_sub(prefix))
        .ok_or_else(|| {
            let prefix = prefix.escape_debug();
            format!("'{prefix}' is not the length of a prefix, from 0 to {bits}")
        })?;
    // A shift by all 128 bits is none.
    let hosts = u128::MAX.checked_shr(128 - host_bits).unwrap_or_default();
    let first = network.to_number() & !hosts;
    if first != network.to_number() {
        return Err(format!(
            "{network}/{prefix} has bits after its prefix; the network is {}/{prefix}",
            network.like(first)
        ));
    }
    let last = first | hosts;
    Ok(match (network, host_bits) {
        // Point-to-point links use both (RFC 3021, RFC 6164).
        (_, 0 | 1) => (network, network.like(last)),
        // The network's own address, and its broadcast.
        (IpAddr::V4(_), _) => (network.like(first + 1), network.like(last - 1)),
        // The first is any of the network's routers (RFC 4291 section 2.6.1).
        (IpAddr::V6(_), _) => (network.like(first + 1), network.like(last)),
    })
}

fn address(text: &str) -> Result<IpAddr, String> {
    let why = || match text.escape_debug().to_string() {
        text if text.is_empty() => "lacks an IP address".to_owned(),
        text => format!("'{text}' is not an IP address"),
    };
    text.parse().map_err(|_| why())
}

/// Digits only, and few: `parse` alone would take "+8".
fn number(text: &str) -> Option<u32> {
    let plain = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Addresses as numbers, which can be counted.
trait Countable: Sized {
    fn to_number(&self) -> u128;

    /// The address of this number in the same family.
    fn like(&self, number: u128) -> Self;
}

impl Countable for IpAddr {
    fn to_number(&self) -> u128 {
        match self {
            Self::V4(v4) => v4.to_bits().into(),
            Self::V6(v6) => v6.to_bits(),
        }
    }

    fn like(&self, number: u128) -> Self {
        match self {
            // No number between two addresses is above them.
            Self::V4(_) => Ipv4Addr::from_bits(number as u32).into(),
            Self::V6(_) => Ipv6Addr::from_bits(number).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> (usize, String, String) {
        let all = sources(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert!(all.is_sorted());
        (
            all.len(),
            all[0].to_string(),
            all[all.len() - 1].to_string(),
        )
    }

    #[test]
    fn one_address_a_range_and_a_network_are_read() {
        for (text, count, first, last) in [
            ("10.0.0.1", 1, "10.0.0.1", "10.0.0.1"),
            ("::1", 1, "::1", "::1"),
            ("10.0.0.1-10.0.0.20", 20, "10.0.0.1", "10.0.0.20"),
            ("10.0.0.1-20", 20, "10.0.0.1", "10.0.0.20"),
            ("10.0.0.7-7", 1, "10.0.0.7", "10.0.0.7"),
            ("10.0.0.250-10.0.1.5", 12, "10.0.0.250", "10.0.1.5"),
            ("fd00::1-fd00::10", 16, "fd00::1", "fd00::10"),
            ("10.0.0.0/28", 14, "10.0.0.1", "10.0.0.14"),
            ("10.0.0.0/30", 2, "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/31", 2, "10.0.0.0", "10.0.0.1"),
            ("10.0.0.5/32", 1, "10.0.0.5", "10.0.0.5"),
            ("127.1.0.0/20", 4_094, "127.1.0.1", "127.1.15.254"),
            ("10.0.0.0-10.0.15.255", 4_096, "10.0.0.0", "10.0.15.255"),
            ("fd00::/120", 255, "fd00::1", "fd00::ff"),
            ("fd00::/127", 2, "fd00::", "fd00::1"),
            ("fd00::7/128", 1, "fd00::7", "fd00::7"),
        ] {
            assert_eq!(
                ends(text),
                (count, first.to_owned(), last.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_no_addresses_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "lacks an IP address"),
            ("host", "'host' is not an IP address"),
            ("10.0.0.256", "is not an IP address"),
            ("10.0.0.1 ", "is not an IP address"),
            ("a\nb", "'a\\nb' is not"),
            ("-10.0.0.1", "lacks an IP address"),
            ("10.0.0.1-", "lacks an IP address"),
            ("10.0.0.1-256", "'256' is not the last part"),
            ("10.0.0.1-+5", "'+5' is not an IP address"),
            ("::1-20", "not an IP address"),
            ("::1-::zz", "not an IP address"),
            ("10.0.0.1-2-3", "not an IP address"),
            ("10.0.0.20-10.0.0.1", "runs backwards"),
            ("10.0.0.20-1", "10.0.0.1 is before 10.0.0.20"),
            ("10.0.0.1-::1", "not of one family"),
            ("::1-10.0.0.1", "not of one family"),
            ("10.0.0.0/33", "from 0 to 32"),
            ("10.0.0.0/", "'' is not the length"),
            ("10.0.0.0/x", "'x' is not the length"),
            ("10.0.0.0/+8", "'+8' is not the length"),
            ("10.0.0.0/99999999999", "is not the length"),
            ("fd00::/129", "from 0 to 128"),
            ("10.0.0.5/28", "the network is 10.0.0.0/28"),
            ("fd00::5/64", "the network is fd00::/64"),
            ("10.0.0.0/28-5", "not an IP address"),
            ("0.0.0.0", "no address to connect from"),
            ("::", "no address to connect from"),
            ("224.0.0.1", "no address to connect from"),
            ("255.255.255.255", "no address to connect from"),
        ] {
            let why = sources(text).unwrap_err();
            assert!(why.contains(reason), "{text:?}: {why}");
        }
    }

    #[test]
    fn too_many_are_counted_and_not_listed() {
        for (text, count) in [
            (
                "127.0.0.0/8",
                "names 16,777,214 addresses, and at most 4,096 are taken",
            ),
            ("10.0.0.0-10.0.16.0", "4,097"),
            ("0.0.0.0/0", "4,294,967,294"),
            ("fd00::/112", "65,535"),
            ("fd00::/64", "18,446,744,073,709,551,615"),
            ("fd00::/16", "more than 2^64"),
            ("::/0", "more than 2^64"),
            (
                "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "more than 2^64",
            ),
        ] {
            let why = sources(text).unwrap_err();
            assert!(why.contains(count), "{text}: {why}");
        }
    }

    #[test]
    fn an_address_that_is_named_twice_is_refused() {
        let lists = |texts: &[&str]| texts.iter().map(|text| sources(text).unwrap()).collect();
        let all = merged(lists(&["10.0.0.4-5", "::1", "10.0.0.1"])).unwrap();
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.0.0.4", "10.0.0.5", "::1", "10.0.0.1"]);
        let why = merged(lists(&["10.0.0.0/28", "10.0.0.1"])).unwrap_err();
        assert_eq!(why, "--source-ip 10.0.0.1 is named twice");
        assert_eq!(merged(Vec::new()), Ok(Vec::new()));
    }

    /// clap's derive treats a `Vec` in a `Vec` as many values, each of them a list.
    #[test]
    fn a_repeated_option_collects_the_lists() {
        use clap::Parser;

        #[derive(Debug, Parser)]
        struct Typed {
            #[arg(long, value_parser = sources)]
            source_ip: Vec<Vec<IpAddr>>,
        }
        let line = ["x", "--source-ip", "10.0.0.1-3", "--source-ip", "::1"];
        let typed = Typed::try_parse_from(line).unwrap();
        assert_eq!(merged(typed.source_ip).unwrap().len(), 4);
    }
}
