//! Several behaviours, by weight.

use std::fmt;
use std::str::FromStr;

use crate::behaviour::{Behaviour, whole};
use crate::treatment::Treatment;
use crate::units::ParseError;

/// How a server treats its connections: all in one way, or each in one of several, by weight.
///
/// Written as a [`Treatment`], or as `mix=A:80,B:20`.
///
/// ```
/// use finwait_peer::Mix;
///
/// let mix: Mix = "mix=linger:80,rst-after-response?size=1m:20".parse()?;
/// let treated = (0..1_000).filter(|&k| mix.choose(1, k).params.size.is_some()).count();
/// assert!((150..250).contains(&treated), "{treated}");
/// # Ok::<(), finwait_peer::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// At least one, and their weights add up to more than nothing.
    parts: Vec<(Treatment, u32)>,
}

impl Mix {
    /// What there is to choose from, each with its weight.
    #[must_use]
    pub fn parts(&self) -> &[(Treatment, u32)] {
        &self.parts
    }

    /// How connection number `k`, counted from 0 as they are accepted, is treated. It follows from
    /// `seed` and `k` alone.
    #[must_use]
    pub fn choose(&self, seed: u64, k: u64) -> Treatment {
        self.parts[self.index(seed, k)].0
    }

    pub(crate) fn index(&self, seed: u64, k: u64) -> usize {
        if self.parts.len() == 1 {
            return 0;
        }
        let total: u64 = self
            .parts
            .iter()
            .map(|(_, weight)| u64::from(*weight))
            .sum();
        let mut drawn = scattered(seed, k) % total.max(1);
        for (index, (_, weight)) in self.parts.iter().enumerate() {
            match drawn.checked_sub(u64::from(*weight)) {
                Some(rest) => drawn = rest,
                None => return index,
            }
        }
        0
    }

    fn parse_parts(text: &str, parts: &str) -> Result<Self, ParseError> {
        let wrong = |what: &str| ParseError::new(format!("behaviour {text:?}: {what}"));
        let mut mix = Self { parts: Vec::new() };
        for part in parts.split(',') {
            let Some((treatment, weight)) = part.rsplit_once(':') else {
                return Err(wrong("a mix is written mix=A:80,B:20"));
            };
            let weight =
                whole(weight).ok_or_else(|| wrong(&format!("not a weight: {weight:?} (80)")))?;
            let treatment: Treatment = treatment.parse()?;
            if treatment.behaviour == Behaviour::DropBacklog {
                return Err(wrong("drop-backlog is for all connections or none"));
            }
            mix.parts.push((treatment, weight));
        }
        if mix.parts.iter().all(|(_, weight)| *weight == 0) {
            return Err(wrong("a weight must be above zero"));
        }
        if let [(_, weight)] = &mut mix.parts[..] {
            *weight = 1;
        }
        Ok(mix)
    }
}

/// SplitMix64: close numbers give values that have nothing to do with each other.
fn scattered(seed: u64, k: u64) -> u64 {
    let mut z = seed.wrapping_add((k.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Default for Mix {
    fn default() -> Self {
        Behaviour::default().into()
    }
}

impl From<Treatment> for Mix {
    fn from(treatment: Treatment) -> Self {
        Self {
            parts: vec![(treatment, 1)],
        }
    }
}

impl From<Behaviour> for Mix {
    fn from(behaviour: Behaviour) -> Self {
        Treatment::from(behaviour).into()
    }
}

impl FromStr for Mix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.strip_prefix("mix=") {
            Some(parts) => Self::parse_parts(text, parts),
            None => text.parse::<Treatment>().map(Self::from),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(treatment, _)] = &self.parts[..] {
            return treatment.fmt(f);
        }
        for (i, (treatment, weight)) in self.parts.iter().enumerate() {
            let before = if i == 0 { "mix=" } else { "," };
            write!(f, "{before}{treatment}:{weight}")?;
        }
        Ok(())
    }
}
