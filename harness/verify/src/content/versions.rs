//! The versions of a key in a versioned bucket: every acknowledged put in order, a retried one perhaps twice.

use std::collections::{BTreeMap, HashMap};

use firedrill_model::{capture::Version, findings::FindingKind, units::RunTime};

use crate::ledger::{Write, short};

/// Compares the versions of one key, oldest first, with its writes up to the one that is `current`. At most one fault of
/// each kind is returned, with a fact about it.
pub(crate) fn examine(
    writes: &[Write],
    versions: &[Version],
    current: Option<&Write>,
) -> BTreeMap<FindingKind, String> {
    let mut by_id: HashMap<u64, Vec<&Write>> = HashMap::new();
    for write in writes.iter().filter(|write| write.digest != 0) {
        by_id.entry(write.id).or_default().push(write);
    }
    let mut faults = BTreeMap::new();
    let mut times_seen: HashMap<u64, usize> = HashMap::new();
    let mut latest_issue = RunTime::default();
    for version in versions {
        let Some(id) = &version.write_id else { continue };
        let Some(attempts) = by_id.get(&short(id.as_str())) else {
            faults.entry(FindingKind::Foreign).or_insert_with(|| format!("version with write id {id}"));
            continue;
        };
        let possible: Vec<&&Write> = attempts.iter().filter(|write| write.possible()).collect();
        let Some(ends) = possible.iter().map(|write| write.completed).max() else {
            faults.entry(FindingKind::Phantom).or_insert_with(|| format!("version with write id {id}"));
            continue;
        };
        // A version without a digest could not be read whole: it is known to be there, and not what it holds.
        let differs = |digest: &String| possible.iter().all(|write| write.digest != short(digest));
        if version.digest.as_ref().is_some_and(differs) {
            faults.entry(FindingKind::Changed).or_insert_with(|| format!("version with write id {id}"));
        }
        let times = times_seen.entry(short(id.as_str())).or_default();
        *times += 1;
        if *times > possible.len() {
            faults.entry(FindingKind::Duplicated).or_insert_with(|| format!("version with write id {id}"));
        }
        if ends < latest_issue {
            faults.entry(FindingKind::Reordered).or_insert_with(|| format!("version with write id {id}"));
        }
        latest_issue = possible.iter().map(|write| write.issued).fold(latest_issue, Ord::max);
    }
    let absent = |write: &&Write| write.acknowledged() && write.digest != 0 && !times_seen.contains_key(&write.id);
    if let Some(current) = current {
        let gone = writes.iter().filter(absent).filter(|write| write.precedes(current)).count();
        if gone > 0 {
            faults.insert(FindingKind::Missing, format!("{gone} of its older versions"));
        }
    }
    faults
}
