//! Who is to blame for a difference, and the words for it.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::Entry,
    findings::FindingKind,
    ids::ResourceId,
    ledger::Op,
    run_dir::{RunDir, RunDirError},
    units::RunTime,
};

use super::{Standing, Suspect};
use crate::{
    admissible::{Circumstances, Reading, leaves_nothing},
    ledger::{Fate, Write, short},
    tally::{Tally, agreeing, counted},
};

/// Why acknowledged writes of a key are gone, when it is not their being younger than the recovery point.
///
/// - The recovery point holds the write: the restore dropped it. The key is `missing`, or holds an older value.
/// - A delete completed before the capture began and the key is back: `resurrected`.
/// - A write completed before the capture began and the recovery point is not known to hold it: `backup-incomplete`.
pub(super) fn of_key(
    writes: &[Write],
    reading: Reading,
    held: Option<&Entry>,
    begun: Option<RunTime>,
) -> Option<FindingKind> {
    let lost = || writes.iter().filter(|write| write.fate == Fate::Lost && write.given_up());
    let youngest = lost().max_by_key(|write| write.completed)?;
    let completed_before = |write: &Write| begun.is_some_and(|begun| write.completed < begun);
    if reading.standing == Standing::Resurrected && youngest.op == Op::Delete && completed_before(youngest) {
        return Some(FindingKind::Resurrected);
    }
    let held_id = held_id(held);
    let in_point = |write: &Write| {
        let held = held_id.and_then(|id| writes.iter().find(|candidate| candidate.id == id));
        held.is_some_and(|held| held.id == write.id || write.precedes(held))
    };
    if lost().any(in_point) {
        let absent = reading.standing == Standing::Missing;
        return Some(if absent { FindingKind::Missing } else { FindingKind::Changed });
    }
    lost().any(completed_before).then_some(FindingKind::BackupIncomplete)
}

/// Why a key is not there that the recovered cut holds, though nothing of it is lost since it was deleted later: by then the
/// capture of the recovery point had ended, so that what was restored from it cannot know of the deletion.
pub(super) fn of_absence(writes: &[Write], held: Option<&Entry>, at: Circumstances) -> Option<FindingKind> {
    let (begun, ended) = at.point?;
    if writes.iter().any(|write| write.epoch > 0) {
        return None;
    }
    let removes = |write: &Write| leaves_nothing(write, at.utc_ms) && write.issued <= ended;
    // Whatever took something away by then came before this value.
    let stayed = |value: &Write| !writes.iter().any(|write| removes(write) && !write.precedes(value));
    let held_id = held_id(held);
    let mut attempts = writes.iter().filter(|write| write.possible() && Some(write.id) == held_id).peekable();
    if attempts.peek().is_some() && attempts.all(stayed) {
        return Some(FindingKind::Missing);
    }
    let owed = writes.iter().filter(|write| write.op != Op::Delete && write.acknowledged() && write.completed < begun);
    owed.max_by_key(|write| write.issued).filter(|write| stayed(write)).map(|_| FindingKind::BackupIncomplete)
}

/// Short digest of the write whose value the recovery point holds.
fn held_id(held: Option<&Entry>) -> Option<u64> {
    held.filter(|entry| !entry.deleted).and_then(|entry| entry.write_id.as_ref()).map(|id| short(id.as_str()))
}

/// Names the parts in which changed values differ from what was written, in a second pass over the ledger.
pub(super) fn name_changes(
    dir: &RunDir,
    resource: &ResourceId,
    suspects: &[Suspect],
    tally: Option<&mut Tally>,
) -> Result<(), RunDirError> {
    let Some(tally) = tally.filter(|_| !suspects.is_empty()) else { return Ok(()) };
    for line in dir.read_ledger()? {
        let line = line?;
        if line.resource != *resource {
            continue;
        }
        let id = short(line.write_id.as_str());
        let Some(suspect) = suspects.iter().find(|suspect| suspect.id == id && suspect.key == line.key) else {
            continue;
        };
        if let Some((_, fact)) = tally.sample.iter_mut().find(|(key, _)| *key == suspect.key) {
            *fact = format!("{}, {fact}", changes(&line.parts, &suspect.parts));
        }
    }
    Ok(())
}

