//! The middle of a run: traffic and backups, and what is taken away.

use std::sync::OnceLock;

use firedrill_model::{
    history::{Event, Phase},
    plan::PlannedFault,
    scenario::{Change, Onset},
    topology::Side,
    units::{RunTime, Span},
};
use thiserror::Error;
use tokio::sync::mpsc;

use super::{
    Drill, Stop, StopReason, Vantage,
    dispatch::Holdings,
    journal::JournalError,
    phase::{PhaseError, noted, phase},
    progress::Progress,
    steps::StepError,
};
use crate::{
    backup::schedule::{Backups, ScheduleError},
    fault::change,
    plan::limits,
    poll::{self, Look, WaitError},
    services::clients::Conduct,
    step::STEP,
    target::{Switch, TargetEvent},
    workload::{canary::Canary, probe::Prober, traffic::Traffic},
};

/// Between two looks whether the time of a fault has come.
const ONSET_EVERY: Span = Span::from_ms(20);

#[derive(Debug, Error)]
enum StrikeError {
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    Workload(#[from] crate::workload::WorkloadError),
}

/// Keeps traffic on the workload while its backups run, until the time of the first fault has come. When the traffic began.
pub(super) async fn load(
    drill: &Drill,
    progress: &dyn Progress,
    holdings: &mut Holdings,
) -> Result<RunTime, PhaseError> {
    let began = drill.clock.now();
    phase(drill, progress, Phase::Traffic, true, async {
        // Backups run where what they protect runs.
        let source = drill.site_from(Side::Primary, Conduct::Control, Vantage::Within(Side::Primary));
        let backups = holdings.backups.insert(Backups::prepare(drill, &source).await?);
        holdings.traffic = Some(Traffic::start(drill)?);
        holdings.canary.insert(Canary::start(drill).await?).steady().await?;
        backups.start().await;
        if let Some(first) = drill.plan.disaster.first() {
            await_onset(drill, first.when, &Before::the_first(began), backups).await?;
        }
        let counts = drill.ledger.counts();
        let note = format!(
            "{} writes acknowledged, {} rejected; {} backups verified",
            counts.acknowledged,
            counts.rejected,
            *backups.completed().borrow()
        );
        noted::<_, StrikeError>(began, note)
    })
    .await
}

/// Takes away what the plan says before anybody notices, in order.
pub(super) async fn strike(
    drill: &Drill,
    progress: &dyn Progress,
    holdings: &mut Holdings,
    traffic_began: RunTime,
) -> Result<(), PhaseError> {
    let (Some(target), Some(backups), Some(canary)) = (&holdings.target, &holdings.backups, &holdings.canary) else {
        return Ok(());
    };
    phase(drill, progress, Phase::Fault, true, async {
        canary.steady().await?;
        let mut before = Before::the_first(traffic_began);
        let before_the_recovery = drill.plan.disaster.iter().filter(|fault| fault.when.step().is_none());
        for (number, fault) in before_the_recovery.enumerate() {
            if number > 0 {
                await_onset(drill, fault.when, &before, backups).await?;
            }
            // Before it: what it changes is felt while it goes on, and noticed as soon as it is on.
            if holdings.prober.is_none() {
                holdings.prober = Some(Prober::start(drill)?);
            }
            let at = arm(drill, target, fault).await?;
            before = Before { at, writes: drill.ledger.counts().acknowledged, ..before };
            progress.disaster(&fault.fault.title, &drill.clock.utc_text(at));
        }
        noted::<_, StrikeError>((), "")
    })
    .await
}

/// Writes the fault down, waits until that is on disk, then switches it on and makes its changes. It bites when each of them has
/// changed something.
pub async fn arm(drill: &Drill, target: &dyn Switch, fault: &PlannedFault) -> Result<RunTime, StepError> {
    drill.journal.append_synced(Event::FaultArming { id: fault.id.clone(), fault: Box::new(fault.fault.clone()) })?;
    drill.faults_on.arming(&fault.id, &fault.fault);
    if drill.plan.is_felt(&fault.fault) {
        drill.begun.get_or_init(|| drill.clock.now());
    }
    if fault.fault.interferes_in(&drill.plan.topology.primary) {
        drill.taken_away.get_or_init(|| drill.clock.now());
    }
    target.arm(fault).await?;
    let bitten = Bitten::of(&fault.fault.changes);
    for (number, change) in fault.fault.changes.iter().enumerate() {
        let changed = || {
            tracing::trace!(target: STEP, "something is changed");
            if !bitten.completed_by(number) {
                return Ok(());
            }
            armed(drill, fault)?;
            drill.journal.append(Event::FaultBit { id: fault.id.clone(), rule: None }).map(drop)
        };
        let side = drill.plan.topology.side(&change.region).unwrap_or(Side::Primary);
        change::make(drill, &drill.site(side, Conduct::Clean), change, &changed).await?;
    }
    armed(drill, fault)?;
    Ok(drill.clock.now())
}

/// Which changes of a fault have changed something.
struct Bitten(Vec<OnceLock<()>>);

impl Bitten {
    fn of(changes: &[Change]) -> Self {
        Self(changes.iter().map(|_| OnceLock::new()).collect())
    }

