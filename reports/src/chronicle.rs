//! The history, folded into what the record says of each thing that happened.

use std::collections::BTreeMap;

use firedrill_model::{
    history::{Ending, Event, Phase, Record},
    ids::{FaultId, RecoveryPointId},
    plan::Plan,
    recovery_point::RecoveryPoint,
    units::{RunTime, Span},
};

use crate::{
    record::{
        AfterCrash, AttemptRecord, BackupRecord, BackupState, CaptureRecord, CutOverRecord, FaultRecord, PhaseRecord,
        StepRecord,
    },
    timeline::Probes,
};

/// What a history tells, built record by record. Odd histories (an end without a beginning, a fault that the plan does
/// not know) lose the odd part and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    pub(crate) records: u64,
    pub(crate) run_id: Option<String>,
    pub(crate) firedrill: String,
    pub(crate) plan_sha256: Option<String>,
    pub(crate) first: Option<(RunTime, String)>,
    pub(crate) last: Option<(RunTime, String)>,
    pub(crate) interrupted: Option<String>,
    pub(crate) after_crash: Option<AfterCrash>,
    /// The run came to its end, or to its report, which is written just before.
    pub(crate) closed: bool,
    pub(crate) phases: Vec<PhaseRecord>,
    pub(crate) backups: Vec<BackupRecord>,
    /// When each fault was about to be switched on.
    pub(crate) arming: BTreeMap<FaultId, RunTime>,
    pub(crate) faults: Vec<FaultRecord>,
    pub(crate) detected: Option<RunTime>,
    pub(crate) recovery: Vec<AttemptRecord>,
    pub(crate) cut_overs: Vec<CutOverRecord>,
    pub(crate) observed_until: Option<RunTime>,
    pub(crate) captures: Vec<CaptureRecord>,
    pub(crate) lag: Option<Span>,
    pub(crate) probes: Probes,
}

impl Chronicle {
    /// A history that has not begun, with the faults of the plan.
    pub(crate) fn of_faults(faults: Vec<FaultRecord>) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Takes the next record.
    pub(crate) fn take(&mut self, record: Record) {
        if record.wall_clock {
            self.after_crash(record);
            return;
        }
        let at = record.at_ms;
        self.records += 1;
        self.first.get_or_insert_with(|| (at, record.utc.clone()));
        self.last = Some((at, record.utc));
        match record.event {
            Event::RunBegan { run_id, firedrill, plan_sha256, seed: _, runner: _ } => {
                self.run_id = Some(run_id);
                self.firedrill = firedrill;
                self.plan_sha256 = Some(plan_sha256);
            }
            Event::PhaseBegan { phase } => {
                self.closed |= phase == Phase::Report;
                self.phases.push(PhaseRecord {
                    phase,
                    began_ms: at,
                    ended_ms: None,
                    ending: None,
                    note: String::new(),
                });
            }
            Event::PhaseEnded { phase, ending, note } => {
                if let Some(open) = self.phases.iter_mut().rev().find(|known| known.phase == phase) {
                    (open.ended_ms, open.ending, open.note) = (Some(at), Some(ending), note);
                }
            }
            Event::BackupBegan { id, rule } => self.backups.push(unfinished(id, rule, at)),
            Event::BackupCompleted { recovery_point } => self.backup_completed(recovery_point),
            Event::BackupFailed { id, error } => {
                if let Some(backup) = self.backup(&id) {
                    (backup.state, backup.error, backup.ended_ms) = (BackupState::Failed, Some(error), Some(at));
                }
            }
            Event::BackupPruned { id } => {
                if let Some(backup) = self.backup(&id) {
                    backup.pruned = true;
                }
            }
            Event::FaultArmed { id } => self.fault(&id, |fault| fault.armed_ms = Some(at)),
            Event::FaultBit { id, rule: _ } => self.fault(&id, |fault| {
                fault.bit_ms.get_or_insert(at);
            }),
            // One that ended by itself is healed again when the run ends: the first end is the one that counts.
            Event::FaultEnded { id, by } => self.fault(&id, |fault| {
                fault.ended_ms.get_or_insert(at);
                fault.ended_by.get_or_insert(by);
            }),
            Event::Detected { failures: _ } => self.detected = self.detected.or(Some(at)),
            Event::RecoveryBegan { attempt, recovery_point } => self.recovery_began(attempt, recovery_point, at),
            Event::StepBegan { step, step_kind } => self.step_began(step, step_kind, at),
            Event::StepEnded { step, ending, note } => self.step_ended(step, ending, note, at),
            Event::CutOver { to, epoch } => self.cut_overs.push(CutOverRecord { at_ms: at, to, epoch }),
            Event::Probed { probe, began_ms, ok, detail } => self.probes.take(probe, began_ms, at, ok, detail),
            Event::ObservationEnds { until_ms } => self.observed_until = Some(until_ms),
            Event::Captured { capture, side, began_ms, files } => {
                self.captures.push(CaptureRecord { capture, side, began_ms, ended_ms: at, files });
            }
            Event::SchedulingLag { max_ms } => self.lag = self.lag.max(Some(max_ms)),
            Event::StopConditionMet { what, .. } => {
                self.interrupted = self.interrupted.take().or_else(|| Some(format!("a stop condition: {what}")));
            }
            Event::Interrupted { reason } => self.interrupted = self.interrupted.take().or(Some(reason)),
            Event::FaultArming { id, fault: _ } => drop(self.arming.insert(id, at)),
            Event::Isolating { .. }
            | Event::TargetStarted { .. }
            | Event::Drained { .. }
            | Event::TargetInspected { .. }
            | Event::SourceReachability { .. }
            | Event::Sabotaged { .. }
            | Event::Fenced { .. }
            | Event::Quiesced { .. }
            | Event::Healed { .. } => {}
            Event::TornDown { .. } => self.closed = true,
        }
    }

