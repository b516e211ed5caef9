//! `region-outage`: a whole region with everything in it.

use firedrill_model::{
    ids::Region,
    rule::{Effect, Rule},
    scenario::{Fault, Symptom, TargetAction},
};

use super::Fields;

/// How a lost region can look.
const SYMPTOMS: [Symptom; 3] = [Symptom::Refused, Symptom::Timeouts, Symptom::Destroyed];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, symptom) = (fields.region(), fields.symptom_of(&SYMPTOMS));
    region_outage(&region?, symptom?)
}

/// The loss of a region; `None` for a symptom that it cannot have.
pub fn region_outage(region: &Region, symptom: Symptom) -> Option<Fault> {
    let stop = TargetAction::Stop { region: region.clone() };
    let destroy = TargetAction::Destroy { region: region.clone() };
    let (brief, symptoms, effect, action) = match symptom {
        Symptom::Refused => ("connections refused", "connections are refused", Effect::Refuse, stop),
        Symptom::Timeouts => ("time-outs", "requests are never answered", Effect::BlackHole, stop),
        Symptom::Destroyed => {
            ("destroyed", "connections are refused and its data is destroyed", Effect::Refuse, destroy)
        }
        Symptom::Errors | Symptom::Disabled | Symptom::PendingDeletion => return None,
    };
    Some(Fault {
        kind: "region-outage".to_owned(),
        title: format!("{region} is gone ({brief})"),
        symptoms: symptoms.to_owned(),
        lost: vec![region.clone()],
        rules: vec![Rule::of_region(region, effect)],
        actions: vec![action],
        changes: Vec::new(),
    })
}
