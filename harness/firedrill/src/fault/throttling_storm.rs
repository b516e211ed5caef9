//! `throttling-storm`: services tell their clients to slow down, with the error that each has for it.

use firedrill_model::{
    rule::{Effect, Firing, Rule},
    scenario::Fault,
};

use super::{
    Fields,
    fields::{place, requests},
};

/// The share of requests that are throttled, unless the scenario says another.
const SHARE: f64 = 0.9;

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, services, share) = (fields.region(), fields.services_or_all(), fields.share(SHARE));
    let (region, share) = (region?, share?);
    let fires = Firing { probability: Some(share), ..Firing::default() };
    let rule = Rule { scope: requests(&region, &services), fires, ..Rule::of_region(&region, Effect::Throttle) };
    let percent = share.percent();
    let title = format!("{} throttles ({percent} % of the requests)", place(&region, &services));
    let symptoms = format!("{percent} % of the requests are told to slow down");
    Some(fields.of_rules(title, symptoms, vec![rule]))
}
