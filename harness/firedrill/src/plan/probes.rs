//! Which probes decide steady state and readiness.

use std::collections::BTreeSet;

use firedrill_model::{
    ids::{ProbeId, ResourceId, ResourceKind},
    plan::PlannedProbe,
    scenario::{Scenario, Traffic},
    stack::{Stack, Trigger, TriggerSource},
    units::Span,
};

use crate::workload::dataset::watched_prefix;

/// Limit of one pass over a bucket or table.
const DATA_TIMEOUT: Span = Span::from_secs(2);

/// Limit of one pass through a trigger: the write, the event, the function and its effect.
const TRIGGER_TIMEOUT: Span = Span::from_secs(5);

/// One probe for each bucket and table that clients use, and one for each trigger whose effect is known.
///
/// Clients use what has traffic or a seed. Tables that functions write are seen through their trigger. A trigger that no
/// backup protects is probed all the same: clients need it whether or not someone thought of it. Of a bucket's triggers
/// those are probed that the data set's keys come to.
pub fn of(scenario: &Scenario, stack: &Stack) -> Vec<PlannedProbe> {
    let used: BTreeSet<&ResourceId> =
        scenario.traffic.iter().flat_map(Traffic::resources).chain(scenario.seed.keys()).collect();
    let data =
        stack.data_resources().into_iter().filter(|id| used.contains(id) && stack.derived_by(id).is_none()).map(probe);
    let triggers = stack
        .triggers
        .iter()
        .filter(|(_, trigger)| used.contains(&trigger.source_resource()) && unseen(stack, trigger).is_none())
        .map(|(name, _)| probe(ResourceId::new(ResourceKind::Trigger, name)));
    data.chain(triggers).collect()
}

/// Why a trigger cannot be seen to work: nothing shows its effect, or no key of the data set comes to it.
pub(super) fn unseen(stack: &Stack, trigger: &Trigger) -> Option<&'static str> {
    if trigger.effect.is_none() {
        return Some("it declares no `effect`");
    }
    if !trigger.raises_every_write() {
        return Some("it watches some of the events of its bucket alone");
    }
    match &trigger.source {
        TriggerSource::BucketEvents { bucket, prefix, .. } => {
            let written = watched_prefix(stack, bucket).unwrap_or_default();
            let watched = prefix.as_deref().unwrap_or_default();
            (!written.starts_with(watched)).then_some("another trigger of its bucket watches another prefix")
        }
        TriggerSource::TableStream { .. } => None,
    }
}

fn probe(resource: ResourceId) -> PlannedProbe {
    PlannedProbe { id: ProbeId::new(resource.as_str()), timeout: limit(&resource), resource }
}

/// Limit of one pass over a resource.
pub fn limit(resource: &ResourceId) -> Span {
    if resource.kind() == Some(ResourceKind::Trigger) { TRIGGER_TIMEOUT } else { DATA_TIMEOUT }
}
