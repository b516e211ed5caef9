//! A plan: every step of a run resolved, nothing left to decide.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{FaultId, ProbeId, Region, ResourceId, Zone},
    scenario::{Backup, Detect, Expect, Fault, Limits, Onset, RecoveryStep, StatedFinding, StopCondition, Traffic},
    stack::Stack,
    topology::{Side, Topology},
    units::Span,
    verdict::EnvironmentClass,
};

/// Version of the format of `plan.json`.
pub const PLAN_SCHEMA: &str = "firedrill.plan/1";

/// A resolved drill. The same scenario, target and seed give the same plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// What the scenario says about itself.
    pub scenario: About,
    /// Seed of everything that is drawn: data set, traffic, sabotage.
    pub seed: u64,
    /// Where it runs.
    pub target: TargetPlan,
    /// Regions.
    pub topology: Topology,
    /// Resources.
    pub stack: Stack,
    /// Physical names by side.
    pub names: Names,
    /// What exists before the traffic begins.
    pub seeding: BTreeMap<ResourceId, u64>,
    /// Functions that run in one zone of the primary region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub placed: BTreeMap<String, Zone>,
    /// Load.
    pub traffic: Vec<Traffic>,
    /// Backup rules.
    pub backups: Vec<Backup>,
    /// Faults in order.
    pub disaster: Vec<PlannedFault>,
    /// Detection.
    pub detect: Detect,
    /// What ends the drill at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_when: Vec<StopCondition>,
    /// Recovery steps in order.
    pub recover: Vec<RecoveryStep>,
    /// Probes that decide steady state and readiness.
    pub probes: Vec<PlannedProbe>,
    /// Between the starts of two rounds of probes.
    pub probe_interval: Span,
    /// From the end of the last recovery step to the end of observation, fixed before any heal.
    pub observe: Span,
    /// How far the clocks of functions may be from that of the run: a delivery that is late by less is not called late.
    #[serde(default = "clock_skew")]
    pub clock_skew: Span,
    /// What is asserted.
    pub expect: Expect,
    /// Limits in time.
    pub limits: Limits,
    /// Root findings that must be the only ones.
    pub must_fail: Vec<StatedFinding>,
}

impl Plan {
    /// Whether clients of the workload, where it runs, can feel a fault.
    pub fn is_felt(&self, fault: &Fault) -> bool {
        fault.is_felt(&self.topology.primary, &self.stack)
    }

    /// The regions that steps of the recovery cut off, each with the id that its cutting off has.
    pub fn isolations(&self) -> impl Iterator<Item = (FaultId, &Region)> {
        self.recover.iter().enumerate().filter_map(|(step, does)| match does {
            RecoveryStep::Isolate { region } => Some((isolation_id(step), region)),
            RecoveryStep::Restore { .. }
            | RecoveryStep::Command { .. }
            | RecoveryStep::Redrive { .. }
            | RecoveryStep::Reroute { .. }
            | RecoveryStep::Cutover { .. } => None,
        })
    }
}

/// The id that the step with this index has while it keeps a region cut off.
pub fn isolation_id(step: usize) -> FaultId {
    FaultId::new(format!("isolation-{}", step + 1))
}

/// Bound on the skew between the run's clock and those of functions that run on the same machine.
pub const CLOCK_SKEW: Span = Span::from_ms(50);

fn clock_skew() -> Span {
    CLOCK_SKEW
}

/// What a scenario says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Criticality, 1 highest.
    pub tier: Option<u8>,
    /// SHA-256 of the scenario file, hex.
    pub sha256: String,
    /// Folder of the scenario file, absolute: where `command` steps are found.
    pub folder: std::path::PathBuf,
}

/// Where a run happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// Kind.
    pub kind: TargetKind,
    /// Layout of the regions.
    pub layout: Layout,
    /// How much a run there can prove.
    pub environment_class: EnvironmentClass,
    /// Name and version of what answers the AWS API, such as `ministack 1.5.33`.
    pub engine: String,
}

impl fmt::Display for TargetPlan {
    /// `local (ministack 1.5.33, a process per region)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TargetKind::Local => "local",
        };
        let layout = match self.layout {
            Layout::ProcessPerRegion => "a process per region",
            Layout::SharedProcess => "one process for all regions",
        };
        write!(f, "{kind} ({}, {layout})", self.engine)
    }
}

/// Kinds of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// An emulator that firedrill starts itself.
    Local,
}

/// How regions map to processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One emulator process per region: a region can really be stopped or killed.
    ProcessPerRegion,
    /// One process for all regions: the emulator's own cross-region features work; region loss cannot be proved.
    SharedProcess,
}

/// Physical names by side and resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// In the primary region.
    pub primary: BTreeMap<ResourceId, String>,
    /// In the recovery region.
    pub recovery: BTreeMap<ResourceId, String>,
}

impl Names {
    /// The names of a side.
    pub fn of(&self, side: Side) -> &BTreeMap<ResourceId, String> {
        match side {
            Side::Primary => &self.primary,
            Side::Recovery => &self.recovery,
        }
    }
}

/// A fault with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// Id.
    pub id: FaultId,
    /// When it is switched on.
    pub when: Onset,
    /// What is taken away.
    pub fault: Fault,
    /// Who owns the plane heals it by itself after this long, whether or not the runner is alive.
    pub duration_max: Span,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedProbe {
    /// Id: the text of the resource it probes.
    pub id: ProbeId,
    /// The resource: a bucket or table is written, read back and its sentinel keys are read; a trigger must take effect.
    pub resource: ResourceId,
    /// Limit of one pass.
    pub timeout: Span,
}
