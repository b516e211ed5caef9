//! The versions of a key in a versioned bucket: every acknowledged put in order, a retried one perhaps twice, and a delete
//! marker for every delete.
//!
//! A write is owed a place in the list when something later is in it, or when the recovery point owes the write. Markers
//! carry no write id: between two versions there must be as many as deletes certainly fall between them, and there may be
//! as many as possibly do.

use std::collections::{BTreeMap, HashMap};

use firedrill_model::{capture::Version, findings::FindingKind, ledger::Op, units::RunTime};

use crate::{
    ledger::{Fate, Write, short},
    tally::counted,
};

/// The attempts of one write that may have left what is seen of it.
#[derive(Clone, Copy, Debug)]
struct Attempts {
    issued: RunTime,
    last_issued: RunTime,
    completed: RunTime,
    count: usize,
}

impl Attempts {
    /// Of attempts under one write id, of which `times` versions are seen: each acknowledged one has left a version, so that
    /// an ambiguous one has left one only when there are more.
    fn of(attempts: &[&Write], times: usize) -> Option<Self> {
        let acknowledged = attempts.iter().filter(|write| write.acknowledged()).count();
        let left = |write: &&&Write| if times > acknowledged { write.possible() } else { write.acknowledged() };
        attempts.iter().filter(left).fold(None, |known: Option<Self>, write| {
            let (issued, completed) = (write.issued, write.completed);
            Some(known.map_or(Self { issued, last_issued: issued, completed, count: 1 }, |known| Self {
                issued: known.issued.min(issued),
                last_issued: known.last_issued.max(issued),
                completed: known.completed.max(completed),
                count: known.count + 1,
            }))
        })
    }
}

/// What has to be in the list.
#[derive(Clone, Copy, Debug)]
struct Owed {
    /// What was complete before this instant is in the recovery point.
    before: Option<RunTime>,
    /// What was complete before this instant has something later than itself in the list.
    seen_until: Option<RunTime>,
}

/// The delete markers before a version that is in the list, and that version; the last place is the end of the list.
type Place = (usize, Option<Attempts>);

/// Compares the versions of one key, oldest first, with its writes. `current` is the write whose value the key holds,
/// `owed_before` the instant from which on the recovery point owes nothing. At most one fault of each kind is returned,
/// with a fact about it.
pub(super) fn examine(
    writes: &[Write],
    versions: &[Version],
    current: Option<&Write>,
    owed_before: Option<RunTime>,
) -> BTreeMap<FindingKind, String> {
    let mut by_id: HashMap<u64, Vec<&Write>> = HashMap::new();
    for write in writes.iter().filter(|write| write.digest != 0) {
        by_id.entry(write.id).or_default().push(write);
    }
    let mut listed: HashMap<u64, usize> = HashMap::new();
    for id in versions.iter().filter_map(|version| version.write_id.as_ref()) {
        *listed.entry(short(id.as_str())).or_default() += 1;
    }
    let mut faults = BTreeMap::new();
    let mut times_seen: HashMap<u64, usize> = HashMap::new();
    let mut places: Vec<Place> = Vec::new();
    let mut markers = 0;
    let mut latest_issue = RunTime::default();
    for version in versions {
        let Some(id) = &version.write_id else {
            // A version that is no marker holds no write id: nothing wrote it.
            if version.digest.is_some() {
                faults.entry(FindingKind::Foreign).or_insert_with(|| "version without a write id".to_owned());
            } else {
                markers += 1;
            }
            continue;
        };
        let fact = || format!("version with write id {id}");
        let Some(written) = by_id.get(&short(id.as_str())) else {
            faults.entry(FindingKind::Foreign).or_insert_with(fact);
            continue;
        };
        let Some(attempts) = Attempts::of(written, listed[&short(id.as_str())]) else {
            faults.entry(FindingKind::Phantom).or_insert_with(fact);
            continue;
        };
        // A version without a digest could not be read whole: it is known to be there, and not what it holds.
        let differs = |digest: &String| {
            written.iter().filter(|write| write.possible()).all(|write| write.digest != short(digest))
        };
        if version.digest.as_ref().is_some_and(differs) {
            faults.entry(FindingKind::Changed).or_insert_with(fact);
        }
        let times = times_seen.entry(short(id.as_str())).or_default();
        *times += 1;
        if *times > attempts.count {
            faults.entry(FindingKind::Duplicated).or_insert_with(fact);
        }
        if attempts.completed < latest_issue {
            faults.entry(FindingKind::Reordered).or_insert_with(fact);
        }
        latest_issue = latest_issue.max(attempts.last_issued);
        places.push((std::mem::take(&mut markers), Some(attempts)));
    }
    if let Some(current) = current
        && let std::collections::hash_map::Entry::Vacant(unlisted) = times_seen.entry(current.id)
    {
        unlisted.insert(1);
        let attempts = by_id.get(&current.id).and_then(|written| Attempts::of(written, 1));
        places.push((std::mem::take(&mut markers), attempts));
    }
    places.push((markers, None));
    let seen_until = places.iter().filter_map(|(_, attempts)| attempts.as_ref()).map(|attempts| attempts.issued).max();
    let owed = Owed { before: owed_before, seen_until };
    let gone = puts_gone(writes, &times_seen, owed);
    let (markers_gone, strange) = markers_amiss(writes, &places, owed);
    let absent: Vec<String> = [(gone, "version"), (markers_gone, "delete marker")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted(count, what))
        .collect();
    if !absent.is_empty() {
        faults.insert(FindingKind::Missing, format!("{} of its history", absent.join(" and ")));
    }
    if strange > 0 {
        let fact = format!("{} that no delete explains", counted(strange, "delete marker"));
        faults.entry(FindingKind::Foreign).or_insert(fact);
    }
    faults
}

