//! Each rule of MEASUREMENT.md on a world that breaks it, and on one that comes close without breaking it.

use firedrill_model::{
    capture::{CaptureName, Version},
    findings::{FindingKind, Weight},
    history::{Ending, Event, Phase},
    ids::{FaultId, ProbeId},
    ledger::{Origin, Outcome},
    plan::Layout,
    scenario::{Expect, Guarantee, Per, StatedFinding},
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
};
use firedrill_verify::verify;

use crate::support::{
    BACKUP, READY, T0, World, ambiguous, delete, delivery, documents, entry, finding, has, orders, probed, put,
    put_after, rejected, roots, running_total, totals, trigger, uploads, verdict,
};

/// Breaks a world in one place.
type Break = fn(&mut World);

// ---- recovery point -------------------------------------------------------------------------------------------------

#[test]
fn rpo_missed_when_the_earliest_loss_is_older_than_the_objective() {
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(500);
    world.ledger.push(put(&orders(), "C-3#late", "late-1", 19_700));
    let found = world.judge();
    assert_eq!(verdict(&found, "rpo"), Verdict::Fail);
    assert_eq!(roots(&found), [(FindingKind::RpoMissed, None)]);
    assert_eq!(found.equivalence.total.count(), 0, "lost writes are no differences of state");
}

#[test]
fn rpo_is_not_measured_without_a_write_in_the_window() {
    let mut world = World::whole();
    world.ledger.retain(|line| line.issued_ms < RunTime::from_ms(13_500) || line.epoch > 0);
    world.drop_key(&orders(), "C-2#o-3");
    let o4 = world.line("o-4-1").clone();
    world.drained(&totals())[1] = running_total("C-2", &[(&o4, false)]);
    let found = world.judge();
    assert_eq!(found.rpo.actual_ms, None);
    assert_eq!(verdict(&found, "rpo"), Verdict::Inconclusive);
}

#[test]
fn backup_incomplete_names_the_key_whatever_the_objective() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::BackupIncomplete, Some(uploads()))]);
    let root = finding(&found, FindingKind::BackupIncomplete);
    assert_eq!((root.key.as_deref(), root.count), (Some("a b.txt"), 1));
    // What the function made of it, the objective and the writer's later writes follow from it.
    for kind in [FindingKind::EffectOrphaned, FindingKind::RpoMissed, FindingKind::Torn] {
        assert_eq!(finding(&found, kind).root.as_ref(), Some(&root.id), "{kind}");
    }
}

#[test]
fn the_restore_is_to_blame_for_what_the_recovery_point_holds() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    world.point(&uploads(), &["u-a-1", "u-c-1"]);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Missing, Some(uploads()))]);
    assert_eq!(found.equivalence.by_resource[&uploads()].missing, 1);
    assert_eq!(found.rpo.lost_writes, 3, "the lost set does not depend on who is to blame");
}

#[test]
fn the_backup_is_to_blame_for_what_the_recovery_point_does_not_hold() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    world.point(&uploads(), &["u-c-1"]);
    assert_eq!(roots(&world.judge()), [(FindingKind::BackupIncomplete, Some(uploads()))]);
}

#[test]
fn resurrected_when_the_delete_came_before_the_backup_and_lost_when_after() {
    let mut world = World::whole();
    let revived = entry(world.line("o-2-1"));
    world.add(&orders(), &revived);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Resurrected, Some(orders()))]);

    let mut world = World::whole();
    for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-2-2") {
        (line.issued_ms, line.completed_ms) = (RunTime::from_ms(19_500), Some(RunTime::from_ms(19_510)));
        line.seq = 19_500;
    }
    world.add(&orders(), &revived);
    let (one, two) = (world.line("o-1-2").clone(), world.line("o-2-1").clone());
    world.drained(&totals())[0] = running_total("C-1", &[(&one, false), (&two, false)]);
    let found = world.judge();
    assert_eq!(roots(&found), []);
    assert_eq!(found.rpo.lost_writes, 3);
}

#[test]
fn an_ambiguous_delete_may_have_happened() {
    let mut world = World::whole();
    let gone = put(&orders(), "C-3#o-9", "o-9-1", 15_000);
    world.ledger.push(ambiguous(delete(&orders(), "C-3#o-9", "o-9-2", 15_500)));
    world.ledger.push(gone);
    let found = world.judge();
    assert_eq!(found.rpo.lost_writes, 2);
    assert_eq!(found.rpo.actual_upper_ms, Some(Span::from_ms(4_990)), "it may also be a loss");
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(2_000);
    assert_eq!(verdict(&world.judge(), "rpo"), Verdict::Inconclusive);
}

