//! Draws from a seed: the same on every machine, and independent of the order in which values are asked for.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

/// A stream of draws named by a seed and a path of words. Two paths give two unrelated streams.
///
/// Ranges are drawn by multiplication of a 64-bit draw, in whole numbers alone: the sequence depends neither on the
/// machine's word size nor on its floating point, and not on how a library happens to sample.
#[derive(Clone, Debug)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream at `path` below `seed`.
    pub fn at(seed: u64, path: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for word in path {
            hash.update((word.len() as u64).to_le_bytes());
            hash.update(word.as_bytes());
        }
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// A number from 0 to `end`, `end` excluded; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `first` to `last`, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// When there is nothing to choose from.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.index(choices.len())]
    }

    /// An index below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// `count` decimal digits, the first and the last not 0, so that none of them can be normalised away.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|at| {
                let least = u64::from(at == 0 || at + 1 == count);
                char::from(b'0' + u8::try_from(self.between(least, 9)).unwrap_or(9))
            })
            .collect()
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// A vector of `count` bytes.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0)];
        self.fill(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_draws_for_ever() {
        let mut draw = Draw::at(7, &["table/orders", "12"]);
        let drawn: Vec<u64> = (0..4).map(|_| draw.below(1000)).collect();
        insta::assert_debug_snapshot!(drawn, @"");
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, first in 0..1000_u64, width in 0..1000_u64) {
            let mut draw = Draw::at(seed, &["range"]);
            for _ in 0..50 {
                let drawn = draw.between(first, first + width);
                prop_assert!((first..=first + width).contains(&drawn));
            }
        }

        #[test]
        fn paths_are_not_confused_by_where_their_words_end(seed: u64) {
            let (mut one, mut other) = (Draw::at(seed, &["ab", "c"]), Draw::at(seed, &["a", "bc"]));
            prop_assert_ne!(one.bytes(16), other.bytes(16));
        }

        #[test]
        fn digits_neither_begin_nor_end_with_zero(seed: u64, count in 1_usize..39) {
            let digits = Draw::at(seed, &["digits"]).digits(count);
            prop_assert_eq!(digits.len(), count);
            prop_assert!(!digits.starts_with('0') && !digits.ends_with('0'));
        }
    }
}
