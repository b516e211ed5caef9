//! The order of a run. *Heal*, *verify*, *report* and *teardown* happen whatever went before.

use std::path::{Path, PathBuf};

use firedrill_model::{
    history::{Event, Phase},
    plan::Plan,
    recovery_point::RecoveryPoint,
    run_dir::RunDir,
    verification::Verification,
};
use firedrill_reports::RunRecord;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Drill, Journal, Stop, StopReason, closing, conditions,
    directory::{self, DirectoryError},
    disaster,
    journal::JournalError,
    opening,
    phase::PhaseError,
    progress::Progress,
    recover, status,
};
use crate::{
    backup::schedule::Backups,
    clock::RunClock,
    poll,
    target::{Launch, RunningTarget, TargetEvent, process},
    workload::{canary::Canary, ledger::Ledger, probe::Prober, traffic::Traffic},
};

/// What to run and how.
#[derive(Debug)]
pub struct Request {
    /// The plan to obey.
    pub plan: Plan,
    /// Text of the scenario file, for the run directory.
    pub scenario_text: String,
    /// Folder of run directories.
    pub out: PathBuf,
    /// Leave the target up at the end.
    pub keep: bool,
    /// How the supervisor is started.
    pub launch: Launch,
}

/// A run that has ended, whatever its verdict.
#[derive(Debug)]
pub struct Outcome {
    /// Its directory.
    pub dir: RunDir,
    /// The run record that was written.
    pub record: RunRecord,
    /// What verification found.
    pub verification: Verification,
    /// Why it was stopped, if it was.
    pub stopped: Option<StopReason>,
    /// The phase that did not reach its end, if one did not.
    pub broken: Option<PhaseError>,
    /// Why faults may still be on, if they could not be undone.
    pub unhealed: Option<PhaseError>,
}

impl Outcome {
    /// The target could not be had, or went away without a fault of the plan.
    pub fn target_unavailable(&self) -> bool {
        let never_started = matches!(
            self.broken,
            Some(
                PhaseError::Failed { phase: Phase::Preflight, .. }
                    | PhaseError::TimedOut { phase: Phase::Preflight, .. }
            )
        );
        never_started || self.stopped == Some(StopReason::TargetLost)
    }
}

/// A run that left no verdict.
#[derive(Debug, Error)]
pub enum RunError {
    /// The run directory could not be made or written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The ledger could not be created.
    #[error("cannot write the ledger")]
    Ledger(#[source] std::io::Error),
    /// The evidence could not be judged or written.
    #[error("cannot {what}: {cause}")]
    Evidence {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        cause: String,
    },
}

/// What a run holds while it goes on, so that the end can put every piece away.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    pub(super) target: Option<RunningTarget>,
    pub(super) traffic: Option<Traffic>,
    pub(super) canary: Option<Canary>,
    pub(super) backups: Option<Backups>,
    pub(super) restored: Option<RecoveryPoint>,
    /// A recovery step failed for good.
    pub(super) gave_up: bool,
    pub(super) prober: Option<Prober>,
}

/// Runs a plan to its end. Errors are for what leaves no verdict; everything else is in the [`Outcome`].
pub async fn run(request: Request, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, RunError> {
    let drill = begin(request.plan, &request.scenario_text, &request.out, stop.token().clone())?;
    progress.run_began(&format!(
        "firedrill {}   {}   target {}   seed {:x}",
        env!("CARGO_PKG_VERSION"),
        drill.plan.scenario.name,
        drill.plan.target,
        drill.plan.seed
    ));

    let mut holdings = Holdings::default();
    let limit = drill.plan.limits.run;
    let work = async {
        // Not on the run's clock: an emulator is installed once on a machine, and starting it has the limit of a phase.
        let mut events = opening::preflight(&drill, &request.launch, progress, &mut holdings).await?;
        let driven = drive(&drill, progress, stop, &mut holdings, &mut events);
        tokio::pin!(driven);
        if let Some(result) = poll::at_most(limit, &mut driven).await {
            result
        } else {
            stop.request(StopReason::TimeOut);
            driven.await
        }
    };
    let broken = status::beside(&drill, progress, work).await.err();
    if let Some(reason) = stop.reason() {
        let reason = match &broken {
            Some(PhaseError::TargetLost { what }) => format!("the loss of {what}"),
            Some(PhaseError::Condition { what }) => format!("{}: {what}", reason.word()),
            Some(
                PhaseError::Failed { .. }
                | PhaseError::TimedOut { .. }
                | PhaseError::Stopped { .. }
                | PhaseError::Journal(_),
            )
            | None => reason.word().to_owned(),
        };
        drill.journal.append(Event::Interrupted { reason })?;
    }
    closing::close(&drill, progress, holdings, request.keep, broken, stop.reason()).await
}

/// Makes a run directory in `out` with the records of a run, and writes down which process it is that runs it.
pub fn begin(plan: Plan, scenario_text: &str, out: &Path, cancel: CancellationToken) -> Result<Drill, RunError> {
    let clock = RunClock::start();
    let (id, dir, plan_sha256) = directory::create(out, clock, &plan, scenario_text)?;
    let journal = Journal::create(&dir.history(), clock)?;
    let ledger = Ledger::create(&dir.ledger()).map_err(RunError::Ledger)?;
    let drill = Drill::new(plan, clock, (dir, journal, ledger), cancel);
    drill.journal.append(Event::RunBegan {
        run_id: id.to_string(),
        firedrill: env!("CARGO_PKG_VERSION").into(),
        seed: drill.plan.seed,
        plan_sha256,
        runner: process::runner(),
    })?;
    Ok(drill)
}

/// From provisioning to the drained capture.
async fn drive(
    drill: &Drill,
    progress: &dyn Progress,
    stop: &Stop,
    holdings: &mut Holdings,
    events: &mut mpsc::Receiver<TargetEvent>,
) -> Result<(), PhaseError> {
    let work = async {
        opening::stand_up(drill, progress).await?;
        let traffic_began = disaster::load(drill, progress, holdings).await?;
        conditions::guard(drill, stop, async {
            disaster::strike(drill, progress, holdings, traffic_began).await?;
            if let Err(failed) = recover::recover(drill, progress, holdings).await {
                closing::observe_failure(drill, progress, holdings).await;
                return Err(failed);
            }
            closing::observe_and_capture(drill, progress, holdings).await
        })
        .await
    };
    tokio::select! {
        result = work => result,
        lost = disaster::follow_target(drill, stop, events) => Err(lost),
    }
}
