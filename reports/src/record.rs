//! The run record, `run.json`: everything that is known about a run, as one value. An interface.
//!
//! Fields that end in `_ms` are milliseconds; instants count from the start of the run on its monotonic clock.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::CaptureName,
    critical::CriticalAttribute,
    findings::Finding,
    history::{Ending, HistoryHead, Phase},
    ids::{CheckId, FaultId, ProbeId, RecoveryPointId, Region, ResourceId, RunId},
    plan::{Layout, TargetKind},
    topology::Side,
    units::{RunTime, Span},
    verdict::{EnvironmentClass, Verdict},
    verification::{EffectCounts, LedgerCounts, LossCounts, TimedPhase},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::seed::Seed;

/// Version of the format of `run.json`.
pub const RUN_SCHEMA: &str = "firedrill.run/1";

/// One run as it is handed to people and machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`RUN_SCHEMA`].
    pub schema: String,
    /// The run.
    pub run_id: RunId,
    /// Name of the scenario.
    pub scenario: String,
    /// What else the scenario says about itself, and its digests.
    pub about: About,
    /// Seed of everything that was drawn, as `--seed` takes it.
    pub seed: Seed,
    /// Where it ran.
    #[schemars(with = "String")]
    pub target: TargetKind,
    /// Name and version of what answered the AWS API.
    pub engine: String,
    /// How regions mapped to processes.
    #[schemars(with = "String")]
    pub layout: Layout,
    /// Region of each side.
    pub regions: BTreeMap<Side, Region>,
    /// How much the run can prove.
    pub environment_class: EnvironmentClass,
    /// The same in words.
    pub limitation: Limitation,
    /// Version of firedrill that ran it; empty when the history is.
    pub firedrill: String,
    /// Start, UTC, RFC 3339; `None` when the history is empty.
    pub started_utc: Option<String>,
    /// Last event before this record was written, UTC, RFC 3339.
    pub ended_utc: Option<String>,
    /// From the start to that event.
    pub length_ms: Span,
    /// Why the run was asked to stop early: `SIGINT`, `SIGTERM`, `SIGHUP`, `time-out`, or `the loss of` a part of
    /// the target.
    pub interrupted: Option<String>,
    /// The history ends without the last record of a run: the run crashed, or it was still going on.
    #[serde(default)]
    pub cut_off: bool,
    /// What `firedrill heal` did after the run had crashed; its times come from the wall clock, and no length ends there.
    #[serde(default)]
    pub after_crash: Option<AfterCrash>,
    /// Verdict over the checks.
    pub verdict: Verdict,
    /// A must-fail scenario's findings are exactly the stated ones; `None` when it states none.
    pub as_stated: Option<bool>,
    /// What the scenario asserts, with the verdict of each.
    pub checks: Vec<CheckRecord>,
    /// What was measured and not asserted.
    pub not_asserted: Vec<CheckId>,
    /// What was aimed at and what was measured.
    pub objectives: Objectives,
    /// Counts over the ledger.
    pub ledger: LedgerCounts,
    /// Differences of content and configuration.
    pub equivalence: EquivalenceRecord,
    /// Effects by trigger.
    pub effects: BTreeMap<String, EffectCounts>,
    /// What was seen, roots before what follows from them.
    pub findings: Vec<Finding>,
    /// Phases in the order in which they began.
    pub phases: Vec<PhaseRecord>,
    /// Backups in the order in which they began.
    pub backups: Vec<BackupRecord>,
    /// Faults of the plan, in order.
    pub faults: Vec<FaultRecord>,
    /// When the disaster was noticed.
    pub detected_ms: Option<RunTime>,
    /// Attempts to recover, in order.
    pub recovery: Vec<AttemptRecord>,
    /// Moves of the traffic.
    pub cut_overs: Vec<CutOverRecord>,
    /// Until when probes counted.
    pub observed_until_ms: Option<RunTime>,
    /// What was read back.
    pub captures: Vec<CaptureRecord>,
    /// Largest delay of firedrill's own schedule.
    pub scheduling_lag_ms: Option<Span>,
    /// Bound on the skew of the clocks of functions, whose times say when an effect came: late by less is not late.
    #[serde(default)]
    pub clock_skew_ms: Span,
    /// How far the history had come when this record was written, and its digest until then: with them, whoever holds this
    /// record can tell that the history lost its end.
    #[serde(default)]
    pub history: Option<HistoryHead>,
    /// Writes and probes over time.
    pub timeline: Timeline,
}

/// What was made up for after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AfterCrash {
    /// When it was healed, by the wall clock, RFC 3339.
    pub healed_utc: String,
    /// Faults that were on until then; they have no measured end.
    pub faults: Vec<FaultId>,
}

