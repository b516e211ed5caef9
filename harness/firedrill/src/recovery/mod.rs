//! Recovery steps: each one file, and one line in [`perform`].

pub mod command;
pub mod cutover;
pub mod error;
pub mod inspect;
pub mod isolate;
pub mod redrive;
pub mod reroute;
pub mod restore;

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use firedrill_model::{
    history::{Ending, Event},
    recovery_point::RecoveryPoint,
    scenario::{BackupUsing, RecoveryStep, RestoreFrom},
    topology::Side,
    units::RunTime,
};

use tokio::sync::{OnceCell, watch};

pub use self::error::RecoveryError;
use crate::{
    backup::{Backups, process::Outputs, schedule::Completed},
    plan::limits,
    poll,
    run::{Drill, Vantage, chain},
    services::{Site, clients::Conduct},
    target::Switch,
};

/// What the steps of one recovery attempt share.
#[derive(Debug)]
pub struct Recovery<'a> {
    /// The run.
    pub drill: &'a Drill,
    /// What cuts regions off.
    pub switch: &'a dyn Switch,
    /// Its backups, stopped: no capture may begin while points are chosen.
    pub backups: &'a Backups,
    /// Is told which step runs.
    pub runs: &'a watch::Sender<Option<usize>>,
    /// Counts from 1.
    pub attempt: u32,
    /// Outputs of the `command` steps so far.
    outputs: Mutex<Outputs>,
    /// What the backup of [`Recovery::own_point`] handed on, once the point has been read back.
    handed: OnceCell<Outputs>,
    /// The point that was restored: a redrive delivers again what was deleted shortly before it.
    restored: Mutex<Option<RecoveryPoint>>,
}

/// What a step has to say: one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepNote(pub String);

/// What a recovery attempt did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What each step had to say.
    pub notes: Vec<StepNote>,
    /// The recovery point that was restored, if any.
    pub restored: Option<RecoveryPoint>,
}

/// Runs every step of the plan in order. The first one that fails ends the attempt; another attempt may follow, since every
/// step can be run again. Whether the source can be reached is looked at before the first step that reads recovery points and
/// after the last one.
pub async fn run_all(
    drill: &Drill,
    switch: &dyn Switch,
    backups: &Backups,
    runs: &watch::Sender<Option<usize>>,
    attempt: u32,
) -> Result<Recovered, RecoveryError> {
    let recovery = Recovery {
        drill,
        switch,
        backups,
        runs,
        attempt,
        outputs: Mutex::default(),
        handed: OnceCell::new(),
        restored: Mutex::default(),
    };
    let recovery_point = recovery.first_point().map(|point| point.id);
    drill.journal.append_synced(Event::RecoveryBegan { attempt, recovery_point })?;
    let unseen = |error| RecoveryError::Unseen(Box::new(error));
    inspect::target(&recovery).await.map_err(unseen)?;
    let steps = &drill.plan.recover;
    let begins = steps.iter().position(rebuilds).unwrap_or(0);
    let rebuilt = steps.iter().rposition(rebuilds).map_or(0, |last| last + 1);
    let mut notes = run_steps(&recovery, 0..begins).await?;
    inspect::source(&recovery).await.map_err(unseen)?;
    notes.extend(run_steps(&recovery, begins..rebuilt).await?);
    // Whether the source was away from the first look to the last: it is looked at again beside what comes after the
    // rebuilding, so that the look takes no recovery time.
    let (looked, more) = tokio::join!(inspect::source(&recovery), run_steps(&recovery, rebuilt..steps.len()));
    notes.extend(more?);
    looked.map_err(unseen)?;
    let restored = recovery.restored.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Recovered { notes, restored })
}

/// Whether a step reads recovery points.
fn rebuilds(step: &RecoveryStep) -> bool {
    match step {
        RecoveryStep::Restore { .. } | RecoveryStep::Command { .. } => true,
        RecoveryStep::Isolate { .. }
        | RecoveryStep::Redrive { .. }
        | RecoveryStep::Reroute { .. }
        | RecoveryStep::Cutover { .. } => false,
    }
}