#[test]
fn holes_are_noted_when_a_survivor_is_younger_than_a_loss() {
    let mut world = World::whole();
    let survivor = put(&orders(), "C-3#o-9", "o-9-1", 19_500);
    world.add(&orders(), &entry(&survivor));
    world.ledger.push(survivor);
    let found = world.judge();
    assert_eq!(found.rpo.point_in_time, Some(false));
    assert!(has(&found, FindingKind::Holes, Weight::Note));
}

#[test]
fn a_key_made_and_deleted_after_the_backup_is_no_evidence_of_survival() {
    let mut world = World::whole();
    world.ledger.push(put(&orders(), "C-3#o-9", "o-9-1", 19_500));
    world.ledger.push(delete(&orders(), "C-3#o-9", "o-9-2", 19_600));
    let found = world.judge();
    assert_eq!(found.rpo.point_in_time, Some(true));
    assert_eq!(verdict(&found, "consistent-cut"), Verdict::Pass);
    assert_eq!(found.rpo.lost_writes, 2);
}

// ---- recovery time --------------------------------------------------------------------------------------------------

#[test]
fn rto_missed_when_readiness_comes_too_late() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(5);
    assert_eq!(roots(&world.judge()), [(FindingKind::RtoMissed, None)]);
}

#[test]
fn rto_is_inconclusive_when_the_interval_crosses_the_objective() {
    let mut world = World::whole();
    for within in [7_600, 8_400] {
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_ms(within);
        assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive, "{within}");
    }
}

#[test]
fn the_declared_decision_counts() {
    let mut world = World::whole();
    world.plan.detect.decide = Span::from_secs(30);
    let found = world.judge();
    assert_eq!(found.rto.actual_ms, Some(Span::from_secs(38)));
    assert!(found.rto.phases[1].declared);
}

#[test]
fn a_late_failure_of_one_probe_moves_readiness() {
    let mut world = World::whole();
    world.event(33_200, probed(&ProbeId::new("table/orders"), 33_100, false));
    let found = world.judge();
    assert_eq!(found.rto.ready_ms, Some(RunTime::from_ms(33_500)));
}

#[test]
fn never_stable_is_a_miss_with_no_number() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(10);
    world.each_event(|_, event| {
        if let Event::Probed { probe, ok, .. } = event
            && probe.as_str() == "table/orders"
        {
            *ok = false;
        }
    });
    let found = world.judge();
    assert_eq!((found.rto.actual_ms, verdict(&found, "rto")), (None, Verdict::Fail));
}

#[test]
fn not_stable_for_long_enough_is_no_pass() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().stable_for = Span::from_secs(20);
    let found = world.judge();
    assert_eq!((found.rto.actual_ms, verdict(&found, "rto")), (None, Verdict::Inconclusive));
}

