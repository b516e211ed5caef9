//! Planning: [`Loaded`] + [`Choices`] → [`Plan`]. Pure: nothing is read, nothing is touched, and the same
//! inputs give the same plan.

pub mod describe;
pub mod limits;
pub mod lint;
pub mod names;
pub mod probes;
mod shown;

use firedrill_model::{
    ids::FaultId,
    plan::{About, CLOCK_SKEW, Layout, PLAN_SCHEMA, Plan, PlannedFault, TargetKind, TargetPlan},
    scenario::Scenario,
    stack::Stack,
    units::Span,
    verdict::EnvironmentClass,
};
use sha2::{Digest, Sha256};

pub use self::shown::{shown, shown_text};
use crate::scenario::{Diagnostics, Loaded, ScenarioSource};

/// What answers the AWS API on the `local` target.
pub const ENGINE: &str = "ministack 1.5.33";

/// Between the starts of two rounds of probes. The recovery time is exact to ± this.
pub const PROBE_INTERVAL: Span = Span::from_ms(500);

/// How long observation lasts when no recovery time objective says how long readiness must hold.
const OBSERVE_DEFAULT: Span = Span::from_secs(6);

/// What the person who starts a run decides, and the scenario does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// Reads a seed as it is printed: hexadecimal, `7f3a91`.
pub fn parse_seed(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
        .map_err(|_| format!("`{text}` is not a seed; write it in hexadecimal, like `7f3a91`"))
}

/// Resolves every step of a run. The errors of [`lint::lint`] stop it; warnings do not.
pub fn plan(loaded: &Loaded, choices: &Choices) -> Result<Plan, Diagnostics> {
    let Loaded { scenario, stack, source } = loaded;
    let mut problems = lint::lint(loaded);
    problems.retain(crate::scenario::Problem::is_error);
    Diagnostics::unless_empty(source.shown(), problems)?;
    let observe = match &scenario.expect.rto {
        // Time to settle, and as much again to hold.
        Some(rto) => rto.stable_for.plus(rto.stable_for).plus(PROBE_INTERVAL),
        None => OBSERVE_DEFAULT,
    };
    Ok(Plan {
        schema: PLAN_SCHEMA.to_owned(),
        scenario: about(scenario, source),
        seed: choices.seed,
        target: TargetPlan {
            kind: TargetKind::Local,
            layout: layout(scenario, stack),
            environment_class: EnvironmentClass::Emulator,
            engine: ENGINE.to_owned(),
        },
        topology: scenario.topology.clone(),
        stack: stack.clone(),
        names: names::physical(scenario, stack),
        seeding: scenario.seed.clone(),
        placed: scenario.placed.clone(),
        traffic: scenario.traffic.clone(),
        backups: scenario.backups.clone(),
        disaster: faults(scenario),
        detect: scenario.detect.clone(),
        stop_when: scenario.stop_when.clone(),
        recover: scenario.recover.clone(),
        probes: probes::of(scenario, stack),
        probe_interval: PROBE_INTERVAL,
        observe,
        clock_skew: CLOCK_SKEW,
        expect: scenario.expect.clone(),
        limits: scenario.limits,
        must_fail: scenario.must_fail.clone(),
    })
}

/// A process per region, so that a region can really be lost, unless the scenario says otherwise or the stack has what only
/// works between regions of one process.
fn layout(scenario: &Scenario, stack: &Stack) -> Layout {
    let cross_region = stack.template.as_ref().is_some_and(|template| !template.cross_region.is_empty());
    let needed = if cross_region { Layout::SharedProcess } else { Layout::ProcessPerRegion };
    scenario.layout.unwrap_or(needed)
}

fn about(scenario: &Scenario, source: &ScenarioSource) -> About {
    About {
        name: scenario.name.clone(),
        summary: scenario.summary.clone(),
        owner: scenario.owner.clone(),
        tier: scenario.tier,
        sha256: hex::encode(Sha256::digest(&source.text)),
        folder: source.folder().to_owned(),
    }
}

fn faults(scenario: &Scenario) -> Vec<PlannedFault> {
    let numbered = scenario.disaster.iter().zip(1..);
    numbered
        .map(|(disaster, number)| PlannedFault {
            id: FaultId::new(format!("fault-{number}")),
            when: disaster.when,
            fault: disaster.fault.clone(),
            duration_max: disaster.at_most.unwrap_or(scenario.limits.run).min(scenario.limits.run),
        })
        .collect()
}

#[cfg(test)]
mod tests;
