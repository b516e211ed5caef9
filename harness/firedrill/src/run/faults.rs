//! Which faults are on, as far as the run knows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use firedrill_model::{
    ids::{FaultId, Region},
    plan::PlannedFault,
    scenario::Fault,
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

    /// Whether of `disaster` something is on that takes `region` away, or else something that concerns it and nothing of that is
    /// left to chance.
    pub fn are_certain(&self, disaster: &[PlannedFault], region: &Region) -> bool {
        let on = self.lock();
        let is_on = |planned: &&PlannedFault| on.get(&planned.id) == Some(&State::On);
        let concern =
            || disaster.iter().filter(is_on).map(|planned| &planned.fault).filter(|fault| fault.concerns(region));
        concern().any(|fault| fault.takes_away(region))
            || concern().next().is_some() && concern().all(Fault::is_certain)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FaultId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::{
        rule::{Effect, Firing, Probability, Rule},
        scenario::{Onset, Symptom},
        units::Span,
    };

    use super::*;
    use crate::fault::region_outage;

    fn planned(number: u32, fault: Fault) -> PlannedFault {
        PlannedFault {
            id: FaultId::new(format!("fault-{number}")),
            when: Onset::At { delay: Span::default() },
            fault,
            duration_max: Span::from_secs(60),
        }
    }

    /// A fault of one rule.
    fn fault(region: &str, chance: Option<f64>) -> Fault {
        let fires = Firing { probability: chance.and_then(Probability::new), ..Firing::default() };
        let rule = Rule { fires, ..Rule::of_region(&region.into(), Effect::Throttle) };
        let (kind, title, symptoms) = (String::new(), String::new(), String::new());
        Fault { kind, title, symptoms, lost: Vec::new(), rules: vec![rule], actions: Vec::new() }
    }

    #[test]
    fn one_fault_that_is_left_to_chance_leaves_the_region_to_chance() {
        let east = Region::from("us-east-1");
        let outage = region_outage(&east, Symptom::Timeouts).expect("a fault");
        for (faults, certain) in [
            (vec![], false),
            (vec![fault("us-east-1", None)], true),
            (vec![fault("us-east-1", Some(0.9))], false),
            (vec![fault("us-east-1", None), fault("us-east-1", Some(0.9))], false),
            (vec![fault("us-east-1", None), fault("eu-west-1", Some(0.9))], true),
            (vec![outage, fault("us-east-1", Some(0.9))], true),
        ] {
            let disaster: Vec<PlannedFault> = (1..).zip(faults).map(|(number, fault)| planned(number, fault)).collect();
            let on = FaultsOn::default();
            assert!(!on.are_certain(&disaster, &east), "nothing is on");
            assert!(disaster.iter().all(|planned| on.began(&planned.id)));
            assert_eq!(on.are_certain(&disaster, &east), certain, "{disaster:#?}");
        }
    }
}