#[test]
fn silence_of_a_probe_is_not_a_pass() {
    let mut world = World::whole();
    world.events.retain(
        |(at, event)| !matches!(event, Event::Probed { probe, .. } if probe.as_str() == "table/orders" && *at > 32_000),
    );
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

#[test]
fn no_failed_probe_means_the_fault_did_not_bite() {
    let mut world = World::whole();
    world.each_event(|_, event| {
        if let Event::Probed { ok, .. } = event {
            *ok = true;
        }
    });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

#[test]
fn self_healing_is_not_credited_unless_the_scenario_rides_it_out() {
    let mut world = World::whole();
    world.event(25_000, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
    world.events.retain(|(_, event)| !matches!(event, Event::FaultEnded { by, .. } if by == "heal"));
    let found = world.judge();
    assert_eq!(verdict(&found, "rto"), Verdict::Inconclusive);
    assert!(has(&found, FindingKind::SelfHealed, Weight::Undecided));
    world.plan.expect.rto.as_mut().unwrap().ride_out = true;
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Pass);
}

#[test]
fn a_restore_that_goes_on_after_readiness_fails() {
    let mut world = World::whole();
    let mut line = put(&orders(), "C-1#o-1", "o-1-2", READY + 1_000);
    line.origin = Origin::Restore;
    world.ledger.push(line);
    assert_eq!(roots(&world.judge()), [(FindingKind::RestoreAfterReadiness, None)]);
}

#[test]
fn a_late_firedrill_cannot_judge_time() {
    let mut world = World::whole();
    world.event(45_000, Event::SchedulingLag { max_ms: Span::from_ms(3_001) });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

// ---- state ----------------------------------------------------------------------------------------------------------

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

// ---- effects --------------------------------------------------------------------------------------------------------

#[test]
fn a_forgotten_trigger_is_the_one_root() {
    let mut world = World::whole();
    let lost = trigger("total-orders");
    for one in world.configuration.get_mut(&CaptureName::Recovered).unwrap().iter_mut() {
        one.absent |= one.resource == lost;
    }
    world.drained(&totals()).truncate(1);
    world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "total-orders");
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(15);
    world.each_event(|at, event| {
        if let Event::Probed { probe, ok, .. } = event
            && probe.as_str() == "trigger/total-orders"
        {
            *ok &= *at < T0;
        }
    });
    let stated = StatedFinding { finding: "lost-trigger".to_owned(), resource: Some(lost.clone()) };
    world.plan.must_fail = vec![stated];
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::LostTrigger, Some(lost))]);
    assert_eq!(found.as_stated, Some(true));
    let root = finding(&found, FindingKind::LostTrigger).id.clone();
    assert_eq!(finding(&found, FindingKind::EffectMissing).root, Some(root.clone()));
    assert_eq!(finding(&found, FindingKind::RtoMissed).root, Some(root));
    assert_eq!(found.effects["total-orders"].missing, 2);
}

#[test]
fn derived_items_are_owed_orphaned_or_wrong() {
    let table: [(&str, FindingKind, Break); 5] = [
        ("a sum that its orders do not give", FindingKind::EffectWrong, |world| {
            world.drained(&totals())[0].value.as_mut().unwrap()["total"] = "99".into();
        }),
        ("an older revision", FindingKind::EffectMissing, |world| {
            let (one, two) = (world.line("o-1-1").clone(), world.line("o-2-1").clone());
            world.drained(&totals())[0] = running_total("C-1", &[(&one, false), (&two, true)]);
        }),
        ("a removal without effect", FindingKind::EffectMissing, |world| {
            let (one, two) = (world.line("o-1-2").clone(), world.line("o-2-1").clone());
            world.drained(&totals())[0] = running_total("C-1", &[(&one, false), (&two, false)]);
        }),
        ("a lost revision", FindingKind::EffectOrphaned, |world| {
            let (three, four) = (world.line("o-3-2").clone(), world.line("o-4-1").clone());
            world.drained(&totals())[1] = running_total("C-2", &[(&three, false), (&four, false)]);
        }),
        ("an item without a cause", FindingKind::EffectWrong, |world| {
            let stray = put(&orders(), "C-9#x", "x-1", 1);
            world.drained(&totals()).push(running_total("C-9", &[(&stray, false)]));
        }),
    ];
    for (what, kind, breaks) in table {
        let mut world = World::whole();
        breaks(&mut world);
        assert_eq!(roots(&world.judge()), [(kind, Some(trigger("total-orders")))], "{what}");
    }
}

#[test]
fn a_description_with_other_facts_is_wrong() {
    let mut world = World::whole();
    world.drained(&documents())[0].value.as_mut().unwrap()["size"] = "6".into();
    assert_eq!(roots(&world.judge()), [(FindingKind::EffectWrong, Some(trigger("describe-upload")))]);
}

#[test]
fn twice_counts_only_where_once_is_promised_and_redrives_do_not_count() {
    let mut world = World::whole();
    let again = delivery("total-orders", world.line("o-4-1"), 29_900, 9);
    let mut redriven = delivery("total-orders", world.line("o-4-1"), 29_950, 10);
    redriven.redriven = true;
    world.deliveries.as_mut().unwrap().push(redriven);
    world.plan.expect.effects.get_mut("total-orders").unwrap().guarantee = Guarantee::DeliveredExactlyOnce;
    assert_eq!(roots(&world.judge()), []);
    world.deliveries.as_mut().unwrap().push(again);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::EffectDuplicate, Some(trigger("total-orders")))]);
    assert_eq!((found.effects["total-orders"].duplicate, found.effects["total-orders"].redriven), (1, 1));
    world.plan.expect.effects.get_mut("total-orders").unwrap().guarantee = Guarantee::CountedExactlyOnce;
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn late_is_after_the_later_of_acknowledgement_and_readiness() {
    let mut world = World::whole();
    let due = 29_110 + 10_000 + 50;
    for (at, expected) in [(due, 0), (due + 1, 1)] {
        world.deliveries.as_mut().unwrap()[0].at_utc_ms = crate::support::EPOCH_MS + at;
        let found = world.judge();
        assert_eq!(found.effects["total-orders"].late, expected, "{at}");
    }
    assert_eq!(roots(&world.judge()), [(FindingKind::EffectLate, Some(trigger("total-orders")))]);
}