fn changes(written: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> String {
    if written.is_empty() || found.is_empty() {
        return "its digest differs".to_owned();
    }
    let differing = written.iter().filter(|(name, digest)| found.get(*name).is_some_and(|found| found != *digest));
    let absent = written.keys().filter(|name| !found.contains_key(*name));
    let added = found.keys().filter(|name| !written.contains_key(*name));
    let words: Vec<String> = differing
        .map(|(name, _)| format!("`{name}` differs"))
        .chain(absent.map(|name| format!("`{name}` is gone")))
        .chain(added.map(|name| format!("`{name}` was added")))
        .collect();
    if words.is_empty() { "its digest differs".to_owned() } else { words.join(", ") }
}

/// Message and help of a finding: what was seen where, and what to try.
#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds are not made by comparing content")]
pub(super) fn words(kind: FindingKind, resource: &ResourceId, count: u64, point: &str) -> (String, String) {
    let keys = counted(count, "key");
    let verb = |one, many| agreeing(count, one, many);
    let (are, hold) = (verb("is", "are"), verb("holds", "hold"));
    let (seen, help): (String, &str) = match kind {
        FindingKind::BackupIncomplete => (
            format!("{keys} of {resource} written before {point} began {are} in neither it nor the recovered state"),
            "the backup reported success without them: compare what the backup lists with what the source holds",
        ),
        FindingKind::Missing => (
            format!("{keys} of {resource} that the recovered cut holds {are} not there"),
            "the backup is not to blame: look at what the restore, or the traffic's new home, did with these keys",
        ),
        FindingKind::Extra => (
            format!("{keys} of {resource} {} that nothing wrote", verb("exists", "exist")),
            "find out what else writes there, or whether the restore target was shared",
        ),
        FindingKind::Changed => (
            format!("{keys} of {resource} {hold} another value than was written"),
            "restore one of these keys by hand and compare it with the backup: storage, serialisation, or the restore",
        ),
        FindingKind::Foreign => (
            format!("{keys} of {resource} {hold} a value without a write of {}", verb("its own", "theirs")),
            "the value is corrupt or belongs to another key: compare it with the backup",
        ),
        FindingKind::Phantom => (
            format!("{keys} of {resource} {hold} a value that the service had refused"),
            "a refused write took effect: the copy that was restored is not the one that answered",
        ),
        FindingKind::Resurrected => (
            format!("{keys} of {resource} {} deleted before {point} began and {are} back", verb("was", "were")),
            "the restore merges into what is there, or the backup does not carry deletes",
        ),
        FindingKind::Duplicated => (
            format!("{keys} of {resource} {are} there more than once"),
            "the restore wrote them twice: make it idempotent by key and version",
        ),
        FindingKind::Reordered => (
            format!("versions of {keys} of {resource} are in another order than they were written"),
            "restore versions one after the other, oldest first",
        ),
        other => (format!("{keys} of {resource}: {other}"), "look at these keys"),
    };
    (seen, help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_what_became_of_them() {
        let parts = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let written = parts(&[("a", "1"), ("b", "2")]);
        for (found, expected) in [
            (parts(&[("a", "1"), ("b", "3")]), "`b` differs"),
            (parts(&[("a", "1")]), "`b` is gone"),
            (parts(&[("a", "1"), ("b", "2"), ("c", "3")]), "`c` was added"),
            (parts(&[("b", "3"), ("c", "3")]), "`b` differs, `a` is gone, `c` was added"),
            (written.clone(), "its digest differs"),
            (parts(&[]), "its digest differs"),
        ] {
            assert_eq!(changes(&written, &found), expected);
        }
        assert_eq!(changes(&parts(&[]), &written), "its digest differs");
    }
}
