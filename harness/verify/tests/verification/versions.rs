//! Versions of keys in a versioned bucket: hand-built lists, and laws over generated histories of one key.

use firedrill_model::{
    capture::{Entry, Version},
    findings::{FindingKind, Weight},
    history::Event,
    ids::ResourceId,
    ledger::{LedgerLine, Op},
    units::RunTime,
    verdict::Verdict,
};
use proptest::prelude::*;

use crate::support::{
    BACKUP, World, ambiguous, delete, description, documents, entry, generated::tried, has, put, put_after, roots,
    uploads, verdict,
};

const KEY: &str = "v.txt";
const MARKER: Version = Version { write_id: None, digest: None };

fn version(line: &LedgerLine) -> Version {
    if line.op == Op::Delete {
        return MARKER;
    }
    Version { write_id: Some(line.write_id.clone()), digest: line.digest.clone() }
}

/// What a versioned bucket shows of a key with these versions, oldest first.
fn shown(lines: &[LedgerLine], versions: Vec<Version>) -> Option<Entry> {
    let newest = versions.last()?;
    let line = newest.write_id.as_ref().and_then(|id| lines.iter().find(|line| line.write_id == *id));
    let base = entry(line.unwrap_or(&lines[0]));
    Some(if newest.write_id.is_some() {
        Entry { versions, ..base }
    } else {
        Entry { versions, deleted: true, write_id: None, digest: String::new(), bytes: 0, ..base }
    })
}

/// A world with these writes of one key, which shows this entry of it.
fn world(lines: &[LedgerLine], entry: Option<Entry>) -> World {
    let mut world = World::whole();
    let held = entry.as_ref().and_then(|entry| entry.write_id.clone());
    if let Some(line) = held.and_then(|id| lines.iter().find(|line| line.write_id == id)) {
        world.drained(&documents()).push(description(line));
    }
    if let Some(entry) = entry {
        world.add(&uploads(), &entry);
    }
    world.ledger.extend(lines.iter().cloned());
    world
}

fn expected(kind: Option<FindingKind>) -> Vec<(FindingKind, Option<ResourceId>)> {
    kind.into_iter().map(|kind| (kind, Some(uploads()))).collect()
}

#[test]
fn a_deleted_key_with_versions_that_nobody_wrote_is_one_too_many() {
    let nobodys = [put(&uploads(), "ghost.txt", "nobody", 1), delete(&uploads(), "ghost.txt", "nobody-2", 2)];
    let ghost = |versions: Vec<Version>| {
        let mut whole = World::whole();
        whole.add(&uploads(), &shown(&nobodys, versions).unwrap());
        roots(&whole.judge())
    };
    assert_eq!(ghost(vec![version(&nobodys[0]), MARKER]), expected(Some(FindingKind::Extra)));
    let nameless = Version { write_id: None, digest: Some("something".to_owned()) };
    assert_eq!(ghost(vec![nameless, MARKER]), expected(Some(FindingKind::Extra)));
    assert_eq!(ghost(vec![MARKER]), [], "a marker alone shows nothing to anybody");
}

/// `v-1`, `v-2`, deleted, all before the backup began.
fn deleted_key() -> [LedgerLine; 3] {
    [put(&uploads(), KEY, "v-1", 5_000), put(&uploads(), KEY, "v-2", 5_100), delete(&uploads(), KEY, "v-3", 5_200)]
}

#[test]
fn a_deleted_key_keeps_its_versions_and_its_marker() {
    let lines = deleted_key();
    let [one, two, three] = [&lines[0], &lines[1], &lines[2]].map(version);
    let table: [(&str, Vec<Version>, Option<FindingKind>); 6] = [
        ("whole", vec![one.clone(), two.clone(), three.clone()], None),
        ("nothing at all", vec![], Some(FindingKind::Missing)),
        ("the marker alone", vec![three.clone()], Some(FindingKind::Missing)),
        ("an older version is gone", vec![two.clone(), three.clone()], Some(FindingKind::Missing)),
        ("the younger version is gone", vec![one.clone(), three.clone()], Some(FindingKind::Missing)),
        ("a marker too many", vec![one, MARKER, two, three], Some(FindingKind::Foreign)),
    ];
    for (what, versions, kind) in table {
        assert_eq!(roots(&world(&lines, shown(&lines, versions)).judge()), expected(kind), "{what}");
    }
}