#[test]
fn per_event_owes_every_event_after_the_cutover() {
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    assert_eq!(roots(&world.judge()), []);
    world.deliveries.as_mut().unwrap().remove(0);
    assert_eq!(roots(&world.judge()), [(FindingKind::EffectMissing, Some(trigger("total-orders")))]);
}

// ---- consistent cut and two copies ----------------------------------------------------------------------------------

#[test]
fn torn_when_a_writers_later_write_survives_an_earlier_one() {
    let mut world = World::whole();
    let survivor = put(&orders(), "C-3#o-9", "o-9-1", 19_500);
    world.add(&orders(), &entry(&survivor));
    world.drained(&totals()).push(running_total("C-3", &[(&survivor, false)]));
    world.ledger.push(survivor);
    assert_eq!(roots(&world.judge()), [(FindingKind::Torn, None)]);
    world.ledger.last_mut().unwrap().writer = "another".to_owned();
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn a_transaction_is_all_or_none() {
    let mut world = World::whole();
    for line in world.ledger.iter_mut().filter(|line| ["u-l-1", "o-1-2"].contains(&line.write_id.as_str())) {
        line.txn = Some("t-1".to_owned());
    }
    assert_eq!(roots(&world.judge()), [(FindingKind::Torn, None)]);
}

#[test]
fn a_fenced_side_must_not_say_yes() {
    let mut world = World::whole();
    world.plan.expect.rpo = None;
    world.event(26_700, Event::Fenced { side: Side::Primary });
    assert_eq!(roots(&world.judge()), []);
    let mut late = put(&orders(), "C-1#o-1", "o-1-2", 26_800);
    late.origin = Origin::Probe;
    world.ledger.push(late);
    assert_eq!(roots(&world.judge()), [(FindingKind::WriteAfterFence, Some(orders()))]);
}

#[test]
fn a_lost_write_on_the_returned_source_is_stranded() {
    let mut world = World::whole();
    let lost = entry(world.line("u-l-1"));
    let stranded_key = lost.key.clone();
    world.content.insert((CaptureName::Returned, uploads()), vec![lost]);
    let verification = world.judge();
    assert_eq!(roots(&verification), [], "the recovery point judges the loss");
    let stranded: Vec<_> = verification.findings.iter().filter(|found| found.kind == FindingKind::Stranded).collect();
    assert_eq!(stranded.len(), 1);
    assert_eq!((stranded[0].resource.as_ref(), stranded[0].count), (Some(&uploads()), 1));

    world.ledger.iter_mut().filter(|line| line.key == stranded_key).for_each(|line| line.origin = Origin::Probe);
    let probes = world.judge();
    assert!(probes.findings.iter().all(|found| found.kind != FindingKind::Stranded), "a probe's key is nobody's data");
}

#[test]
fn a_lost_write_that_did_not_come_back_is_not_stranded() {
    let mut world = World::whole();
    world.content.insert((CaptureName::Returned, uploads()), Vec::new());
    let none = world.judge();
    assert!(
        none.findings.iter().all(|found| found.kind != FindingKind::Stranded),
        "what did not come back is just lost"
    );
}

// ---- proofs and verdict ---------------------------------------------------------------------------------------------

#[test]
fn what_proves_nothing_is_inconclusive() {
    let table: [(&str, FindingKind, Break); 7] = [
        ("target not empty", FindingKind::TargetNotEmpty, |world| {
            world.each_event(|_, event| {
                if let Event::TargetInspected { present } = event {
                    present.push(orders());
                }
            });
        }),
        ("backup not verified", FindingKind::BackupNotVerified, |world| {
            world.each_event(|_, event| {
                if let Event::BackupCompleted { recovery_point } = event {
                    recovery_point.verified = false;
                }
            });
        }),
        ("source reachable", FindingKind::SourceReachable, |world| {
            world.each_event(|_, event| {
                if let Event::SourceReachability { reachable } = event {
                    *reachable = true;
                }
            });
        }),
        ("shared process", FindingKind::NotProvable, |world| world.plan.target.layout = Layout::SharedProcess),
        ("no bite", FindingKind::FaultDidNotBite, |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. }));
        }),
        ("interrupted", FindingKind::RunIncomplete, |world| {
            world.event(30_000, Event::Interrupted { reason: "SIGINT".to_owned() });
        }),
        ("a phase failed", FindingKind::RunIncomplete, |world| {
            let note = "no answer".to_owned();
            world.event(30_000, Event::PhaseEnded { phase: Phase::Recover, ending: Ending::Failed, note });
        }),
    ];
    for (what, kind, breaks) in table {
        let mut world = World::whole();
        breaks(&mut world);
        let found = world.judge();
        assert!(has(&found, kind, Weight::Undecided), "{what}: {:#?}", found.findings);
        assert_eq!(found.verdict, Verdict::Inconclusive, "{what}");
    }
}

