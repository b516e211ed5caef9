//! Backups while the drill runs: each rule on its own beat, every recovery point journalled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use firedrill_model::{
    history::Event,
    ids::RecoveryPointId,
    recovery_point::RecoveryPoint,
    units::{RunTime, Span},
};
use thiserror::Error;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    BackupError, Strategy, strategy,
    vault::retention::{Kept, surplus},
};
use crate::{
    poll,
    run::{Drill, chain, journal::JournalError},
    services::Site,
};

/// Backups could not go on.
#[derive(Debug, Error)]
pub enum ScheduleError {
    /// A rule could not be set up.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The history could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A rule's task ended in a panic.
    #[error("a backup task crashed")]
    Crashed(#[source] tokio::task::JoinError),
}

/// A recovery point that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The artefact.
    pub point: RecoveryPoint,
    /// When it was complete and read back.
    pub at: RunTime,
}

/// The running backups of a drill.
pub struct Backups {
    strategies: Vec<Arc<dyn Strategy>>,
    shared: Shared,
    stop: CancellationToken,
    tasks: tokio::sync::Mutex<JoinSet<Result<(), JournalError>>>,
    verified: watch::Receiver<u32>,
}

impl std::fmt::Debug for Backups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backups").field("points", &self.points()).finish_non_exhaustive()
    }
}

/// What the rules share.
#[derive(Clone, Debug)]
struct Shared {
    drill: Drill,
    ledger: Arc<Mutex<Points>>,
    verified: watch::Sender<u32>,
}

#[derive(Debug, Default)]
struct Points {
    begun: u32,
    /// Every point that was completed, the removed ones included, in order.
    completed: Vec<Completed>,
    /// Points that are still there, by rule, oldest first.
    kept: BTreeMap<usize, Vec<Kept>>,
    /// Those of them whose removal began: there is no telling what is left of them.
    leaving: BTreeSet<RecoveryPointId>,
}

impl Backups {
    /// Makes every rule of the plan ready: before the traffic begins, see [`Strategy::prepare`].
    pub async fn prepare(drill: &Drill, source: &Site) -> Result<Self, ScheduleError> {
        let (sender, verified) = watch::channel(0);
        let mut strategies: Vec<Arc<dyn Strategy>> = Vec::new();
        for (rule, backup) in drill.plan.backups.iter().enumerate() {
            let of_rule: Arc<dyn Strategy> = Arc::from(strategy(drill, rule, backup, source.clone())?);
            of_rule.prepare().await?;
            strategies.push(of_rule);
        }
        Ok(Self {
            strategies,
            shared: Shared { drill: drill.clone(), ledger: Arc::default(), verified: sender },
            stop: drill.cancel.child_token(),
            tasks: tokio::sync::Mutex::default(),
            verified,
        })
    }

    /// Starts every rule; the first captures begin at once.
    pub async fn start(&self) {
        let mut tasks = self.tasks.lock().await;
        for (rule, (backup, of_rule)) in self.shared.drill.plan.backups.iter().zip(&self.strategies).enumerate() {
            let (shared, of_rule, stop) = (self.shared.clone(), Arc::clone(of_rule), self.stop.clone());
            let (every, keep) = (backup.every, backup.keep);
            tasks.spawn(async move { shared.repeat(rule, &*of_rule, every, keep, &stop).await });
        }
    }

    /// How many backups are complete and verified; changes can be awaited.
    pub fn completed(&self) -> watch::Receiver<u32> {
        self.verified.clone()
    }

    /// How many verified points whose capture began at `since` or later each rule has; the fewest.
    pub fn begun_since(&self, since: RunTime) -> u32 {
        let points = self.points();
        let of = |rule: usize| {
            let fits = |of: &&Completed| of.point.rule == rule && of.point.verified && of.point.begun_ms >= since;
            u32::try_from(points.iter().filter(fits).count()).unwrap_or(u32::MAX)
        };
        (0..self.strategies.len()).map(of).min().unwrap_or_default()
    }

    /// Every point that was completed, in order, also those that retention removed since.
    pub fn points(&self) -> Vec<Completed> {
        self.shared.lock().completed.clone()
    }

    /// Points that are complete and still there, in order.
    pub fn available(&self) -> Vec<Completed> {
        let points = self.shared.lock();
        let there = |id: &RecoveryPointId| points.kept.values().flatten().any(|kept| kept.id == *id);
        let whole = |id: &RecoveryPointId| there(id) && !points.leaving.contains(id);
        points.completed.iter().filter(|completed| whole(&completed.point.id)).cloned().collect()
    }

    /// The strategy that made a point.
    pub fn strategy_of(&self, point: &RecoveryPoint) -> Option<&Arc<dyn Strategy>> {
        self.strategies.get(point.rule)
    }