#[test]
fn a_marker_between_two_versions_is_one_of_the_list() {
    let [one, two, gone] = deleted_key();
    let again = put(&uploads(), KEY, "v-4", 5_300);
    let lines = [one, two, gone, again];
    let whole: Vec<Version> = lines.iter().map(version).collect();
    assert_eq!(roots(&world(&lines, shown(&lines, whole.clone())).judge()), []);
    let without: Vec<Version> = whole.iter().filter(|version| version.write_id.is_some()).cloned().collect();
    assert_eq!(roots(&world(&lines, shown(&lines, without)).judge()), expected(Some(FindingKind::Missing)));
    let moved = vec![whole[2].clone(), whole[0].clone(), whole[1].clone(), whole[3].clone()];
    let moved = world(&lines, shown(&lines, moved)).judge();
    assert_eq!(verdict(&moved, "state"), Verdict::Fail, "the marker stands where no delete was");
}

#[test]
fn an_entry_without_a_list_shows_the_newest_version_alone() {
    let lines = [put(&uploads(), KEY, "v-1", 5_000), put(&uploads(), KEY, "v-2", 5_100)];
    assert_eq!(roots(&world(&lines, Some(entry(&lines[1]))).judge()), expected(Some(FindingKind::Missing)));
    assert_eq!(roots(&world(&lines[1..], Some(entry(&lines[1]))).judge()), []);
    let deleted = [lines[1].clone(), delete(&uploads(), KEY, "v-3", 5_200)];
    let mut bare = shown(&deleted, vec![MARKER]).unwrap();
    bare.versions.clear();
    assert_eq!(roots(&world(&deleted, Some(bare)).judge()), expected(Some(FindingKind::Missing)));
}

#[test]
fn a_key_made_and_deleted_after_the_backup_owes_no_versions() {
    let lines = [put(&uploads(), KEY, "v-1", 19_200), delete(&uploads(), KEY, "v-2", 19_300)];
    assert_eq!(roots(&world(&lines, None).judge()), []);
    // After the cutover nothing may be gone.
    let after = |line: LedgerLine| LedgerLine { side: firedrill_model::topology::Side::Recovery, epoch: 1, ..line };
    let lines = [put_after(&uploads(), KEY, "v-1", 29_200), after(delete(&uploads(), KEY, "v-2", 29_300))];
    assert_eq!(roots(&world(&lines, None).judge()), expected(Some(FindingKind::Missing)));
    let whole: Vec<Version> = lines.iter().map(version).collect();
    assert_eq!(roots(&world(&lines, shown(&lines, whole)).judge()), []);
}

#[test]
fn without_a_recovery_point_the_versions_of_what_is_gone_are_unknown() {
    let lines = deleted_key();
    let mut unknown = world(&lines, None);
    unknown.events.retain(|(_, event)| !matches!(event, Event::BackupCompleted { .. }));
    let found = unknown.judge();
    assert!(has(&found, FindingKind::NotMeasured, Weight::Undecided), "{:#?}", found.findings);
    assert_eq!(verdict(&found, "state"), Verdict::Inconclusive);
}

/// What is said of versions that are owed by nobody knows whom.
fn unknown(lines: &[LedgerLine], entry: Option<Entry>) -> bool {
    let mut world = world(lines, entry);
    world.events.retain(|(_, event)| !matches!(event, Event::BackupCompleted { .. }));
    world.judge().findings.iter().any(|finding| finding.message.contains("deleted key"))
}