/// Whether the recovery point owes a write that is not named as lost already. What was written after the cutover is always
/// owed. A value that may have been overwritten unseen is still owed its place in the list.
fn is_owed(write: &Write, owed: Owed) -> bool {
    write.acknowledged()
        && write.fate != Fate::Lost
        && (write.epoch > 0 || owed.before.is_some_and(|begun| write.completed < begun))
}

/// It is owed, or something that certainly came later is in the list.
fn is_expected(write: &Write, owed: Owed) -> bool {
    owed.seen_until.is_some_and(|issued| write.completed < issued) || is_owed(write, owed)
}

fn puts_gone(writes: &[Write], times_seen: &HashMap<u64, usize>, owed: Owed) -> u64 {
    let absent = |write: &&Write| write.acknowledged() && write.digest != 0 && !times_seen.contains_key(&write.id);
    writes.iter().filter(absent).filter(|write| is_expected(write, owed)).count() as u64
}

/// Delete markers that are not there, and those that should not be.
fn markers_amiss(writes: &[Write], places: &[Place], owed: Owed) -> (u64, u64) {
    let deletes = || writes.iter().filter(|write| write.op == Op::Delete && write.possible());
    let (mut gone, mut strange) = (0, 0);
    let mut before: Option<Attempts> = None;
    for (markers, after) in places {
        let certain = deletes().filter(|delete| {
            let since = before.is_none_or(|before| before.completed < delete.issued);
            let until = match after {
                Some(after) => delete.completed < after.issued,
                None => is_owed(delete, owed),
            };
            delete.acknowledged() && since && until
        });
        let possible = deletes().filter(|delete| {
            let since = before.is_none_or(|before| delete.completed >= before.issued);
            since && after.is_none_or(|after| delete.issued <= after.completed)
        });
        let (markers, certain, possible) = (*markers as u64, certain.count() as u64, possible.count() as u64);
        gone += certain.saturating_sub(markers);
        strange += markers.saturating_sub(possible);
        before = *after;
    }
    // Where what came before or after has no certain place, it still takes a marker for each delete that is owed one.
    let expected = deletes().filter(|delete| delete.acknowledged() && is_expected(delete, owed)).count() as u64;
    let listed: u64 = places.iter().map(|(markers, _)| *markers as u64).sum();
    (gone.max(expected.saturating_sub(listed)), strange)
}
