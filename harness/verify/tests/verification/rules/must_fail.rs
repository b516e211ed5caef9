//! Rules of drills that must fail, and of defects that were put in on purpose.

use firedrill_model::{
    history::Event,
    ids::ResourceId,
    plan::Plan,
    scenario::{Backup, BackupUsing, RecoveryStep, Sabotage, StatedFinding, VaultPlace},
    units::Span,
    verdict::Verdict,
};

use crate::support::{World, orders, uploads};

fn stated(kind: &str, resource: Option<ResourceId>) -> StatedFinding {
    StatedFinding { finding: kind.to_owned(), resource, step: None }
}

#[test]
fn a_must_fail_scenario_fails_for_exactly_what_it_states() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let table = [
        (vec![stated("backup-incomplete", Some(uploads()))], true),
        (vec![stated("backup-incomplete", None)], true),
        (vec![stated("backup-incomplete", Some(orders()))], false),
        (vec![stated("missing", Some(uploads()))], false),
        (vec![stated("backup-incomplete", None), stated("rto-missed", None)], false),
    ];
    for (must_fail, expected) in table {
        world.plan.must_fail = must_fail;
        assert_eq!(world.judge().as_stated, Some(expected), "{:?}", world.plan.must_fail);
    }
}

/// Puts a defect into the plan.
type PutIn = fn(&mut Plan, Sabotage);

fn into_the_backup(plan: &mut Plan, sabotage: Sabotage) {
    plan.backups = vec![Backup {
        protect: plan.stack.resources(),
        using: BackupUsing::Vault { into: VaultPlace::Folder { folder: "vault".into() }, incremental: false },
        every: Span::from_secs(6),
        keep: 6,
        sabotage: Some(sabotage),
        critical: Vec::new(),
    }];
}

fn into_the_restore(plan: &mut Plan, sabotage: Sabotage) {
    let RecoveryStep::Restore { sabotage: defect, .. } = &mut plan.recover[0] else { panic!("no restore") };
    *defect = Some(sabotage);
}

const PLACES: [(&str, PutIn); 2] = [("backup", into_the_backup), ("restore", into_the_restore)];

/// A drill in which a key of uploads is gone, as its scenario states.
fn one_upload_gone() -> World {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    world.plan.must_fail = vec![stated("backup-incomplete", Some(uploads()))];
    world
}

#[test]
fn what_was_hit_on_purpose_must_be_the_key_that_is_named() {
    for (place, put_in) in PLACES {
        for (hit, as_stated) in [("a b.txt", true), ("c.txt", false)] {
            let mut world = one_upload_gone();
            put_in(&mut world.plan, Sabotage::SkipKey { resource: uploads() });
            world.event(12_000, Event::Sabotaged { resource: uploads(), key: hit.to_owned() });
            assert_eq!(world.judge().as_stated, Some(as_stated), "{hit} was hit by the {place}");
            world.drop_key(&uploads(), "c#d.txt");
            assert_eq!(world.judge().as_stated, Some(false), "another key is gone too");
        }
    }
}

#[test]
fn a_key_that_was_to_be_hit_and_of_which_the_history_does_not_say_that_it_was_is_not_as_stated() {
    let of_one_key: [fn() -> Sabotage; 3] = [
        || Sabotage::SkipKey { resource: uploads() },
        || Sabotage::FlipByte { resource: uploads() },
        || Sabotage::NumberToString { resource: uploads() },
    ];
    for (place, put_in) in PLACES {
        for sabotage in of_one_key {
            let mut world = one_upload_gone();
            put_in(&mut world.plan, sabotage());
            assert_eq!(world.judge().as_stated, Some(false), "{place}: {:?}", sabotage());
            // The key of another resource is not the one that was to be hit.
            world.event(12_000, Event::Sabotaged { resource: orders(), key: "a b.txt".to_owned() });
            assert_eq!(world.judge().as_stated, Some(false), "{place}: {:?}", sabotage());
        }
    }
}

#[test]
fn a_key_that_was_hit_must_be_found_whatever_else_is_stated() {
    let mut world = one_upload_gone();
    into_the_restore(&mut world.plan, Sabotage::FlipByte { resource: orders() });
    world.event(12_000, Event::Sabotaged { resource: orders(), key: "C-1#o-1".to_owned() });
    assert_eq!(world.judge().as_stated, Some(false), "the flipped byte was not noticed");
    world.change(&orders(), "C-1#o-1", |entry| entry.digest = "flipped".to_owned());
    assert_eq!(world.judge().as_stated, Some(false), "it is not stated");
    world.plan.must_fail.push(stated("changed", Some(orders())));
    assert_eq!(world.judge().as_stated, Some(true));
}

#[test]
fn a_defect_of_the_whole_has_no_key_that_the_history_could_say() {
    for sabotage in [Sabotage::ForgetTtl { resource: orders() }, Sabotage::ReturnEarly] {
        let mut world = one_upload_gone();
        into_the_restore(&mut world.plan, sabotage.clone());
        assert_eq!(world.judge().as_stated, Some(true), "{sabotage:?}");
    }
}

#[test]
fn a_pass_of_a_drill_that_must_fail_counts_as_a_failure() {
    let mut world = World::whole();
    world.plan.must_fail = vec![stated("missing", None)];
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Pass, Some(false)));
    assert_eq!([found.counted(true), found.counted(false)], [Verdict::Fail; 2]);
    world.drop_key(&uploads(), "a b.txt");
    world.plan.must_fail[0].finding = "backup-incomplete".to_owned();
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Fail, Some(true)));
    assert_eq!([found.counted(true), found.counted(false)], [Verdict::Pass, Verdict::Fail]);
}
