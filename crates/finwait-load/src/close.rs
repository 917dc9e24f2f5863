//! How connections are closed, and in which mixture.

use std::fmt;

/// How a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseMode {
    /// Half-close as soon as the last request is written, then receive until the peer's FIN.
    Half,
    /// Receive the response, then close without waiting for the peer's FIN.
    Fin,
    /// Receive the response, then abort: RST.
    Rst,
    /// Wait for the response, and close with it unread: the kernel sends RST (RFC 2525 section
    /// 2.17).
    Abandon,
}

impl CloseMode {
    /// Every mode, in the order of their names in results.
    pub const ALL: [Self; 4] = [Self::Half, Self::Fin, Self::Rst, Self::Abandon];

    /// The name in results and on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Abandon => "abandon",
        }
    }
}

impl fmt::Display for CloseMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A mixture of [`CloseMode`]s by weight.
///
/// Which connection gets which mode depends on the seed and on the connection's number alone, and
/// each run of as many connections as the weights add up to has exactly their proportions. So a
/// run can be repeated, split over processes, and its counts foretold.
///
/// ```
/// use finwait_load::{CloseMix, CloseMode};
///
/// let mix = CloseMix::new(&[(CloseMode::Half, 80), (CloseMode::Rst, 20)])?;
/// let aborted = (0..1_000).filter(|&id| mix.mode(7, id) == CloseMode::Rst).count();
/// assert_eq!(aborted, 200);
/// # Ok::<(), finwait_load::MixError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseMix {
    /// In lowest terms, no mode twice, no weight zero.
    weights: Vec<(CloseMode, u32)>,
    /// One round, before it is shuffled; empty if there is one mode only.
    round: Vec<CloseMode>,
}

/// Why weights are no mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixError {
    /// No mode with a weight above zero.
    Empty,
    /// A mode is named twice.
    Twice(CloseMode),
    /// The weights, in lowest terms, add up to more than [`CloseMix::MOST`].
    TooFine,
}

impl CloseMix {
    /// The most that weights may add up to, in lowest terms.
    pub const MOST: u64 = 10_000;

    /// Every connection is closed in this one way.
    #[must_use]
    pub fn only(mode: CloseMode) -> Self {
        Self {
            weights: vec![(mode, 1)],
            round: Vec::new(),
        }
    }

    /// A mixture; a mode with weight zero does not occur.
    ///
    /// # Errors
    ///
    /// If no mode is left, one is named twice, or the weights are too fine.
    pub fn new(weights: &[(CloseMode, u32)]) -> Result<Self, MixError> {
        let mut kept: Vec<(CloseMode, u32)> = Vec::new();
        for &(mode, weight) in weights {
            if kept.iter().any(|&(other, _)| other == mode) {
                return Err(MixError::Twice(mode));
            }
            kept.push((mode, weight));
        }
        kept.retain(|&(_, weight)| weight > 0);
        let divisor = kept.iter().fold(0, |a, &(_, weight)| common(a, weight));
        if divisor == 0 {
            return Err(MixError::Empty);
        }
        for (_, weight) in &mut kept {
            *weight /= divisor;
        }
        if kept
            .iter()
            .map(|&(_, weight)| u64::from(weight))
            .sum::<u64>()
            > Self::MOST
        {
            return Err(MixError::TooFine);
        }
        if let [(mode, _)] = kept[..] {
            return Ok(Self::only(mode));
        }
        let round = kept
            .iter()
            .flat_map(|&(mode, weight)| (0..weight).map(move |_| mode))
            .collect();
        Ok(Self {
            weights: kept,
            round,
        })
    }

    /// How connection `id` is closed.
    #[must_use]
    pub fn mode(&self, seed: u64, id: u64) -> CloseMode {
        let length = self.round.len() as u64;
        if length == 0 {
            return self.weights[0].0;
        }
        // Position `id % length` of the round's own permutation, without storing it: the cards are
        // dealt by a keyed bijection of the positions.
        let (round, position) = (id / length, id % length);
        self.round[permuted(position, length, mixed(seed ^ mixed(round))) as usize]
    }

    /// The modes with their weights, in lowest terms.
    #[must_use]
    pub fn weights(&self) -> &[(CloseMode, u32)] {
        &self.weights
    }

