//! What one key may hold, what it was seen to hold, and what that says about each of its writes.
//!
//! *w* precedes *w′* when *w* completed before *w′* was issued. A final value is admissible when its write was acknowledged
//! or is ambiguous and precedes no acknowledged write. That the key was never written is the value before all writes.
//!
//! Everything is computed from extremes over the explanations of what was observed, so that a key with many writes costs
//! time linear in them.

use firedrill_model::{ledger::Op, units::RunTime};

use crate::ledger::{Fate, Gone, Write};

/// What was read at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    /// Nothing at all.
    Absent,
    /// A delete marker.
    Deleted,
    /// A value, with the write id and the canonical digest found in it.
    Value {
        /// Short digest of the write id; `None` when the value holds none.
        id: Option<u64>,
        /// Short digest of the canonical digest.
        digest: u64,
    },
}

/// When and of what the observation was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Circumstances {
    /// When the capture was complete, UTC.
    pub(crate) utc_ms: Option<u64>,
    /// Begin and end of the capture of the recovery point that was restored: it holds every write that completed before
    /// it began, and none that was issued after it ended.
    pub(crate) point: Option<(RunTime, RunTime)>,
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
    /// Between these instants what explains the observation was complete. `None`: no write explains it.
    explained: Option<(Bound, Bound)>,
    /// Lost, however the observation is explained: acknowledged writes issued after this instant. `None`: none is.
    certain_after: Option<Bound>,
    /// Lost by some explanation: acknowledged writes issued after this instant. `None`: none is.
    possible_after: Option<Bound>,
    /// Lost if an ambiguous write that explains the observation took effect at once: acknowledged writes completed at or
    /// after this instant. `None`: no ambiguous write explains it.
    doubtful_from: Option<RunTime>,
    evidence: Evidence,
    /// Nothing at all was found.
    nothing: bool,
    /// When the capture was complete, UTC.
    utc_ms: Option<u64>,
}

/// What shows that writes survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// Nothing observed is no evidence that any write survived.
    None,
    /// A value.
    Value {
        /// When the first of the attempts was issued that may have left it.
        issued: RunTime,
    },
    /// A deletion, by one of some writes.
    Deletion {
        /// When the first of them was issued.
        first: RunTime,
        /// When the next one was.
        second: Option<RunTime>,
    },
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
        if self.shows(writes, write) {
            return if self.evidence == Evidence::None { Fate::Unknown } else { Fate::Survived };
        }
        if !write.acknowledged() {
            return Fate::Unknown;
        }
        // What is observed is what this write leaves.
        let left_by_it = self.nothing && leaves_nothing(write, self.utc_ms);
        if !left_by_it && self.certain_after.is_some_and(|bound| bound < Bound::At(write.issued)) {
            return Fate::Lost;
        }
        if !left_by_it
            && (self.possible_after.is_some_and(|bound| bound < Bound::At(write.issued))
                || self.doubtful_from.is_some_and(|issued| issued <= write.completed))
        {
            return Fate::PossiblyLost;
        }
        if self.is_evidence_of(write) { Fate::Survived } else { Fate::Unknown }
    }

    /// Whether the observation can hold a write of this key.
    pub(crate) fn gone(&self, writes: &[Write], index: usize) -> Gone {
        let write = &writes[index];
        match (self.fate(writes, index), self.explained) {
            (Fate::Lost, _) => Gone::Certainly,
            // Where no write of the key made what is observed, nothing shows whether this one was there before.
            (Fate::PossiblyLost, _) | (Fate::Unknown, None) => Gone::Possibly,
            (Fate::Unknown, Some((oldest, latest))) if !write.acknowledged() && !self.shows(writes, write) => {
                let issued = Bound::At(write.issued);
                match (latest < issued, oldest < issued) {
                    (true, _) => Gone::Certainly,
                    (false, true) => Gone::Possibly,
                    (false, false) => Gone::No,
                }
            }
            // Of concurrent writes either may have won: the other may never have been in what is observed.
            (Fate::Survived, _) if !self.shows(writes, write) => match self.evidence {
                Evidence::Value { issued } if write.completed >= issued => Gone::Possibly,
                Evidence::Value { .. } | Evidence::Deletion { .. } | Evidence::None => Gone::No,
            },
            (Fate::Survived | Fate::Unknown, _) => Gone::No,
        }
    }

    fn shows(&self, writes: &[Write], write: &Write) -> bool {
        self.write.is_some_and(|seen| writes[seen].id == write.id)
    }

    fn is_evidence_of(&self, write: &Write) -> bool {
        match self.evidence {
            Evidence::None => false,
            Evidence::Value { .. } => true,
            // It is the deletion, or it came before whatever that was.
            Evidence::Deletion { first, second } => {
                let is_first = write.issued == first && leaves_nothing(write, self.utc_ms);
                if is_first { second.is_none_or(|second| write.completed < second) } else { write.completed < first }
            }
        }
    }
}

