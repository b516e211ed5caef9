//! Laws of blame on generated runs: whose fault a loss is, and that a wrong key has one root finding.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_model::{
    capture::{CaptureName, Entry},
    findings::{Finding, FindingKind, Weight},
    history::Event,
    ledger::{LedgerLine, Op, Outcome},
    scenario::Rpo,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};
use proptest::{prelude::*, sample::Index};

use crate::support::{
    BACKUP, T0, World, ambiguous, delete, entry,
    generated::{Stroke, by_writers, ledger, state_at, strokes, tried, world},
    orders, put, roots,
    tampering::picked,
};

/// The drill in which the table came back as it was when the capture of its recovery point began, and the point holds it all.
fn backed_up(lines: &[LedgerLine], begun_ms: u64, objective_ms: Option<u64>) -> World {
    let mut world = world(lines, begun_ms);
    world.plan.expect.rpo = objective_ms.map(|ms| Rpo { within: Span::from_ms(ms), source: None });
    world.each_event(|_, event| {
        if let Event::BackupCompleted { recovery_point } = event {
            recovery_point.begun_ms = RunTime::from_ms(begun_ms);
        }
    });
    let held = world.recovered(&orders()).clone();
    world.content.insert((CaptureName::RecoveryPoint, orders()), held);
    world
}

/// Keys that a recovery point of this instant certainly owes: nothing that may have been a delete explains that they are gone.
fn owed(lines: &[LedgerLine], begun_ms: u64) -> Vec<String> {
    let held = state_at(lines, begun_ms);
    let is_owed = |key: &String, held: &LedgerLine| {
        let mut own = lines.iter().filter(|line| line.key == *key && line.outcome != Outcome::Rejected);
        held.completed_ms.is_some_and(|at| at < RunTime::from_ms(begun_ms))
            && own.all(|line| {
                let overwritten = line.completed_ms.is_some_and(|at| at < held.issued_ms);
                line.outcome == Outcome::Acknowledged && (line.op != Op::Delete || overwritten)
            })
    };
    held.into_iter().filter_map(|(key, held)| held.filter(|held| is_owed(&key, held)).map(|_| key)).collect()
}

/// The one finding of this kind at the orders names this key alone, is a root and a failure; other roots than it were there
/// before it was made.
fn blames(before: &Verification, found: &Verification, kind: FindingKind, key: &str) -> Result<(), TestCaseError> {
    let here: Vec<&Finding> =
        found.findings.iter().filter(|one| one.kind == kind && one.resource == Some(orders())).collect();
    prop_assert_eq!(here.len(), 1, "{:#?}", found.findings);
    let named = (here[0].key.as_deref(), here[0].count, here[0].weight, here[0].root.as_deref());
    prop_assert_eq!(named, (Some(key), 1, Weight::Failure, None));
    let others: Vec<_> = roots(found).into_iter().filter(|root| *root != (kind, Some(orders()))).collect();
    prop_assert!(others.iter().all(|root| roots(before).contains(root)), "{:#?}", found.findings);
    Ok(())
}

