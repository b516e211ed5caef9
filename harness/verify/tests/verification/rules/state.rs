//! Rules of state.

use firedrill_model::{
    capture::{CaptureName, Version},
    findings::{FindingKind, Weight},
    units::RunTime,
    verdict::Verdict,
};

use super::Break;
use crate::support::{
    World, ambiguous, documents, entry, finding, has, orders, put, put_after, rejected, roots, uploads, verdict,
};

#[test]
fn a_changed_value_names_its_parts() {
    let mut world = World::whole();
    world.change(&orders(), "C-1#o-1", |entry| {
        entry.digest = "other".to_owned();
        entry.parts.insert("attribute:amount".to_owned(), "cccccccccccc".to_owned());
    });
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Changed, Some(orders()))]);
    insta::assert_snapshot!(finding(&found, FindingKind::Changed).detail.join("\n"), @"C-1#o-1: `attribute:amount` differs, written 14:00:12.0Z");
    assert_eq!(found.rpo.lost_writes, 2);
}

#[test]
fn values_that_no_write_explains() {
    let table: [(&str, FindingKind, Break); 4] = [
        ("another write id", FindingKind::Foreign, |world| {
            world.change(&uploads(), "a b.txt", |entry| entry.write_id = Some("u-zzz".into()));
        }),
        ("no write id", FindingKind::Foreign, |world| {
            world.change(&uploads(), "a b.txt", |entry| entry.write_id = None);
        }),
        ("never written", FindingKind::Extra, |world| {
            let stray = entry(&put(&uploads(), "stray.txt", "s-1", 1));
            world.add(&uploads(), &stray);
        }),
        ("refused", FindingKind::Phantom, |world| {
            let refused = rejected(put(&uploads(), "refused.txt", "r-1", 5_000));
            world.add(&uploads(), &entry(&refused));
            world.ledger.push(refused);
        }),
    ];
    for (what, kind, breaks) in table {
        let mut world = World::whole();
        breaks(&mut world);
        assert_eq!(roots(&world.judge()), [(kind, Some(uploads()))], "{what}");
    }
}

#[test]
fn a_write_after_the_cutover_must_be_there_and_is_no_loss() {
    let mut world = World::whole();
    world.ledger.push(put_after(&uploads(), "fresh.txt", "f-1", 30_000));
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Missing, Some(uploads()))]);
    assert_eq!((found.rpo.lost_writes, verdict(&found, "rpo")), (2, Verdict::Pass));
}

#[test]
fn an_expired_item_may_be_there_or_not() {
    let mut world = World::whole();
    let mut line = put(&orders(), "C-3#o-9", "o-9-1", 5_000);
    line.expires_ms = Some(crate::support::EPOCH_MS + 10_000);
    world.ledger.push(line.clone());
    assert_eq!(roots(&world.judge()), []);
    world.ledger.last_mut().unwrap().expires_ms = Some(crate::support::EPOCH_MS + 10_000_000);
    assert_eq!(roots(&world.judge()), [(FindingKind::BackupIncomplete, Some(orders()))], "not expired yet");
}

#[test]
fn versions_are_an_ordered_list() {
    let version = |id: &str| Version { write_id: Some(id.into()), digest: Some(format!("digest-{id}")) };
    let table: [(&str, Vec<&str>, Option<FindingKind>); 5] = [
        ("whole", vec!["v-1", "v-2", "v-3"], None),
        ("one gone", vec!["v-1", "v-3"], Some(FindingKind::Missing)),
        ("another order", vec!["v-2", "v-1", "v-3"], Some(FindingKind::Reordered)),
        ("twice", vec!["v-1", "v-2", "v-2", "v-3"], Some(FindingKind::Duplicated)),
        ("unknown", vec!["v-1", "v-9", "v-2", "v-3"], Some(FindingKind::Foreign)),
    ];
    for (what, ids, kind) in table {
        let mut world = World::whole();
        let lines = [1, 2, 3].map(|n| put(&uploads(), "v.txt", &format!("v-{n}"), 5_000 + n * 100));
        let mut shown = entry(&lines[2]);
        shown.versions = ids.into_iter().map(version).collect();
        world.add(&uploads(), &shown);
        world.drained(&documents()).push(crate::support::description(&lines[2]));
        world.ledger.extend(lines);
        let expected: Vec<_> = kind.into_iter().map(|kind| (kind, Some(uploads()))).collect();
        assert_eq!(roots(&world.judge()), expected, "{what}");
    }
}

#[test]
fn a_retried_put_may_leave_two_versions() {
    let mut world = World::whole();
    let line = put(&uploads(), "v.txt", "v-1", 5_000);
    let mut shown = entry(&line);
    shown.versions = vec![Version { write_id: Some("v-1".into()), digest: Some("digest-v-1".to_owned()) }; 2];
    world.add(&uploads(), &shown);
    world.drained(&documents()).push(crate::support::description(&line));
    let mut again = line.clone();
    (again.attempt, again.issued_ms) = (2, RunTime::from_ms(5_050));
    again.completed_ms = Some(RunTime::from_ms(5_060));
    world.ledger.extend([ambiguous(line), again]);
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn configuration_that_differs_is_named_by_field() {
    let mut world = World::whole();
    let recovered = world.configuration.get_mut(&CaptureName::Recovered).unwrap();
    let table = recovered.iter_mut().find(|one| one.resource == orders()).unwrap();
    table.compared.remove("TimeToLive.Status");
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::ConfigurationChanged, Some(orders()))]);
    assert_eq!(finding(&found, FindingKind::ConfigurationChanged).key.as_deref(), Some("TimeToLive.Status"));
}

#[test]
fn an_unknown_field_is_a_finding() {
    let mut world = World::whole();
    world.configuration.get_mut(&CaptureName::Recovered).unwrap()[0].unknown.insert("New".to_owned(), 1.into());
    let found = world.judge();
    assert!(has(&found, FindingKind::ConfigurationUnknown, Weight::Undecided));
    assert_eq!(verdict(&found, "state"), Verdict::Inconclusive);
}

#[test]
fn nothing_compared_is_nothing_equal() {
    let mut world = World::whole();
    for one in world.configuration.values_mut().flatten() {
        one.compared.clear();
    }
    world.content.values_mut().for_each(Vec::clear);
    world.ledger.clear();
    let found = world.judge();
    assert_eq!((found.equivalence.entries_compared, found.equivalence.fields_compared), (0, 0));
    assert_eq!(verdict(&found, "state"), Verdict::Inconclusive);
}
