//! Run directory and verification → run record.

use std::io;

use firedrill_model::{
    history::HistoryHead,
    ids::{CheckId, RunId},
    plan::{Plan, PlannedFault},
    run_dir::{RunDir, RunDirError, lines_sha256},
    scenario::{Backup, BackupUsing, Fault},
    topology::Side,
    units::{RunTime, Span},
    verification::Verification,
};

use crate::{
    ReportError,
    chronicle::Chronicle,
    limitation::limitation,
    record::{
        About, BackupRecord, BackupState, CheckRecord, EquivalenceRecord, FaultRecord, Objectives, RUN_SCHEMA,
        RpoRecord, RtoRecord, RunRecord, Seed,
    },
    timeline::Bins,
};

/// The record of the run in `dir`, judged by `verification`.
///
/// The plan must be readable. A history or a ledger that is absent counts as empty, since a run that was cut short leaves
/// such a directory and deserves a report all the same; one that is damaged is an error.
pub fn build(dir: &RunDir, verification: &Verification) -> Result<RunRecord, ReportError> {
    let plan = dir.read_plan()?;
    let mut chronicle = Chronicle::of_faults(plan.disaster.iter().map(planned).collect());
    for record in optional(dir.read_history())?.into_iter().flatten() {
        chronicle.take(record?);
    }
    let length = chronicle.last.as_ref().map_or(Span::default(), |(at, _)| at.since(RunTime::default()));
    let mut bins = Bins::for_run(length);
    for backup in &mut chronicle.backups {
        if let Some(rule) = plan.backups.get(backup.rule) {
            rate(backup, rule);
        }
    }
    chronicle.mark_clean(&plan);
    for line in optional(dir.read_ledger())?.into_iter().flatten() {
        bins.take(&line?);
    }
    let head = head(dir, chronicle.records)?;
    Ok(RunRecord { history: head, ..record(dir, plan, verification, chronicle, bins, length) })
}

/// What the record says of the history: what an older record of the same run says when the history does not agree with it,
/// so that a record made anew does not cover up that the history lost its end.
fn head(dir: &RunDir, records: u64) -> Result<Option<HistoryHead>, ReportError> {
    let digest = |records| optional(lines_sha256(&dir.history(), records)).map(Option::flatten);
    // A record that cannot be read is replaced.
    if let Ok(Some(known)) = dir.read_history_head()
        && digest(known.records)?.as_ref() != Some(&known.sha256)
    {
        return Ok(Some(known));
    }
    Ok(digest(records)?.map(|sha256| HistoryHead { records, sha256 }))
}

