//! Which faults are on, as far as the run knows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use firedrill_model::{
    ids::{FaultId, Region},
    scenario::Fault,
};

/// The faults that were ordered, and what steps of the recovery cut off, as far as neither was healed or is over by itself.
/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct FaultsOn(Arc<Mutex<BTreeMap<FaultId, (Fault, State)>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Ordered: some of it may be on.
    Arming,
    /// All of it is on.
    On,
}

impl FaultsOn {
    /// A fault is about to be switched on: from now on there is something to heal.
    pub fn arming(&self, id: &FaultId, fault: &Fault) {
        self.lock().insert(id.clone(), (fault.clone(), State::Arming));
    }

    /// A fault that was ordered is on; true when that is news.
    pub fn began(&self, id: &FaultId) -> bool {
        match self.lock().get_mut(id) {
            Some((_, state)) => std::mem::replace(state, State::On) == State::Arming,
            None => false,
        }
    }

    /// Whether it was ordered and is not over.
    pub fn is_known(&self, id: &FaultId) -> bool {
        self.lock().contains_key(id)
    }

    /// Whether it is on.
    pub fn is_on(&self, id: &FaultId) -> bool {
        self.lock().get(id).is_some_and(|(_, state)| *state == State::On)
    }

    /// A fault is off, or about to be switched off.
    pub fn ended(&self, id: &FaultId) {
        self.lock().remove(id);
    }

    /// Everything that has to be healed.
    pub fn to_heal(&self) -> Vec<FaultId> {
        self.lock().keys().cloned().collect()
    }

    /// Whether one of those for which `counts` holds is on and lets no request through to `region`.
    pub fn refuse(&self, region: &Region, counts: impl Fn(&FaultId) -> bool) -> bool {
        let refuses = |fault: &Fault, state| state == State::On && fault.takes_away(region);
        self.lock().iter().any(|(id, (fault, state))| refuses(fault, *state) && counts(id))
    }

    /// Whether `region` and its data are gone for good.
    pub fn have_destroyed(&self, region: &Region) -> bool {
        self.lock().values().any(|(fault, _)| fault.destroys() && fault.takes_away(region))
    }

    /// Whether something is on that takes `region` away, or else something that stops requests there and nothing of that is left
    /// to chance.
    pub fn are_certain(&self, region: &Region) -> bool {
        let on = self.lock();
        let concern = || {
            let is_on = on.values().filter(|(_, state)| *state == State::On).map(|(fault, _)| fault);
            is_on.filter(|fault| fault.interferes_in(region))
        };
        concern().any(|fault| fault.takes_away(region))
            || concern().next().is_some() && concern().all(Fault::is_certain)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<FaultId, (Fault, State)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::{
        ids::{ResourceId, ResourceKind},
        rule::{Effect, Firing, Probability, Rule},
        scenario::{Alteration, Change, Symptom},
    };

    use super::*;
    use crate::fault::{isolation, region_outage};

    /// A fault of one rule.
    fn fault(region: &str, chance: Option<f64>) -> Fault {
        let fires = Firing { probability: chance.and_then(Probability::new), ..Firing::default() };
        let rule = Rule { fires, ..Rule::of_region(&region.into(), Effect::Throttle) };
        let (kind, title, symptoms) = (String::new(), String::new(), String::new());
        let (lost, actions, changes) = (Vec::new(), Vec::new(), Vec::new());
        Fault { kind, title, symptoms, lost, rules: vec![rule], actions, changes }
    }

    /// A fault that leaves every request alone.
    fn change(region: &str) -> Fault {
        let what = Alteration::Corrupt { count: None, bytes: None };
        let change = Change { region: region.into(), resource: ResourceId::new(ResourceKind::Table, "orders"), what };
        Fault { rules: Vec::new(), changes: vec![change], ..fault(region, None) }
    }

    #[test]
    fn one_fault_that_is_left_to_chance_leaves_the_region_to_chance() {
        let east = Region::from("us-east-1");
        let outage = region_outage(&east, Symptom::Timeouts).expect("a fault");
        for (faults, certain) in [
            (vec![], false),
            (vec![change("us-east-1")], false),
            (vec![change("us-east-1"), fault("us-east-1", None)], true),
            (vec![fault("us-east-1", Some(0.9)), isolation(&east)], true),
            (vec![isolation(&"eu-west-1".into())], false),
            (vec![fault("us-east-1", None)], true),
            (vec![fault("us-east-1", Some(0.9))], false),
            (vec![fault("us-east-1", None), fault("us-east-1", Some(0.9))], false),
            (vec![fault("us-east-1", None), fault("eu-west-1", Some(0.9))], true),
            (vec![outage, fault("us-east-1", Some(0.9))], true),
        ] {
            let on = FaultsOn::default();
            let ids: Vec<FaultId> = (1..=faults.len()).map(|number| FaultId::new(format!("fault-{number}"))).collect();
            ids.iter().zip(&faults).for_each(|(id, fault)| on.arming(id, fault));
            assert!(!on.are_certain(&east), "nothing is on yet");
            assert!(ids.iter().all(|id| on.began(id) && !on.began(id)));
            assert_eq!(on.are_certain(&east), certain, "{faults:#?}");
        }
    }
}