    /// Notes which recovery point of each rule is the latest from before a disaster changed the workload, if one did.
    pub(crate) fn mark_clean(&mut self, plan: &Plan) {
        let changing = plan
            .disaster
            .iter()
            .filter(|planned| planned.fault.changes.iter().any(|change| plan.stack.has(&change.resource)));
        let Some(changed) = changing.filter_map(|planned| self.arming.get(&planned.id)).min() else { return };
        let verified = || self.backups.iter().filter(|backup| backup.state == BackupState::Verified);
        let mut before: Vec<_> = verified().filter(|one| one.ended_ms.is_some_and(|ended| ended < *changed)).collect();
        before.sort_by_key(|backup| backup.begun_ms);
        let clean: BTreeMap<usize, RecoveryPointId> =
            before.into_iter().map(|backup| (backup.rule, backup.id.clone())).collect();
        for backup in self.backups.iter_mut().filter(|backup| backup.state == BackupState::Verified) {
            backup.clean = Some(clean.get(&backup.rule) == Some(&backup.id));
        }
    }

    /// What `firedrill heal` added has no place among what was measured.
    fn after_crash(&mut self, record: Record) {
        let after = self.after_crash.get_or_insert(AfterCrash { healed_utc: record.utc, faults: Vec::new() });
        if let Event::Healed { faults } = record.event {
            after.faults.extend(faults);
        }
    }

    fn backup(&mut self, id: &RecoveryPointId) -> Option<&mut BackupRecord> {
        self.backups.iter_mut().find(|backup| backup.id == *id)
    }

    fn backup_completed(&mut self, point: RecoveryPoint) {
        if self.backup(&point.id).is_none() {
            self.backups.push(unfinished(point.id.clone(), point.rule, point.begun_ms));
        }
        if let Some(backup) = self.backup(&point.id) {
            backup.state = if point.verified { BackupState::Verified } else { BackupState::Completed };
            backup.begun_ms = point.begun_ms;
            backup.ended_ms = Some(point.ended_ms);
            backup.error = point.defect;
            backup.location = Some(point.location);
            backup.digest = Some(point.digest);
            backup.resources = point.resources;
            backup.entries = point.entries;
            backup.bytes = point.bytes;
            backup.parent = point.parent;
        }
    }

    fn fault(&mut self, id: &FaultId, change: impl FnOnce(&mut FaultRecord)) {
        if let Some(fault) = self.faults.iter_mut().find(|fault| fault.id == *id) {
            change(fault);
        }
    }

    fn recovery_began(&mut self, attempt: u32, recovery_point: Option<RecoveryPointId>, at: RunTime) {
        if let Some(backup) = recovery_point.as_ref().and_then(|id| self.backup(id)) {
            backup.restored = true;
        }
        self.recovery.push(AttemptRecord { attempt, began_ms: at, recovery_point, steps: Vec::new() });
    }

    fn step_began(&mut self, step: usize, kind: String, at: RunTime) {
        if self.recovery.is_empty() {
            self.recovery_began(1, None, at);
        }
        if let Some(attempt) = self.recovery.last_mut() {
            let note = String::new();
            attempt.steps.push(StepRecord { step, kind, began_ms: at, ended_ms: None, ending: None, note });
        }
    }

    fn step_ended(&mut self, step: usize, ending: Ending, note: String, at: RunTime) {
        let steps = self.recovery.last_mut().map(|attempt| attempt.steps.iter_mut());
        if let Some(open) = steps.and_then(|steps| steps.rev().find(|known| known.step == step)) {
            (open.ended_ms, open.ending, open.note) = (Some(at), Some(ending), note);
        }
    }
}

fn unfinished(id: RecoveryPointId, rule: usize, begun_ms: RunTime) -> BackupRecord {
    BackupRecord {
        id,
        rule,
        begun_ms,
        ended_ms: None,
        state: BackupState::Unfinished,
        error: None,
        critical: Vec::new(),
        critical_held: None,
        location: None,
        digest: None,
        resources: Vec::new(),
        entries: 0,
        bytes: 0,
        parent: None,
        clean: None,
        restored: false,
        pruned: false,
    }
}
