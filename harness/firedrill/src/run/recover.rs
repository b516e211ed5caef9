//! The disaster is noticed, and the recovery runs; with what strikes while it does.

use firedrill_model::{
    history::{Ending, Event, Phase},
    scenario::Detector,
};
use thiserror::Error;
use tokio::sync::watch;

use super::{
    Drill,
    disaster::arm,
    dispatch::Holdings,
    journal::JournalError,
    phase::{PhaseError, chain, noted, phase},
    progress::Progress,
    steps::StepError,
};
use crate::{
    backup::schedule::{Backups, ScheduleError},
    recovery::{self, Recovered, RecoveryError},
    target::Switch,
    workload::{WorkloadError, canary::Canary},
};

/// What interrupted a run of which a disaster could not be switched on during the recovery.
const NOT_SWITCHED_ON: &str = "a disaster that could not be switched on";

#[derive(Debug, Error)]
enum DetectError {
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

#[derive(Debug, Error)]
enum RecoverError {
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("{fault} could not be switched on")]
    Strike {
        fault: String,
        #[source]
        source: StepError,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Notices the disaster and runs the recovery steps.
pub(super) async fn recover(drill: &Drill, progress: &dyn Progress, holdings: &mut Holdings) -> Result<(), PhaseError> {
    let Some(canary) = &holdings.canary else { return Ok(()) };
    detect(drill, progress, canary).await?;
    let (Some(target), Some(backups)) = (&holdings.target, holdings.backups.take()) else { return Ok(()) };
    let mut gave_up = false;
    let result = phase(drill, progress, Phase::Recover, true, async {
        backups.stop().await?;
        let (runs, running) = watch::channel(None);
        let recovery = async { Ok(attempts(drill, progress, target, &backups, runs).await) };
        let (recovered, ()) = match tokio::try_join!(recovery, strike_during(drill, progress, target, running)) {
            Ok(ended) => ended,
            Err(error) => {
                // Whatever became of the recovery says nothing: firedrill failed beside it.
                drill.journal.append_synced(Event::Interrupted { reason: NOT_SWITCHED_ON.to_owned() })?;
                return Err(error);
            }
        };
        gave_up = recovered.as_ref().is_err_and(RecoveryError::is_of_a_step);
        let recovered = recovered?;
        let note = match &recovered.restored {
            Some(point) => format!("from recovery point {}", drill.clock.utc_text(point.begun_ms)),
            None => String::new(),
        };
        noted::<_, RecoverError>(recovered.restored, note)
    })
    .await;
    holdings.backups = Some(backups);
    holdings.gave_up = gave_up;
    holdings.restored = result?;
    Ok(())
}

async fn detect(drill: &Drill, progress: &dyn Progress, canary: &Canary) -> Result<(), PhaseError> {
    phase(drill, progress, Phase::Detect, true, async {
        let failures = canary.detect().await?;
        drill.journal.append(Event::Detected { failures })?;
        let canary = format!("canary failed {failures} times");
        let note = match &drill.plan.detect.by {
            Detector::Failures { .. } => canary,
            Detector::Alarm(alarm) => format!("alarm `{}` went off; {canary}", alarm.name),
        };
        noted::<_, DetectError>((), note)
    })
    .await
}

/// Runs the recovery until an attempt succeeds, at most as often as the plan allows. Attempts are numbered from 1. Takes the sender
/// of the step that runs, so that who waits for one knows when none will come any more.
async fn attempts(
    drill: &Drill,
    progress: &dyn Progress,
    target: &dyn Switch,
    backups: &Backups,
    runs: watch::Sender<Option<usize>>,
) -> Result<Recovered, RecoveryError> {
    let allowed = drill.plan.limits.attempts;
    let mut attempt = 1;
    loop {
        match recovery::run_all(drill, target, backups, &runs, attempt).await {
            Err(error) if attempt < allowed && error.ending() != Ending::Interrupted => {
                progress.setback(&format!("attempt {attempt} of {allowed} failed: {}", chain(&error)));
                attempt += 1;
            }
            ended => return ended,
        }
    }
}

/// Takes away, in order, what the plan says for while a step of the recovery runs, each while that step does. What waits for a step
/// that never runs is never switched on, and the verdict says so.
async fn strike_during(
    drill: &Drill,
    progress: &dyn Progress,
    target: &dyn Switch,
    mut running: watch::Receiver<Option<usize>>,
) -> Result<(), RecoverError> {
    for fault in &drill.plan.disaster {
        let Some(step) = fault.when.step() else { continue };
        if running.wait_for(|running| *running == Some(step)).await.is_err() {
            break;
        }
        let strike = |source| RecoverError::Strike { fault: fault.id.to_string(), source };
        let at = arm(drill, target, fault).await.map_err(strike)?;
        progress.disaster(&fault.fault.title, &drill.clock.utc_text(at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use async_trait::async_trait;
    use firedrill_model::{
        ids::FaultId,
        plan::PlannedFault,
        scenario::{Onset, Symptom},
        units::Span,
    };

    use super::*;
    use crate::{fault::region_outage, run, run::progress::Silent, target::TargetError, workload::sample};

    /// A target that takes nothing away, remembers what it was told to, and may refuse.
    #[derive(Debug, Default)]
    struct Told {
        armed: Mutex<Vec<String>>,
        refuses: bool,
    }

    impl Told {
        fn armed(&self) -> Vec<String> {
            self.armed.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    #[async_trait]
    impl Switch for Told {
        async fn arm(&self, fault: &PlannedFault) -> Result<(), TargetError> {
            self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(fault.id.to_string());
            if self.refuses { Err(TargetError::Protocol("refused".to_owned())) } else { Ok(()) }
        }
    }

    /// A run with faults that wait for these steps.
    fn drill(folder: &std::path::Path, steps: &[usize]) -> Drill {
        let mut plan = sample::plan(7);
        let fault = region_outage(&"us-east-1".into(), Symptom::Refused).unwrap();
        let numbered = steps.iter().zip(1..);
        plan.disaster = numbered
            .map(|(step, number)| PlannedFault {
                id: FaultId::new(format!("fault-{number}")),
                when: Onset::During { step: *step },
                fault: fault.clone(),
                duration_max: Span::from_secs(9),
            })
            .collect();
        run::sample::drill(folder, plan)
    }

    /// What it shows, the steps that faults wait for, those that run one after the other, and the faults that are switched on.
    type Case = (&'static str, &'static [usize], &'static [Option<usize>], &'static [&'static str]);

    /// What is switched on while these steps run, one after the other.
    async fn struck(waits_for: &[usize], steps: &[Option<usize>], refuses: bool) -> (Vec<String>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let drill = drill(folder.path(), waits_for);
        let target = Told { refuses, ..Told::default() };
        let (runs, running) = watch::channel(None);
        let recovery = async move {
            for step in steps {
                runs.send_replace(*step);
                // Whoever waits for it is asked several times.
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        };
        let ended = tokio::try_join!(recovery, strike_during(&drill, &Silent, &target, running));
        (target.armed(), ended.is_ok())
    }

    #[tokio::test]
    async fn what_waits_for_a_step_is_switched_on_while_it_runs_and_not_otherwise() {
        let cases: [Case; 6] = [
            ("its step", &[1], &[Some(0), Some(1), Some(2)], &["fault-1"]),
            ("a step that never comes", &[3], &[Some(0), Some(1)], &[]),
            ("nothing runs", &[0], &[None], &[]),
            ("two for one step", &[1, 1], &[Some(0), Some(1)], &["fault-1", "fault-2"]),
            ("one for each", &[0, 1], &[Some(0), None, Some(1)], &["fault-1", "fault-2"]),
            ("the second attempt", &[2], &[Some(0), Some(1), None, Some(0), Some(1), Some(2)], &["fault-1"]),
        ];
        for (case, waits_for, steps, expected) in cases {
            let (armed, is_ok) = struck(waits_for, steps, false).await;
            assert!(is_ok && armed == expected, "{case}: {armed:?}");
        }
    }

    #[tokio::test]
    async fn a_step_that_is_over_before_anybody_looks_is_not_struck_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let drill = drill(folder.path(), &[0]);
        let (target, (runs, running)) = (Told::default(), watch::channel(None));
        runs.send_replace(Some(0));
        runs.send_replace(None);
        drop(runs);
        strike_during(&drill, &Silent, &target, running).await.unwrap();
        assert!(target.armed().is_empty());
    }

    #[tokio::test]
    async fn a_target_that_does_not_switch_it_on_ends_the_recovery() {
        let (armed, is_ok) = struck(&[0, 1], &[Some(0), Some(1)], true).await;
        assert!(!is_ok && armed == ["fault-1"], "{armed:?}");
    }
}