proptest! {
    #![proptest_config(tried(96))]

    /// A key that the backup skipped is the backup's fault, and one that the restore dropped is the restore's, however much
    /// may be lost and whether or not that is asserted.
    #[test]
    fn a_key_that_is_gone_is_blamed_on_whoever_dropped_it_whatever_the_objective(
        strokes in strokes(), concurrent: bool, begun_ms in 3_000..BACKUP.0, which: Index,
        objective_ms in prop::option::of(1..60_000_u64),
    ) {
        let lines = ledger(&strokes, concurrent);
        let owed = owed(&lines, begun_ms);
        prop_assume!(!owed.is_empty());
        let key = picked(&owed, which).unwrap();
        let whole = backed_up(&lines, begun_ms, objective_ms);
        let before = whole.judge();
        let mut dropped_by_the_restore = whole.clone();
        dropped_by_the_restore.drop_key(&orders(), key);
        let mut skipped_by_the_backup = dropped_by_the_restore.clone();
        let point = skipped_by_the_backup.content.get_mut(&(CaptureName::RecoveryPoint, orders())).unwrap();
        point.retain(|entry| entry.key != *key);
        blames(&before, &skipped_by_the_backup.judge(), FindingKind::BackupIncomplete, key)?;
        let found = dropped_by_the_restore.judge();
        blames(&before, &found, FindingKind::Missing, key)?;
        prop_assert!(found.findings.iter().all(|one| one.kind != FindingKind::BackupIncomplete));
    }

    /// A key that was deleted only once the recovery point was complete has to come back: what was restored cannot know of that.
    /// Nothing more is lost when it does not. A delete that may have come before the point was complete explains it.
    #[test]
    fn a_key_that_was_deleted_after_the_recovery_point_is_blamed_on_whoever_dropped_it(
        strokes in strokes(), concurrent: bool, begun_ms in 3_000..BACKUP.0, which: Index, sure: bool,
    ) {
        let mut lines = ledger(&strokes, concurrent);
        lines.retain(|line| line.issued_ms <= RunTime::from_ms(BACKUP.1));
        let owed = owed(&lines, begun_ms);
        prop_assume!(!owed.is_empty());
        let key = picked(&owed, which).unwrap().clone();
        let deleted = |at_ms| {
            let line = delete(&orders(), &key, "late-1", at_ms);
            let line = if sure { line } else { ambiguous(line) };
            backed_up(&lines.iter().cloned().chain([line]).collect::<Vec<_>>(), begun_ms, Some(10 * T0))
        };
        let whole = deleted(BACKUP.1 + 1);
        let before = whole.judge();
        prop_assert!(!before.findings.iter().any(|one| one.weight == Weight::Failure), "{:#?}", before.findings);
        let mut dropped_by_the_restore = whole.clone();
        dropped_by_the_restore.drop_key(&orders(), &key);
        let mut skipped_by_the_backup = dropped_by_the_restore.clone();
        let point = skipped_by_the_backup.content.get_mut(&(CaptureName::RecoveryPoint, orders())).unwrap();
        point.retain(|entry| entry.key != key);
        let found = skipped_by_the_backup.judge();
        blames(&before, &found, FindingKind::BackupIncomplete, &key)?;
        let failed = |found: &Verification| {
            ["state", "rpo"].map(|check| found.checks[&check.into()] == Verdict::Fail)
        };
        prop_assert_eq!(failed(&found), [true, false], "nothing of it is lost");
        let found = dropped_by_the_restore.judge();
        prop_assert_eq!(failed(&found), [true, false], "nothing of it is lost");
        blames(&before, &found, FindingKind::Missing, &key)?;
        let mut in_time = deleted(BACKUP.1);
        in_time.drop_key(&orders(), &key);
        let found = in_time.judge();
        prop_assert!(!found.findings.iter().any(|one| one.key.as_ref() == Some(&key)), "{:#?}", found.findings);
    }
}

/// What is wrong with one key.
#[derive(Clone, Copy, Debug)]
enum Defect {
    Gone,
    /// An older value, or one that was deleted.
    Old(Index),
    Foreign,
    Corrupt,
    Twice,
}

fn defect() -> impl Strategy<Value = (Defect, bool)> {
    let defect = prop_oneof![
        Just(Defect::Gone),
        any::<Index>().prop_map(Defect::Old),
        Just(Defect::Foreign),
        Just(Defect::Corrupt),
        Just(Defect::Twice),
    ];
    (defect, any::<bool>())
}

/// Acknowledged writes of two writers, all complete before the backup, one at a time on each key: what a key has to hold is
/// beyond doubt.
fn certain(strokes: &[Stroke]) -> Vec<LedgerLine> {
    let sure = |line: &LedgerLine| line.outcome == Outcome::Acknowledged && line.completed_ms < Some(before_backup());
    by_writers(strokes, false).into_iter().filter(sure).collect()
}

