//! `edge-zone-outage`: a Local Zone or Wavelength Zone is cut off from everything. Its clients reach no region; all others notice
//! nothing.

use firedrill_model::{
    rule::{Effect, Rule},
    scenario::{Fault, Symptom},
};

use super::{Fields, fields::placed_in};

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (zone, symptom) = (fields.edge_zone(), fields.symptom_of(&[Symptom::Timeouts, Symptom::Refused]));
    let (zone, symptom) = (zone?, symptom?);
    let (symptoms, effect) = if symptom == Symptom::Refused {
        ("connections of the clients in it are reset", Effect::Reset)
    } else {
        ("requests of the clients in it are never answered", Effect::BlackHole)
    };
    let rule = Rule::of(placed_in(&zone), effect);
    Some(fields.of_rules(format!("edge zone {zone} is cut off"), symptoms.to_owned(), vec![rule]))
}
