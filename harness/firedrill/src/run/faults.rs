//! Which faults are on, as far as the run knows.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::{
    ids::{FaultId, Region},
    plan::PlannedFault,
    scenario::Fault,
};

/// The faults that are on: switched on, and neither healed nor over by themselves. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FaultsOn(Arc<Mutex<BTreeSet<FaultId>>>);

impl FaultsOn {
    /// A fault is on.
    pub fn began(&self, id: &FaultId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
    }

    /// A fault is off, or about to be switched off.
    pub fn ended(&self, id: &FaultId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Whether one of `disaster` is on that lets no request through to `region`.
    pub fn refuse(&self, disaster: &[PlannedFault], region: &Region) -> bool {
        let on = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        disaster.iter().any(|planned| {
            let Fault::RegionOutage { region: lost, .. } = &planned.fault;
            lost == region && on.contains(&planned.id)
        })
    }
}