    /// Takes note of what a change has changed; whether with it, and not before, every change has.
    fn completed_by(&self, change: usize) -> bool {
        let is_first = self.0.get(change).is_some_and(|one| one.set(()).is_ok());
        is_first && self.0.iter().all(|one| one.get().is_some())
    }
}

/// Writes down, once, that a fault is on: when all of it is, or when it stops a request before that. The workload is struck by
/// the first that its clients can feel.
fn armed(drill: &Drill, fault: &PlannedFault) -> Result<(), JournalError> {
    if drill.faults_on.began(&fault.id) {
        let at = drill.journal.append(Event::FaultArmed { id: fault.id.clone() })?;
        if drill.plan.is_felt(&fault.fault) {
            drill.struck.get_or_init(|| at);
        }
    }
    Ok(())
}

/// What was before a fault: the fault before it, or the beginning of the traffic.
#[derive(Clone, Copy, Debug)]
struct Before {
    traffic_began: RunTime,
    /// When the one before was on.
    at: RunTime,
    /// How many writes were acknowledged by then.
    writes: u64,
}

impl Before {
    /// Before the first fault.
    fn the_first(traffic_began: RunTime) -> Self {
        Self { traffic_began, at: traffic_began, writes: 0 }
    }
}

/// Waits for an onset.
async fn await_onset(drill: &Drill, onset: Onset, before: &Before, backups: &Backups) -> Result<(), WaitError> {
    let limit = limits::of_phase(&drill.plan, Phase::Traffic);
    match onset {
        Onset::At { delay } => {
            let left = before.traffic_began.plus(delay).since(drill.clock.now());
            if poll::pause(left, &drill.cancel).await {
                Ok(())
            } else {
                Err(WaitError::Cancelled { what: "the fault's time".into() })
            }
        }
        Onset::AfterMoreBackups { count } => {
            poll::until(format!("{count} more verified backups"), ONSET_EVERY, limit, &drill.cancel, || {
                let done = backups.begun_since(before.at);
                async move { if done >= count { Look::Ready(()) } else { Look::NotYet(format!("{done} backups")) } }
            })
            .await
        }
        Onset::AfterBackups { count } => {
            poll::until(format!("{count} verified backups"), ONSET_EVERY, limit, &drill.cancel, || {
                let done = *backups.completed().borrow();
                async move { if done >= count { Look::Ready(()) } else { Look::NotYet(format!("{done} backups")) } }
            })
            .await
        }
        Onset::AfterWrites { count } => writes(drill, count, limit).await,
        Onset::AfterMoreWrites { count } => writes(drill, before.writes + count, limit).await,
        Onset::During { .. } => unreachable!("what waits for a step of the recovery waits for nothing else"),
    }
}

/// Waits until so many writes are acknowledged in all.
async fn writes(drill: &Drill, count: u64, limit: Span) -> Result<(), WaitError> {
    poll::until(format!("{count} acknowledged writes"), ONSET_EVERY, limit, &drill.cancel, || {
        let done = drill.ledger.counts().acknowledged;
        async move { if done >= count { Look::Ready(()) } else { Look::NotYet(format!("{done} writes")) } }
    })
    .await
}

/// Journals what the target tells. Returns only when the target is lost without a fault of the plan.
pub async fn follow_target(drill: &Drill, stop: &Stop, events: &mut mpsc::Receiver<TargetEvent>) -> PhaseError {
    loop {
        let journalled = match events.recv().await {
            Some(TargetEvent::FaultBit { id, rule }) => match drill.plan.disaster.iter().find(|fault| fault.id == id) {
                Some(fault) => armed(drill, fault).and_then(|()| drill.journal.append(Event::FaultBit { id, rule })),
                // What a step of the recovery cut off stops requests too, and is no fault.
                None => continue,
            },
            Some(TargetEvent::FaultEnded { id, by }) => {
                drill.faults_on.ended(&id);
                drill.journal.append_synced(Event::FaultEnded { id, by })
            }
            Some(TargetEvent::ProcessExited { region }) => {
                stop.request(StopReason::TargetLost);
                return PhaseError::TargetLost { what: format!("the emulator of {region}") };
            }
            Some(TargetEvent::SupervisorGone) | None => {
                stop.request(StopReason::TargetLost);
                return PhaseError::TargetLost { what: "the supervisor".into() };
            }
        };
        if let Err(error) = journalled {
            return error.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::scenario::{Alteration, Change};

    use super::Bitten;

    #[test]
    fn a_fault_has_happened_once_each_of_its_changes_has_changed_something() {
        let change = |resource: &str| Change {
            region: "us-east-1".into(),
            resource: firedrill_model::ids::ResourceId::parse(resource).unwrap(),
            what: Alteration::Encrypt,
        };
        let one = Bitten::of(&[change("bucket/uploads")]);
        assert_eq!([one.completed_by(0), one.completed_by(0)], [true, false], "by the first thing, once");

        let both = Bitten::of(&[change("bucket/order-vault"), change("bucket/uploads")]);
        assert_eq!([0, 0, 1, 1, 0].map(|number| both.completed_by(number)), [false, false, true, false, false]);

        let second_alone = Bitten::of(&[change("bucket/order-vault"), change("bucket/uploads")]);
        assert_eq!([1, 1].map(|number| second_alone.completed_by(number)), [false, false], "the vault was empty");
    }
}
