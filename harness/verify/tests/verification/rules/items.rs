//! Rules of derived items: what several causes and several faults make of them.

use firedrill_model::{
    capture::CaptureName,
    findings::{Finding, FindingKind},
    ledger::LedgerLine,
    units::RunTime,
    verdict::Verdict,
    verification::{EffectCounts, Verification},
};

use crate::support::{
    World, ambiguous, delete, description, documents, entry, finding, orders, put, roots, running_total, totals,
    trigger, uploads, verdict,
};

fn of_orders(found: &Verification) -> &EffectCounts {
    &found.effects["total-orders"]
}

fn findings(found: &Verification, kind: FindingKind) -> Vec<&Finding> {
    found.findings.iter().filter(|finding| finding.kind == kind).collect()
}

#[test]
fn what_is_wrong_with_items_is_one_finding_a_kind() {
    let mut world = World::whole();
    // Two orders without their item, and two items without an order.
    world.drained(&totals()).retain(|item| item.key != "C-2");
    for customer in ["C-8", "C-9"] {
        let stray = put(&orders(), &format!("{customer}#x"), "x-1", 1);
        world.drained(&totals()).push(running_total(customer, &[(&stray, false)]));
    }
    let found = world.judge();
    let place = Some(trigger("total-orders"));
    assert_eq!(roots(&found), [(FindingKind::EffectMissing, place.clone()), (FindingKind::EffectWrong, place)]);
    assert_eq!((of_orders(&found).missing, of_orders(&found).wrong, of_orders(&found).orphaned), (2, 2, 0));
    assert_eq!(finding(&found, FindingKind::EffectMissing).count, 2);
    let wrong = finding(&found, FindingKind::EffectWrong);
    assert_eq!((wrong.count, wrong.key.as_deref()), (2, Some("C-8")));
    assert_eq!(of_orders(&found).sample, ["C-2#o-3", "C-2#o-4"]);
}

#[test]
fn orphans_of_different_origin_are_told_apart_and_tear_the_cut() {
    let mut world = World::whole();
    // One cause was lost with the copy that was given up, one by the backup.
    let lost = world.line("u-l-1").clone();
    world.drained(&documents()).push(description(&lost));
    world.drop_key(&uploads(), "a b.txt");
    // Its own writer, so that nothing else is torn.
    for (number, line) in world.ledger.iter_mut().enumerate() {
        line.writer = format!("writer-{number}");
    }
    let found = world.judge();
    let incomplete = finding(&found, FindingKind::BackupIncomplete).id.clone();
    let orphaned = findings(&found, FindingKind::EffectOrphaned);
    let told: Vec<_> = orphaned.iter().map(|one| (one.key.as_deref(), one.count, one.root.clone())).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&(Some("a b.txt"), 1, Some(incomplete.clone()))), "{told:?}");
    assert!(told.contains(&(Some("lost.txt"), 1, None)), "{told:?}");
    let counts = &found.effects["describe-upload"];
    assert_eq!((counts.orphaned, counts.wrong, counts.missing), (2, 0, 0));
    // An effect without its cause is no consistent cut.
    let own = orphaned.iter().find(|one| one.root.is_none()).unwrap();
    assert_eq!(own.message, "1 key is lost and what describe-upload made of it is not");
    let torn: Vec<_> = findings(&found, FindingKind::Torn).iter().map(|one| one.root.clone()).collect();
    assert_eq!(torn.len(), 2);
    assert!(torn.contains(&Some(own.id.clone())) && torn.contains(&Some(incomplete)), "{torn:?}");
    assert_eq!(verdict(&found, "consistent-cut"), Verdict::Fail);
    world.plan.expect.consistent_cut = false;
    assert!(findings(&world.judge(), FindingKind::Torn).is_empty(), "nobody asked for a cut");
}

#[test]
fn effects_that_are_wrong_or_missing_tear_nothing() {
    let mut world = World::whole();
    world.drained(&totals())[0].value.as_mut().unwrap()["total"] = "99".into();
    world.drained(&documents()).truncate(2);
    let found = world.judge();
    assert!(findings(&found, FindingKind::Torn).is_empty());
    assert_eq!(verdict(&found, "consistent-cut"), Verdict::Pass);
}

