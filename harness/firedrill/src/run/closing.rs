//! The last part of a run: observe, quiesce, capture; then heal, verify, report and teardown, whatever went before.

use firedrill_model::{
    capture::CaptureName,
    history::{Event, Phase},
    plan::Plan,
    topology::Side,
    units::{RunTime, Span},
    verification::Verification,
};
use thiserror::Error;

use super::{
    Drill, StopReason,
    capture::{self, CaptureError, Scope, capture},
    dispatch::{Holdings, Outcome, RunError},
    journal::JournalError,
    phase::{PhaseError, chain, noted, phase},
    progress::Progress,
    steps::StepError,
};
use crate::{
    backup::BackupError,
    poll::{self, WaitError},
    services::clients::Conduct,
    target::{Healing, RunningTarget, TargetError},
    workload::{WorkloadError, drain, probe::Prober},
};

/// How long the end of a run waits for writes that are still in flight.
const LAST_WRITES: Span = Span::from_secs(10);

#[derive(Debug, Error)]
enum CloseError {
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error("cannot read back the recovery point")]
    RecoveryPoint(#[from] BackupError),
    #[error("{0}")]
    Evidence(String),
}

/// Watches readiness until the end of observation, stops the traffic, and reads the serving side twice: as it was
/// recovered, and after the drain.
pub(super) async fn observe_and_capture(
    drill: &Drill,
    progress: &dyn Progress,
    holdings: &mut Holdings,
) -> Result<(), PhaseError> {
    phase(drill, progress, Phase::Observe, true, async {
        let until = observe(drill, holdings.prober.as_ref()).await?;
        drill.journal.append(Event::ObservationEnds { until_ms: until })?;
        noted::<_, CloseError>((), "traffic on fresh keys")
    })
    .await?;
    phase(drill, progress, Phase::Quiesce, true, async {
        quiesce(drill, holdings).await?;
        noted::<_, CloseError>((), format!("{} lines in the ledger", drill.ledger.counts().lines))
    })
    .await?;
    phase(drill, progress, Phase::Capture, true, async {
        let side = drill.authority.standing().side;
        let entries = capture(drill, CaptureName::Recovered, side, Scope::Everything).await?;
        recovery_point(drill, holdings).await?;
        let settled =
            drain::drain(drill, &drill.site(side, Conduct::Clean), drain::Owed::Traffic, drill.plan.limits.drain)
                .await?;
        drill.journal.append(Event::Drained { settled })?;
        capture(drill, CaptureName::Drained, side, Scope::Effects).await?;
        let drained = if settled { "after the drain" } else { "the drain did not settle in its limit" };
        noted::<_, CloseError>((), format!("{entries} items and objects; {drained}"))
    })
    .await
}

/// After a recovery that failed for good: watches on until the objective and `stable_for` have passed, so that the workload
/// is seen to have come back, or not, in the time that it had.
pub(super) async fn observe_failure(drill: &Drill, progress: &dyn Progress, holdings: &Holdings) {
    let (true, Some(end), Some(_)) = (holdings.gave_up, end_after_a_miss(drill), &holdings.prober) else { return };
    progress.setback(&format!("watching until {}, when the objective has passed", drill.clock.utc_text(end)));
    let observed = phase(drill, progress, Phase::Observe, true, async {
        pause_until(drill, end).await?;
        drill.journal.append(Event::ObservationEnds { until_ms: drill.clock.now() })?;
        noted::<_, CloseError>((), "the recovery had failed")
    });
    if let Err(error) = observed.await {
        tracing::warn!("what came back after the recovery had failed was not observed: {}", chain(&error));
    }
}

/// When a recovery that is not stable by then has missed its objective for certain.
fn end_after_a_miss(drill: &Drill) -> Option<RunTime> {
    let (rto, struck) = (drill.plan.expect.rto.as_ref()?, drill.struck.get()?);
    Some(struck.plus(rto.within).plus(rto.stable_for).plus(drill.plan.probe_interval))
}