/// What a scenario says about itself, and what the run was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// One sentence.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Criticality, 1 highest.
    pub tier: Option<u8>,
    /// SHA-256 of the scenario file, hex.
    pub scenario_sha256: String,
    /// SHA-256 of the plan, hex, as the history holds it; `None` when the history is empty.
    pub plan_sha256: Option<String>,
    /// Name of the stack.
    pub stack: String,
    /// SHA-256 of the stack file and of every function's code, hex.
    pub stack_version: String,
}

/// What a run of this environment class proves, and what it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limitation {
    /// One line: `the procedure, on an emulator; not AWS's recovery times`.
    pub in_short: String,
    /// What it proves, as sentences.
    pub proves: Vec<String>,
    /// What it does not prove, as sentences.
    pub does_not_prove: Vec<String>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// `rto`, `rpo`, `state`, `effects.total-orders`, `consistent-cut` …
    pub id: CheckId,
    /// What it came to.
    pub verdict: Verdict,
    /// Ids of its findings.
    pub findings: Vec<String>,
}

/// Objectives, with what was measured against them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Objectives {
    /// Recovery time.
    pub rto: RtoRecord,
    /// Recovery point.
    pub rpo: RpoRecord,
}

/// Recovery time objective and actual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RtoRecord {
    /// The objective; `None` when none is stated.
    pub objective_ms: Option<Span>,
    /// Where the objective comes from, as the scenario says.
    pub source: Option<String>,
    /// How long probes had to hold.
    pub stable_for_ms: Option<Span>,
    /// From `t0_ms` to `ready_ms`, with what was declared; `None` when the workload did not become stable in time, which is
    /// until the objective and `stable_for_ms` have passed.
    pub actual_ms: Option<Span>,
    /// ± this, from the interval of the probes.
    pub uncertainty_ms: Span,
    /// First instant at which a fault was active and had bitten.
    pub t0_ms: Option<RunTime>,
    /// Start of the last unbroken stretch of passes.
    pub ready_ms: Option<RunTime>,
    /// Verdict, when asserted.
    pub verdict: Option<Verdict>,
    /// Parts of the recovery time, in order; they add up to `actual_ms`.
    pub phases: Vec<TimedPhase>,
}

/// Recovery point objective and actual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RpoRecord {
    /// The objective; `None` when none is stated.
    pub objective_ms: Option<Span>,
    /// Where the objective comes from, as the scenario says.
    pub source: Option<String>,
    /// With certain losses alone; zero when nothing was lost; `None` when not measured.
    pub actual_ms: Option<Span>,
    /// With possible losses too.
    pub actual_upper_ms: Option<Span>,
    /// The later of t0 and the last acknowledgement of the copy that was given up.
    pub t_stop_ms: Option<RunTime>,
    /// Acknowledged writes that are certainly lost.
    pub lost_writes: u64,
    /// Bytes of those.
    pub lost_bytes: u64,
    /// Acknowledged writes up to `t_stop_ms`, seeded ones included: those that could be lost.
    pub acknowledged_writes: u64,
    /// The survivors are a point in time, without holes.
    pub point_in_time: Option<bool>,
    /// Verdict, when asserted.
    pub verdict: Option<Verdict>,
    /// By bucket and table.
    pub by_resource: BTreeMap<ResourceId, LossCounts>,
}

/// Differences of content and configuration, in total and by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EquivalenceRecord {
    /// Keys that should be there and are not.
    pub missing: u64,
    /// Keys that should not be there and are.
    pub extra: u64,
    /// Keys or fields with another value.
    pub changed: u64,
    /// Keys or versions that are there more than once.
    pub duplicated: u64,
    /// Keys whose versions are in another order.
    pub reordered: u64,
    /// At most 20 keys or fields.
    pub sample: Vec<String>,
    /// By resource.
    pub by_resource: BTreeMap<ResourceId, firedrill_model::verification::Differences>,
    /// Items and objects compared.
    pub entries_compared: u64,
    /// Configuration fields compared.
    pub fields_compared: u64,
    /// Fields of configurations and of objects that were not compared, with the reason.
    pub volatile: BTreeMap<String, String>,
}

impl EquivalenceRecord {
    /// All differences.
    pub fn count(&self) -> u64 {
        self.missing + self.extra + self.changed + self.duplicated + self.reordered
    }
}

/// One phase of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseRecord {
    /// Which: `preflight`, `provision`, `seed`, `steady-state` …
    #[schemars(with = "String")]
    pub phase: Phase,
    /// When it began.
    pub began_ms: RunTime,
    /// When it ended; `None` when it had not when this record was written.
    pub ended_ms: Option<RunTime>,
    /// How it ended: `done`, `failed`, `timed-out`, `interrupted`.
    #[schemars(with = "Option<String>")]
    pub ending: Option<Ending>,
    /// One line for people.
    pub note: String,
}

