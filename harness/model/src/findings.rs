//! Findings: what was seen that is worth saying. A finding is data; an `Err` means "could not check".

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CheckId, ResourceId};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// More acknowledged writes were lost than the recovery point objective allows.
    RpoMissed,
    /// An acknowledged write completed before its recovery point's capture began and is gone.
    BackupIncomplete,
    /// Readiness came later than the recovery time objective, or never.
    RtoMissed,
    /// A key that the recovered cut holds is not there.
    Missing,
    /// A key is there that nothing wrote.
    Extra,
    /// A key holds a value that differs from what was written under its write id.
    Changed,
    /// A key or version is there more than once.
    Duplicated,
    /// Versions of a key are in another order.
    Reordered,
    /// A deleted key came back.
    Resurrected,
    /// A key holds a value that was never acknowledged-possible.
    Phantom,
    /// A key holds a value that nothing in the ledger wrote.
    Foreign,
    /// A configured resource is not there.
    ConfigurationMissing,
    /// A configuration field differs.
    ConfigurationChanged,
    /// A configuration field that firedrill does not know.
    ConfigurationUnknown,
    /// A trigger is not there.
    LostTrigger,
    /// An owed effect is absent after the drain.
    EffectMissing,
    /// An effect came twice where once was promised.
    EffectDuplicate,
    /// An effect came later than promised.
    EffectLate,
    /// A derived item differs from what its causes give.
    EffectWrong,
    /// An effect survives whose cause is lost.
    EffectOrphaned,
    /// A survivor's predecessor is lost: the state is not a cut.
    Torn,
    /// Survivors do not form a point in time.
    Holes,
    /// The fault stopped no request.
    FaultDidNotBite,
    /// The restore target was not empty.
    TargetNotEmpty,
    /// The recovery point was not verified before use.
    BackupNotVerified,
    /// The source could be reached during the restore.
    SourceReachable,
    /// The layout of the target cannot prove this.
    NotProvable,
    /// The restore wrote after readiness.
    RestoreAfterReadiness,
    /// Recovery came from the fault's own end.
    SelfHealed,
    /// The old side acknowledged a write after it was fenced.
    WriteAfterFence,
    /// A write exists on the returned source and not on the new side.
    Stranded,
    /// Both sides acknowledged writes of one key after the cutover.
    Diverged,
    /// Something could not be measured.
    NotMeasured,
    /// Firedrill itself ran too late to judge.
    SchedulingLag,
    /// A file of the run directory, or its history, is not as the run left it.
    EvidenceAltered,
    /// A checker crashed.
    CheckerCrashed,
    /// A phase of the run failed or was cut short.
    RunIncomplete,
    /// A step of the recovery failed for good, and nothing else cut the run short.
    RecoveryFailed,
    /// A stop condition of the scenario ended the run.
    StopConditionMet,
}

impl fmt::Display for FindingKind {
    /// The word in files: `backup-incomplete`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_value(self).ok().and_then(|value| value.as_str().map(str::to_owned));
        f.pad(text.as_deref().unwrap_or("unknown"))
    }
}

/// How a finding bears on its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// The check cannot be decided.
    Undecided,
    /// The check fails.
    Failure,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// `f-0001`, in the order of the report.
    pub id: String,
    /// The check it belongs to; `None` for what was measured but not asserted.
    pub check: Option<CheckId>,
    /// What.
    pub kind: FindingKind,
    /// How it bears on the check.
    pub weight: Weight,
    /// Where.
    pub resource: Option<ResourceId>,
    /// Key, field or kind of recovery step, when it is about one.
    pub key: Option<String>,
    /// The finding it follows from; `None` for a root.
    pub root: Option<String>,
    /// How many places it stands for; keys beyond the sample are counted here.
    pub count: u64,
    /// What was seen, one sentence.
    pub message: String,
    /// Facts in order: first key, since when, expected and found values (never secrets).
    pub detail: Vec<String>,
    /// What to try next.
    pub help: Option<String>,
}