async fn pause_until(drill: &Drill, at: RunTime) -> Result<(), WaitError> {
    let cancelled = WaitError::Cancelled { what: "the end of observation".to_owned() };
    if poll::pause(at.since(drill.clock.now()), &drill.cancel).await { Ok(()) } else { Err(cancelled) }
}

/// Waits for the end of observation, at one of two instants that are known before it begins: `observe` after the last
/// recovery step when every probe has been passing for `stable_for` by then, else when the objective and `stable_for` have
/// passed since the fault. There is no third look, so that no lucky stretch can be waited for.
async fn observe(drill: &Drill, prober: Option<&Prober>) -> Result<RunTime, WaitError> {
    pause_until(drill, drill.clock.now().plus(drill.plan.observe)).await?;
    let first = drill.clock.now();
    let (Some(rto), Some(last), Some(prober)) = (&drill.plan.expect.rto, end_after_a_miss(drill), prober) else {
        return Ok(first);
    };
    let since = prober.passing_at(drill, first).await?;
    if since.is_some_and(|since| first.since(since) >= rto.stable_for) {
        return Ok(first);
    }
    pause_until(drill, last).await?;
    Ok(drill.clock.now())
}

/// Writes down what the restored recovery point holds, so that a key it lacks can be told from one the restore dropped.
async fn recovery_point(drill: &Drill, holdings: &Holdings) -> Result<(), CloseError> {
    let (Some(point), Some(backups)) = (&holdings.restored, &holdings.backups) else { return Ok(()) };
    let Some(strategy) = backups.strategy_of(point) else { return Ok(()) };
    capture::entries(drill, CaptureName::RecoveryPoint, strategy.entries(point).await?)?;
    Ok(())
}

/// Stops canary, probes and traffic and waits for every outcome, whichever of them failed.
async fn quiesce(drill: &Drill, holdings: &mut Holdings) -> Result<(), CloseError> {
    let mut ended = Ok(());
    if let Some(canary) = holdings.canary.take() {
        ended = ended.and(canary.stop().await);
    }
    if let Some(prober) = holdings.prober.take() {
        ended = ended.and(prober.stop().await);
    }
    if let Some(traffic) = holdings.traffic.take() {
        ended = ended.and(traffic.stop().await.map(drop));
    }
    drill.journal.append(Event::SchedulingLag { max_ms: drill.lag.max() })?;
    ended?;
    let (ledger_lines, ledger_sha256) = drill.ledger.sealed();
    drill.journal.append_synced(Event::Quiesced { ledger_lines, ledger_sha256 })?;
    Ok(())
}

/// What happens at the end of every run: verify, report, teardown.
pub(super) async fn close(
    drill: &Drill,
    progress: &dyn Progress,
    mut holdings: Holdings,
    keep: bool,
    mut broken: Option<PhaseError>,
    stopped: Option<StopReason>,
) -> Result<Outcome, RunError> {
    if let Some(error) = &mut broken {
        match poll::at_most(LAST_WRITES, quiesce(drill, &mut holdings)).await {
            Some(Ok(())) => {}
            // Nobody asked for the stop: what failed beside the phase ended it.
            Some(Err(cause)) if stopped.is_none() => error.blame(chain(&cause)),
            Some(Err(cause)) => tracing::warn!("the traffic did not end cleanly: {}", chain(&cause)),
            None => tracing::warn!("writes were still in flight after {LAST_WRITES}"),
        }
    }
    if let Some(backups) = &holdings.backups
        && let Err(error) = backups.stop().await
    {
        tracing::warn!("backups did not end cleanly: {}", chain(&error));
    }
    drill.programs.ended().await;
    // Before the verdict: a source that comes back shows which of the lost writes it still has.
    let healed = phase(drill, progress, Phase::Heal, false, heal_and_look(drill, &holdings, broken.is_none())).await;
    let judged = phase(drill, progress, Phase::Verify, false, judge(drill)).await;
    let written = match &judged {
        Ok(verification) => Some(phase(drill, progress, Phase::Report, false, report(drill, verification)).await),
        Err(_) => None,
    };
    if let Err(error) = phase(drill, progress, Phase::Teardown, false, tear_down(holdings, keep)).await {
        tracing::warn!("the target did not end as told; its guards end it: {}", chain(&error));
    }
    drill.journal.append_synced(Event::TornDown { kept: keep })?;
    let evidence = |what| move |error: PhaseError| RunError::Evidence { what, cause: chain(&error) };
    let verification = judged.map_err(evidence("judge the run"))?;
    let record = written.unwrap_or_else(|| unreachable!("written whenever it was judged"));
    let record = record.map_err(evidence("write the report"))?;
    Ok(Outcome { dir: drill.dir.clone(), record, verification, stopped, broken, unhealed: healed.err() })
}

