//! The line that tells, several times a second, what a run is doing.

use std::{collections::VecDeque, future::Future};

use firedrill_model::{
    units::{RunTime, Span},
    verification::LedgerCounts,
};

use super::{Drill, progress::Progress};
use crate::poll;

const EVERY: Span = Span::from_ms(200);

/// Over how long a rate is taken: short enough to show that writes stopped, long enough not to flicker.
const WINDOW: Span = Span::from_secs(2);

/// Runs `work` and keeps the status line fresh beside it.
pub(super) async fn beside<T>(drill: &Drill, progress: &dyn Progress, work: impl Future<Output = T>) -> T {
    let never = tokio_util::sync::CancellationToken::new();
    let telling = async {
        let (mut seeded, mut acknowledged) = (Rate::default(), Rate::default());
        loop {
            poll::pause(EVERY, &never).await;
            let (now, counts) = (drill.clock.now(), drill.ledger.counts());
            let rates = [seeded.at(now, counts.seeded), acknowledged.at(now, counts.acknowledged)];
            progress.status(&line(&counts, rates, drill.struck.get().map(|since| now.since(*since))));
        }
    };
    tokio::select! {
        result = work => result,
        () = telling => unreachable!("the status line is told for ever"),
    }
}

/// How fast a count grows.
#[derive(Debug, Default)]
struct Rate(VecDeque<(RunTime, u64)>);

impl Rate {
    /// Takes the count at `now`; how many a second were added in the last [`WINDOW`], rounded.
    fn at(&mut self, now: RunTime, count: u64) -> u64 {
        self.0.push_back((now, count));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|(at, _)| now.since(*at) >= WINDOW) {
            self.0.pop_front();
        }
        let Some((since, before)) = self.0.front() else { return 0 };
        let micros = now.since(*since).micros();
        let added = count.saturating_sub(*before).saturating_mul(1_000_000);
        added.saturating_add(micros / 2).checked_div(micros).unwrap_or(0)
    }
}

fn line(counts: &LedgerCounts, [seeding, writing]: [u64; 2], clock: Option<Span>) -> String {
    let mut parts = Vec::new();
    if counts.seeded > 0 && counts.acknowledged == 0 {
        parts.push(format!("{} seeded, {seeding}/s", counts.seeded));
    }
    if counts.acknowledged > 0 {
        parts.push(format!(
            "{writing}/s   {} writes acknowledged, {} rejected, {} ambiguous",
            counts.acknowledged, counts.rejected, counts.ambiguous
        ));
    }
    if let Some(clock) = clock {
        parts.push(format!("recovery-time clock {clock}"));
    }
    parts.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_two_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.at(RunTime::from_ms(1000), 400), 0, "one look is no rate");
        for step in 1..=20 {
            rate.at(RunTime::from_ms(1000 + step * 200), 400 + step * 5);
        }
        assert_eq!(rate.at(RunTime::from_ms(5200), 505), 25);
        for step in 1..=9 {
            rate.at(RunTime::from_ms(5200 + step * 200), 505);
        }
        assert_eq!(rate.at(RunTime::from_ms(7200), 505), 0, "nothing is written any more");
        assert!(rate.0.len() <= 12, "{}", rate.0.len());
    }

    #[test]
    fn the_line_has_counts_rates_and_the_clock() {
        let counts = LedgerCounts { seeded: 1_200, ..LedgerCounts::default() };
        insta::assert_snapshot!(line(&counts, [131, 0], None), @"1200 seeded, 131/s");
        let counts = LedgerCounts { acknowledged: 834, rejected: 7, ambiguous: 3, ..counts };
        insta::assert_snapshot!(
            line(&counts, [0, 25], Some(Span::from_ms(12_300))),
            @"25/s   834 writes acknowledged, 7 rejected, 3 ambiguous   recovery-time clock 12.3 s"
        );
        assert_eq!(line(&LedgerCounts::default(), [0, 0], None), "");
    }
}