/// Reads one key. `writes` are its writes in the order of the ledger.
pub(crate) fn read(writes: &[Write], observed: Observed, at: Circumstances) -> Reading {
    // A write that precedes no acknowledged write completed at or after the issue of the last one.
    let last_issue = writes.iter().filter(|write| write.acknowledged()).map(|write| write.issued).max();
    let admissible = |write: &Write| write.possible() && last_issue.is_none_or(|issue| write.completed >= issue);
    match observed {
        Observed::Absent => read_absent(writes, last_issue.is_none(), admissible, at),
        Observed::Deleted => read_deleted(writes, admissible, at.utc_ms),
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
    let issued = explanations().map(|write| write.issued).min().unwrap_or_default();
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
        explained: Some((Bound::At(earliest), Bound::At(latest))),
        certain_after: Some(Bound::At(latest)),
        possible_after: Some(Bound::At(earliest)),
        doubtful_from: explanations().filter(|write| !write.acknowledged()).map(|write| write.issued).min(),
        evidence: Evidence::Value { issued },
        nothing: false,
        utc_ms: None,
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
    at: Circumstances,
) -> Reading {
    let absent = || writes.iter().filter(|write| leaves_nothing(write, at.utc_ms));
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
        explained: Some((oldest, latest)),
        certain_after: (!current).then_some(latest),
        possible_after: (!rightly).then_some(oldest),
        doubtful_from: doubtful().map(|write| write.issued).min().filter(|_| !rightly),
        evidence: deletion_seen(writes, at),
        nothing: true,
        utc_ms: at.utc_ms,
    }
}

/// Nothing observed is evidence of a deletion when the recovery point owes a value that came before: the key was there.
fn deletion_seen(writes: &[Write], at: Circumstances) -> Evidence {
    let Some((begun, ended)) = at.point else { return Evidence::None };
    let causes = || writes.iter().filter(|write| leaves_nothing(write, at.utc_ms) && write.issued <= ended);
    let owed =
        |write: &&Write| write.acknowledged() && write.given_up() && write.op != Op::Delete && write.completed < begun;
    let first_owed = writes.iter().filter(owed).map(|write| write.completed).min();
    let (Some(first_issue), Some(first_owed)) = (causes().map(|write| write.issued).min(), first_owed) else {
        return Evidence::None;
    };
    if first_owed < first_issue { deletion(causes()) } else { Evidence::None }
}

/// One of these happened.
fn deletion<'w>(causes: impl Iterator<Item = &'w Write>) -> Evidence {
    let mut issues: Vec<RunTime> = causes.map(|write| write.issued).collect();
    issues.sort_unstable();
    match issues.as_slice() {
        [] => Evidence::None,
        [first, rest @ ..] => Evidence::Deletion { first: *first, second: rest.first().copied() },
    }
}

/// A delete marker is observed: one of the deletes made it, or a value that has expired.
fn read_deleted(writes: &[Write], admissible: impl Fn(&Write) -> bool, utc_ms: Option<u64>) -> Reading {
    let causes = || writes.iter().filter(|write| leaves_nothing(write, utc_ms));
    let (Some(oldest), Some(latest)) =
        (causes().map(|write| write.completed).min(), causes().map(|write| write.completed).max())
    else {
        return outside(Standing::Foreign);
    };
    let current = causes().any(&admissible);
    let rightly = causes().any(|write| write.acknowledged() && admissible(write));
    let doubtful_from = causes().filter(|write| !write.acknowledged()).map(|write| write.issued).min();
    Reading {
        standing: if current { Standing::Current } else { Standing::Missing },
        write: None,
        changed: false,
        explained: Some((Bound::At(oldest), Bound::At(latest))),
        certain_after: (!current).then_some(Bound::At(latest)),
        possible_after: (!rightly).then_some(Bound::At(oldest)),
        doubtful_from: doubtful_from.filter(|_| !rightly),
        evidence: deletion(causes()),
        nothing: false,
        utc_ms,
    }
}

/// A delete, or a value that has expired.
pub(crate) fn leaves_nothing(write: &Write, utc_ms: Option<u64>) -> bool {
    write.possible() && (write.op == Op::Delete || write.expired(utc_ms))
}

/// A value from outside the ledger says nothing about what is lost.
fn outside(standing: Standing) -> Reading {
    Reading {
        standing,
        write: None,
        changed: false,
        explained: None,
        certain_after: None,
        possible_after: None,
        doubtful_from: None,
        evidence: Evidence::None,
        nothing: false,
        utc_ms: None,
    }
}
