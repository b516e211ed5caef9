//! The history: every event of a run in order, as `history.jsonl`. Each record holds the digest of the one before.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    capture::CaptureName,
    ids::{FaultId, ProbeId, RecoveryPointId, ResourceId},
    recovery_point::RecoveryPoint,
    scenario::Fault,
    topology::Side,
    units::{RunTime, Span},
};

/// One line of `history.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts from 0 without a gap.
    pub seq: u64,
    /// On the run's monotonic clock.
    pub at_ms: RunTime,
    /// Wall clock, RFC 3339 with milliseconds, for display and evidence only.
    pub utc: String,
    /// SHA-256 over the text of the line before (without its line feed), hex; of the empty text for the first.
    pub prev: String,
    /// `firedrill heal` added this after a crash: `at_ms` comes from the wall clock, and no length that ends here was
    /// measured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wall_clock: bool,
    /// What happened.
    pub event: Event,
}

/// The digest that the next record holds as `prev`.
pub fn line_digest(line: &str) -> String {
    hex::encode(Sha256::digest(line.as_bytes()))
}

/// How far a history had come when something else was written, and what it was until then: what `run.json` holds of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryHead {
    /// Records so far.
    pub records: u64,
    /// SHA-256 of their lines, line feeds included, hex.
    pub sha256: String,
}

/// Phases of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the words of the design")]
pub enum Phase {
    Preflight,
    Provision,
    Seed,
    SteadyState,
    Traffic,
    Fault,
    Detect,
    Recover,
    Observe,
    Quiesce,
    Capture,
    Heal,
    Verify,
    Report,
    Teardown,
}

impl Phase {
    /// As people read it: `steady state`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Provision => "provision",
            Self::Seed => "seed",
            Self::SteadyState => "steady state",
            Self::Traffic => "traffic",
            Self::Fault => "fault",
            Self::Detect => "detect",
            Self::Recover => "recover",
            Self::Observe => "observe",
            Self::Quiesce => "quiesce",
            Self::Capture => "capture",
            Self::Heal => "heal",
            Self::Verify => "verify",
            Self::Report => "report",
            Self::Teardown => "teardown",
        }
    }
}