    /// Whether a connection may be closed in this way.
    #[must_use]
    pub fn has(&self, mode: CloseMode) -> bool {
        self.weights.iter().any(|&(other, _)| other == mode)
    }
}

fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

/// A well-spread function of a number (the finalizer of SplitMix64, Steele and others, 2014).
pub(crate) fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Whether connection `id` is in a sample of this share (0 to 1) of all; the same connections for
/// the same seed, in whichever part of a run they are.
#[must_use]
pub fn is_sampled(seed: u64, id: u64, share: f64) -> bool {
    let place = mixed(seed ^ mixed(id.wrapping_add(1))) >> 11;
    (place as f64) < share * (1_u64 << 53) as f64
}

/// A bijection of `0..length`, chosen by `key`: a Feistel network over the next power of four,
/// walked until it lands inside. At most three steps on average, and nothing is kept between calls.
fn permuted(position: u64, length: u64, key: u64) -> u64 {
    let half_bits = (64 - (length - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1 << half_bits) - 1;
    let mut value = position;
    loop {
        let (mut left, mut right) = (value >> half_bits, value & mask);
        for round in 0..4 {
            let next = left ^ (mixed(key ^ mixed(right << 8 | round)) & mask);
            (left, right) = (right, next);
        }
        value = left << half_bits | right;
        if value < length {
            return value;
        }
    }
}

impl fmt::Display for CloseMix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(mode, _)] = self.weights[..] {
            return fmt::Display::fmt(&mode, f);
        }
        f.write_str("mix=")?;
        for (i, (mode, weight)) in self.weights.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{mode}:{weight}")?;
        }
        Ok(())
    }
}

impl fmt::Display for MixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("has no mode with a weight above zero"),
            Self::Twice(mode) => write!(f, "names {mode} twice"),
            Self::TooFine => write!(
                f,
                "has weights that add up to more than {} in lowest terms",
                CloseMix::MOST
            ),
        }
    }
}

impl std::error::Error for MixError {}

#[cfg(test)]
mod tests {
    use super::*;
    use CloseMode::{Abandon, Half, Rst};

    #[test]
    fn every_round_has_the_exact_proportions_in_an_order_of_its_own() {
        let mix = CloseMix::new(&[(Half, 80), (Rst, 15), (Abandon, 5)]).unwrap();
        assert_eq!(mix.weights(), [(Half, 16), (Rst, 3), (Abandon, 1)]);
        let mut orders = std::collections::BTreeSet::new();
        for round in 0..500 {
            let modes: Vec<_> = (round * 20..round * 20 + 20)
                .map(|id| mix.mode(1, id))
                .collect();
            let count = |mode| modes.iter().filter(|&&m| m == mode).count();
            assert_eq!((count(Half), count(Rst), count(Abandon)), (16, 3, 1));
            orders.insert(modes);
        }
        assert!(orders.len() > 400, "{}", orders.len());
    }

    #[test]
    fn a_seed_repeats_itself_and_another_differs() {
        let mix = CloseMix::new(&[(Half, 1), (Rst, 1)]).unwrap();
        let modes = |seed| (0..64).map(|id| mix.mode(seed, id)).collect::<Vec<_>>();
        assert_eq!(modes(3), modes(3));
        assert_ne!(modes(3), modes(4));
    }

    #[test]
    fn the_permutation_is_one_for_every_length() {
        for length in 1..200 {
            let mut seen: Vec<_> = (0..length).map(|i| permuted(i, length, 99)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_sample_has_its_share() {
        let sampled = |share| (0..10_000).filter(|&id| is_sampled(5, id, share)).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        assert!((900..1_100).contains(&sampled(0.1)), "{}", sampled(0.1));
    }

    #[test]
    fn what_is_no_mixture_is_refused() {
        assert_eq!(CloseMix::new(&[]), Err(MixError::Empty));
        assert_eq!(CloseMix::new(&[(Half, 0)]), Err(MixError::Empty));
        assert_eq!(
            CloseMix::new(&[(Half, 1), (Half, 2)]),
            Err(MixError::Twice(Half))
        );
        assert_eq!(
            CloseMix::new(&[(Half, 10_000), (Rst, 1)]),
            Err(MixError::TooFine)
        );
        let one = CloseMix::new(&[(Half, 7), (Rst, 0)]).unwrap();
        assert_eq!(one, CloseMix::only(Half));
        assert_eq!(one.to_string(), "half");
    }
}
