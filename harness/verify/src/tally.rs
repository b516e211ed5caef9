//! An exact count with a bounded sample.

use crate::findings::SAMPLE_MAX;

/// Counts everything and keeps the first [`SAMPLE_MAX`] keys, each with a fact about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How many.
    pub(crate) count: u64,
    /// Key and what is known of it.
    pub(crate) sample: Vec<(String, String)>,
}

impl Tally {
    /// Counts one place. `fact` is asked for only while there is room in the sample.
    pub(crate) fn add(&mut self, key: &str, fact: impl FnOnce() -> String) {
        self.count += 1;
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push((key.to_owned(), fact()));
        }
    }

    /// Counts all of `other` too.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.sample.extend(other.sample);
        self.sample.truncate(SAMPLE_MAX);
    }

    /// The first key.
    pub(crate) fn first_key(&self) -> Option<String> {
        self.sample.first().map(|(key, _)| key.clone())
    }

    /// The keys of the sample.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.sample.iter().map(|(key, _)| key.clone()).collect()
    }

    /// One line a key, and one for those that are only counted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line =
            |(key, fact): &(String, String)| if fact.is_empty() { key.clone() } else { format!("{key}: {fact}") };
        let mut lines: Vec<String> = self.sample.iter().map(line).collect();
        let rest = self.count.saturating_sub(self.sample.len() as u64);
        if rest > 0 {
            lines.push(format!("and {rest} more"));
        }
        lines
    }
}

/// `1 key`, `7 keys`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The form of a verb or pronoun that agrees with a count: `agreeing(1, "is", "are")`.
pub(crate) fn agreeing<'w>(count: u64, one: &'w str, many: &'w str) -> &'w str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_exactly_and_keeps_a_bounded_sample() {
        let mut tally = Tally::default();
        for number in 0..1000 {
            tally.add(&format!("k{number}"), String::new);
        }
        assert_eq!(tally.count, 1000);
        assert_eq!(tally.keys().len(), SAMPLE_MAX);
        assert_eq!(tally.lines().last().map(String::as_str), Some("and 980 more"));
    }
    #[test]
    fn what_is_absorbed_counts_and_keeps_the_sample_bounded() {
        let of = |range: std::ops::Range<u32>| {
            let mut tally = Tally::default();
            range.for_each(|number| tally.add(&format!("k{number}"), String::new));
            tally
        };
        let mut tally = of(0..15);
        tally.absorb(of(15..45));
        assert_eq!((tally.count, tally.keys()), (45, of(0..20).keys()));
        assert_eq!(tally.lines().last().map(String::as_str), Some("and 25 more"));
    }
}
