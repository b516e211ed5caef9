//! What verification measured and judged: the result of `(plan, history, ledger, captures) → findings → verdict`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    findings::Finding,
    ids::{CheckId, ResourceId},
    units::{RunTime, Span},
    verdict::Verdict,
};

/// The whole result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Verdict of the run.
    pub verdict: Verdict,
    /// Verdict by check; only what the scenario asserts.
    pub checks: BTreeMap<CheckId, Verdict>,
    /// What was measured and not asserted.
    pub not_asserted: Vec<CheckId>,
    /// Findings, roots before what follows from them.
    pub findings: Vec<Finding>,
    /// Recovery time.
    pub rto: RecoveryTime,
    /// Recovery point.
    pub rpo: RecoveryPointActual,
    /// Counts of the ledger.
    pub ledger: LedgerCounts,
    /// Differences of content and configuration.
    pub equivalence: Equivalence,
    /// Effects by trigger.
    pub effects: BTreeMap<String, EffectCounts>,
    /// A must-fail scenario's findings are exactly the stated ones; `None` when it states none.
    pub as_stated: Option<bool>,
}

impl Verification {
    /// The verdict that counts for an exit code. Findings that are exactly the stated ones are a pass where that is
    /// accepted; a pass of a drill that states findings is a failure: its sabotage went unnoticed.
    pub fn counted(&self, accept_stated: bool) -> Verdict {
        match self.as_stated {
            Some(true) if accept_stated => Verdict::Pass,
            Some(false) if self.verdict == Verdict::Pass => Verdict::Fail,
            Some(_) | None => self.verdict,
        }
    }
}

/// Recovery time actual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryTime {
    /// The objective.
    pub objective_ms: Option<Span>,
    /// From t0 to the start of the last unbroken stretch of passes; `None` when it did not become stable in time, which is
    /// until the objective and the time that probes have to hold have passed.
    pub actual_ms: Option<Span>,
    /// ± this.
    pub uncertainty_ms: Span,
    /// First instant at which a fault was active and had bitten.
    pub t0_ms: Option<RunTime>,
    /// Start of the last unbroken stretch of passes.
    pub ready_ms: Option<RunTime>,
    /// Verdict, when asserted.
    pub verdict: Option<Verdict>,
    /// `detect`, `decide` (declared), `restore`, `cut over`, `settle`, in order; they add up to `actual_ms`.
    pub phases: Vec<TimedPhase>,
}

/// One part of the recovery time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimedPhase {
    /// Name.
    pub name: String,
    /// Length.
    pub span_ms: Span,
    /// It was declared and not measured.
    pub declared: bool,
}

/// Recovery point actual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryPointActual {
    /// The objective.
    pub objective_ms: Option<Span>,
    /// With certain losses alone; zero when nothing was lost; `None` when not measured.
    pub actual_ms: Option<Span>,
    /// With possible losses too.
    pub actual_upper_ms: Option<Span>,
    /// `t_stop`: the later of t0 and the last acknowledgement of the copy that was given up.
    pub t_stop_ms: Option<RunTime>,
    /// Acknowledged writes that are certainly lost.
    pub lost_writes: u64,
    /// Bytes of those.
    pub lost_bytes: u64,
    /// Acknowledged writes up to `t_stop`, the population `lost_writes` is of.
    pub acknowledged_writes: u64,
    /// The survivors are a cut: every survivor was issued before the first loss completed.
    pub point_in_time: Option<bool>,
    /// Verdict, when asserted.
    pub verdict: Option<Verdict>,
    /// By bucket and table.
    pub by_resource: BTreeMap<ResourceId, LossCounts>,
}

/// Losses of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LossCounts {
    /// Acknowledged writes lost.
    pub lost_writes: u64,
    /// Bytes of those.
    pub lost_bytes: u64,
    /// As in [`RecoveryPointActual`].
    pub actual_ms: Option<Span>,
    /// As in [`RecoveryPointActual`].
    pub actual_upper_ms: Option<Span>,
    /// Keys that lost a write, at most 20.
    pub sample: Vec<String>,
}

/// Counts over the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the outcomes and origins of the ledger")]
pub struct LedgerCounts {
    pub lines: u64,
    pub seeded: u64,
    pub acknowledged: u64,
    pub rejected: u64,
    pub ambiguous: u64,
}

/// Differences of content and configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Equivalence {
    /// All resources.
    pub total: Differences,
    /// By resource.
    pub by_resource: BTreeMap<ResourceId, Differences>,
    /// Items and objects compared.
    pub entries_compared: u64,
    /// Configuration fields compared.
    pub fields_compared: u64,
    /// Fields of configurations and of objects that are not compared, with the reason.
    pub volatile: BTreeMap<String, String>,
}

/// Exact counts and a bounded sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the differences of the design")]
pub struct Differences {
    pub missing: u64,
    pub extra: u64,
    pub changed: u64,
    pub duplicated: u64,
    pub reordered: u64,
    /// At most 20 keys or fields.
    pub sample: Vec<String>,
}

impl Differences {
    /// All differences.
    pub fn count(&self) -> u64 {
        self.missing + self.extra + self.changed + self.duplicated + self.reordered
    }
}

/// Effects of one trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectCounts {
    /// Owed by surviving writes.
    pub expected: u64,
    /// Owed and absent after the drain.
    pub missing: u64,
    /// Delivered again by the service, redrives not counted.
    pub duplicate: u64,
    /// Came later than promised.
    pub late: u64,
    /// Delivered in another order than written.
    pub reordered: u64,
    /// Present though the cause is lost.
    pub orphaned: u64,
    /// Derived items that differ from what their causes give.
    #[serde(default)]
    pub wrong: u64,
    /// Deliveries by the service for what clients wrote on the side that was read.
    #[serde(default)]
    pub traffic: u64,
    /// Deliveries by the service for what the restore made again there.
    #[serde(default)]
    pub restored: u64,
    /// Deliveries that a redrive made.
    pub redriven: u64,
    /// Keys whose effect is missing, at most 20.
    pub sample: Vec<String>,
    /// Verdict, when asserted.
    pub verdict: Option<Verdict>,
}
