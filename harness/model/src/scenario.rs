//! A scenario as it was declared, after its words and units have been checked.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    critical::CriticalAttribute,
    ids::{Region, ResourceId, Zone},
    plan::Layout,
    topology::Topology,
    units::{ByteSize, Rate, Span},
};

mod fault;

pub use self::fault::{Alteration, Change, Fault, Symptom, TargetAction};

/// A declared drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Name, unique among the scenarios of a project.
    pub name: String,
    /// One sentence: what happens and what is expected.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Criticality, 1 highest.
    pub tier: Option<u8>,
    /// Regions.
    pub topology: Topology,
    /// How regions map to processes, when the scenario says so.
    pub layout: Option<Layout>,
    /// The stack file, absolute.
    pub stack: PathBuf,
    /// How many items or objects each resource starts with.
    pub seed: BTreeMap<ResourceId, u64>,
    /// Functions that run in one zone of the primary region.
    pub placed: BTreeMap<String, Zone>,
    /// Load while the drill runs.
    pub traffic: Vec<Traffic>,
    /// What is backed up, how and how often.
    pub backups: Vec<Backup>,
    /// Faults in order.
    pub disaster: Vec<Disaster>,
    /// How the disaster is noticed.
    pub detect: Detect,
    /// What ends the drill at once.
    pub stop_when: Vec<StopCondition>,
    /// Steps of the recovery, in order.
    pub recover: Vec<RecoveryStep>,
    /// What is asserted.
    pub expect: Expect,
    /// Limits in time.
    pub limits: Limits,
    /// Root findings that must be the only ones; empty for a drill that is expected to pass.
    pub must_fail: Vec<StatedFinding>,
}

/// Writers on one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Name of this load, for reports.
    pub name: String,
    /// The table or bucket written to.
    pub resource: ResourceId,
    /// Concurrent writers; a key belongs to one writer.
    pub writers: u32,
    /// Writes a second, all writers together.
    pub rate: Rate,
    /// Share of each operation.
    pub mix: Mix,
    /// Object sizes, for buckets.
    pub size: Option<SizeRange>,
    /// What the same writer writes first, each time it writes a new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Companion>,
    /// The client's own time-out for one request.
    pub timeout: Span,
    /// The zone in which its clients are; `None`: outside of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

impl Traffic {
    /// Every resource that this load writes to.
    pub fn resources(&self) -> impl Iterator<Item = &ResourceId> {
        std::iter::once(&self.resource).chain(self.with.as_ref().map(|with| &with.resource))
    }
}

/// A new key of another resource, which a writer writes before a new key of its own: one writer's writes follow one
/// another across services, and what survives must keep that order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The table or bucket written to.
    pub resource: ResourceId,
    /// Object sizes, for buckets.
    pub size: Option<SizeRange>,
}

/// Relative weights of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// New keys.
    #[serde(default)]
    pub put: u32,
    /// Overwrites of keys that exist.
    #[serde(default)]
    pub update: u32,
    /// Deletes of keys that exist.
    #[serde(default)]
    pub delete: u32,
}

/// Sizes from `min` to `max`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRange {
    /// Smallest.
    pub min: ByteSize,
    /// Largest.
    pub max: ByteSize,
}

/// One backup rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// What is protected; resolved from `all` to every resource.
    pub protect: Vec<ResourceId>,
    /// What its recovery points must hold, or they are not verified; as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<CriticalAttribute>,
    /// How.
    pub using: BackupUsing,
    /// From the start of one capture to the start of the next.
    pub every: Span,
    /// Recovery points kept.
    pub keep: u32,
    /// A defect put in on purpose.
    pub sabotage: Option<Sabotage>,
}

/// Backup strategies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BackupUsing {
    /// Firedrill's own vault.
    Vault {
        /// Where the vault is.
        into: VaultPlace,
        /// Recovery points after the first copy only what changed.
        incremental: bool,
    },
    /// The user's own program; its contract is in `docs/commands.md`.
    Command {
        /// Program and arguments; the first is resolved against the scenario's folder.
        command: Vec<String>,
        /// Limit of one execution.
        timeout: Span,
    },
}

/// Where a vault keeps its recovery points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum VaultPlace {
    /// A bucket of another region, created when absent.
    Bucket {
        /// Region of the bucket.
        region: Region,
        /// Its logical name.
        bucket: String,
    },
    /// A folder on this machine; relative paths are below the run directory.
    Folder {
        /// The folder.
        folder: PathBuf,
    },
}