/// How a phase or step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Ending {
    Done,
    Failed,
    TimedOut,
    Interrupted,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// First record.
    RunBegan {
        /// Run id.
        run_id: String,
        /// Version of firedrill.
        firedrill: String,
        /// Seed.
        seed: u64,
        /// SHA-256 of `plan.json`, hex.
        plan_sha256: String,
        /// The process that runs the drill, so that `heal` leaves a run alone that goes on; `None` where it cannot be told.
        runner: Option<ProcessRecord>,
    },
    /// A phase began.
    PhaseBegan {
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseEnded {
        /// Which.
        phase: Phase,
        /// How.
        ending: Ending,
        /// One line for people: counts, or what went wrong.
        note: String,
    },
    /// The target is up.
    TargetStarted {
        /// Processes by region, for `heal`.
        processes: Vec<ProcessRecord>,
    },
    /// A backup began.
    BackupBegan {
        /// Its recovery point.
        id: RecoveryPointId,
        /// Index of the backup rule.
        rule: usize,
    },
    /// A backup is complete; `recovery_point.verified` says whether it was read back.
    BackupCompleted {
        /// The artefact.
        recovery_point: RecoveryPoint,
    },
    /// A backup failed.
    BackupFailed {
        /// Its recovery point.
        id: RecoveryPointId,
        /// Why.
        error: String,
    },
    /// A recovery point was removed by retention.
    BackupPruned {
        /// Which.
        id: RecoveryPointId,
    },
    /// A defect of the scenario was put into a backup or a restore, and hit this key alone.
    Sabotaged {
        /// The bucket or table.
        resource: ResourceId,
        /// The key.
        key: String,
    },
    /// A fault is about to be switched on; this record is synced to disk first.
    FaultArming {
        /// Which.
        id: FaultId,
        /// What it does, and with that what undoes it.
        fault: Box<Fault>,
    },
    /// A fault is on.
    FaultArmed {
        /// Which.
        id: FaultId,
    },
    /// A fault stopped the first request, or a rule of it did that has to strike something.
    FaultBit {
        /// Which.
        id: FaultId,
        /// The rule, where it has to: its number among those of the fault, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<usize>,
    },
    /// A fault is off.
    FaultEnded {
        /// Which.
        id: FaultId,
        /// What ended it: `heal`, `duration`.
        by: String,
    },
    /// The disaster was noticed.
    Detected {
        /// Canary writes in a row that had failed by then.
        failures: u32,
    },
    /// A recovery attempt began; counts from 1.
    RecoveryBegan {
        /// Which attempt.
        attempt: u32,
        /// Recovery point that will be restored, if any.
        recovery_point: Option<RecoveryPointId>,
    },
    /// A step of the recovery began.
    StepBegan {
        /// Index in the plan.
        step: usize,
        /// Its kind: `isolate`, `restore`, `command`, `redrive`, `cutover`.
        step_kind: String,
    },
    /// A step of the recovery ended.
    StepEnded {
        /// Index in the plan.
        step: usize,
        /// How.
        ending: Ending,
        /// Counts, or what went wrong; redacted.
        note: String,
    },
    /// The restore target was looked at before anything was restored.
    TargetInspected {
        /// Resources of the stack that were already there.
        present: Vec<ResourceId>,
    },
    /// Recovery points are read from here on; the source could not be reached then.
    SourceReachability {
        /// The source answered.
        reachable: bool,
    },
    /// A region is about to be cut off by a step of the recovery; this record is synced to disk first.
    Isolating {
        /// Which isolation: its end has the same id as a fault's has.
        id: FaultId,
        /// What it does, and with that what undoes it.
        fault: Box<Fault>,
    },
    /// Writes to a side are refused from now on.
    Fenced {
        /// Which side.
        side: Side,
    },
    /// Authority moved: traffic writes there from now on.
    CutOver {
        /// Where.
        to: Side,
        /// Epoch of writes from now on.
        epoch: u32,
    },
    /// One round of a probe.
    Probed {
        /// Which.
        probe: ProbeId,
        /// When the round began.
        began_ms: RunTime,
        /// It passed completely.
        ok: bool,
        /// What failed; empty when it passed.
        detail: String,
    },
    /// No heal before this instant; fixed by the plan.
    ObservationEnds {
        /// Until when probes count.
        until_ms: RunTime,
    },
    /// Traffic stopped and every in-flight write has its outcome.
    Quiesced {
        /// Lines in the ledger so far.
        ledger_lines: u64,
        /// SHA-256 of those lines, line feeds included.
        ledger_sha256: String,
    },
    /// A capture is complete.
    Captured {
        /// Which.
        capture: CaptureName,
        /// Which side was read.
        side: Side,
        /// When reading began.
        began_ms: RunTime,
        /// SHA-256 of each file by name, hex.
        files: BTreeMap<String, String>,
    },
    /// The wait for effects, after the traffic, is over.
    Drained {
        /// Nothing changed any more; false when the limit of the drain passed first.
        settled: bool,
    },
    /// Firedrill itself was late by at most this much between two points of its schedule.
    SchedulingLag {
        /// The largest lag of the run.
        max_ms: Span,
    },
    /// A stop condition of the scenario was met: the run ends, and its faults are undone.
    StopConditionMet {
        /// Its number in the scenario, counted from 0.
        condition: usize,
        /// What was seen.
        what: String,
    },
    /// The run was asked to stop.
    Interrupted {
        /// `SIGINT`, `SIGTERM`, `SIGHUP`, `time-out`, `stop condition` with what was seen, or `the loss of the supervisor`, `the loss of the emulator of` a region.
        reason: String,
    },
    /// Everything a fault changed is back and was verified to be.
    Healed {
        /// Faults that were still on.
        faults: Vec<FaultId>,
    },
    /// Last record: everything firedrill started is gone, or was kept on purpose. After a crash `firedrill heal` writes it.
    TornDown {
        /// `--keep` was given.
        kept: bool,
    },
}

/// A process firedrill started, with what identifies it after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// What it is: `runner`, `supervisor`, or the region it serves.
    pub role: String,
    /// Process id, which is also its process group.
    pub pid: i32,
    /// Start time in clock ticks since boot (`/proc/<pid>/stat`, field 22): a reused pid differs in it.
    pub start_ticks: u64,
}
