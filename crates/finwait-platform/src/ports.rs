//! Source ports in an order of our own.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::RangeInclusive;

use crate::imp;

/// How many ports are tried for one connection before the system is asked for any that is free.
const MOST_TRIES: u16 = 64;

/// Gives each connection the source port after the one of the connection before, round and round.
///
/// For a program that opens many connections to one target, one after the other, and closes them first: the source ports
/// that it has used are in TIME-WAIT then, and the system's own search for a free one looks at most of them. Linux takes a port
/// in TIME-WAIT again after a second where [`time_wait_reuse`](crate::time_wait_reuse) lets it; who opens more connections in a
/// second than half of its range has ports spends most of the time in that search. The port that was used longest ago
/// needs no search.
///
/// Every second port, those that Linux prefers for `connect`, comes first. The others are what it has for `bind` to port 0, which
/// does not take one in TIME-WAIT: they are used only where the first kind is taken.
///
/// The ports can be foretold, which makes connections easier to attack from elsewhere (RFC 6056): for measuring, not for
/// connections that matter. Each pair of a source address and a target has ports of its own, and should have a walk of its own.
///
/// # Portability
///
/// Linux since 6.3 (IP_LOCAL_PORT_RANGE). Elsewhere the system chooses the port, as in [`connect_from`](crate::connect_from).
#[derive(Debug, Clone)]
pub struct PortWalk {
    /// Every second port from the lowest on; and those between.
    kinds: [Half; 2],
}

impl PortWalk {
    /// A walk through `ports` that begins near the one `begin` behind the lowest, counted round.
    ///
    /// What of them is not in the system's range ([`local_port_range`](crate::local_port_range)), is reserved there, or
    /// taken, is passed over. An empty range is that of its lower end alone.
    #[must_use]
    pub fn new(ports: RangeInclusive<u16>, begin: u16) -> Self {
        let low = *ports.start();
        let high = low.max(*ports.end());
        // Of a single port there is one kind.
        let second = if low < high { low + 1 } else { low };
        Self {
            kinds: [low, second].map(|low| Half::new(low, high, begin / 2)),
        }
    }

    /// Whether this system can be told which port to take; where it cannot, it chooses by itself.
    #[must_use]
    pub fn is_supported() -> bool {
        imp::source_port_can_be_told()
    }

    /// [`connect_from`](crate::connect_from), from the next port that is free for this pair of addresses.
    ///
    /// After some tries in vain, the system chooses.
    ///
    /// # Errors
    ///
    /// Those of [`connect_from`](crate::connect_from).
    pub fn connect(&mut self, target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
        let mut tries = 0;
        imp::connect_choosing(target, source, || {
            tries += 1;
            (tries <= MOST_TRIES).then(|| self.step(tries, target.port()))
        })
    }

    /// The port for a connection's first try, its second, and so on: of either kind in turn. Never `not`: who connects from the
    /// port that it connects to, where nobody listens, is connected with itself (RFC 9293, 3.5, simultaneous open).
    fn step(&mut self, tries: u16, not: u16) -> u16 {
        let kind = &mut self.kinds[usize::from(tries.is_multiple_of(2))];
        match kind.step() {
            port if port == not => kind.step(),
            port => port,
        }
    }
}

/// Every second port of a range, round and round.
#[derive(Debug, Clone)]
struct Half {
    low: u16,
    /// The last one.
    high: u16,
    next: u16,
}

impl Half {
    /// Begins with the port number `begin` of them, counted round from 0.
    fn new(low: u16, high: u16, begin: u16) -> Self {
        let last = (high - low) / 2;
        let begin = u32::from(begin) % (u32::from(last) + 1);
        Self {
            low,
            high: low + 2 * last,
            // At most `last`.
            next: low + 2 * u16::try_from(begin).unwrap_or(0),
        }
    }

    fn step(&mut self) -> u16 {
        let port = self.next;
        self.next = if port >= self.high {
            self.low
        } else {
            port + 2
        };
        port
    }
}

#[cfg(test)]
mod tests {
    use super::PortWalk;

    /// What as many connections try first.
    fn first(mut walk: PortWalk, count: usize, not: u16) -> Vec<u16> {
        (0..count).map(|_| walk.step(1, not)).collect()
    }

    #[test]
    fn a_walk_goes_round_from_where_it_begins() {
        assert_eq!(first(PortWalk::new(10..=15, 0), 4, 0), [10, 12, 14, 10]);
        assert_eq!(first(PortWalk::new(10..=14, 0), 4, 0), [10, 12, 14, 10]);
        assert_eq!(first(PortWalk::new(10..=15, 9), 3, 0), [12, 14, 10]);
        assert_eq!(first(PortWalk::new(7..=7, 5), 2, 0), [7, 7]);
    }

    #[test]
    fn the_ports_between_are_for_those_that_found_theirs_taken() {
        let mut walk = PortWalk::new(10..=15, 0);
        let tried: Vec<_> = (1..=8).map(|tries| walk.step(tries, 0)).collect();
        assert_eq!(tried, [10, 11, 12, 13, 14, 15, 10, 11]);
    }

    #[test]
    fn the_port_of_the_target_is_left_out() {
        assert_eq!(first(PortWalk::new(10..=15, 0), 4, 12), [10, 14, 10, 14]);
    }

    #[test]
    fn the_widest_and_the_emptiest_range_are_walked_too() {
        let widest = PortWalk::new(0..=u16::MAX, u16::MAX);
        assert_eq!(first(widest.clone(), 2, 1), [u16::MAX - 1, 0]);
        assert_eq!(widest.clone().step(2, 1), u16::MAX);
        #[expect(
            clippy::reversed_empty_ranges,
            reason = "what a wrong setting would give"
        )]
        let empty = PortWalk::new(9..=3, 4);
        assert_eq!(first(empty, 2, 0), [9, 9]);
    }
}
