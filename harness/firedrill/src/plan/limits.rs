//! How long a phase may take: `limits.phase`, on top of what the plan itself gives time for in it.

use firedrill_model::{
    history::Phase,
    plan::Plan,
    scenario::{Backup, BackupUsing, Onset, RecoveryStep, Traffic},
    units::Span,
};

/// Microseconds in a thousand seconds.
const KILOSECOND: u64 = 1_000_000_000;

/// The limit of a phase.
pub fn of_phase(plan: &Plan, phase: Phase) -> Span {
    let planned = match phase {
        // The alarm is steady before the fault.
        Phase::Traffic | Phase::Fault => {
            let onsets = plan.disaster.iter().map(|fault| fault.when);
            last_onset(&plan.backups, &plan.traffic, onsets).plus(backup_program(plan)).plus(plan.detect.shortest())
        }
        Phase::Detect => plan.detect.shortest(),
        Phase::Recover => {
            let once = plan.recover.iter().map(|step| program(plan, step)).fold(Span::default(), Span::plus);
            objective(plan).plus(times(once, plan.limits.attempts))
        }
        Phase::Observe => plan.observe.plus(objective(plan)),
        Phase::Capture | Phase::Heal => plan.limits.drain,
        Phase::Preflight
        | Phase::Provision
        | Phase::Seed
        | Phase::SteadyState
        | Phase::Quiesce
        | Phase::Verify
        | Phase::Report
        | Phase::Teardown => Span::default(),
    };
    plan.limits.phase.plus(planned)
}

/// The limit of one recovery step.
pub fn of_step(plan: &Plan, step: &RecoveryStep) -> Span {
    plan.limits.phase.plus(objective(plan)).plus(program(plan, step))
}

/// Until a recovery has missed its objective.
fn objective(plan: &Plan) -> Span {
    plan.expect.rto.as_ref().map(|rto| rto.within.plus(rto.stable_for)).unwrap_or_default()
}

/// The time-out of the user's own program that a step runs.
fn program(plan: &Plan, step: &RecoveryStep) -> Span {
    match step {
        RecoveryStep::Command { timeout, .. } => *timeout,
        RecoveryStep::Restore { .. } => backup_program(plan),
        RecoveryStep::Isolate { .. }
        | RecoveryStep::Redrive { .. }
        | RecoveryStep::Reroute { .. }
        | RecoveryStep::Cutover { .. } => Span::default(),
    }
}

/// The longest time-out of the user's own backup programs.
fn backup_program(plan: &Plan) -> Span {
    let timeouts = plan.backups.iter().filter_map(|rule| match rule.using {
        BackupUsing::Command { timeout, .. } => Some(timeout),
        BackupUsing::Vault { .. } => None,
    });
    timeouts.max().unwrap_or_default()
}

/// From the beginning of the traffic to the last fault, at the earliest. Each waits for the one before it.
pub fn last_onset(backups: &[Backup], traffic: &[Traffic], onsets: impl IntoIterator<Item = Onset>) -> Span {
    let next = |before: Span, when| before.max(onset(backups, traffic, when, before));
    onsets.into_iter().fold(Span::default(), next)
}

fn onset(backups: &[Backup], traffic: &[Traffic], when: Onset, before: Span) -> Span {
    let every = || backups.iter().map(|rule| rule.every).min().unwrap_or_default();
    match when {
        Onset::At { delay } => delay,
        Onset::AfterBackups { count } => times(every(), count.saturating_sub(1)),
        Onset::AfterMoreBackups { count } => before.plus(times(every(), count)),
        Onset::AfterWrites { count } => writes(traffic, count),
        Onset::AfterMoreWrites { count } => before.plus(writes(traffic, count)),
        // The recovery has a limit of its own.
        Onset::During { .. } => before,
    }
}

/// How long the traffic takes for so many writes.
fn writes(traffic: &[Traffic], count: u64) -> Span {
    let intervals = traffic.iter().filter_map(|load| load.rate.interval());
    let per_1000_s: u64 = intervals.map(|interval| KILOSECOND / interval.micros().max(1)).sum();
    Span::from_micros(count.saturating_mul(KILOSECOND).checked_div(per_1000_s).unwrap_or_default())
}

fn times(span: Span, count: u32) -> Span {
    Span::from_micros(span.micros().saturating_mul(count.into()))
}

#[cfg(test)]
mod tests {
    use firedrill_model::units::Rate;

    use super::*;
    use crate::{
        plan::{Choices, plan},
        scenario::{load, tests::root},
    };

    #[test]
    fn what_the_plan_gives_time_for_is_not_cut_short() {
        let loaded = load(&root().join("scenarios/order-pipeline-region-loss.yaml")).expect("it ships");
        let mut plan = plan(&loaded, &Choices { seed: 1 }).expect("planned");
        let slack = plan.limits.phase;
        assert_eq!(of_phase(&plan, Phase::Seed), slack);
        let hour = Span::from_secs(3600);
        let less = |all: Span, part: Span| Span::from_micros(all.micros() - part.micros());
        let before_the_fault = |plan: &Plan| less(of_phase(plan, Phase::Traffic), slack.plus(plan.detect.shortest()));
        plan.disaster[0].when = Onset::At { delay: hour };
        assert_eq!(before_the_fault(&plan), hour);
        plan.disaster[0].when = Onset::AfterBackups { count: 3 };
        plan.backups[0].every = hour;
        assert_eq!(before_the_fault(&plan), hour.plus(hour), "the first begins at once");
        let count = 20 * 60 * u64::try_from(plan.traffic.len()).expect("few");
        plan.traffic.iter_mut().for_each(|load| load.rate = Rate::per_second(20));
        plan.disaster[0].when = Onset::AfterWrites { count };
        assert_eq!(before_the_fault(&plan), Span::from_secs(60));

        plan.expect.rto.as_mut().expect("an objective").within = hour;
        let objective = less(of_phase(&plan, Phase::Recover), slack);
        assert!(objective > hour && of_phase(&plan, Phase::Observe) > slack.plus(objective));
        let step = RecoveryStep::Command { command: vec!["./restore.sh".to_owned()], timeout: hour };
        assert_eq!(of_step(&plan, &step), slack.plus(objective).plus(hour));
        assert_eq!(of_step(&plan, &plan.recover[0]), slack.plus(objective), "from the vault");
        plan.backups[0].using = BackupUsing::Command { command: vec!["./backup.sh".to_owned()], timeout: hour };
        assert_eq!(of_step(&plan, &plan.recover[0]), slack.plus(objective).plus(hour), "by a program");
        assert_eq!(before_the_fault(&plan), hour.plus(Span::from_secs(60)));
        plan.recover = vec![step];
        plan.limits.attempts = 2;
        assert_eq!(of_phase(&plan, Phase::Recover), slack.plus(objective).plus(hour).plus(hour));
    }
}
