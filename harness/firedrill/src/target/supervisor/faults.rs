//! Faults that are on: how each is switched on, what undoes it, and for how long it may last.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::FaultId,
    plan::PlannedFault,
    scenario::{Fault, TargetAction},
    units::Span,
};
use firedrill_plane::rules::Source;
use nix::sys::signal::Signal;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    protocol::{Healing, Outcome},
    regions::Regions,
};
use crate::poll;

/// How long a region that was stopped may take to answer again.
const BACK_LIMIT: Span = Span::from_secs(10);

/// Whether healing waits until the region answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait<'a> {
    /// It is going to be used again, as long as nothing is said to the contrary.
    UntilAnswering(&'a CancellationToken),
    /// It is going to be ended.
    No,
}

/// What became of a fault that was to be switched off.
#[derive(Debug)]
pub(super) struct Healed {
    /// It was on and is now over. So it is when its region does not answer afterwards: requests pass again.
    pub(super) ended: bool,
    pub(super) outcome: Result<Healing, String>,
}

/// The faults that are on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    on: BTreeMap<FaultId, Active>,
    timers: JoinSet<Option<FaultId>>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    ended: CancellationToken,
}

impl Faults {
    /// The faults that are on, in the order of their ids.
    pub(super) fn active(&self) -> Vec<FaultId> {
        self.on.keys().cloned().collect()
    }

    /// Switches a fault on.
    pub(super) async fn arm(&mut self, regions: &mut Regions, fault: PlannedFault) -> Result<Outcome, String> {
        let PlannedFault { id, fault, duration_max, .. } = fault;
        if self.on.get(&id).is_some_and(|active| active.fault == fault) {
            return Ok(Outcome::Armed);
        }
        if let Some(other) = self.in_the_way(&id, &fault) {
            return Err(format!("{id} cannot be armed: {other} is on"));
        }
        for action in &fault.actions {
            if matches!(action, TargetAction::Destroy { .. }) && !regions.separate() {
                return Err(format!("{} cannot be destroyed alone: all regions share one process", action.region()));
            }
        }
        let ended = CancellationToken::new();
        // First, so that whatever happens from now on is undone.
        self.on.insert(id.clone(), Active { fault: fault.clone(), ended: ended.clone() });
        if let Err(error) = switch_on(regions, &id, &fault).await {
            self.heal(regions, &id, Wait::No).await.outcome?;
            return Err(format!("{id} cannot be armed: {error}"));
        }
        self.timers.spawn(async move { poll::pause(duration_max, &ended).await.then_some(id) });
        tracing::info!(fault = fault.title, "a fault is on");
        Ok(Outcome::Armed)
    }

    /// A fault that is on and that another cannot be on beside: itself, or one that has its hands on the same region.
    fn in_the_way(&self, id: &FaultId, fault: &Fault) -> Option<&FaultId> {
        let same = |other: &Fault| {
            fault.actions.iter().any(|one| other.actions.iter().any(|other| one.region() == other.region()))
        };
        self.on.iter().find(|(other, active)| *other == id || same(&active.fault)).map(|(other, _)| other)
    }

    /// Switches a fault off.
    pub(super) async fn heal(&mut self, regions: &mut Regions, id: &FaultId, wait: Wait<'_>) -> Healed {
        let Some(Active { fault, ended }) = self.on.get(id) else {
            return Healed { ended: false, outcome: Ok(Healing::WasNotOn) };
        };
        ended.cancel();
        if fault.stays() {
            tracing::info!(fault = fault.title, "what a fault did stays as it is");
            self.on.remove(id);
            return Healed { ended: true, outcome: Ok(Healing::Stays) };
        }
        let mut back = Ok(());
        for action in &fault.actions {
            back = back.and(undo(regions, action, wait).await);
        }
        // Requests pass again whatever became of the processes: a region that is up must never stay cut off.
        if let Err(message) = let_through(regions, id).await {
            return Healed { ended: false, outcome: Err(message) };
        }
        self.on.remove(id);
        Healed { ended: true, outcome: back.map(|()| Healing::Undone) }
    }

    /// Waits for the next fault that has lasted as long as it may. One that stays has nothing to heal.
    pub(super) async fn expired(&mut self) -> FaultId {
        loop {
            match self.timers.join_next().await {
                Some(Ok(Some(id))) => {
                    if self.on.get(&id).is_some_and(|active| !active.fault.stays()) {
                        return id;
                    }
                }
                Some(Ok(None) | Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// The plane first, so that nothing new reaches a region, then the regions' processes.
async fn switch_on(regions: &mut Regions, id: &FaultId, fault: &Fault) -> Result<(), String> {
    let (by, rules) = (Source::Fault(id.clone()), fault.rules.clone());
    regions.plane()?.switch_on(&by, rules).await.map_err(|error| error.to_string())?;
    for action in &fault.actions {
        act(regions, action).await?;
    }
    Ok(())
}

/// Does something to a region's process, if it has one of its own.
async fn act(regions: &mut Regions, action: &TargetAction) -> Result<(), String> {
    match action {
        TargetAction::Stop { region } => {
            if let Some(emulator) = regions.emulator(region)? {
                // Functions of the region are in the same group: they stop as well.
                emulator.signal(Signal::SIGSTOP).map_err(|error| error.to_string())?;
            }
        }
        TargetAction::Destroy { region } => {
            if let Some(mut emulator) = regions.forget(region) {
                emulator.kill().await;
                emulator.remove_scratch();
            }
        }
    }
    Ok(())
}

async fn let_through(regions: &Regions, id: &FaultId) -> Result<(), String> {
    regions.plane()?.switch_off(&Source::Fault(id.clone())).await.map_err(|error| error.to_string())
}

/// Undoes what was done to a region's process.
async fn undo(regions: &mut Regions, action: &TargetAction, wait: Wait<'_>) -> Result<(), String> {
    let TargetAction::Stop { region } = action else { return Ok(()) };
    let Some(emulator) = regions.emulator(region)? else { return Ok(()) };
    emulator.signal(Signal::SIGCONT).map_err(|error| error.to_string())?;
    if let Wait::UntilAnswering(cancel) = wait {
        emulator.answers(BACK_LIMIT, cancel).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