fn before_backup() -> RunTime {
    RunTime::from_ms(BACKUP.0)
}

/// Gives this key the defect, if its history holds what that takes; whether it did. `in_point`: the recovery point is right.
fn spoil(world: &mut World, lines: &[LedgerLine], key: &str, (defect, in_point): (Defect, bool)) -> bool {
    let current = state_at(lines, T0).remove(key).flatten();
    let own: Vec<&LedgerLine> = lines.iter().filter(|line| line.key == key && line.op != Op::Delete).collect();
    let older: Vec<&LedgerLine> = own
        .into_iter()
        .filter(|line| current.as_ref().is_none_or(|current| line.write_id != current.write_id))
        .collect();
    let found: Vec<Entry> = match (defect, current.as_ref().map(entry)) {
        (Defect::Gone, Some(_)) => Vec::new(),
        (Defect::Old(which), _) if !older.is_empty() => {
            picked(&older, which).map(|line| entry(line)).into_iter().collect()
        }
        (Defect::Foreign, Some(held)) => vec![Entry { write_id: Some("nobody".into()), ..held }],
        (Defect::Corrupt, Some(held)) => vec![Entry { digest: "corrupt".to_owned(), ..held }],
        (Defect::Twice, Some(held)) => vec![held.clone(), held],
        _ => return false,
    };
    world.drop_key(&orders(), key);
    let point = world.content.entry((CaptureName::RecoveryPoint, orders())).or_default();
    if !in_point {
        point.retain(|entry| entry.key != key);
        point.extend(found.first().cloned());
    }
    for entry in &found {
        world.add(&orders(), entry);
    }
    true
}

/// How many lines of these findings name each key.
fn naming(findings: &[&Finding]) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for line in findings.iter().flat_map(|finding| &finding.detail) {
        let key = line.split(": ").next().unwrap_or(line);
        *named.entry(key.to_owned()).or_default() += 1;
    }
    named
}

proptest! {
    #![proptest_config(tried(128))]

    /// Whatever is wrong with a key, one root names it; all else that fails or stays undecided follows from such a root.
    #[test]
    fn each_wrong_key_has_one_root_from_which_everything_else_about_it_follows(
        strokes in strokes(), defects in prop::collection::vec(prop::option::weighted(0.6, defect()), 4), stray: bool,
    ) {
        let lines = certain(&strokes);
        let mut world = backed_up(&lines, BACKUP.0, Some(1_000));
        prop_assert_eq!(roots(&world.judge()), [], "the whole world is right");
        let keys: BTreeSet<String> = lines.iter().map(|line| line.key.clone()).collect();
        let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
        for (key, defect) in keys.iter().zip(defects) {
            if defect.is_some_and(|defect| spoil(&mut world, &lines, key, defect)) {
                wrong.insert(key.clone(), 1);
            }
        }
        if stray {
            world.add(&orders(), &entry(&put(&orders(), "C-1#stray", "stray", 1)));
            wrong.insert("C-1#stray".to_owned(), 1);
        }
        let found = world.judge();
        let decides = || found.findings.iter().filter(|one| one.weight != Weight::Note);
        let roots: Vec<&Finding> = decides().filter(|one| one.root.is_none()).collect();
        prop_assert_eq!(naming(&roots), wrong, "{:#?}", found.findings);
        prop_assert!(roots.iter().all(|root| root.resource == Some(orders())), "{:#?}", found.findings);
        let ids: BTreeSet<&str> = roots.iter().map(|root| root.id.as_str()).collect();
        let follows = decides().filter_map(|one| one.root.as_deref());
        prop_assert!(follows.into_iter().all(|root| ids.contains(root)), "{:#?}", found.findings);
    }
}
