//! Proofs of their own: the target before anything is restored, and the source while it must be away.

use firedrill_model::{
    history::Event,
    ids::{ResourceId, ResourceKind},
    scenario::RecoveryStep,
    topology::Side,
    units::Span,
};
use futures_util::future::join_all;

use super::{Recovery, RecoveryError};
use crate::services::{Blueprint, clients::Conduct, service};

/// How long the source may take to answer before it counts as away.
const SOURCE_TIMEOUT: Span = Span::from_ms(1500);

/// Journals which resources of the stack are already at the side that will be rebuilt, then puts firedrill's own
/// instrument there: the table in which functions log deliveries is neither protected nor compared.
pub async fn target(recovery: &Recovery<'_>) -> Result<(), RecoveryError> {
    let Some(side) = rebuilt_side(recovery)? else { return Ok(()) };
    let plan = &recovery.drill.plan;
    let site = recovery.site(side);
    let instrument = plan.stack.delivery_log().map(|name| ResourceId::new(ResourceKind::Table, name));
    let mut present = Vec::new();
    for resource in plan.stack.resources().into_iter().filter(|resource| Some(resource) != instrument.as_ref()) {
        if let Some(kind) = resource.kind()
            && service(kind).exists(&site, resource.name()).await?
        {
            present.push(resource);
        }
    }
    recovery.drill.journal.append(Event::TargetInspected { present })?;
    let Some((name, table)) = instrument.as_ref().and_then(|id| plan.stack.tables.get_key_value(id.name())) else {
        return Ok(());
    };
    let tables = service(ResourceKind::Table);
    if !tables.exists(&site, name).await? {
        // Not the workload's own: no fault is meant for it.
        let site = recovery.drill.site(side, Conduct::Clean);
        let blueprint = Blueprint::Table(table.clone());
        tables.create(&site, name, &blueprint).await?;
        tables.activate(&site, name, &blueprint).await?;
    }
    Ok(())
}

/// Journals whether anything of the workload's data can be read in the primary region now, on the path that clients use. Any
/// answer counts but the one that says the service is out; and where that is left to chance, it can be read. Not asked when
/// the primary itself is rebuilt.
pub async fn source(recovery: &Recovery<'_>) -> Result<(), RecoveryError> {
    let Some(Side::Recovery) = rebuilt_side(recovery)? else { return Ok(()) };
    let drill = recovery.drill;
    let data = drill.plan.stack.data_resources();
    if data.is_empty() {
        return Ok(());
    }
    let site = drill.site(Side::Primary, Conduct::Traffic { timeout: SOURCE_TIMEOUT });
    let asked = data.iter().filter_map(|resource| Some((resource, resource.kind()?)));
    let answers =
        join_all(asked.map(async |(resource, kind)| match service(kind).exists(&site, resource.name()).await {
            Ok(_) => true,
            Err(error) => error.was_answered() && !error.says_out(),
        }))
        .await;
    let left_to_chance = !drill.faults_on.are_certain(&drill.plan.topology.primary);
    let reachable = left_to_chance || answers.contains(&true);
    drill.journal.append(Event::SourceReachability { reachable })?;
    Ok(())
}

/// The side that the plan's steps rebuild; `None` when they only move the traffic.
pub(super) fn rebuilt_side(recovery: &Recovery<'_>) -> Result<Option<Side>, RecoveryError> {
    let topology = &recovery.drill.plan.topology;
    for step in &recovery.drill.plan.recover {
        match step {
            RecoveryStep::Restore { into, .. } => {
                let side = topology.side(into);
                return side.map(Some).ok_or_else(|| RecoveryError::UnknownRegion { region: into.clone() });
            }
            RecoveryStep::Command { .. } => return Ok(Some(Side::Recovery)),
            RecoveryStep::Isolate { .. }
            | RecoveryStep::Redrive { .. }
            | RecoveryStep::Reroute { .. }
            | RecoveryStep::Cutover { .. } => {}
        }
    }
    Ok(None)
}