/// Defects that can be put into a backup or a restore on purpose, to see whether the checks notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operator", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sabotage {
    /// Leave one key out; the manifest does not mention it. At capture or at restore.
    SkipKey {
        /// The bucket or table.
        resource: ResourceId,
    },
    /// Change one byte of one object or string attribute, keeping its size. At restore.
    FlipByte {
        /// The bucket or table.
        resource: ResourceId,
    },
    /// Write one number attribute of one item as a string. At restore.
    NumberToString {
        /// The table.
        resource: ResourceId,
    },
    /// Do not set the table's TTL again. At restore.
    ForgetTtl {
        /// The table.
        resource: ResourceId,
    },
    /// Report success before content is restored, and restore none of it. At restore.
    ReturnEarly,
}

impl Sabotage {
    /// The resource of which it hits one key; `None` for a defect of the whole.
    pub fn hits_a_key_of(&self) -> Option<&ResourceId> {
        match self {
            Self::SkipKey { resource } | Self::FlipByte { resource } | Self::NumberToString { resource } => {
                Some(resource)
            }
            Self::ForgetTtl { .. } | Self::ReturnEarly => None,
        }
    }
}

/// A fault of the plan with the moment it is switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disaster {
    /// When.
    pub when: Onset,
    /// What.
    pub fault: Fault,
    /// The longest that it may stay on; `None`: as long as the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Span>,
}

/// When a fault is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Onset {
    /// This long after the traffic began.
    At {
        /// The delay.
        delay: Span,
    },
    /// Once this many backups are complete and verified.
    AfterBackups {
        /// How many.
        count: u32,
    },
    /// Once so many more are than were when the fault before it was on.
    AfterMoreBackups {
        /// How many.
        count: u32,
    },
    /// Once the traffic has this many acknowledged writes.
    AfterWrites {
        /// How many.
        count: u64,
    },
    /// Once it has so many more than when the fault before it was on.
    AfterMoreWrites {
        /// How many.
        count: u64,
    },
    /// While this step of the recovery runs.
    During {
        /// Its index among the steps of the plan.
        step: usize,
    },
}

impl Onset {
    /// The step of the recovery that it waits for, if it does for one.
    pub fn step(self) -> Option<usize> {
        match self {
            Self::During { step } => Some(step),
            Self::At { .. }
            | Self::AfterBackups { .. }
            | Self::AfterMoreBackups { .. }
            | Self::AfterWrites { .. }
            | Self::AfterMoreWrites { .. } => None,
        }
    }
}

/// How the disaster is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detect {
    /// The bucket, table or trigger that the canary uses.
    pub canary: ResourceId,
    /// The canary also reads its write back, and data that was there before. That of a trigger always waits for the effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads: bool,
    /// The zone from which the canary and the probes use the workload; `None`: from outside of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Between two canary writes.
    pub every: Span,
    /// What the canary's failures must come to.
    pub by: Detector,
    /// Declared time a human takes to decide; added to the recovery time and shown as declared.
    pub decide: Span,
}

/// What makes a disaster of failed canary writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Detector {
    /// So many failures in a row, counted by firedrill.
    Failures {
        /// How many.
        in_a_row: u32,
    },
    /// A CloudWatch alarm of the recovery region, on a metric that the canary publishes there.
    Alarm(Alarm),
}

/// A CloudWatch alarm that goes off when every canary write of its periods failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Length of a period.
    pub period: Span,
    /// Periods in a row.
    pub periods: u32,
}

impl Detect {
    /// The shortest time from the fault to its detection.
    pub fn shortest(&self) -> Span {
        let (span, times) = match &self.by {
            Detector::Failures { in_a_row } => (self.every, *in_a_row),
            Detector::Alarm(alarm) => (alarm.period, alarm.periods),
        };
        Span::from_micros(span.micros().saturating_mul(times.into()))
    }
}

/// What ends the drill at once and undoes its faults, so that they do no harm beyond what was meant. Looked at before anything is
/// taken away, and from then on until all evidence is captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopCondition {
    /// Between two looks.
    pub every: Span,
    /// What is looked at.
    pub by: Watch,
}

