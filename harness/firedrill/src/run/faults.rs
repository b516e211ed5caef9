//! Which faults are on, as far as the run knows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use firedrill_model::{
    ids::{FaultId, Region},
    plan::PlannedFault,
};

/// The faults that were ordered, and neither healed nor over by themselves. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FaultsOn(Arc<Mutex<BTreeMap<FaultId, State>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Ordered: some of it may be on.
    Arming,
    /// All of it is on.
    On,
}

impl FaultsOn {
    /// A fault is about to be switched on: from now on there is something to heal.
    pub fn arming(&self, id: &FaultId) {
        self.lock().insert(id.clone(), State::Arming);
    }

    /// A fault is on; true when that is news.
    pub fn began(&self, id: &FaultId) -> bool {
        self.lock().insert(id.clone(), State::On) != Some(State::On)
    }

    /// A fault is off, or about to be switched off.
    pub fn ended(&self, id: &FaultId) {
        self.lock().remove(id);
    }

    /// Every fault that has to be healed.
    pub fn to_heal(&self) -> Vec<FaultId> {
        self.lock().keys().cloned().collect()
    }

    /// Whether one of `disaster` is on that lets no request through to `region`.
    pub fn refuse(&self, disaster: &[PlannedFault], region: &Region) -> bool {
        let on = self.lock();
        disaster.iter().any(|planned| planned.fault.takes_away(region) && on.get(&planned.id) == Some(&State::On))
    }

    /// Whether one of `disaster` is on that leaves nothing of what it does to `region` to chance.
    pub fn are_certain(&self, disaster: &[PlannedFault], region: &Region) -> bool {
        let on = self.lock();
        let is_on = |planned: &&PlannedFault| on.get(&planned.id) == Some(&State::On);
        disaster.iter().filter(is_on).any(|planned| planned.fault.concerns(region) && planned.fault.is_certain())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FaultId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
