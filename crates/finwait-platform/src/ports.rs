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
/// that it has used are in TIME-WAIT then, and the system's own search for a free one looks at most of them. Linux looks at
/// every second port of its range before it looks at the others, and takes one in TIME-WAIT again after a second where
/// [`time_wait_reuse`](crate::time_wait_reuse) lets it; who opens more connections in a second than half of the range has
/// ports spends most of the time in that search. The port that was used longest ago needs no search.
///
/// The ports can be foretold, which makes connections easier to attack from elsewhere (RFC 6056): for measuring, not for
/// connections that matter. Each pair of a source address and a target has ports of its own, and should have a walk of its own.
///
/// # Portability
///
/// Linux since 6.3 (IP_LOCAL_PORT_RANGE). Elsewhere the system chooses the port, as in [`connect_from`](crate::connect_from).
#[derive(Debug, Clone)]
pub struct PortWalk {
    low: u16,
    high: u16,
    next: u16,
}

impl PortWalk {
    /// A walk through `ports` that begins with the one `begin` behind the lowest, counted round.
    ///
    /// What of them is not in the system's range ([`local_port_range`](crate::local_port_range)), is reserved there, or
    /// taken, is passed over. An empty range is that of its lower end alone.
    #[must_use]
    pub fn new(ports: RangeInclusive<u16>, begin: u16) -> Self {
        let low = *ports.start();
        let high = low.max(*ports.end());
        let count = u32::from(high - low) + 1;
        // Below 65,536, as `low` and the remainder are within the range together.
        let next = u32::from(low) + u32::from(begin) % count;
        Self {
            low,
            high,
            next: u16::try_from(next).unwrap_or(low),
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
            (tries <= MOST_TRIES).then(|| self.step_past(target.port()))
        })
    }

    /// The next port but `not`: who connects from the port that it connects to, where nobody listens, is connected
    /// with itself (RFC 9293, 3.5, simultaneous open).
    fn step_past(&mut self, not: u16) -> u16 {
        match self.step() {
            port if port == not => self.step(),
            port => port,
        }
    }

    /// The next port.
    fn step(&mut self) -> u16 {
        let port = self.next;
        self.next = if port >= self.high {
            self.low
        } else {
            port + 1
        };
        port
    }
}

#[cfg(test)]
mod tests {
    use super::PortWalk;

    fn steps(mut walk: PortWalk, count: usize) -> Vec<u16> {
        (0..count).map(|_| walk.step()).collect()
    }

    #[test]
    fn a_walk_goes_round_from_where_it_begins() {
        assert_eq!(steps(PortWalk::new(10..=13, 0), 5), [10, 11, 12, 13, 10]);
        assert_eq!(steps(PortWalk::new(10..=13, 6), 3), [12, 13, 10]);
        assert_eq!(steps(PortWalk::new(7..=7, 5), 2), [7, 7]);
    }

    #[test]
    fn the_port_of_the_target_is_left_out() {
        let mut walk = PortWalk::new(10..=13, 0);
        let ports: Vec<_> = (0..4).map(|_| walk.step_past(11)).collect();
        assert_eq!(ports, [10, 12, 13, 10]);
    }

    #[test]
    fn the_widest_and_the_emptiest_range_are_walked_too() {
        assert_eq!(
            steps(PortWalk::new(0..=u16::MAX, u16::MAX), 2),
            [u16::MAX, 0]
        );
        #[expect(
            clippy::reversed_empty_ranges,
            reason = "what a wrong setting would give"
        )]
        let empty = PortWalk::new(9..=3, 4);
        assert_eq!(steps(empty, 2), [9, 9]);
    }
}