/// What a stop condition looks at. What cannot be looked at ends the drill as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Watch {
    /// A CloudWatch alarm; met while it is in `ALARM`.
    Alarm {
        /// Its name.
        name: String,
        /// Its region.
        region: Region,
    },
    /// A program of the user's own; met when it fails.
    Program {
        /// Program and arguments; the first is resolved against the scenario's folder.
        command: Vec<String>,
        /// Limit of one execution.
        timeout: Span,
    },
}

/// One step of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RecoveryStep {
    /// Cut a region off, so that nothing more is read or written there until the drill is over.
    Isolate {
        /// Which.
        region: Region,
    },
    /// Rebuild everything that was protected from a recovery point.
    Restore {
        /// Which recovery point.
        from: RestoreFrom,
        /// Where to.
        into: Region,
        /// A defect put in on purpose.
        sabotage: Option<Sabotage>,
    },
    /// Run the user's own procedure.
    Command {
        /// Program and arguments; the first is resolved against the scenario's folder.
        command: Vec<String>,
        /// Limit of one execution.
        timeout: Span,
    },
    /// Deliver again, to the functions of the recovery side, the events of what was restored.
    Redrive {
        /// Logical names of the triggers.
        triggers: Vec<String>,
    },
    /// Take the clients in a zone out of it: from then on they use the region from outside of all zones.
    Reroute {
        /// Which zone.
        from: Zone,
    },
    /// Point the traffic at a region.
    Cutover {
        /// Which.
        to: Region,
    },
}

impl RecoveryStep {
    /// Its word in a scenario and in the history: `restore`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Isolate { .. } => "isolate",
            Self::Restore { .. } => "restore",
            Self::Command { .. } => "command",
            Self::Redrive { .. } => "redrive",
            Self::Reroute { .. } => "reroute",
            Self::Cutover { .. } => "cutover",
        }
    }
}

/// Which recovery point a restore uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RestoreFrom {
    /// The latest that is complete and verified; where the fault takes things away, of those from before it.
    Latest,
    /// The latest that was complete and verified before the fault, whatever the fault did to the data: the latest clean one.
    Clean,
    /// The n-th captured, counted from 1.
    Number {
        /// Which.
        number: u32,
    },
}

/// What is asserted. `None` or empty means: measured and reported, not asserted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// Recovery time objective.
    pub rto: Option<Rto>,
    /// Recovery point objective.
    pub rpo: Option<Rpo>,
    /// State equivalence of content and configuration.
    pub state: bool,
    /// Effects by trigger.
    pub effects: BTreeMap<String, EffectExpectation>,
    /// No torn state across services.
    pub consistent_cut: bool,
}

/// Recovery time objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rto {
    /// The objective.
    pub within: Span,
    /// How long probes must hold.
    pub stable_for: Span,
    /// Where the objective comes from.
    pub source: Option<String>,
    /// Credit a recovery that only the fault's own end brought.
    pub ride_out: bool,
}

/// Recovery point objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpo {
    /// The objective.
    pub within: Span,
    /// Where the objective comes from.
    pub source: Option<String>,
}

/// What a trigger owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectExpectation {
    /// Whether each event is owed, or the last one of each key.
    pub per: Per,
    /// How often.
    pub guarantee: Guarantee,
    /// Later than this after the later of acknowledgement and readiness is late.
    pub within: Span,
}

/// What an effect is owed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// The last version of each key.
    Key,
    /// Each event.
    Event,
}

/// How often an effect must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// Delivered once or more.
    DeliveredAtLeastOnce,
    /// Delivered once.
    DeliveredExactlyOnce,
    /// However often it was delivered, the result counts it once.
    CountedExactlyOnce,
}

/// Limits; each has a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The whole run.
    pub run: Span,
    /// Any one phase, on top of what the plan itself gives time for in it.
    pub phase: Span,
    /// How long the drain waits for effects to settle.
    pub drain: Span,
    /// How often the recovery is run, from its first step, when a step fails. At least 1.
    pub attempts: u32,
}

/// A root finding that a must-fail scenario states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedFinding {
    /// Its kind, such as `lost-trigger`.
    pub finding: String,
    /// The resource it must name, if stated.
    #[serde(default)]
    pub resource: Option<ResourceId>,
    /// The kind of recovery step it must name, if stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}
