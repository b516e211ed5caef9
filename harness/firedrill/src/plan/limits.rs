//! How long a phase may take: `limits.phase`, on top of what the plan itself gives time for in it.

use firedrill_model::{
    history::Phase,
    plan::Plan,
    scenario::{Backup, Onset, RecoveryStep, Traffic},
    units::Span,
};

/// Microseconds in a thousand seconds.
const KILOSECOND: u64 = 1_000_000_000;

/// The limit of a phase.
pub fn of_phase(plan: &Plan, phase: Phase) -> Span {
    let planned = match phase {
        Phase::Traffic | Phase::Fault => {
            let onsets = plan.disaster.iter().map(|fault| onset(&plan.backups, &plan.traffic, fault.when));
            onsets.max().unwrap_or_default()
        }
        Phase::Detect => plan.detect.shortest(),
        Phase::Recover => {
            let once = plan.recover.iter().map(programs).fold(Span::default(), Span::plus);
            times(once, plan.limits.attempts)
        }
        Phase::Observe => {
            let objective = plan.expect.rto.as_ref().map(|rto| rto.within.plus(rto.stable_for));
            plan.observe.plus(objective.unwrap_or_default())
        }
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
    plan.limits.phase.plus(programs(step))
}

/// A program of the user's own has a time-out of its own.
fn programs(step: &RecoveryStep) -> Span {
    match step {
        RecoveryStep::Command { timeout, .. } => *timeout,
        RecoveryStep::Restore { .. } | RecoveryStep::Redrive { .. } | RecoveryStep::Cutover { .. } => Span::default(),
    }
}

/// From the beginning of the traffic to a fault, at the earliest.
pub fn onset(backups: &[Backup], traffic: &[Traffic], when: Onset) -> Span {
    match when {
        Onset::At { delay } => delay,
        Onset::AfterBackups { count } => {
            let shortest = backups.iter().map(|rule| rule.every).min().unwrap_or_default();
            times(shortest, count.saturating_sub(1))
        }
        Onset::AfterWrites { count } => {
            let intervals = traffic.iter().filter_map(|load| load.rate.interval());
            let per_1000_s: u64 = intervals.map(|interval| KILOSECOND / interval.micros().max(1)).sum();
            Span::from_micros(count.saturating_mul(KILOSECOND).checked_div(per_1000_s).unwrap_or_default())
        }
    }
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
        plan.disaster[0].when = Onset::At { delay: hour };
        assert_eq!(of_phase(&plan, Phase::Traffic), slack.plus(hour));
        plan.disaster[0].when = Onset::AfterBackups { count: 3 };
        plan.backups[0].every = hour;
        assert_eq!(of_phase(&plan, Phase::Traffic), slack.plus(hour).plus(hour), "the first begins at once");
        let count = 20 * 60 * u64::try_from(plan.traffic.len()).expect("few");
        plan.traffic.iter_mut().for_each(|load| load.rate = Rate::per_second(20));
        plan.disaster[0].when = Onset::AfterWrites { count };
        assert_eq!(of_phase(&plan, Phase::Traffic), slack.plus(Span::from_secs(60)));
        let rto = plan.expect.rto.as_mut().expect("an objective");
        rto.within = hour;
        assert!(of_phase(&plan, Phase::Observe) > slack.plus(hour));
        let step = RecoveryStep::Command { command: vec!["./restore.sh".to_owned()], timeout: hour };
        assert_eq!(of_step(&plan, &step), slack.plus(hour));
        plan.recover.push(step);
        plan.limits.attempts = 2;
        assert_eq!(of_phase(&plan, Phase::Recover), slack.plus(hour).plus(hour));
    }
}
