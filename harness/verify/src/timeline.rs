//! The instants that matter, picked from the history.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::{
    capture::CaptureName,
    history::{Ending, Event, Phase, Record},
    ids::{FaultId, ProbeId, RecoveryPointId, ResourceId},
    plan::Plan,
    recovery_point::RecoveryPoint,
    scenario::{Fault, RecoveryStep},
    topology::Side,
    units::{RunTime, Span},
};
use jiff::{SignedDuration, Timestamp};

/// One round of a probe.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) probe: ProbeId,
    pub(crate) began: RunTime,
    pub(crate) ended: RunTime,
    pub(crate) ok: bool,
    pub(crate) detail: String,
}

/// One step of the recovery that ended.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) kind: String,
    pub(crate) began: RunTime,
    pub(crate) ended: RunTime,
}

/// A side that must say yes to nobody, until the traffic comes back to it.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    pub(crate) side: Side,
    pub(crate) since: RunTime,
    pub(crate) until: Option<RunTime>,
}

impl Fence {
    /// At either end of it the side may have said yes just outside.
    pub(crate) fn holds(&self, side: Side, at: RunTime) -> bool {
        self.side == side && self.since < at && self.until.is_none_or(|until| at < until)
    }
}

/// A completed capture.
#[derive(Clone, Debug)]
pub(crate) struct CaptureRecord {
    pub(crate) side: Side,
    pub(crate) began: RunTime,
    pub(crate) ended: RunTime,
    pub(crate) files: BTreeMap<String, String>,
}

/// What the ledger was when the traffic had stopped.
#[derive(Clone, Debug)]
pub(crate) struct SealedLedger {
    /// Since when it has been that.
    pub(crate) since: RunTime,
    pub(crate) lines: u64,
    pub(crate) sha256: String,
}

/// The three times of a fault, and what ended it.
#[derive(Clone, Debug, Default)]
struct FaultTimes {
    /// It is in the plan.
    planned: bool,
    /// No client of the workload can feel it.
    unfelt: bool,
    /// So long after it was switched on, something of it ends by itself.
    eases_after: Option<Span>,
    arming: Option<RunTime>,
    armed: Option<RunTime>,
    bit: Option<RunTime>,
    ended: Option<(RunTime, String)>,
    /// What has not happened of what has to: rules by number that have struck nobody, and whom they have to strike; probes that
    /// have not seen it; the step of the recovery, by index and kind, during which it has not struck.
    to_strike: BTreeMap<usize, String>,
    to_be_seen: BTreeSet<ProbeId>,
    to_interrupt: Option<(usize, String)>,
}

impl FaultTimes {
    /// From when on it was on and had stopped a request; `None` when it never did before it ended.
    fn bites(&self) -> Option<RunTime> {
        let at = self.armed?.max(self.bit?);
        self.ended.as_ref().is_none_or(|(ended, _)| *ended > at).then_some(at)
    }

    /// When something of it had ended by its own time, if that was at or before `until`.
    fn eased_before(&self, until: RunTime) -> Option<RunTime> {
        let at = self.arming?.plus(self.eases_after?);
        (at <= until).then_some(at)
    }

    /// Whether some of it was on then.
    fn is_on_between(&self, from: RunTime, until: RunTime) -> bool {
        let ended = self.ended.as_ref().is_some_and(|(at, _)| *at < from);
        self.arming.is_some_and(|at| at < until) && !ended
    }

    fn ended_before(&self, until: RunTime) -> Option<(RunTime, &str)> {
        self.ended.as_ref().filter(|(at, _)| *at <= until).map(|(at, by)| (*at, by.as_str()))
    }
}

