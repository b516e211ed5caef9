//! Rebuilding from a recovery point.

use std::sync::PoisonError;

use firedrill_model::{
    ids::Region,
    recovery_point::RecoveryPoint,
    scenario::{RestoreFrom, Sabotage},
    units::{ByteSize, RunTime},
};
use serde_json::Value;

use super::{Recovery, RecoveryError, StepNote};
use crate::{
    backup::{BackupError, schedule::Completed},
    services::clients::Conduct,
};

/// Restores the point that `from` names into a region of the topology.
pub async fn restore(
    recovery: &Recovery<'_>,
    from: &RestoreFrom,
    into: &Region,
    sabotage: Option<&Sabotage>,
) -> Result<StepNote, RecoveryError> {
    let drill = recovery.drill;
    let side = drill
        .plan
        .topology
        .side(into)
        .ok_or_else(|| RecoveryError::UnknownRegion { region: into.clone() })?;
    let point = recovery.choose(from)?;
    let strategy = recovery
        .backups
        .strategy_of(&point)
        .ok_or_else(|| RecoveryError::NoRecoveryPoint { why: format!("`{}` belongs to no backup rule", point.id) })?;
    let site = drill.site(side, Conduct::Control);
    let report = strategy.restore(&point, &site, sabotage).await?;
    *recovery.restored.lock().unwrap_or_else(PoisonError::into_inner) = Some(point.clone());
    Ok(StepNote(format!(
        "{} resources, {} entries, {} from {} of {}",
        report.resources.len(),
        report.entries,
        ByteSize::new(report.bytes),
        point.id,
        drill.clock.utc_text(point.begun_ms),
    )))
}

impl Recovery<'_> {
    /// What was deleted from streamed tables shortly before the point that was restored; empty without a restore.
    pub async fn removed(
        &self,
    ) -> Result<Vec<(firedrill_model::ids::ResourceId, Value)>, BackupError> {
        let point = self.restored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match point.as_ref().and_then(|point| self.backups.strategy_of(point).map(|strategy| (point, strategy))) {
            Some((point, strategy)) => strategy.removed(point).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The point that `from` names. `completed` is every point of the run in order, `available` those still there. A point
/// that was complete only after the fault may be torn, and one that did not read back whole is damaged: neither is used.
pub fn choose(
    completed: &[Completed],
    available: &[Completed],
    from: &RestoreFrom,
    fault_at: RunTime,
) -> Result<RecoveryPoint, RecoveryError> {
    let usable = |candidate: &&Completed| candidate.point.verified && candidate.at < fault_at;
    let chosen = match from {
        RestoreFrom::Latest => available.iter().rfind(usable),
        RestoreFrom::Number { number } => {
            let index = usize::try_from(*number).unwrap_or(usize::MAX).checked_sub(1);
            let named = index.and_then(|index| completed.get(index));
            named.and_then(|named| available.iter().find(|there| there.point.id == named.point.id)).filter(usable)
        }
    };
    chosen.map(|chosen| chosen.point.clone()).ok_or_else(|| {
        let verified = completed.iter().filter(|candidate| candidate.point.verified).count();
        let before = completed.iter().filter(usable).count();
        RecoveryError::NoRecoveryPoint {
            why: format!(
                "{} completed, {verified} of them verified, {before} of those before the fault, {} still kept",
                completed.len(),
                available.len(),
            ),
        }
    })
}