#[test]
fn one_process_for_both_regions_can_be_stated_and_never_passes() {
    let mut world = World::whole();
    world.plan.target.layout = Layout::SharedProcess;
    world.plan.must_fail = vec![StatedFinding { finding: "not-provable".into(), resource: None }];
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::Inconclusive, Some(true)));
    world.plan.must_fail = vec![StatedFinding { finding: "target-not-empty".into(), resource: None }];
    assert_eq!(world.judge().as_stated, Some(false));
    world.plan.must_fail = vec![StatedFinding { finding: "not-provable".into(), resource: None }];
    world.plan.target.layout = Layout::ProcessPerRegion;
    assert_eq!(world.judge().as_stated, Some(false), "nothing of the kind is seen");
}

#[test]
fn what_an_undecided_finding_says_is_not_stated_by_a_scenario() {
    let mut world = World::whole();
    world.events.retain(|(_, event)| !matches!(event, Event::FaultBit { .. }));
    world.plan.must_fail = vec![StatedFinding { finding: "fault-did-not-bite".into(), resource: None }];
    assert_eq!(world.judge().as_stated, Some(false));
}

#[test]
fn a_second_attempt_may_find_what_the_first_left() {
    let mut world = World::whole();
    world.event(22_000, Event::StepEnded { step: 0, ending: Ending::Failed, note: "crashed".to_owned() });
    world.event(22_010, Event::RecoveryBegan { attempt: 2, recovery_point: None });
    world.event(22_020, Event::TargetInspected { present: vec![orders()] });
    let found = world.judge();
    assert_eq!((found.verdict, roots(&found)), (Verdict::Pass, vec![]));
    world.each_event(|_, event| {
        if let Event::TargetInspected { present } = event {
            *present = vec![orders()];
        }
    });
    assert!(has(&world.judge(), FindingKind::TargetNotEmpty, Weight::Undecided), "what the first attempt found counts");
}

#[test]
fn what_was_not_captured_is_inconclusive() {
    for resource in [orders(), uploads(), totals()] {
        let mut world = World::whole();
        world.content.retain(|(_, captured), _| *captured != resource);
        assert_eq!(world.judge().verdict, Verdict::Inconclusive, "{resource}");
    }
    let mut world = World::whole();
    world.configuration.clear();
    assert_eq!(verdict(&world.judge(), "state"), Verdict::Inconclusive);
    let mut world = World::whole();
    world.deliveries = None;
    assert_eq!(verdict(&world.judge(), "effects.total-orders"), Verdict::Inconclusive);
}

#[test]
fn altered_evidence_is_inconclusive() {
    type Alter = fn(&firedrill_model::run_dir::RunDir) -> std::path::PathBuf;
    let files: [(&str, Alter); 4] = [
        ("ledger", |dir| dir.ledger()),
        ("plan", |dir| dir.plan()),
        ("history", |dir| dir.history()),
        ("capture", |dir| dir.content(CaptureName::Recovered, &uploads())),
    ];
    for (what, path) in files {
        let root = tempfile::tempdir().unwrap();
        let dir = World::whole().save(root.path());
        let path = path(&dir);
        let text = std::fs::read_to_string(&path).unwrap();
        let altered = text.replacen("\"at_ms\":1000", "\"at_ms\":1001", 1).replacen("us-east-1", "us-west-1", 1);
        let altered = altered.replacen("digest-u-c-1", "digest-u-c-9", 1).replacen(
            "\"origin\":\"seed\"",
            "\"origin\":\"traffic\"",
            1,
        );
        assert_ne!(text, altered, "{what}");
        std::fs::write(&path, altered).unwrap();
        let found = verify(&dir).unwrap();
        assert!(has(&found, FindingKind::EvidenceAltered, Weight::Undecided), "{what}");
        assert_ne!(found.verdict, Verdict::Pass, "{what}");
    }
}

