//! `region-partition`: the two regions cannot reach each other. Clients from outside reach both, and notice nothing; what runs in
//! one region and uses the other does: copies of backups, replication of one's own, functions.

use firedrill_model::{
    ids::Region,
    rule::{Effect, Rule, Scope},
    scenario::{Fault, Symptom},
};

use super::{
    Fields,
    fields::{from_within, requests},
};

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let symptom = fields.symptom_of(&[Symptom::Timeouts, Symptom::Refused])?;
    let (one, other) = fields.both_regions();
    let (symptoms, effect) = if symptom == Symptom::Refused {
        ("connections from one to the other are reset", Effect::Reset)
    } else {
        ("requests from one to the other are never answered", Effect::BlackHole)
    };
    let between =
        |from: &Region, to: &Region| Rule::of(Scope { origin: from_within(from), ..requests(to, &[]) }, effect.clone());
    let title = format!("{one} and {other} cannot reach each other");
    Some(fields.of_rules(title, symptoms.to_owned(), vec![between(one, other), between(other, one)]))
}
