//! Writes and probes over time, condensed to what a picture can show.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::ProbeId,
    ledger::{LedgerLine, Origin, Outcome},
    units::{RunTime, Span},
};

use crate::record::{Bin, Stretch, Timeline};

/// No more bins than a picture has room for, so that a long run costs no more memory than a short one.
const BINS_MAX: u64 = 240;

/// Lengths of a bin that a person can name.
const BIN_LENGTHS_MS: [u64; 12] =
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000];

/// Counts ledger lines into bins of equal length.
#[derive(Debug)]
pub(crate) struct Bins {
    length: Span,
    bins: Vec<Bin>,
}

impl Bins {
    /// Bins for a run of `length`.
    pub(crate) fn for_run(length: Span) -> Self {
        let wanted = length.ms().div_ceil(BINS_MAX).max(1);
        let bin_ms = BIN_LENGTHS_MS.into_iter().find(|ms| *ms >= wanted).unwrap_or(wanted);
        Self { length: Span::from_ms(bin_ms), bins: Vec::new() }
    }

    /// Counts one line, if the traffic wrote it.
    pub(crate) fn take(&mut self, line: &LedgerLine) {
        if line.origin != Origin::Traffic {
            return;
        }
        let at = line.completed_ms.unwrap_or(line.issued_ms);
        // A line beyond the last bin (a damaged clock) is counted there instead of growing the picture without bound.
        let index = (at.micros() / self.length.micros()).min(BINS_MAX * 2);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= self.bins.len() {
            self.bins.resize(index + 1, Bin::default());
        }
        let bin = &mut self.bins[index];
        match line.outcome {
            Outcome::Acknowledged => bin.acknowledged += 1,
            Outcome::Rejected => bin.rejected += 1,
            Outcome::Ambiguous => bin.ambiguous += 1,
        }
    }

    /// The timeline with the probes.
    pub(crate) fn with_probes(self, probes: Probes) -> Timeline {
        Timeline { bin_ms: self.length, bins: self.bins, probes: probes.stretches }
    }
}

/// Joins rounds of each probe with the same result.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    stretches: BTreeMap<ProbeId, Vec<Stretch>>,
}

impl Probes {
    /// Takes one round that began at `from` and ended at `to`.
    pub(crate) fn take(&mut self, probe: ProbeId, from: RunTime, to: RunTime, passed: bool, detail: String) {
        let stretches = self.stretches.entry(probe).or_default();
        match stretches.last_mut() {
            Some(last) if last.passed == passed => {
                last.to_ms = last.to_ms.max(to);
                last.rounds += 1;
            }
            _ => stretches.push(Stretch { from_ms: from, to_ms: to.max(from), passed, rounds: 1, detail }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_no_more_bins_than_a_picture_can_show() {
        for hours in [0, 1, 10, 1000, 100_000] {
            let length = Span::from_secs(hours * 3600);
            let bins = Bins::for_run(length);
            assert!(length.micros() / bins.length.micros() <= BINS_MAX, "{hours} h in bins of {}", bins.length);
        }
    }

    #[test]
    fn rounds_with_the_same_result_are_one_stretch() {
        let mut probes = Probes::default();
        let probe = ProbeId::new("table/orders");
        for (at, ok) in [(0, true), (1, true), (2, false), (3, true)] {
            let detail = if ok { String::new() } else { "read failed".to_owned() };
            probes.take(probe.clone(), RunTime::from_ms(at * 500), RunTime::from_ms(at * 500 + 20), ok, detail);
        }
        let stretches = &probes.stretches[&probe];
        let seen: Vec<_> = stretches.iter().map(|s| (s.from_ms.ms(), s.to_ms.ms(), s.passed, s.rounds)).collect();
        assert_eq!(seen, [(0, 520, true, 2), (1000, 1020, false, 1), (1500, 1520, true, 1)]);
        assert_eq!(stretches[1].detail, "read failed");
    }
}
