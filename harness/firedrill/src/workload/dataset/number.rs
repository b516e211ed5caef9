//! Which key of a resource: seed, traffic and probes number their keys apart, so that none can take another's.

use std::fmt;

/// The number of a key within its resource. From it and the plan's seed a generator makes the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(u64);

/// Who owns a range of key numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpace {
    /// Exists before the traffic begins; sentinels are among these.
    Seed,
    /// Made by writers of the traffic.
    Traffic,
    /// Made by probes and canaries, recognisable by [`PROBE_PREFIX`].
    Probe,
}

/// What keys of probes begin with, or the partition they are in.
pub const PROBE_PREFIX: &str = "firedrill-probe";

const TRAFFIC_FIRST: u64 = 1_000_000_000;
const PROBE_FIRST: u64 = 1_000_000_000_000_000;

/// What may write keys of firedrill's own to one resource at the same instant, each others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeSlot {
    /// The probe of the bucket or table itself.
    Data,
    /// The probe of a trigger on it.
    Trigger,
    /// The canary.
    Canary,
    /// The event that cannot be processed.
    Poison,
}

impl KeyNumber {
    /// The `index`-th key of the seed.
    pub const fn seed(index: u64) -> Self {
        assert!(index < TRAFFIC_FIRST, "a seed has fewer keys than the traffic's first number");
        Self(index)
    }

    /// The `index`-th key that writer `writer` of `writers` on the resource makes.
    pub const fn traffic(writer: u64, writers: u64, index: u64) -> Self {
        assert!(writer < writers, "writers are numbered below their count");
        Self(TRAFFIC_FIRST + index * writers + writer)
    }

    /// The key of a probe that began at this microsecond of the run.
    pub const fn probe(slot: ProbeSlot, began_micros: u64) -> Self {
        Self(PROBE_FIRST + began_micros * 4 + slot as u64)
    }

    /// Whose it is.
    pub const fn space(self) -> KeySpace {
        match self.0 {
            0..TRAFFIC_FIRST => KeySpace::Seed,
            TRAFFIC_FIRST..PROBE_FIRST => KeySpace::Traffic,
            PROBE_FIRST.. => KeySpace::Probe,
        }
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for KeyNumber {
    /// At least six digits, as order numbers have them: `000812`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_owners_have_a_number_in_common(seeds in 0..200_u64, writers in 1..8_u64, each in 0..50_u64, micros in 0..1_u64 << 40) {
            let traffic = (0..writers).flat_map(|writer| (0..each).map(move |index| KeyNumber::traffic(writer, writers, index)));
            let probes = [ProbeSlot::Data, ProbeSlot::Trigger, ProbeSlot::Canary, ProbeSlot::Poison].map(|slot| KeyNumber::probe(slot, micros));
            let all: Vec<KeyNumber> = (0..seeds).map(KeyNumber::seed).chain(traffic).chain(probes).collect();
            let distinct: BTreeSet<KeyNumber> = all.iter().copied().collect();
            prop_assert_eq!(distinct.len(), all.len());
            let in_space = |space| all.iter().filter(|number| number.space() == space).count() as u64;
            prop_assert_eq!(in_space(KeySpace::Seed), seeds);
            prop_assert_eq!(in_space(KeySpace::Traffic), writers * each);
            prop_assert_eq!(in_space(KeySpace::Probe), 4);
        }
    }
}
