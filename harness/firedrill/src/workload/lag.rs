//! How late firedrill itself was: what it wanted to do at an instant and did later.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use firedrill_model::units::{RunTime, Span};

/// The largest lag of a run behind its own schedules: of the traffic, the canary and the probes. Waiting for an answer is
/// not lag. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lag(Arc<AtomicU64>);

impl Lag {
    /// What was due at `due` is done at `now`.
    pub fn note(&self, due: RunTime, now: RunTime) {
        self.0.fetch_max(now.since(due).micros(), Ordering::Relaxed);
    }

    /// The largest so far.
    pub fn max(&self) -> Span {
        Span::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_lag_of_all_schedules_counts() {
        let (lag, at) = (Lag::default(), RunTime::from_ms);
        assert_eq!(lag.max(), Span::default());
        let of_a_probe = lag.clone();
        of_a_probe.note(at(500), at(507));
        lag.note(at(1000), at(1002));
        lag.note(at(2000), at(1999));
        assert_eq!(lag.max(), Span::from_ms(7), "early is not late");
    }
}
