//! Faults that are on: how each is switched on, what undoes it, and for how long it may last.

use std::collections::BTreeMap;

use firedrill_model::{
    ids::{FaultId, Region},
    plan::PlannedFault,
    rule::{Effect, Rule},
    scenario::{Fault, Symptom},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It is going to be used again.
    UntilAnswering,
    /// It is going to be ended.
    No,
}

/// The faults that are on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    on: BTreeMap<FaultId, Active>,
    timers: JoinSet<Option<FaultId>>,
}

#[derive(Debug)]
struct Active {
    region: Region,
    symptom: Symptom,
    ended: CancellationToken,
}

impl Faults {
    /// The faults that are on, in the order of their ids.
    pub(super) fn active(&self) -> Vec<FaultId> {
        self.on.keys().cloned().collect()
    }

    /// Switches a fault on: the plane first, so that nothing new reaches the region, then the region's process.
    pub(super) async fn arm(&mut self, regions: &mut Regions, fault: PlannedFault) -> Result<Outcome, String> {
        let PlannedFault { id, fault, duration_max, .. } = fault;
        let Fault::RegionOutage { region, symptom } = fault;
        if let Some((other, _)) = self.on.iter().find(|(other, active)| **other == id || active.region == region) {
            return Err(format!("{id} cannot be armed: {other} is on"));
        }
        if symptom == Symptom::Destroyed && !regions.separate() {
            return Err(format!("{region} cannot be destroyed alone: all regions share one process"));
        }
        let effect = match symptom {
            Symptom::Refused | Symptom::Destroyed => Effect::Refuse,
            Symptom::Timeouts => Effect::BlackHole,
        };
        let (plane, _) = regions.of(&region)?;
        let rules = vec![Rule::of_region(&region, effect)];
        plane.switch_on(&Source::Fault(id.clone()), rules).await.map_err(|error| error.to_string())?;
        let ended = CancellationToken::new();
        self.on.insert(id.clone(), Active { region: region.clone(), symptom, ended: ended.clone() });
        if let Err(error) = take_away(regions, &region, symptom).await {
            self.heal(regions, &id, Wait::No).await?;
            return Err(format!("{id} cannot be armed: {error}"));
        }
        self.timers.spawn(async move { poll::pause(duration_max, &ended).await.then_some(id) });
        tracing::info!(%region, ?symptom, "a fault is on");
        Ok(Outcome::Armed)
    }

    /// Switches a fault off. The flag says whether it was on and is now over.
    pub(super) async fn heal(
        &mut self,
        regions: &mut Regions,
        id: &FaultId,
        wait: Wait,
    ) -> Result<(Healing, bool), String> {
        let Some(active) = self.on.remove(id) else { return Ok((Healing::WasNotOn, false)) };
        active.ended.cancel();
        let region = &active.region;
        if active.symptom == Symptom::Destroyed {
            tracing::info!(%region, "a destroyed region stays gone");
            return Ok((Healing::RegionStaysGone, true));
        }
        let (plane, emulator) = regions.of(region)?;
        let mut back = Ok(());
        if let Some(emulator) = emulator {
            back = emulator.signal(Signal::SIGCONT).map(drop).map_err(|error| error.to_string());
            if wait == Wait::UntilAnswering && back.is_ok() {
                let cancel = CancellationToken::new();
                back = emulator.answers(BACK_LIMIT, &cancel).await.map_err(|error| error.to_string());
            }
        }
        // Requests pass again whatever became of the process: a region that is up must never stay cut off.
        plane.switch_off(&Source::Fault(id.clone())).await.map_err(|error| error.to_string())?;
        back.map(|()| (Healing::RegionBack, true))
    }

    /// Waits for the next fault that has lasted as long as it may. A destroyed region has nothing to heal.
    pub(super) async fn expired(&mut self) -> FaultId {
        loop {
            match self.timers.join_next().await {
                Some(Ok(Some(id))) => {
                    if self.on.get(&id).is_some_and(|active| active.symptom != Symptom::Destroyed) {
                        return id;
                    }
                }
                Some(Ok(None) | Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// Takes the region's process away, if it has one of its own.
async fn take_away(regions: &mut Regions, region: &Region, symptom: Symptom) -> Result<(), String> {
    match symptom {
        Symptom::Refused | Symptom::Timeouts => {
            let (_, emulator) = regions.of(region)?;
            if let Some(emulator) = emulator {
                // Functions of the region are in the same group: they stop as well.
                emulator.signal(Signal::SIGSTOP).map_err(|error| error.to_string())?;
            }
        }
        Symptom::Destroyed => {
            if let Some(mut emulator) = regions.forget(region) {
                emulator.kill().await;
                emulator.remove_scratch();
            }
        }
    }
    Ok(())
}
