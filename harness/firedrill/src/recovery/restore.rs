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
use crate::backup::{BackupError, schedule::Completed};

/// Restores the point that `from` names into a region of the topology.
pub async fn restore(
    recovery: &Recovery<'_>,
    from: &RestoreFrom,
    into: &Region,
    sabotage: Option<&Sabotage>,
) -> Result<StepNote, RecoveryError> {
    let drill = recovery.drill;
    let side = drill.plan.topology.side(into).ok_or_else(|| RecoveryError::UnknownRegion { region: into.clone() })?;
    let point = recovery.choose(from)?;
    let strategy = recovery
        .backups
        .strategy_of(&point)
        .ok_or_else(|| RecoveryError::NoRecoveryPoint { why: format!("`{}` belongs to no backup rule", point.id) })?;
    let site = recovery.site(side);
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
    pub async fn removed(&self) -> Result<Vec<(firedrill_model::ids::ResourceId, Value)>, BackupError> {
        let point = self.restored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match point.as_ref().and_then(|point| self.backups.strategy_of(point).map(|strategy| (point, strategy))) {
            Some((point, strategy)) => strategy.removed(point).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The point that `from` names. `completed` is every point of the run in order, `available` those still there. A point
/// that was complete only after `until` is not used, nor one that did not read back whole.
pub fn choose(
    completed: &[Completed],
    available: &[Completed],
    from: &RestoreFrom,
    until: RunTime,
) -> Result<RecoveryPoint, RecoveryError> {
    let usable = |candidate: &&Completed| candidate.point.verified && candidate.at < until;
    let chosen = match from {
        RestoreFrom::Latest | RestoreFrom::Clean => available.iter().rfind(usable),
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
                "{} completed, {verified} of them verified, {before} of those in time, {} still kept",
                completed.len(),
                available.len(),
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sample;

    fn completed(number: u32, verified: bool, at_ms: u64) -> Completed {
        let at = RunTime::from_ms(at_ms);
        Completed { point: sample::recovery_point(&format!("rp-{number:04}"), verified, at), at }
    }

    #[test]
    fn the_latest_whole_point_before_the_fault_is_used() {
        let all = [completed(1, true, 100), completed(2, true, 200), completed(3, false, 300), completed(4, true, 400)];
        let choose = |from, kept: &[Completed], fault_ms| {
            super::choose(&all, kept, &from, RunTime::from_ms(fault_ms)).map(|point| point.id.to_string()).ok()
        };
        let number = |number| RestoreFrom::Number { number };
        let cases = [
            ("before all", RestoreFrom::Latest, &all[..], 50, None),
            ("complete only after the fault", RestoreFrom::Latest, &all[..], 400, Some("rp-0002")),
            ("not verified", RestoreFrom::Latest, &all[..3], 999, Some("rp-0002")),
            ("the last", RestoreFrom::Latest, &all[..], 401, Some("rp-0004")),
            ("the last clean one", RestoreFrom::Clean, &all[..], 250, Some("rp-0002")),
            ("named", number(1), &all[..], 401, Some("rp-0001")),
            ("named, removed since", number(1), &all[1..], 401, None),
            ("named, not verified", number(3), &all[..], 401, None),
            ("named, never made", number(9), &all[..], 401, None),
            ("counted from one", number(0), &all[..], 401, None),
        ];
        for (case, from, kept, fault_ms, expected) in cases {
            assert_eq!(choose(from, kept, fault_ms).as_deref(), expected, "{case}");
        }
    }

    #[test]
    fn the_error_says_why_no_point_will_do() {
        let all = [completed(1, false, 100), completed(2, true, 200)];
        let error = super::choose(&all, &all, &RestoreFrom::Latest, RunTime::from_ms(150)).unwrap_err();
        insta::assert_snapshot!(
            error,
            @"no recovery point can be restored: 2 completed, 1 of them verified, 0 of those in time, 2 still kept"
        );
    }
}
