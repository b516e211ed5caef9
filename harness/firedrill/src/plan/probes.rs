//! Which probes decide steady state and readiness.

use std::collections::BTreeSet;

use firedrill_model::{
    ids::{ProbeId, ResourceId, ResourceKind},
    plan::PlannedProbe,
    scenario::{Scenario, Traffic},
    stack::Stack,
    units::Span,
};

/// Limit of one pass over a bucket or table.
const DATA_TIMEOUT: Span = Span::from_secs(2);

/// Limit of one pass through a trigger: the write, the event, the function and its effect.
const TRIGGER_TIMEOUT: Span = Span::from_secs(5);

/// One probe for each bucket and table that clients use, and one for each trigger whose effect is known.
///
/// Clients use what has traffic or a seed. Tables that functions write are seen through their trigger. A trigger that no
/// backup protects is probed all the same: clients need it whether or not someone thought of it.
pub fn of(scenario: &Scenario, stack: &Stack) -> Vec<PlannedProbe> {
    let used: BTreeSet<&ResourceId> =
        scenario.traffic.iter().flat_map(Traffic::resources).chain(scenario.seed.keys()).collect();
    let data = stack
        .data_resources()
        .into_iter()
        .filter(|id| used.contains(id) && stack.derived_by(id).is_none())
        .map(|id| probe(id, DATA_TIMEOUT));
    let triggers = stack
        .triggers
        .iter()
        .filter(|(_, trigger)| trigger.effect.is_some() && used.contains(&trigger.source_resource()))
        .map(|(name, _)| probe(ResourceId::new(ResourceKind::Trigger, name), TRIGGER_TIMEOUT));
    data.chain(triggers).collect()
}

fn probe(resource: ResourceId, timeout: Span) -> PlannedProbe {
    PlannedProbe { id: ProbeId::new(resource.as_str()), resource, timeout }
}