    /// Ends the rules. A capture in progress is cut off, journalled as failed and never used.
    pub async fn stop(&self) -> Result<(), ScheduleError> {
        self.stop.cancel();
        let mut tasks = self.tasks.lock().await;
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(ScheduleError::Crashed)??;
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Points> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Captures from start to start every `every`; a capture that takes longer delays the next and is never doubled.
    async fn repeat(
        &self,
        rule: usize,
        strategy: &dyn Strategy,
        every: Span,
        keep: u32,
        stop: &CancellationToken,
    ) -> Result<(), JournalError> {
        loop {
            let begun = self.drill.clock.now();
            self.once(rule, strategy, keep, stop).await?;
            let next = begun.plus(every);
            if !poll::pause(next.since(self.drill.clock.now()), stop).await || stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn once(
        &self,
        rule: usize,
        strategy: &dyn Strategy,
        keep: u32,
        stop: &CancellationToken,
    ) -> Result<(), JournalError> {
        let id = self.next_id();
        self.drill.journal.append(Event::BackupBegan { id: id.clone(), rule })?;
        let captured = tokio::select! {
            captured = strategy.capture(&id) => captured,
            () = stop.cancelled() => Err(BackupError::Stopped),
        };
        match captured {
            Ok(point) => {
                self.complete(rule, point)?;
                tokio::select! {
                    pruned = self.prune(rule, strategy, keep) => pruned,
                    () = stop.cancelled() => Ok(()),
                }
            }
            Err(error) => {
                tracing::warn!(%id, %error, "backup failed");
                self.drill.journal.append(Event::BackupFailed { id, error: chain(&error) })?;
                Ok(())
            }
        }
    }

    fn next_id(&self) -> RecoveryPointId {
        let mut points = self.lock();
        points.begun += 1;
        RecoveryPointId::new(format!("rp-{:04}", points.begun))
    }

    fn complete(&self, rule: usize, point: RecoveryPoint) -> Result<(), JournalError> {
        let verified = point.verified;
        let at = self.drill.journal.append_synced(Event::BackupCompleted { recovery_point: point.clone() })?;
        {
            let mut points = self.lock();
            points.kept.entry(rule).or_default().push(Kept { id: point.id.clone(), verified });
            points.completed.push(Completed { point, at });
        }
        if verified {
            self.verified.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// Removes the rule's points that are too many. A removal that fails is tried again with the next backup; whether it
    /// fails or is cut off, no restore chooses what is left of the point.
    async fn prune(&self, rule: usize, strategy: &dyn Strategy, keep: u32) -> Result<(), JournalError> {
        let gone = {
            let points = self.lock();
            surplus(points.kept.get(&rule).map_or(&[], Vec::as_slice), keep)
        };
        for id in gone {
            let point = self.lock().completed.iter().find(|completed| completed.point.id == id).cloned();
            let Some(Completed { point, .. }) = point else { continue };
            self.lock().leaving.insert(id.clone());
            if let Err(error) = strategy.prune(&point).await {
                tracing::warn!(%id, %error, "a recovery point could not be removed");
                continue;
            }
            if let Some(kept) = self.lock().kept.get_mut(&rule) {
                kept.retain(|kept| kept.id != id);
            }
            self.drill.journal.append(Event::BackupPruned { id })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use firedrill_model::{ids::ResourceId, scenario::Sabotage, topology::Side};

    use super::*;
    use crate::{
        backup::{RestoreReport, process::tests::Stage},
        run::sample,
        services::clients::Conduct,
    };

    /// Makes points that are whole when `whole` says so, and removes none.
    struct Sticky {
        whole: fn(&RecoveryPointId) -> bool,
    }

    #[async_trait::async_trait]
    impl Strategy for Sticky {
        async fn capture(&self, id: &RecoveryPointId) -> Result<RecoveryPoint, BackupError> {
            Ok(sample::recovery_point(id.as_str(), (self.whole)(id), RunTime::default()))
        }

        async fn restore(
            &self,
            _: &RecoveryPoint,
            _: &Site,
            _: Option<&Sabotage>,
        ) -> Result<RestoreReport, BackupError> {
            Err(BackupError::Stopped)
        }

        async fn removed(&self, _: &RecoveryPoint) -> Result<Vec<(ResourceId, serde_json::Value)>, BackupError> {
            Ok(Vec::new())
        }

        async fn prune(&self, _: &RecoveryPoint) -> Result<(), BackupError> {
            Err(BackupError::Stopped)
        }
    }

    /// The points that can be chosen after four backups of which two are kept.
    async fn after_four(whole: fn(&RecoveryPointId) -> bool) -> Vec<String> {
        let stage = Stage::new(|plan| plan.backups.clear());
        let backups =
            Backups::prepare(&stage.drill, &stage.drill.site(Side::Primary, Conduct::Control)).await.expect("ready");
        for _ in 0..4 {
            backups.shared.once(0, &Sticky { whole }, 2, &backups.stop).await.expect("journalled");
        }
        backups.available().into_iter().map(|completed| completed.point.id.to_string()).collect()
    }

    #[tokio::test]
    async fn what_cannot_be_removed_whole_is_not_chosen_any_more() {
        assert_eq!(after_four(|_| true).await, ["rp-0003", "rp-0004"]);
    }

    #[tokio::test]
    async fn the_last_points_that_can_be_restored_from_are_kept() {
        assert_eq!(after_four(|id| id.as_str() < "rp-0003").await, ["rp-0001", "rp-0002", "rp-0003", "rp-0004"]);
        assert_eq!(after_four(|id| id.as_str() == "rp-0001").await, ["rp-0001", "rp-0003", "rp-0004"]);
    }
}
