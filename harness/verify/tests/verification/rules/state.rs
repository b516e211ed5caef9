//! Rules of state.

use firedrill_model::{
    capture::{CaptureName, Configuration, Version},
    findings::{FindingKind, Weight},
    history::Event,
    ledger::Origin,
    topology::Side,
    units::RunTime,
    verdict::Verdict,
    verification::{Differences, Verification},
};

use super::Break;
use crate::support::{
    T0, World, ambiguous, delete, documents, entry, finding, has, orders, put, put_after, rejected, roots, uploads,
    verdict,
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
fn a_key_that_was_deleted_after_the_recovery_point_is_rightly_gone_where_that_was_not_restored() {
    let mut world = World::whole();
    world.ledger.push(delete(&orders(), "C-1#o-1", "o-1-3", T0 - 500));
    world.drop_key(&orders(), "C-1#o-1");
    world.point(&orders(), &["o-1-2", "o-3-1"]);
    // What is compared is seen by what is wrong.
    world.change(&orders(), "C-2#o-3", |entry| entry.digest = "other".to_owned());
    let seen = |world: &World| {
        let found = world.judge();
        [FindingKind::Changed, FindingKind::Missing].map(|kind| has(&found, kind, Weight::Failure))
    };
    assert_eq!(seen(&world), [true, true]);
    insta::assert_snapshot!(finding(&world.judge(), FindingKind::Missing).detail.join("\n"), @"C-1#o-1: deleted 14:00:19.5Z, after the recovery point");
    world.events.retain(|(_, event)| !matches!(event, Event::CutOver { .. }));
    world.each_event(|_, event| {
        if let Event::Captured { side, .. } = event {
            *side = Side::Primary;
        }
    });
    assert_eq!(seen(&world), [true, false], "the traffic never left the source");
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

/// What the recovered configuration of orders shows.
fn recovered_orders(world: &mut World) -> &mut Configuration {
    let recovered = world.configuration.get_mut(&CaptureName::Recovered).expect("captured");
    recovered.iter_mut().find(|one| one.resource == orders()).expect("described")
}

#[test]
fn fields_that_differ_are_counted_by_how_they_do() {
    let whole = World::whole();
    // Every resource but the log of deliveries, two fields each.
    let fields = 2 * (whole.plan.stack.resources().len() as u64 - 1);
    assert_eq!(whole.judge().equivalence.fields_compared, fields);
    let mut world = World::whole();
    let table = recovered_orders(&mut world);
    table.compared.remove("TimeToLive.Status");
    table.compared.insert("Name".to_owned(), "another".into());
    table.compared.insert("New".to_owned(), true.into());
    let found = world.judge();
    let (total, of_orders) = (&found.equivalence.total, &found.equivalence.by_resource[&orders()]);
    assert_eq!((total.missing, total.changed, total.extra, total.count()), (1, 1, 1, 3));
    assert_eq!(total, of_orders);
    assert_eq!(of_orders.sample, ["Name", "TimeToLive.Status", "New"]);
    assert_eq!(found.equivalence.fields_compared, fields + 1);
    let changed = finding(&found, FindingKind::ConfigurationChanged);
    assert_eq!(changed.count, 3);
    insta::assert_snapshot!(changed.detail.join("\n"), @r#"
    Name: was "a name", is "another"
    TimeToLive.Status: was "ENABLED", is not there
    New: was not there, is true
    "#);
}

#[test]
fn a_resource_that_is_not_there_is_one_difference() {
    let mut world = World::whole();
    recovered_orders(&mut world).absent = true;
    let found = world.judge();
    let of_orders = &found.equivalence.by_resource[&orders()];
    assert_eq!((of_orders.missing, of_orders.count(), &of_orders.sample[..]), (1, 1, &["table/orders".to_owned()][..]));
    assert!(has(&found, FindingKind::ConfigurationMissing, Weight::Failure));
}

#[test]
fn a_long_value_of_a_field_is_cut() {
    // With its quotes the first is as long as may be.
    for (letters, shown) in [(78, format!("\"{}\"", "x".repeat(78))), (79, format!("\"{}…", "x".repeat(79)))] {
        let mut world = World::whole();
        recovered_orders(&mut world).compared.insert("Name".to_owned(), "x".repeat(letters).into());
        let detail = finding(&world.judge(), FindingKind::ConfigurationChanged).detail.clone();
        assert_eq!(detail, [format!("Name: was \"a name\", is {shown}")], "{letters}");
    }
}

#[test]
fn volatile_fields_are_named_with_their_reason() {
    let found = World::whole().judge();
    let volatile = &found.equivalence.volatile;
    assert_eq!(volatile.get("table/orders CreatedAt").map(String::as_str), Some("when it was made"));
}

#[test]
fn differences_are_counted_by_kind_and_bear_on_what_is_asserted() {
    let mut world = World::whole();
    world.change(&orders(), "C-1#o-1", |entry| entry.digest = "other".to_owned());
    // Sorts before everything that was written.
    world.add(&orders(), &entry(&put(&orders(), "A-0#x", "stray-1", 1)));
    world.add(&uploads(), &entry(&put(&uploads(), "stray.txt", "stray-2", 1)));
    let twice = entry(world.line("u-a-1"));
    world.add(&uploads(), &twice);
    world.ledger.push(put_after(&uploads(), "fresh.txt", "f-1", 30_000));
    let found = world.judge();
    let total = &found.equivalence.total;
    assert_eq!((total.missing, total.extra, total.changed, total.duplicated, total.reordered), (1, 2, 1, 1, 0));
    let of_orders = &found.equivalence.by_resource[&orders()];
    assert_eq!((of_orders.extra, of_orders.changed, of_orders.count()), (1, 1, 2));
    assert_eq!(found.equivalence.entries_compared, 8, "three of each, and two that nothing wrote");
    assert_eq!(total.sample.len(), 5);
    let kinds = [FindingKind::Missing, FindingKind::Extra, FindingKind::Changed, FindingKind::Duplicated];
    for kind in kinds {
        assert!(has(&found, kind, Weight::Failure), "{kind}");
    }
    assert_eq!((verdict(&found, "state"), verdict(&found, "rpo")), (Verdict::Fail, Verdict::Pass));
    // Where the state is not asserted, what differs speaks against the recovery point.
    world.plan.expect.state = false;
    assert_eq!(verdict(&world.judge(), "rpo"), Verdict::Fail);
    world.plan.expect.rpo = None;
    let found = world.judge();
    assert!(kinds.iter().all(|kind| has(&found, *kind, Weight::Note)), "{:#?}", found.findings);
}

#[test]
fn what_the_backup_lacks_is_lost_and_no_difference() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!(found.equivalence.total, Differences::default());
}

#[test]
fn a_changed_value_that_is_also_an_old_one_is_counted_once() {
    let mut world = World::whole();
    let old = entry(world.line("o-1-1"));
    world.change(&orders(), "C-1#o-1", |entry| {
        let parts = [("attribute:rev".to_owned(), "bbbbbbbbbbbb".to_owned())].into();
        *entry = firedrill_model::capture::Entry { digest: "other".to_owned(), parts, ..old.clone() };
    });
    for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-1-2") {
        line.parts.insert("attribute:rev".to_owned(), "dddddddddddd".to_owned());
    }
    let found = world.judge();
    let changed = finding(&found, FindingKind::Changed);
    assert_eq!((changed.count, found.rpo.lost_writes), (1, 3));
    assert_eq!(changed.detail, ["C-1#o-1: `attribute:amount` is gone, written 14:00:03.0Z"]);
}

#[test]
fn a_value_that_was_refused_says_when_it_was_asked_for() {
    let refused = rejected(put(&uploads(), "refused.txt", "r-1", 5_000));
    let mut world = World::whole();
    world.add(&uploads(), &entry(&refused));
    world.ledger.push(refused);
    assert_eq!(finding(&world.judge(), FindingKind::Phantom).detail, ["refused.txt: written 14:00:05.0Z"]);
}

#[test]
fn a_refused_probe_may_have_happened_and_must_not_be_corrupt() {
    let mut refused = rejected(put(&uploads(), "probe", "p-1", 5_000));
    refused.origin = Origin::Probe;
    let mut world = World::whole();
    world.ledger.push(refused.clone());
    world.plan.stack.buckets.get_mut("uploads").unwrap().versioning = false;
    world.add(&uploads(), &entry(&refused));
    assert_eq!(roots(&world.judge()), [], "nobody's data");
    world.change(&uploads(), "probe", |entry| entry.digest = "other".to_owned());
    assert_eq!(roots(&world.judge()), [(FindingKind::Changed, Some(uploads()))]);
}

#[test]
fn only_a_bucket_that_keeps_versions_owes_them() {
    let lines = [put(&uploads(), "v.txt", "v-1", 5_000), put(&uploads(), "v.txt", "v-2", 5_100)];
    for (versioning, expected) in [(true, vec![(FindingKind::Missing, Some(uploads()))]), (false, vec![])] {
        let mut world = World::whole();
        world.plan.stack.buckets.get_mut("uploads").unwrap().versioning = versioning;
        world.add(&uploads(), &entry(&lines[1]));
        world.drained(&documents()).push(crate::support::description(&lines[1]));
        world.ledger.extend(lines.clone());
        assert_eq!(roots(&world.judge()), expected, "{versioning}");
    }
    // A table of the same name keeps none.
    let mut world = World::whole();
    let bucket = world.plan.stack.buckets["uploads"].clone();
    world.plan.stack.buckets.insert("orders".to_owned(), bucket);
    assert_eq!(roots(&world.judge()), []);
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
    let said = |found: &Verification| found.findings.iter().any(|one| one.message.starts_with("no item, object"));
    assert!(said(&found));
    // Fields alone, or content alone, are something.
    let mut world = World::whole();
    world.content.values_mut().for_each(Vec::clear);
    world.ledger.clear();
    assert!(!said(&world.judge()));
    let mut world = World::whole();
    world.configuration.clear();
    assert!(!said(&world.judge()));
}
