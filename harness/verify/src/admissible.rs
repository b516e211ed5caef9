//! What one key may hold, what it was seen to hold, and what that says about each of its writes.
//!
//! *w* precedes *w′* when *w* completed before *w′* was issued. A final value is admissible when its write was acknowledged
//! or is ambiguous and precedes no acknowledged write. That the key was never written is the value before all writes.
//!
//! Everything is computed from extremes over the explanations of what was observed, so that a key with many writes costs
//! time linear in them.

use firedrill_model::{ledger::Op, units::RunTime};

use crate::ledger::{Fate, Write};

/// What was read at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// Nothing.
    Absent,
    /// A value, with the write id and the canonical digest found in it.
    Value {
        /// Short digest of the write id; `None` when the value holds none.
        id: Option<u64>,
        /// Short digest of the canonical digest.
        digest: u64,
    },
}

/// How an observed value stands to the writes of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// An admissible final value.
    Current,
    /// An earlier value.
    Stale,
    /// Nothing, and nothing admissible is *absent*.
    Missing,
    /// An earlier value, though the key was deleted for good.
    Resurrected,
    /// The value of a write that cannot have happened.
    Phantom,
    /// A value that no write of this key made.
    Foreign,
}

/// What a key shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) standing: Standing,
    /// The write whose value was observed, by its index in the key.
    pub(crate) write: Option<usize>,
    /// The value holds the write id of a write and another digest.
    pub(crate) changed: bool,
    /// Lost, however the observation is explained: acknowledged writes issued after this instant. `None`: none is.
    certain_after: Option<Bound>,
    /// Lost by some explanation: acknowledged writes issued after this instant. `None`: none is.
    possible_after: Option<Bound>,
    /// Lost if an ambiguous write that explains the observation took effect at once: acknowledged writes completed at or
    /// after this instant. `None`: no ambiguous write explains it.
    doubtful_from: Option<RunTime>,
    /// A value was observed. Nothing observed is no evidence that any write survived.
    evidence: bool,
    /// When the capture was complete, UTC, if nothing was observed.
    absent_at: Option<u64>,
}

/// An instant, or before everything: the key's first state needs no write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Start,
    At(RunTime),
}

impl Reading {
    /// What became of a write of this key. An ambiguous one survived only when its own value is seen.
    pub(crate) fn fate(&self, writes: &[Write], index: usize) -> Fate {
        let write = &writes[index];
        if self.write.is_some_and(|seen| writes[seen].id == write.id) {
            return if self.evidence { Fate::Survived } else { Fate::Unknown };
        }
        if !write.acknowledged() {
            return Fate::Unknown;
        }
        // What is observed is what this write leaves.
        if !self.evidence && leaves_nothing(write, self.absent_at) {
            return Fate::Unknown;
        }
        if self.certain_after.is_some_and(|bound| bound < Bound::At(write.issued)) {
            return Fate::Lost;
        }
        if self.possible_after.is_some_and(|bound| bound < Bound::At(write.issued))
            || self.doubtful_from.is_some_and(|issued| issued <= write.completed)
        {
            return Fate::PossiblyLost;
        }
        if self.evidence { Fate::Survived } else { Fate::Unknown }
    }
}

/// Reads one key. `writes` are its writes in the order of the ledger, `utc_ms` is when the capture was complete.
pub(crate) fn read(writes: &[Write], observed: Observed, utc_ms: Option<u64>) -> Reading {
    // A write that precedes no acknowledged write completed at or after the issue of the last one.
    let last_issue = writes.iter().filter(|write| write.acknowledged()).map(|write| write.issued).max();
    let admissible = |write: &Write| write.possible() && last_issue.is_none_or(|issue| write.completed >= issue);
    match observed {
        Observed::Absent => read_absent(writes, last_issue.is_none(), admissible, utc_ms),
        Observed::Value { id: None, .. } => outside(Standing::Foreign),
        Observed::Value { id: Some(id), digest } => read_value(writes, id, digest, admissible),
    }
}

fn read_value(writes: &[Write], id: u64, digest: u64, admissible: impl Fn(&Write) -> bool) -> Reading {
    let same: Vec<usize> =
        (0..writes.len()).filter(|&index| writes[index].id == id && writes[index].digest != 0).collect();
    let Some(&first) = same.first() else { return outside(Standing::Foreign) };
    let explanations = || same.iter().map(|&index| &writes[index]).filter(|write| write.possible());
    let changed = same.iter().all(|&index| writes[index].digest != digest);
    let (Some(latest), Some(earliest)) =
        (explanations().map(|write| write.completed).max(), explanations().map(|write| write.completed).min())
    else {
        return Reading { write: Some(first), changed, ..outside(Standing::Phantom) };
    };
    let standing = if explanations().any(&admissible) {
        Standing::Current
    } else if writes.iter().filter(|write| admissible(write)).all(|write| write.op == Op::Delete) {
        Standing::Resurrected
    } else {
        Standing::Stale
    };
    Reading {
        standing,
        write: Some(first),
        changed,
        certain_after: Some(Bound::At(latest)),
        possible_after: Some(Bound::At(earliest)),
        doubtful_from: explanations().filter(|write| !write.acknowledged()).map(|write| write.issued).min(),
        evidence: true,
        absent_at: None,
    }
}

/// Nothing is observed: deletes and expired values explain it, or that the key was not written yet.
///
/// Absence is that of one of the acknowledged deletes when there is one: certainly lost is what came after the youngest,
/// possibly what came after the oldest. That the key goes back to before all its writes would give the same observation,
/// but then every key that was ever deleted would be a possible loss of its whole past. When an acknowledged value that
/// may be final is *absent*, absence is right and nothing is lost.
fn read_absent(
    writes: &[Write],
    never_acknowledged: bool,
    admissible: impl Fn(&Write) -> bool,
    utc_ms: Option<u64>,
) -> Reading {
    let absent = || writes.iter().filter(|write| leaves_nothing(write, utc_ms));
    let sure = || absent().filter(|write| write.acknowledged()).map(|write| Bound::At(write.completed));
    let doubtful = || absent().filter(|write| !write.acknowledged());
    let oldest = sure().min().unwrap_or(Bound::Start);
    let latest = sure().chain(doubtful().map(|write| Bound::At(write.completed))).max().unwrap_or(Bound::Start);
    let current = never_acknowledged || absent().any(&admissible);
    let rightly = absent().any(|write| write.acknowledged() && admissible(write));
    Reading {
        standing: if current { Standing::Current } else { Standing::Missing },
        write: None,
        changed: false,
        certain_after: (!current).then_some(latest),
        possible_after: (!rightly).then_some(oldest),
        doubtful_from: doubtful().map(|write| write.issued).min().filter(|_| !rightly),
        evidence: false,
        absent_at: utc_ms,
    }
}

/// A delete, or a value that has expired.
fn leaves_nothing(write: &Write, utc_ms: Option<u64>) -> bool {
    write.possible() && (write.op == Op::Delete || write.expired(utc_ms))
}

/// A value from outside the ledger says nothing about what is lost.
fn outside(standing: Standing) -> Reading {
    Reading {
        standing,
        write: None,
        changed: false,
        certain_after: None,
        possible_after: None,
        doubtful_from: None,
        evidence: false,
        absent_at: None,
    }
}