#[test]
fn an_item_that_shows_what_nothing_wrote_is_wrong() {
    let mut world = World::whole();
    let (one, two) = (world.line("o-1-2").clone(), world.line("o-2-1").clone());
    let stray = put(&orders(), "C-1#o-9", "x-1", 1);
    world.drained(&totals())[0] = running_total("C-1", &[(&one, false), (&two, true), (&stray, false)]);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::EffectWrong, Some(trigger("total-orders")))]);
    assert_eq!(finding(&found, FindingKind::EffectWrong).detail, ["C-1: it shows C-1#o-9, which nothing wrote"]);
}

#[test]
fn items_out_of_order_leave_their_effects_undecided() {
    let root = tempfile::tempdir().unwrap();
    let dir = World::whole().save_with(root.path(), |dir| {
        let path = dir.content(CaptureName::Drained, &totals());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().rev().collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    });
    let found = firedrill_verify::verify(&dir).unwrap();
    let undecided = finding(&found, FindingKind::NotMeasured);
    assert_eq!(undecided.message, "the capture of table/totals is not sorted by key: C-1");
    assert_eq!(
        (verdict(&found, "effects.total-orders"), verdict(&found, "state")),
        (Verdict::Inconclusive, Verdict::Inconclusive)
    );
    assert_eq!((roots(&found), of_orders(&found).missing, of_orders(&found).expected), (vec![], 0, 0));
}

/// The writes of a fresh key before the backup, the one that it holds, and what its customer's item shows.
fn fresh(writes: &[LedgerLine], held: Option<&LedgerLine>, shown: Option<(&LedgerLine, bool)>) -> Verification {
    let mut world = World::whole();
    for line in writes {
        world.ledger.push(LedgerLine { writer: format!("writer-{}", line.write_id), ..line.clone() });
    }
    if let Some(held) = held {
        world.add(&orders(), &entry(held));
    }
    if let Some((line, gone)) = shown {
        world.drained(&totals()).push(running_total("C-5", &[(line, gone)]));
    }
    world.judge()
}

fn written(id: &str, at: u64) -> LedgerLine {
    put(&orders(), "C-5#x", id, at)
}

fn deleted(id: &str, at: u64) -> LedgerLine {
    delete(&orders(), "C-5#x", id, at)
}

#[test]
fn a_value_that_nobody_acknowledged_owes_no_effect() {
    let lines = [written("x-1", 5_000), ambiguous(written("x-2", 6_000))];
    assert_eq!(of_orders(&fresh(&lines, Some(&lines[1]), None)).missing, 0);
    assert_eq!(of_orders(&fresh(&lines, Some(&lines[0]), None)).missing, 1, "the other one does");
    let retried = [ambiguous(written("x-1", 5_000)), LedgerLine { attempt: 2, ..written("x-1", 5_100) }];
    assert_eq!(of_orders(&fresh(&retried, Some(&retried[1]), None)).missing, 1, "so does its second attempt");
}

#[test]
fn an_older_value_is_shown_when_an_effect_is_missing_or_its_writes_were_under_way_together() {
    let two = written("x-2", 6_000);
    for (completed, missing) in [(5_999, 1), (6_000, 0)] {
        let one = LedgerLine { completed_ms: Some(RunTime::from_ms(completed)), ..written("x-1", 5_000) };
        let found = fresh(&[one.clone(), two.clone()], Some(&two), Some((&one, false)));
        assert_eq!(of_orders(&found).missing, missing, "{completed}");
    }
}

#[test]
fn a_deleted_value_must_be_shown_as_gone_when_the_delete_certainly_came_after_it() {
    let one = written("x-1", 5_000);
    let missing = |writes: &[LedgerLine]| of_orders(&fresh(writes, None, Some((&one, false)))).missing;
    assert_eq!(missing(&[one.clone(), deleted("x-2", 6_000)]), 1);
    assert_eq!(missing(&[one.clone(), ambiguous(deleted("x-2", 6_000))]), 0, "it may not have been deleted");
    assert_eq!(
        missing(&[one.clone(), deleted("x-2", 5_010)]),
        1,
        "under way together: nothing is there, so the delete won"
    );
    assert_eq!(missing(&[one.clone(), deleted("x-2", 5_011)]), 1);
    let later = [one.clone(), written("x-2", 5_500), ambiguous(deleted("x-3", 6_000))];
    assert_eq!(missing(&later), 0, "another value came after it, and no delete for certain");
    assert_eq!(of_orders(&fresh(&[one.clone(), deleted("x-2", 6_000)], None, Some((&one, true)))).missing, 0);
}
