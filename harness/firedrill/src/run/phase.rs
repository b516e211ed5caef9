//! Runs one phase: journalled, watched, limited in time, cancellable.

use std::{fmt::Display, future::Future};

use firedrill_model::{
    history::{Ending, Event, Phase},
    units::Span,
};
use thiserror::Error;

use super::{Drill, journal::JournalError, progress::Progress};
use crate::{plan::limits, poll};

/// A phase that did not reach its end.
#[derive(Debug, Error)]
pub enum PhaseError {
    /// Something in it failed.
    #[error("{} failed: {cause}", phase.word())]
    Failed {
        /// Which.
        phase: Phase,
        /// The whole chain of causes, for people.
        cause: String,
    },
    /// Its limit passed.
    #[error("{} took longer than its limit of {limit}", phase.word())]
    TimedOut {
        /// Which.
        phase: Phase,
        /// The limit.
        limit: Span,
    },
    /// The run was asked to stop.
    #[error("stopped during {}", phase.word())]
    Stopped {
        /// Which.
        phase: Phase,
    },
    /// The target went away without a fault of the plan.
    #[error("{what} ended by itself; its log is in the run directory, below `target/`")]
    TargetLost {
        /// What ended.
        what: String,
    },
    /// A stop condition of the scenario was met, or could not be looked at.
    #[error("a stop condition ended it: {what}")]
    Condition {
        /// What was seen.
        what: String,
    },
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl PhaseError {
    /// Puts what really ended a phase in place of the mere fact that it was stopped.
    pub(super) fn blame(&mut self, cause: String) {
        if let Self::Stopped { phase } = *self {
            *self = Self::Failed { phase, cause };
        }
    }

    fn ending(&self) -> Ending {
        match self {
            Self::Failed { .. } | Self::TargetLost { .. } | Self::Journal(_) => Ending::Failed,
            Self::TimedOut { .. } => Ending::TimedOut,
            Self::Stopped { .. } | Self::Condition { .. } => Ending::Interrupted,
        }
    }
}

/// What a phase gives back: its value and one line for people.
pub(super) struct Noted<T> {
    pub(super) value: T,
    pub(super) note: String,
}

/// A value with the line that says what was done, as the end of a phase's work.
#[expect(clippy::unnecessary_wraps, reason = "it is the last expression of a block that can fail")]
pub(super) fn noted<T, E>(value: T, note: impl Into<String>) -> Result<Noted<T>, E> {
    Ok(Noted { value, note: note.into() })
}

/// Runs `work` as `phase`. With `heeds_stop`, a request to stop ends it; phases that clean up do not heed it.
pub(super) async fn phase<T, E>(
    drill: &Drill,
    progress: &dyn Progress,
    phase: Phase,
    heeds_stop: bool,
    work: impl Future<Output = Result<Noted<T>, E>>,
) -> Result<T, PhaseError>
where
    E: std::error::Error + 'static,
{
    phase_after(drill, progress, phase, heeds_stop, std::future::ready(Ok(())), |()| work).await
}

/// [`phase`] whose limit counts from the end of `before` on, which has a limit of its own.
pub(super) async fn phase_after<A, T, E, W>(
    drill: &Drill,
    progress: &dyn Progress,
    phase: Phase,
    heeds_stop: bool,
    before: impl Future<Output = Result<A, E>>,
    work: impl FnOnce(A) -> W,
) -> Result<T, PhaseError>
where
    E: std::error::Error + 'static,
    W: Future<Output = Result<Noted<T>, E>>,
{
    let began = drill.journal.append(Event::PhaseBegan { phase })?;
    progress.phase_began(phase);
    let limit = limits::of_phase(&drill.plan, phase);
    let stopped = async {
        if heeds_stop {
            drill.cancel.cancelled().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let limited = async {
        let work = work(before.await?);
        poll::at_most(limit, work).await.transpose()
    };
    let result = tokio::select! {
        biased;
        () = stopped => Err(PhaseError::Stopped { phase }),
        result = limited => match result {
            Ok(None) => Err(PhaseError::TimedOut { phase, limit }),
            Err(error) => Err(PhaseError::Failed { phase, cause: chain(&error) }),
            Ok(Some(noted)) => Ok(noted),
        },
    };
    let (ending, note) = match &result {
        Ok(noted) => (Ending::Done, noted.note.clone()),
        Err(error) => (error.ending(), error.to_string()),
    };
    let ended = drill.journal.append(Event::PhaseEnded { phase, ending, note: note.clone() })?;
    progress.phase_ended(phase, ending, ended.since(began), &note);
    result.map(|noted| noted.value)
}

/// An error with all its causes, each said once: `cannot read X: connection refused`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said: &dyn Display = next;
        let said = said.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use firedrill_model::scenario::Limits;

    use super::*;
    use crate::{backup::process::tests::Stage, run::progress::Silent};

    #[tokio::test]
    async fn a_phase_that_takes_longer_than_its_limit_is_ended_and_says_so() {
        let limit = Span::from_ms(30);
        let stage = Stage::new(|plan| plan.limits = Limits { phase: limit, ..plan.limits });
        let endless = async {
            std::future::pending::<()>().await;
            noted::<_, JournalError>((), "")
        };
        let ended = phase(&stage.drill, &Silent, Phase::Seed, false, endless).await;
        assert!(matches!(ended, Err(PhaseError::TimedOut { phase: Phase::Seed, limit: of }) if of == limit));
        let quick = phase(&stage.drill, &Silent, Phase::Seed, false, async { noted::<_, JournalError>(7, "done") });
        assert_eq!(quick.await.expect("in time"), 7);
        let history = stage.drill.dir.read_history().expect("a history");
        let endings: Vec<(Ending, String)> = history
            .filter_map(|record| {
                let Event::PhaseEnded { ending, note, .. } = record.expect("a record").event else { return None };
                Some((ending, note))
            })
            .collect();
        let late = "seed took longer than its limit of 0 s".to_owned();
        assert_eq!(endings, [(Ending::TimedOut, late), (Ending::Done, "done".to_owned())]);
    }

    #[tokio::test]
    async fn a_request_to_stop_ends_a_phase_that_heeds_it() {
        let stage = Stage::new(|_| {});
        stage.drill.cancel.cancel();
        for heeds in [true, false] {
            let ended =
                phase(&stage.drill, &Silent, Phase::Seed, heeds, async { noted::<_, JournalError>((), "") }).await;
            assert_eq!(ended.is_err(), heeds);
        }
    }

    #[test]
    fn what_ended_a_phase_from_beside_is_named_and_nothing_else_is_replaced() {
        let mut stopped = PhaseError::Stopped { phase: Phase::Traffic };
        stopped.blame("CloudWatch PutMetricData failed".to_owned());
        assert_eq!(stopped.to_string(), "traffic failed: CloudWatch PutMetricData failed");
        let mut late = PhaseError::TimedOut { phase: Phase::Observe, limit: Span::from_secs(9) };
        late.blame("the ledger".to_owned());
        assert_eq!(late.to_string(), "observe took longer than its limit of 9 s");
    }
}