fn optional<T>(result: Result<T, RunDirError>) -> Result<Option<T>, RunDirError> {
    match result {
        Err(RunDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn record(
    dir: &RunDir,
    plan: Plan,
    verification: &Verification,
    told: Chronicle,
    bins: Bins,
    length: Span,
) -> RunRecord {
    let beyond = plan.stack.template.as_ref().map(|template| template.beyond.clone()).unwrap_or_default();
    let folder_name = || dir.root().file_name().map(|name| name.to_string_lossy().into_owned());
    RunRecord {
        schema: RUN_SCHEMA.to_owned(),
        run_id: RunId::new(told.run_id.or_else(folder_name).unwrap_or_default()),
        objectives: objectives(&plan, verification),
        about: About {
            summary: plan.scenario.summary,
            owner: plan.scenario.owner,
            tier: plan.scenario.tier,
            scenario_sha256: plan.scenario.sha256,
            plan_sha256: told.plan_sha256,
            stack: plan.stack.name,
            stack_version: plan.stack.version,
        },
        scenario: plan.scenario.name,
        seed: Seed(plan.seed),
        target: plan.target.kind,
        engine: plan.target.engine,
        layout: plan.target.layout,
        regions: [(Side::Primary, plan.topology.primary), (Side::Recovery, plan.topology.recovery)].into(),
        environment_class: plan.target.environment_class,
        limitation: limitation(plan.target.environment_class, &beyond),
        firedrill: told.firedrill,
        started_utc: told.first.map(|(_, utc)| utc),
        ended_utc: told.last.map(|(_, utc)| utc),
        length_ms: length,
        interrupted: told.interrupted,
        cut_off: told.records > 0 && !told.closed && told.after_crash.is_none(),
        after_crash: told.after_crash,
        verdict: verification.verdict,
        as_stated: verification.as_stated,
        checks: checks(verification),
        not_asserted: verification.not_asserted.clone(),
        ledger: verification.ledger,
        equivalence: equivalence(verification),
        effects: verification.effects.clone(),
        findings: verification.findings.clone(),
        phases: told.phases,
        backups: told.backups,
        faults: told.faults,
        detected_ms: told.detected,
        recovery: told.recovery,
        cut_overs: told.cut_overs,
        observed_until_ms: told.observed_until,
        captures: told.captures,
        scheduling_lag_ms: told.lag,
        clock_skew_ms: plan.clock_skew,
        history: None,
        timeline: bins.with_probes(told.probes),
    }
}

/// What the rule of a backup calls critical, and whether that is in it.
fn rate(backup: &mut BackupRecord, rule: &Backup) {
    backup.critical.clone_from(&rule.critical);
    let is_known = !rule.critical.is_empty() && matches!(rule.using, BackupUsing::Vault { .. });
    backup.critical_held = match backup.state {
        BackupState::Verified if is_known => Some(true),
        BackupState::Completed if is_known => Some(false),
        BackupState::Unfinished | BackupState::Failed | BackupState::Completed | BackupState::Verified => None,
    };
}

fn planned(planned: &PlannedFault) -> FaultRecord {
    let Fault { kind, title, symptoms, lost, .. } = planned.fault.clone();
    FaultRecord {
        id: planned.id.clone(),
        kind,
        title,
        symptoms,
        lost,
        armed_ms: None,
        bit_ms: None,
        ended_ms: None,
        ended_by: None,
    }
}

fn objectives(plan: &Plan, verification: &Verification) -> Objectives {
    let (rto, rpo) = (&verification.rto, &verification.rpo);
    let stated = &plan.expect;
    Objectives {
        rto: RtoRecord {
            objective_ms: rto.objective_ms,
            source: stated.rto.as_ref().and_then(|rto| rto.source.clone()),
            stable_for_ms: stated.rto.as_ref().map(|rto| rto.stable_for),
            actual_ms: rto.actual_ms,
            uncertainty_ms: rto.uncertainty_ms,
            t0_ms: rto.t0_ms,
            ready_ms: rto.ready_ms,
            verdict: rto.verdict,
            phases: rto.phases.clone(),
        },
        rpo: RpoRecord {
            objective_ms: rpo.objective_ms,
            source: stated.rpo.as_ref().and_then(|rpo| rpo.source.clone()),
            actual_ms: rpo.actual_ms,
            actual_upper_ms: rpo.actual_upper_ms,
            t_stop_ms: rpo.t_stop_ms,
            lost_writes: rpo.lost_writes,
            lost_bytes: rpo.lost_bytes,
            acknowledged_writes: rpo.acknowledged_writes,
            point_in_time: rpo.point_in_time,
            verdict: rpo.verdict,
            by_resource: rpo.by_resource.clone(),
        },
    }
}

fn checks(verification: &Verification) -> Vec<CheckRecord> {
    let findings_of = |check: &CheckId| {
        let own = verification.findings.iter().filter(|finding| finding.check.as_ref() == Some(check));
        own.map(|finding| finding.id.clone()).collect()
    };
    let mut checks: Vec<CheckRecord> = verification
        .checks
        .iter()
        .map(|(id, verdict)| CheckRecord { id: id.clone(), verdict: *verdict, findings: findings_of(id) })
        .collect();
    // Time and losses first: they are what the drill is run for.
    checks.sort_by_key(|check| match check.id.as_str() {
        "rto" => 0,
        "rpo" => 1,
        "state" => 2,
        _ => 3,
    });
    checks
}

fn equivalence(verification: &Verification) -> EquivalenceRecord {
    let seen = &verification.equivalence;
    EquivalenceRecord {
        missing: seen.total.missing,
        extra: seen.total.extra,
        changed: seen.total.changed,
        duplicated: seen.total.duplicated,
        reordered: seen.total.reordered,
        sample: seen.total.sample.clone(),
        by_resource: seen.by_resource.clone(),
        entries_compared: seen.entries_compared,
        fields_compared: seen.fields_compared,
        volatile: seen.volatile.clone(),
    }
}