#[test]
fn only_a_value_that_may_have_been_taken_away_leaves_its_versions_unknown() {
    let lines = deleted_key();
    assert!(unknown(&lines, None));
    assert!(!unknown(&lines[..1], None), "it is lost");
    assert!(!unknown(&lines[2..], None), "a delete alone took nothing away");
    assert!(!unknown(&[ambiguous(lines[0].clone())], None), "it may never have been there");
    let whole: Vec<Version> = lines.iter().map(version).collect();
    assert!(!unknown(&lines, shown(&lines, whole)), "they are there");
    // What was made and deleted after the backup is not owed, and nothing is unknown of it.
    let late = [put(&uploads(), KEY, "v-1", 19_200), delete(&uploads(), KEY, "v-2", 19_300)];
    assert_eq!(verdict(&world(&late, None).judge(), "state"), Verdict::Pass);
}

fn until(completed: u64, line: LedgerLine) -> LedgerLine {
    LedgerLine { completed_ms: Some(RunTime::from_ms(completed)), ..line }
}

#[test]
fn versions_of_writes_under_way_together_have_no_order() {
    for (issued, reordered) in [(5_100, false), (5_101, true)] {
        let lines = [
            until(5_100, put(&uploads(), KEY, "v-1", 5_000)),
            put(&uploads(), KEY, "v-2", issued),
            put(&uploads(), KEY, "v-3", 5_200),
        ];
        let found = world(&lines, shown(&lines, [1, 0, 2].map(|index: usize| version(&lines[index])).to_vec())).judge();
        assert_eq!(roots(&found), expected(reordered.then_some(FindingKind::Reordered)), "{issued}");
        assert_eq!(found.equivalence.total.reordered, u64::from(reordered));
    }
}

#[test]
fn a_version_is_owed_when_the_recovery_point_or_a_later_version_owes_it() {
    for (completed, kind) in [(BACKUP.0 - 1, Some(FindingKind::Missing)), (BACKUP.0, None)] {
        let lines = [until(completed, put(&uploads(), KEY, "v-1", 17_000)), delete(&uploads(), KEY, "v-2", 18_600)];
        assert_eq!(roots(&world(&lines, None).judge()), expected(kind), "{completed}");
    }
    for (completed, kind) in [(19_299, Some(FindingKind::Missing)), (19_300, None)] {
        let lines = [until(completed, put(&uploads(), KEY, "v-1", 19_200)), put(&uploads(), KEY, "v-2", 19_300)];
        let lines = lines.map(|line| LedgerLine { writer: "another".to_owned(), ..line });
        let found = world(&lines, shown(&lines, vec![version(&lines[1])])).judge();
        assert_eq!(roots(&found), expected(kind), "{completed}");
    }
}

#[test]
fn a_marker_belongs_between_the_versions_that_its_delete_came_between() {
    // The delete, the put before it, and the put after it; a doubtful delete explains a marker at the end.
    for (before, after, kind) in [
        (5_100, 5_112, Some(FindingKind::Missing)),
        (5_101, 5_112, None),
        (5_100, 5_111, None),
        (5_100, 5_113, Some(FindingKind::Missing)),
        (5_099, 5_112, Some(FindingKind::Missing)),
    ] {
        let lines = [
            until(before, put(&uploads(), KEY, "v-1", 5_000)),
            until(5_111, delete(&uploads(), KEY, "v-2", 5_101)),
            put(&uploads(), KEY, "v-3", after),
            ambiguous(delete(&uploads(), KEY, "v-4", 5_200)),
        ];
        let moved = vec![version(&lines[0]), version(&lines[2]), MARKER];
        let found = world(&lines, shown(&lines, moved)).judge();
        let gone = found.findings.iter().find(|finding| finding.weight == Weight::Failure);
        assert_eq!(gone.map(|finding| finding.kind), kind, "{before} {after}: {:#?}", found.findings);
        if let Some(gone) = gone {
            assert_eq!(gone.detail, ["v.txt: 1 delete marker of its history"]);
        }
    }
}