/// How a backup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BackupState {
    /// It began and nothing more is known.
    Unfinished,
    /// It failed.
    Failed,
    /// It is complete, and was not read back.
    Completed,
    /// It is complete, and every part was read back with its digest.
    Verified,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupRecord {
    /// Its recovery point.
    pub id: RecoveryPointId,
    /// Index of the backup rule in the plan.
    pub rule: usize,
    /// Capture began: every write completed before is owed by the recovery point.
    pub begun_ms: RunTime,
    /// Capture ended: no write issued after is in it.
    pub ended_ms: Option<RunTime>,
    /// How it ended.
    pub state: BackupState,
    /// Why it failed, or why it is not verified.
    pub error: Option<String>,
    /// What its rule calls critical.
    #[serde(default)]
    pub critical: Vec<CriticalAttribute>,
    /// Whether all of that was looked for and is in it; `None` when nothing is critical, and when nobody can look: into a
    /// point that is not there, or that a program of the user's own made.
    #[serde(default)]
    pub critical_held: Option<bool>,
    /// Where it is, without secrets.
    pub location: Option<String>,
    /// SHA-256 over its manifest, hex.
    pub digest: Option<String>,
    /// Resources in it.
    pub resources: Vec<ResourceId>,
    /// Items, objects and configurations in it.
    pub entries: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// The recovery point it builds on.
    pub parent: Option<RecoveryPointId>,
    /// Whether it is the latest of its rule from before a disaster changed the workload; `None` when none did, and for one that is
    /// not verified.
    #[serde(default)]
    pub clean: Option<bool>,
    /// A recovery attempt restored it.
    pub restored: bool,
    /// Retention removed it.
    pub pruned: bool,
}

/// One fault: armed, bit and ended are three instants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRecord {
    /// Id.
    pub id: FaultId,
    /// Its word in a scenario: `region-outage`.
    pub kind: String,
    /// What it is: `us-east-1 is gone (time-outs)`.
    pub title: String,
    /// What clients see.
    pub symptoms: String,
    /// Regions in which nothing can be reached while it is on.
    pub lost: Vec<Region>,
    /// It was switched on.
    pub armed_ms: Option<RunTime>,
    /// It stopped the first request.
    pub bit_ms: Option<RunTime>,
    /// It was switched off.
    pub ended_ms: Option<RunTime>,
    /// What ended it: `heal`, `duration`.
    pub ended_by: Option<String>,
}

/// One attempt to recover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptRecord {
    /// Counts from 1.
    pub attempt: u32,
    /// When it began.
    pub began_ms: RunTime,
    /// The recovery point it restored, if any.
    pub recovery_point: Option<RecoveryPointId>,
    /// Its steps.
    pub steps: Vec<StepRecord>,
}

/// One step of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Index in the plan.
    pub step: usize,
    /// `restore`, `command`, `redrive`, `cutover`.
    pub kind: String,
    /// When it began.
    pub began_ms: RunTime,
    /// When it ended.
    pub ended_ms: Option<RunTime>,
    /// How it ended.
    #[schemars(with = "Option<String>")]
    pub ending: Option<Ending>,
    /// Counts, or what went wrong.
    pub note: String,
}

/// A move of the traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutOverRecord {
    /// When.
    pub at_ms: RunTime,
    /// Where to.
    pub to: Side,
    /// Epoch of the writes from then on.
    pub epoch: u32,
}

/// One capture, with the digests of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureRecord {
    /// Which.
    #[schemars(with = "String")]
    pub capture: CaptureName,
    /// Which side was read.
    pub side: Side,
    /// When reading began.
    pub began_ms: RunTime,
    /// When it was complete.
    pub ended_ms: RunTime,
    /// SHA-256 of each file by name, hex.
    pub files: BTreeMap<String, String>,
}

/// Writes and probes over time, for the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// Length of each bin.
    pub bin_ms: Span,
    /// Attempts of the traffic by bin, from the run's start and without a gap; empty when there are none.
    pub bins: Vec<Bin>,
    /// Stretches of each probe, in time order.
    pub probes: BTreeMap<ProbeId, Vec<Stretch>>,
}

/// Attempts of the traffic that ended in one bin; an ambiguous one, which never ends, is counted where it was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the outcomes of the ledger")]
pub struct Bin {
    pub acknowledged: u64,
    pub rejected: u64,
    pub ambiguous: u64,
}

/// Rounds of one probe in a row with the same result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stretch {
    /// The first round began.
    pub from_ms: RunTime,
    /// The last round ended.
    pub to_ms: RunTime,
    /// Every round passed, or every round failed.
    pub passed: bool,
    /// How many.
    pub rounds: u64,
    /// What the first one saw; empty when it passed.
    pub detail: String,
}
