//! The line that tells, several times a second, what a run is doing.

use std::future::Future;

use firedrill_model::units::Span;

use super::{Drill, progress::Progress};
use crate::poll;

const EVERY: Span = Span::from_ms(200);

/// Runs `work` and keeps the status line fresh beside it.
pub(super) async fn beside<T>(drill: &Drill, progress: &dyn Progress, work: impl Future<Output = T>) -> T {
    let never = tokio_util::sync::CancellationToken::new();
    let telling = async {
        loop {
            poll::pause(EVERY, &never).await;
            progress.status(&line(drill));
        }
    };
    tokio::select! {
        result = work => result,
        () = telling => unreachable!("the status line is told for ever"),
    }
}

fn line(drill: &Drill) -> String {
    let counts = drill.ledger.counts();
    let mut parts = Vec::new();
    if counts.seeded > 0 && counts.acknowledged == 0 {
        parts.push(format!("{} seeded", counts.seeded));
    }
    if counts.acknowledged > 0 {
        parts.push(format!(
            "{} writes acknowledged, {} rejected, {} ambiguous",
            counts.acknowledged, counts.rejected, counts.ambiguous
        ));
    }
    if let Some(since) = drill.struck.get() {
        parts.push(format!("recovery-time clock {}", drill.clock.now().since(*since)));
    }
    parts.join("   ")
}
