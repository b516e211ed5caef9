//! `zone-outage`: one zone of a region. Clients and functions in it lose everything; the region's services answer with errors for the zone's
//! share of the requests until they have failed over.

use firedrill_model::{
    rule::{Effect, Firing, Pattern, Rule, Scope},
    scenario::Fault,
    units::Span,
};

use super::{Fields, fields::placed_in};

/// The zone's share of a region that has three.
const SHARE: f64 = 1.0 / 3.0;
/// How long services take to fail over, unless the scenario says another.
const OVER: Span = Span::from_secs(30);

pub(super) fn make(fields: &mut Fields<'_>) -> Option<Fault> {
    let (region, zone) = (fields.region(), fields.zone());
    let (share, over) = (fields.share(SHARE), fields.over(OVER));
    let (region, zone, share) = (region?, zone?, share?);
    fields.must_be_primary(&region);
    if !zone.is_of(&region) {
        fields.misplaced("zone", &format!("`{zone}` is not a zone of {region}"), &format!("write `{region}a`"));
        return None;
    }
    let failing_over = Firing { probability: Some(share), lasts: Some(over), ..Firing::default() };
    let error = Effect::unavailable();
    // The clients of a zone have access keys of their own, by which they are known in every region; its functions have an address.
    let functions = Scope { origin: vec![Pattern::new(zone.as_str())], ..Scope::default() };
    let must_strike = Some(format!("the functions in {zone}"));
    let functions = fields.has_functions_in(&zone).then(|| Rule { must_strike, ..Rule::of(functions, Effect::Reset) });
    let others = Rule { fires: failing_over, ..Rule::of_region(&region, error) };
    let rules = [Rule::of(placed_in(&zone), Effect::Reset)].into_iter().chain(functions).chain([others]).collect();
    let who = if fields.has_functions_in(&zone) { "clients and functions" } else { "clients" };
    let percent = share.percent();
    let title = format!("zone {zone} is gone");
    let symptoms = format!(
        "{who} in it reach nothing; {percent} % of the other requests to {region} end in errors for {over}, until its services \
         have failed over"
    );
    Some(fields.of_rules(title, symptoms, rules))
}
