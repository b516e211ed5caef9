//! `brownout`: errors and delays that grow until most requests fail, while the region and its data stay.

use firedrill_model::{
    rule::{Delay, Effect, Firing, Rule},
    scenario::Fault,
    units::Span,
};

use super::{
    Fields,
    fields::{place, requests},
};

/// The share of requests that fail in the end, unless the scenario says another.
const SHARE: f64 = 0.9;
/// The delay in the end.
const LATENCY: Span = Span::from_ms(500);
/// How long it takes to come up.
const OVER: Span = Span::from_secs(10);

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, services) = (fields.region(), fields.services_or_all());
    let (share, latency, over) = (fields.share(SHARE), fields.latency(LATENCY), fields.over(OVER));
    let (region, share) = (region?, share?);
    let scope = requests(&region, &services);
    let rising = Firing { ramp: Some(over), ..Firing::default() };
    let late = Effect::Latency(Delay::Fixed { by: latency });
    let error = Effect::unavailable();
    let rules = vec![
        Rule { scope: scope.clone(), fires: rising.clone(), ..Rule::of_region(&region, late) },
        Rule { scope, fires: Firing { probability: Some(share), ..rising }, ..Rule::of_region(&region, error) },
    ];
    let percent = share.percent();
    let title = format!("{} browns out ({percent} % errors, {latency} late, within {over})", place(&region, &services));
    let symptoms = format!("within {over}, {percent} % of the requests come to fail and all are late by {latency}");
    Some(fields.of_rules(title, symptoms, rules))
}
