//! `service-outage`: some services of a region, for everybody, while the region and its data stay.

use firedrill_model::{
    rule::{Effect, Rule},
    scenario::{Fault, Symptom},
};

use super::{
    Fields,
    fields::{place, requests},
};

/// How a service that is out can look.
const SYMPTOMS: [Symptom; 3] = [Symptom::Errors, Symptom::Refused, Symptom::Timeouts];

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, services, symptom) = (fields.region(), fields.services(), fields.symptom_of(&SYMPTOMS));
    let (region, services, symptom) = (region?, services?, symptom?);
    let (brief, symptoms, effect) = match symptom {
        Symptom::Errors => ("errors", "every request is answered 503 ServiceUnavailable", Effect::unavailable()),
        Symptom::Refused => ("connections reset", "connections are reset", Effect::Reset),
        Symptom::Timeouts => ("time-outs", "requests are never answered", Effect::BlackHole),
        Symptom::Destroyed | Symptom::Disabled | Symptom::PendingDeletion => return None,
    };
    let rule = Rule { scope: requests(&region, &services), ..Rule::of_region(&region, effect) };
    let title = format!("no {} ({brief})", place(&region, &services));
    Some(fields.of_rules(title, symptoms.to_owned(), vec![rule]))
}