#[test]
fn a_shortened_ledger_is_altered_evidence() {
    let mut world = World::whole();
    let lines = world.ledger.len() as u64;
    world.each_event(|_, event| {
        if let Event::Quiesced { ledger_lines, ledger_sha256 } = event {
            (*ledger_lines, *ledger_sha256) = (lines + 1, "of a longer one".to_owned());
        }
    });
    assert!(has(&world.judge(), FindingKind::EvidenceAltered, Weight::Undecided));
}

#[test]
fn lines_that_follow_the_traffic_leave_the_ledger_whole() {
    let mut world = World::whole();
    let root = tempfile::tempdir().unwrap();
    let dir = world.save(root.path());
    let text = std::fs::read_to_string(dir.ledger()).unwrap();
    let last = text.lines().last().unwrap();
    std::fs::write(dir.ledger(), format!("{text}{last}\n")).unwrap();
    assert!(!has(&verify(&dir).unwrap(), FindingKind::EvidenceAltered, Weight::Undecided));
    world.ledger.pop();
    let shorter = tempfile::tempdir().unwrap();
    let text: String =
        text.lines().rev().skip(1).collect::<Vec<_>>().into_iter().rev().flat_map(|line| [line, "\n"]).collect();
    let dir = World::whole().save(shorter.path());
    std::fs::write(dir.ledger(), text).unwrap();
    assert!(has(&verify(&dir).unwrap(), FindingKind::EvidenceAltered, Weight::Undecided));
}

#[test]
fn nothing_asserted_is_nothing_checked() {
    let mut world = World::whole();
    world.plan.expect = Expect::default();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!((found.verdict, found.as_stated), (Verdict::NothingChecked, None));
    assert!(found.checks.is_empty());
    assert_eq!(found.not_asserted.len(), 6);
    assert!(found.findings.iter().all(|finding| finding.check.is_none() && finding.weight == Weight::Note));
    assert!(has(&found, FindingKind::BackupIncomplete, Weight::Note), "measured all the same");
    world.plan.must_fail = vec![StatedFinding { finding: "nothing-checked".into(), resource: None }];
    assert_eq!(world.judge().as_stated, Some(true));
    world.plan.expect.consistent_cut = true;
    assert_eq!(world.judge().as_stated, Some(false), "something is checked now");
}

#[test]
fn a_must_fail_scenario_fails_for_exactly_what_it_states() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let stated = |kind: &str, resource| StatedFinding { finding: kind.to_owned(), resource };
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

#[test]
fn probes_are_neither_losses_nor_differences_and_explain_what_they_leave() {
    let mut world = World::whole();
    for (at, outcome) in
        [(17_000, Outcome::Acknowledged), (19_900, Outcome::Acknowledged), (20_500, Outcome::Ambiguous)]
    {
        let mut line = put(&orders(), "probe#orders", &format!("p-{at}"), at);
        (line.origin, line.writer) = (Origin::Probe, "probe".to_owned());
        world.ledger.push(if outcome == Outcome::Ambiguous { ambiguous(line) } else { line });
    }
    let left = world.line("p-19900").clone();
    world.drained(&totals()).push(running_total("probe", &[(&left, false)]));
    let found = world.judge();
    assert_eq!(roots(&found), []);
    assert_eq!((found.rpo.lost_writes, found.equivalence.total.count()), (2, 0));
}

#[test]
fn a_failure_says_what_where_since_when_and_what_to_try() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    let root = finding(&found, FindingKind::BackupIncomplete);
    insta::assert_snapshot!(
        format!("{}\n{}\n{}", root.message, root.detail.join("\n"), root.help.clone().unwrap_or_default()),
        @r"
    1 key of bucket/uploads written before recovery point rp-0003 (captured from 14:00:18.0Z) began are in neither it nor the recovered state
    a b.txt: written 14:00:02.0Z
    the backup reported success without them: compare what the backup lists with what the source holds
    "
    );
    assert_eq!(BACKUP.0, 18_000);
}