/// What a fault did not do that it has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unstruck<'t> {
    /// It struck nothing.
    Everything,
    /// It did not strike these.
    These(&'t str),
    /// It was brought about, and this probe did not see it.
    Unseen(&'t ProbeId),
    /// It struck nothing while this step of the recovery ran.
    NotDuring(&'t str),
    /// This step of the recovery was never begun.
    NeverReached(&'t str),
}

/// What the history says, by subject.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// Wall clock at the run's zero; `None` when no record could be read as a time.
    start: Option<Timestamp>,
    faults: BTreeMap<FaultId, FaultTimes>,
    pub(crate) plan_sha256: Option<String>,
    pub(crate) detected: Option<RunTime>,
    /// When the drain was over, and whether effects were at rest by then.
    drained: Option<(RunTime, bool)>,
    pub(crate) recovery_began: Option<RunTime>,
    pub(crate) recovery_point: Option<RecoveryPointId>,
    /// A program of the user's own is among the steps of the plan: it finds itself what it restores.
    pub(crate) own_program: bool,
    /// Steps by number that began, as if they had ended at once.
    begun: BTreeMap<usize, Step>,
    pub(crate) steps: Vec<Step>,
    /// The first move of the traffic.
    pub(crate) cut_over: Option<RunTime>,
    /// The last one, and where to.
    last_cut_over: Option<(RunTime, Side)>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) observation_ends: Option<RunTime>,
    pub(crate) backups: Vec<(RunTime, RecoveryPoint)>,
    pub(crate) target_present: Option<Vec<ResourceId>>,
    pub(crate) source_reachable: Option<bool>,
    /// When the recovery first cut a region off.
    isolating: Option<RunTime>,
    pub(crate) fences: Vec<Fence>,
    pub(crate) captures: BTreeMap<CaptureName, CaptureRecord>,
    pub(crate) ledger: Option<SealedLedger>,
    pub(crate) scheduling_lag: Option<Span>,
    /// Keys that a defect of the scenario hit.
    pub(crate) sabotaged: BTreeMap<ResourceId, String>,
    /// Phases that began and have not ended.
    open_phases: BTreeSet<Phase>,
    captures_ended: bool,
    /// Phases that were given up or came to their end, without an interruption.
    ended_phases: BTreeSet<Phase>,
    /// A stop condition was met: what was seen.
    pub(crate) stop_condition: Option<String>,
    /// How the last step of the last attempt to recover ended, and its kind.
    last_step: Option<(Ending, Option<String>)>,
    /// What cut the run short, in words, each with the phase that did not reach its end, where it was one.
    incomplete: Vec<(Option<Phase>, String)>,
}

impl Timeline {
    /// Reads a history of this plan in order.
    pub(crate) fn of<'r>(plan: &Plan, records: impl IntoIterator<Item = &'r Record>) -> Self {
        let own_program = plan.recover.iter().any(|step| matches!(step, RecoveryStep::Command { .. }));
        let mut timeline = Self { own_program, ..Self::default() };
        for planned in &plan.disaster {
            let times = timeline.fault(&planned.id);
            (times.planned, times.unfelt) = (true, !plan.is_felt(&planned.fault));
            times.eases_after = eases_after(&planned.fault);
            let whom = planned.fault.rules.iter().map(|rule| rule.must_strike.clone()).enumerate();
            times.to_strike = whom.filter_map(|(rule, whom)| Some((rule, whom?))).collect();
            times.to_be_seen = planned.fault.seen_at().map(|trigger| ProbeId::new(trigger.as_str())).collect();
            let step = planned.when.step().and_then(|step| Some((step, plan.recover.get(step)?.kind().to_owned())));
            times.to_interrupt = step;
        }
        for record in records {
            timeline.take(record);
        }
        timeline.look(&plan.detect.canary);
        timeline
    }

    /// Takes note of what was seen of faults that have to be seen: a probe that failed, or the canary of that trigger by which the
    /// disaster was noticed. What is seen while another fault is on, or once the recovery has begun, may be for that.
    fn look(&mut self, canary: &ResourceId) {
        let canary = ProbeId::new(canary.as_str());
        let failed = self.rounds.iter().filter(|round| !round.ok).map(|round| (&round.probe, round.began, round.ended));
        let mut seen = Vec::new();
        for (id, fault) in &self.faults {
            let Some(bit) = fault.bit else { continue };
            // A canary counts what began once the first fault was on that clients can feel.
            let is_first = |at: RunTime| {
                let mut others = self.faults.iter().filter(|(other, _)| *other != id);
                others.all(|(_, other)| other.arming.is_none_or(|arming| arming >= at))
            };
            let noticed = self.detected.filter(|at| *at >= bit && is_first(*at)).map(|at| (&canary, bit, at));
            for (probe, began, ended) in failed.clone().chain(noticed) {
                let others = self.faults.iter().filter(|(other, _)| *other != id);
                let alone = others.into_iter().all(|(_, other)| !other.is_on_between(began, ended));
                let recovering = self.recovery_began.is_some_and(|at| at < ended);
                if began >= bit && alone && !recovering {
                    seen.push((id.clone(), probe.clone()));
                }
            }
        }
        for (id, probe) in seen {
            self.fault(&id).to_be_seen.remove(&probe);
        }
    }

    fn take(&mut self, record: &Record) {
        let at = record.at_ms;
        if self.start.is_none() {
            self.start = record.utc.parse::<Timestamp>().ok().and_then(|utc| utc.checked_sub(duration(at)).ok());
        }
        // Nothing that was measured ends when somebody heals a run that had crashed before.
        if record.wall_clock {
            return;
        }
        match &record.event {
            Event::RunBegan { plan_sha256, .. } => self.plan_sha256 = Some(plan_sha256.clone()),
            Event::PhaseBegan { phase } => {
                self.open_phases.insert(*phase);
            }
            Event::PhaseEnded { phase, ending, note } => self.take_phase(*phase, *ending, note),
            Event::BackupCompleted { recovery_point } => self.backups.push((at, recovery_point.clone())),
            Event::Sabotaged { resource, key } => {
                self.sabotaged.insert(resource.clone(), key.clone());
            }
            Event::FaultArming { id, .. } => {
                self.fault(id).arming.get_or_insert(at);
            }
            Event::FaultArmed { id } => {
                self.fault(id).armed.get_or_insert(at);
            }
            Event::FaultBit { id, rule } => {
                let fault = self.fault(id);
                fault.bit = fault.bit.or(Some(at));
                if let Some(rule) = rule.filter(|_| fault.ended.is_none()) {
                    fault.to_strike.remove(&rule);
                }
            }
            // A fault that ended by itself is healed again when the run ends: the first end is the one that counts.
            Event::FaultEnded { id, by } => {
                self.fault(id).ended.get_or_insert_with(|| (at, by.clone()));
            }
            Event::Detected { .. } => self.detected = self.detected.or(Some(at)),
            Event::RecoveryBegan { recovery_point, .. } => {
                self.last_step = None;
                self.recovery_began = self.recovery_began.or(Some(at));
                self.recovery_point = recovery_point.clone().or(self.recovery_point.take());
            }
            Event::StepBegan { step, step_kind } => {
                self.begun.insert(*step, Step { kind: step_kind.clone(), began: at, ended: at });
            }
            Event::StepEnded { step, ending, .. } => {
                self.take_interruptions(*step, at);
                let begun = self.begun.get(step).cloned();
                self.last_step = Some((*ending, begun.as_ref().map(|begun| begun.kind.clone())));
                self.steps.extend(begun.map(|begun| Step { ended: at, ..begun }));
            }
            // Only the first look counts: a recovery that is run again finds what its first attempt left.
            Event::TargetInspected { present } => {
                self.target_present.get_or_insert_with(|| present.clone());
            }
            Event::SourceReachability { reachable } => {
                self.source_reachable = Some(self.source_reachable.unwrap_or(false) || *reachable);
            }
            Event::Isolating { .. } => self.isolating = self.isolating.or(Some(at)),
            Event::Fenced { side } => self.fences.push(Fence { side: *side, since: at, until: None }),
            Event::CutOver { to, .. } => {
                self.fences.iter_mut().filter(|fence| fence.side == *to).for_each(|fence| {
                    fence.until.get_or_insert(at);
                });
                self.cut_over = self.cut_over.or(Some(at));
                self.last_cut_over = Some((at, *to));
            }
            Event::Probed { probe, began_ms, ok, detail } => self.rounds.push(Round {
                probe: probe.clone(),
                began: *began_ms,
                ended: at,
                ok: *ok,
                detail: detail.clone(),
            }),
            Event::ObservationEnds { until_ms } => self.observation_ends = Some(*until_ms),
            Event::Quiesced { ledger_lines, ledger_sha256 } => {
                // A run that breaks off while it captures says so again.
                let said = self.ledger.as_ref().filter(|sealed| sealed.sha256 == *ledger_sha256);
                let since = said.map_or(at, |sealed| sealed.since);
                self.ledger = Some(SealedLedger { since, lines: *ledger_lines, sha256: ledger_sha256.clone() });
            }
            Event::Captured { capture, side, began_ms, files } => {
                let record = CaptureRecord { side: *side, began: *began_ms, ended: at, files: files.clone() };
                self.captures.insert(*capture, record);
            }
            Event::Drained { settled } => self.drained = Some((at, *settled)),
            Event::SchedulingLag { max_ms } => self.scheduling_lag = self.scheduling_lag.max(Some(*max_ms)),
            Event::StopConditionMet { what, .. } => {
                self.stop_condition = self.stop_condition.take().or(Some(what.clone()));
            }
            Event::Interrupted { reason } => {
                self.incomplete.push((None, format!("the run was interrupted by {reason}")));
            }
            Event::TargetStarted { .. }
            | Event::BackupBegan { .. }
            | Event::BackupFailed { .. }
            | Event::BackupPruned { .. }
            | Event::Healed { .. }
            | Event::TornDown { .. } => {}
        }
    }

    /// A step has come to its end: what waited for it and struck first while it ran has interrupted it.
    fn take_interruptions(&mut self, step: usize, ended: RunTime) {
        let Some(began) = self.begun.get(&step).map(|begun| begun.began) else { return };
        for fault in self.faults.values_mut() {
            if fault.bites().is_some_and(|at| (began..=ended).contains(&at)) {
                fault.to_interrupt.take_if(|(waited_for, _)| *waited_for == step);
            }
        }
    }

    fn take_phase(&mut self, phase: Phase, ending: Ending, note: &str) {
        self.open_phases.remove(&phase);
        self.captures_ended |= phase == Phase::Capture;
        self.ended_phases.extend((ending != Ending::Interrupted).then_some(phase));
        let how = match ending {
            Ending::Done => return,
            Ending::Failed => "failed",
            Ending::TimedOut => "ran out of time",
            Ending::Interrupted => "was interrupted",
        };
        // What comes after the captures cannot take evidence away.
        if phase <= Phase::Capture {
            self.incomplete.push((Some(phase), format!("{} {how}: {note}", phase.word())));
        }
    }

    /// What cut the run short before all evidence was there, in words; empty when nothing did.
    pub(crate) fn incomplete(&self) -> Vec<String> {
        let open = self.open_phases.iter().filter(|phase| **phase <= Phase::Capture);
        let mut incomplete: Vec<String> = self.incomplete.iter().map(|(_, why)| why.clone()).collect();
        incomplete.extend(open.map(|phase| format!("{} began and never ended", phase.word())));
        if incomplete.is_empty() && !self.captures_ended {
            incomplete.push("the history ends before the captures".to_owned());
        } else if incomplete.is_empty() && self.ledger.is_none() {
            incomplete.push("the traffic never came to its end: the history has no digest of the ledger".to_owned());
        }
        incomplete
    }

    /// The kind of the step of the recovery that failed for good, where nothing else cut the run short: the procedure failed, and
    /// not the run.
    pub(crate) fn failed_step(&self) -> Option<&str> {
        let whole = self.open_phases.iter().all(|phase| *phase > Phase::Capture);
        match (&self.last_step, &self.incomplete[..]) {
            (Some((Ending::Failed, Some(kind))), [(Some(Phase::Recover), _)]) if whole => Some(kind),
            _ => None,
        }
    }

    fn fault(&mut self, id: &FaultId) -> &mut FaultTimes {
        self.faults.entry(id.clone()).or_default()
    }

    /// A fault was on for as long as the drill wanted it to be before the recovery: that it stopped nothing was then observed.
    pub(crate) fn fault_had_its_time(&self) -> bool {
        let armed = self.faults.values().any(|fault| fault.armed.is_some());
        armed && (self.ended_phases.contains(&Phase::Detect) || self.recovery_began.is_some())
    }

    /// t0: the first instant at which a fault that clients can feel is on and has struck something. One that ended before it did
    /// is none.
    pub(crate) fn t0(&self) -> Option<RunTime> {
        self.faults.values().filter(|fault| !fault.unfelt).filter_map(FaultTimes::bites).min()
    }

    /// The faults of the plan that were switched on and struck nothing, or not all of what they have to; each with what it did not do.
    pub(crate) fn without_a_bite(&self) -> impl Iterator<Item = (&FaultId, Unstruck<'_>)> {
        // What waits for a step of the recovery is owed once the recovery has come to its end, and may never have been switched on.
        let recovered = self.ended_phases.iter().any(|phase| (Phase::Recover..=Phase::Capture).contains(phase));
        let owed = move |fault: &FaultTimes| fault.armed.is_some() || fault.to_interrupt.is_some() && recovered;
        self.faults.iter().filter(move |(_, fault)| fault.planned && owed(fault)).filter_map(move |(id, fault)| {
            let waited_for = fault.to_interrupt.as_ref().filter(|_| recovered);
            let unstruck = match (fault.bites(), waited_for, fault.to_strike.values().next(), fault.to_be_seen.first())
            {
                (_, Some((number, step)), ..) => {
                    if self.begun.contains_key(number) {
                        Unstruck::NotDuring(step)
                    } else {
                        Unstruck::NeverReached(step)
                    }
                }
                (None, None, ..) => Unstruck::Everything,
                (Some(_), None, Some(whom), _) => Unstruck::These(whom),
                (Some(_), None, None, Some(probe)) => Unstruck::Unseen(probe),
                (Some(_), None, None, None) => return None,
            };
            Some((id, unstruck))
        })
    }

    /// A probe failed between t0 and the end of observation: clients felt the fault. What began after the recovery had cut the
    /// region off fails for that.
    pub(crate) fn felt(&self, t0: RunTime) -> bool {
        let ends = self.observation_ends.unwrap_or(RunTime::from_micros(u64::MAX));
        let ends = self.isolating.map_or(ends, |at| at.min(ends));
        self.rounds.iter().any(|round| !round.ok && round.ended >= t0 && round.began <= ends)
    }

    /// The side that traffic is sent to after the last cutover, and when that was.
    pub(crate) fn serving(&self) -> (Side, RunTime) {
        self.last_cut_over.map_or((Side::Primary, RunTime::default()), |(at, side)| (side, at))
    }

    /// When the drain was over.
    pub(crate) fn drained(&self) -> Option<RunTime> {
        self.drained.map(|(at, _)| at)
    }

    /// The drain was seen to end with effects at rest.
    pub(crate) fn effects_settled(&self) -> bool {
        self.drained.is_some_and(|(_, settled)| settled)
    }

    /// The end of the last step that rebuilt something, if one did: a restore, or before the traffic moved a program of the
    /// user's own.
    pub(crate) fn restored(&self) -> Option<RunTime> {
        self.end_of(|step| match step.kind.as_str() {
            "restore" => true,
            "command" => self.cut_over.is_none_or(|cut_over| step.began < cut_over),
            _ => false,
        })
    }

    /// The same with programs that began later: such a one may restore what is left, or only look.
    pub(crate) fn perhaps_restored(&self) -> Option<RunTime> {
        self.end_of(|step| matches!(step.kind.as_str(), "restore" | "command"))
    }

    /// When the recovery had done all that it did: observation begins then.
    pub(crate) fn recovered(&self) -> Option<RunTime> {
        self.end_of(|_| true).max(self.recovery_began)
    }

    /// The end of the last of these steps.
    fn end_of(&self, which: impl Fn(&Step) -> bool) -> Option<RunTime> {
        self.steps.iter().filter(|step| which(step)).map(|step| step.ended).max()
    }

    /// When a fault ended and by what, if it did at or before `until`.
    pub(crate) fn ended_before(&self, fault: &FaultId, until: RunTime) -> Option<(RunTime, &str)> {
        self.faults.get(fault)?.ended_before(until)
    }

    /// A fault that had stopped requests and ended, or something of which ended, at or before `until`.
    pub(crate) fn healed_before(&self, until: RunTime) -> Option<(&FaultId, RunTime, &str)> {
        let mut bitten = self.faults.iter().filter(|(_, fault)| fault.bites().is_some());
        bitten.find_map(|(id, fault)| {
            let ended = fault.ended_before(until).map(|(at, by)| (id, at, by));
            ended.or_else(|| fault.eased_before(until).map(|at| (id, at, "its own time")))
        })
    }

    /// The recovery points that the recovery used: the named one, and with a program of the user's own the latest of each
    /// other backup rule that was complete when the recovery began. Steps that only move the traffic use none.
    pub(crate) fn used_points(&self) -> Vec<&RecoveryPoint> {
        let began = self.recovery_began.filter(|_| self.own_program);
        let complete = self.backups.iter().filter(|(at, _)| began.is_some_and(|began| *at <= began));
        let mut by_rule: BTreeMap<usize, &RecoveryPoint> = complete.map(|(_, point)| (point.rule, point)).collect();
        let named =
            self.backups.iter().map(|(_, point)| point).find(|point| self.recovery_point == Some(point.id.clone()));
        by_rule.extend(named.map(|point| (point.rule, point)));
        by_rule.into_values().collect()
    }

    /// The one of them that the resource was restored from, or should have been: the only one may lack it.
    pub(crate) fn used_point_of(&self, resource: &ResourceId) -> Option<&RecoveryPoint> {
        let points = self.used_points();
        if let [only] = points[..] {
            return Some(only);
        }
        points.into_iter().filter(|point| point.resources.contains(resource)).max_by_key(|point| point.begun_ms)
    }

    /// UTC milliseconds of an instant of the run, to compare with clocks of other processes.
    pub(crate) fn utc_ms(&self, at: RunTime) -> Option<u64> {
        u64::try_from(self.start?.checked_add(duration(at)).ok()?.as_millisecond()).ok()
    }

    /// The instant of the run at these UTC milliseconds.
    pub(crate) fn at_utc_ms(&self, utc_ms: u64) -> Option<RunTime> {
        let start = self.start?.as_microsecond();
        let micros = i64::try_from(utc_ms).ok()?.checked_mul(1000)?.checked_sub(start)?;
        Some(RunTime::from_micros(u64::try_from(micros).unwrap_or(0)))
    }

    /// An instant as people read it: `14:02:29.4Z`, or the run's own milliseconds when there is no wall clock.
    pub(crate) fn clock(&self, at: RunTime) -> String {
        match self.start.and_then(|start| start.checked_add(duration(at)).ok()) {
            Some(utc) => {
                let tenths = utc.subsec_millisecond().abs() / 100;
                format!("{}.{tenths}Z", utc.strftime("%H:%M:%S"))
            }
            None => format!("{} ms into the run", at.ms()),
        }
    }
}

/// When the first rule of a fault is over by itself.
fn eases_after(fault: &Fault) -> Option<Span> {
    let ends = fault.rules.iter().filter_map(|rule| Some(rule.fires.lasts?.plus(rule.fires.after.unwrap_or_default())));
    ends.min()
}

fn duration(at: RunTime) -> SignedDuration {
    SignedDuration::from_micros(i64::try_from(at.micros()).unwrap_or(i64::MAX))
}