async fn tear_down(holdings: Holdings, keep: bool) -> Result<super::phase::Noted<()>, CloseError> {
    let Some(target) = holdings.target else { return noted((), "there was no target") };
    target.stop(keep).await?;
    noted((), if keep { "the target stays up" } else { "the target has ended" })
}

async fn judge(drill: &Drill) -> Result<super::phase::Noted<Verification>, CloseError> {
    let dir = drill.dir.clone();
    let judged = tokio::task::spawn_blocking(move || firedrill_verify::verify(&dir)).await;
    match judged {
        Ok(Ok(verification)) => noted(verification, ""),
        Ok(Err(error)) => Err(CloseError::Evidence(chain(&error))),
        Err(error) => Err(CloseError::Evidence(error.to_string())),
    }
}

/// Ends every fault that is still on, and writes that down. Returns how many of them were undone.
pub async fn heal(drill: &Drill, target: Option<&RunningTarget>) -> Result<usize, StepError> {
    let (mut healed, mut undone) = (Vec::new(), 0_usize);
    if let Some(target) = target {
        for id in drill.faults_on.to_heal() {
            drill.faults_on.ended(&id);
            undone += usize::from(target.heal(&id).await? == Healing::Undone);
            drill.journal.append_synced(Event::FaultEnded { id: id.clone(), by: "heal".into() })?;
            healed.push(id);
        }
    }
    drill.journal.append_synced(Event::Healed { faults: healed })?;
    Ok(undone)
}

/// Heals. With `whole`, reads the side that was given up, if it came back.
async fn heal_and_look(drill: &Drill, holdings: &Holdings, whole: bool) -> Result<super::phase::Noted<()>, CloseError> {
    let destroyed = drill.faults_on.have_destroyed(&drill.plan.topology.primary);
    let undone = heal(drill, holdings.target.as_ref()).await?;
    let mut note = match undone {
        0 => "nothing to undo".to_owned(),
        1 => "1 fault undone".to_owned(),
        many => format!("{many} faults undone"),
    };
    if whole
        && drill.struck.get().is_some()
        && !destroyed
        && concerns_the_source(&drill.plan)
        && drill.authority.standing().side == Side::Recovery
    {
        let reading = capture(drill, CaptureName::Returned, Side::Primary, Scope::Written);
        match poll::at_most(drill.plan.limits.drain, reading).await {
            Some(Ok(entries)) => note = format!("{note}; {entries} items and objects are still there"),
            // What it would have shown is no part of the verdict.
            Some(Err(error)) => tracing::warn!("the side that came back cannot be read: {}", chain(&error)),
            None => tracing::warn!("the side that came back could not be read in {}", drill.plan.limits.drain),
        }
    }
    noted((), note)
}

/// Whether a fault of the plan concerns the side that is given up: once it is over there is something to read there.
fn concerns_the_source(plan: &Plan) -> bool {
    plan.disaster.iter().any(|planned| planned.fault.concerns(&plan.topology.primary))
}

async fn report(
    drill: &Drill,
    verification: &Verification,
) -> Result<super::phase::Noted<firedrill_reports::RunRecord>, CloseError> {
    let (dir, verification) = (drill.dir.clone(), verification.clone());
    let written = tokio::task::spawn_blocking(move || firedrill_reports::write(&dir, &verification)).await;
    match written {
        Ok(Ok(record)) => noted(record, ""),
        Ok(Err(error)) => Err(CloseError::Evidence(chain(&error))),
        Err(error) => Err(CloseError::Evidence(error.to_string())),
    }
}