/// Runs the steps with these numbers in order, each journalled with its beginning and its end, until one fails.
async fn run_steps(recovery: &Recovery<'_>, numbers: Range<usize>) -> Result<Vec<StepNote>, RecoveryError> {
    let drill = recovery.drill;
    let mut notes = Vec::new();
    for number in numbers {
        let step = &drill.plan.recover[number];
        drill.journal.append(Event::StepBegan { step: number, step_kind: step.kind().to_owned() })?;
        recovery.runs.send_replace(Some(number));
        let limit = limits::of_step(&drill.plan, step);
        let performed = tokio::select! {
            performed = poll::at_most(limit, perform(recovery, number, step)) => {
                performed.unwrap_or(Err(RecoveryError::TimedOut { limit }))
            }
            () = drill.cancel.cancelled() => Err(RecoveryError::Stopped),
        };
        recovery.runs.send_replace(None);
        let (ending, note) = match &performed {
            Ok(note) => (Ending::Done, note.0.clone()),
            Err(error) => (error.ending(), chain(error)),
        };
        drill.journal.append_synced(Event::StepEnded { step: number, ending, note })?;
        notes.push(performed?);
    }
    Ok(notes)
}

/// Performs one step.
pub async fn perform(recovery: &Recovery<'_>, number: usize, step: &RecoveryStep) -> Result<StepNote, RecoveryError> {
    match step {
        RecoveryStep::Isolate { region } => isolate::isolate(recovery.drill, recovery.switch, number, region).await,
        RecoveryStep::Restore { from, into, sabotage } => {
            restore::restore(recovery, from, into, sabotage.as_ref()).await
        }
        RecoveryStep::Command { command, timeout } => command::command(recovery, number, command, *timeout).await,
        RecoveryStep::Redrive { triggers } => recovery.redrive(triggers).await,
        RecoveryStep::Reroute { from } => Ok(reroute::reroute(recovery.drill, from)),
        RecoveryStep::Cutover { to } => cutover::cutover(recovery.drill, recovery.attempt, to),
    }
}

impl Recovery<'_> {
    /// A side as the recovery uses it, which runs in the recovery region.
    pub fn site(&self, side: Side) -> Site {
        self.drill.site_from(side, Conduct::Control, Vantage::Within(Side::Recovery))
    }

    /// The recovery point that `from` names among those that are complete and verified.
    pub fn choose(&self, from: &RestoreFrom) -> Result<RecoveryPoint, RecoveryError> {
        restore::choose(&self.backups.points(), &self.backups.available(), from, self.until(from))
    }

    /// Only points that were complete by then are used. One that was complete after something was taken away may be torn; what
    /// merely changed data did so behind everybody's back, and only who has examined the points knows the clean ones.
    fn until(&self, from: &RestoreFrom) -> RunTime {
        let drill = self.drill;
        let until = match from {
            RestoreFrom::Clean => drill.begun.get(),
            RestoreFrom::Latest | RestoreFrom::Number { .. } => drill.taken_away.get(),
        };
        until.copied().unwrap_or_else(|| drill.clock.now())
    }

    /// The latest usable point that the user's own program made: what a `command` step finds in
    /// `FIREDRILL_RECOVERY_POINT`.
    pub fn own_point(&self) -> Option<RecoveryPoint> {
        let by_program = |completed: &Completed| {
            let rule = self.drill.plan.backups.get(completed.point.rule);
            rule.is_some_and(|rule| matches!(rule.using, BackupUsing::Command { .. }))
        };
        let own = |points: Vec<Completed>| points.into_iter().filter(by_program).collect::<Vec<_>>();
        let (points, available) = (own(self.backups.points()), own(self.backups.available()));
        restore::choose(&points, &available, &RestoreFrom::Latest, self.until(&RestoreFrom::Latest)).ok()
    }

    /// The point that the first step to use one will use.
    fn first_point(&self) -> Option<RecoveryPoint> {
        self.drill.plan.recover.iter().find_map(|step| match step {
            RecoveryStep::Restore { from, .. } => self.choose(from).ok(),
            RecoveryStep::Command { .. } => self.own_point(),
            RecoveryStep::Isolate { .. }
            | RecoveryStep::Redrive { .. }
            | RecoveryStep::Reroute { .. }
            | RecoveryStep::Cutover { .. } => None,
        })
    }

    /// Delivers the events of what was restored again, those of items that were deleted shortly before the point too.
    async fn redrive(&self, triggers: &[String]) -> Result<StepNote, RecoveryError> {
        let side = inspect::rebuilt_side(self)?.unwrap_or(Side::Recovery);
        let site = self.site(side);
        let removed = self.removed().await?;
        let summary = redrive::redrive(self.drill, &site, triggers, &removed).await?;
        Ok(StepNote(format!("{} events delivered again", summary.events())))
    }
}