#[test]
fn a_bare_marker_is_the_newest_version() {
    let lines = [put(&uploads(), KEY, "v-2", 5_100), delete(&uploads(), KEY, "v-3", 5_200)];
    let mut bare = shown(&lines, vec![MARKER]).unwrap();
    bare.versions.clear();
    let found = world(&lines, Some(bare)).judge();
    let missing = found.findings.iter().find(|finding| finding.kind == FindingKind::Missing).unwrap();
    assert_eq!(missing.detail, ["v.txt: 1 version of its history"]);
}

#[test]
fn a_marker_that_no_delete_explains_is_foreign() {
    let lines = [put(&uploads(), KEY, "v-1", 5_000)];
    let found = world(&lines, shown(&lines, vec![version(&lines[0]), MARKER])).judge();
    assert_eq!(roots(&found), expected(Some(FindingKind::Foreign)));
}

/// A history of one key before the backup: puts, deletes, and puts of which a first attempt was ambiguous.
fn history() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..6_u8, 1..12)
}

/// Ledger lines and the version list of a bucket in which each took effect, in order; an ambiguous first attempt left a
/// version of its own when the draw says so.
fn played(strokes: &[u8]) -> (Vec<LedgerLine>, Vec<Version>) {
    let (mut lines, mut versions, mut there) = (Vec::new(), Vec::new(), false);
    for (number, stroke) in (0_u64..).zip(strokes) {
        let (at, id) = (3_000 + number * 100, format!("v-{number}"));
        if *stroke == 0 && there {
            let line = delete(&uploads(), KEY, &id, at);
            lines.push(line);
            versions.push(MARKER);
            there = false;
            continue;
        }
        let line = put(&uploads(), KEY, &id, at);
        if *stroke == 1 || *stroke == 2 {
            let mut again = line.clone();
            (again.attempt, again.issued_ms) = (2, RunTime::from_ms(at + 20));
            again.completed_ms = Some(RunTime::from_ms(at + 30));
            lines.extend([ambiguous(line.clone()), again]);
            versions.extend((1..*stroke).map(|_| version(&line)));
        } else {
            lines.push(line.clone());
        }
        versions.push(version(&line));
        there = true;
    }
    (lines, versions)
}

proptest! {
    #![proptest_config(tried(64))]

    /// A list that holds every write in order is right, however often a put was retried.
    #[test]
    fn a_whole_list_of_versions_is_right(strokes in history()) {
        let (lines, versions) = played(&strokes);
        let found = world(&lines, shown(&lines, versions)).judge();
        prop_assert_eq!(roots(&found), []);
        prop_assert_eq!(found.equivalence.total.count(), 0);
    }

    /// One write taken out of the list is found, wherever it stood. (One of a put's two versions is none.)
    #[test]
    fn a_version_that_is_gone_is_found(strokes in history(), which: prop::sample::Index) {
        let (lines, mut versions) = played(&strokes);
        let gone = versions.remove(which.index(versions.len()));
        prop_assume!(gone.write_id.is_none() || !versions.contains(&gone));
        let found = world(&lines, shown(&lines, versions)).judge();
        prop_assert_eq!(found.verdict, Verdict::Fail, "{:?}", gone);
    }

    /// Two neighbours of different writes that changed places are found. (What an ambiguous attempt left may stand later.)
    #[test]
    fn versions_in_another_order_are_found(strokes in history(), which: prop::sample::Index) {
        let once: Vec<u8> = strokes.into_iter().map(|stroke| if stroke == 2 { 1 } else { stroke }).collect();
        let (lines, mut versions) = played(&once);
        prop_assume!(versions.len() > 1);
        let first = which.index(versions.len() - 1);
        prop_assume!(versions[first] != versions[first + 1]);
        versions.swap(first, first + 1);
        let found = world(&lines, shown(&lines, versions)).judge();
        prop_assert_eq!(found.verdict, Verdict::Fail);
    }
}
