//! The run's clock: the only place that reads time.

use std::time::Instant;

use firedrill_model::units::RunTime;
use jiff::Timestamp;

/// One monotonic clock a run, with the wall-clock instant at which it began. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    begun: Instant,
    begun_utc: Timestamp,
}

impl RunClock {
    /// Starts the clock: this is the run's zero.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
    pub fn start() -> Self {
        Self { begun: Instant::now(), begun_utc: Timestamp::now() }
    }

    /// Now, on the monotonic clock.
    pub fn now(&self) -> RunTime {
        RunTime::from_micros(u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// An instant of the run as wall-clock time, for display and evidence.
    pub fn utc(&self, at: RunTime) -> Timestamp {
        let micros = i64::try_from(at.micros()).unwrap_or(i64::MAX);
        Timestamp::from_microsecond(self.begun_utc.as_microsecond().saturating_add(micros)).unwrap_or(Timestamp::MAX)
    }

    /// [`RunClock::utc`] as RFC 3339 with milliseconds: `2026-11-23T14:02:14.207Z`.
    pub fn utc_text(&self, at: RunTime) -> String {
        format!("{:.3}", self.utc(at))
    }

    /// When the run began, wall clock.
    pub fn begun_utc(&self) -> Timestamp {
        self.begun_utc
    }
}

/// Wall-clock time outside a run, for file names and `prune`.
#[expect(clippy::disallowed_methods, reason = "the one place that reads time")]
pub fn utc_now() -> Timestamp {
    Timestamp::now()
}
