//! Rules of effects.

use firedrill_model::{
    capture::{CaptureName, Version},
    findings::{FindingKind, Weight},
    history::Event,
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Origin},
    scenario::{EffectExpectation, Expect, Guarantee, Per, StatedFinding},
    stack::TriggerSource,
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
};

use super::Break;
use crate::support::{
    EPOCH_MS, T0, World, ambiguous, delete, delivery, documents, finding, has, orders, put, rejected, roots,
    running_total, totals, trigger, uploads, verdict,
};

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
    let stated = StatedFinding { finding: "lost-trigger".to_owned(), resource: Some(lost.clone()), step: None };
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
fn what_a_trigger_owes_that_watches_some_events_alone_is_not_judged() {
    let mut world = World::whole();
    let trigger = world.plan.stack.triggers.get_mut("describe-upload").unwrap();
    if let TriggerSource::BucketEvents { events, .. } = &mut trigger.source {
        *events = vec!["s3:ObjectCreated:Put".to_owned(), "s3:ObjectRemoved:*".to_owned()];
    }
    let judged = |world: &World| {
        let found = world.judge();
        assert!(!found.findings.iter().any(|one| one.weight == Weight::Failure), "{:#?}", found.findings);
        ["effects.describe-upload", "state", "effects.total-orders"].map(|check| verdict(&found, check))
    };
    let expected = [Verdict::Inconclusive, Verdict::Inconclusive, Verdict::Pass];
    assert_eq!(judged(&world), expected);
    world.drained(&documents()).clear();
    world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "describe-upload");
    assert_eq!(judged(&world), expected, "nothing came, and nobody knows whether anything had to");
    world.plan.stack.triggers.get_mut("describe-upload").unwrap().effect = None;
    world.recovered(&documents()).clear();
    assert_eq!(judged(&world)[0], Verdict::Inconclusive);
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
        let found = world.judge();
        assert_eq!(roots(&found), [(kind, Some(trigger("total-orders")))], "{what}");
        if what == "a removal without effect" {
            assert_eq!(finding(&found, kind).detail, ["C-1#o-2: deleted 14:00:13.0Z"]);
        }
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

#[test]
fn every_removal_after_the_cutover_is_an_event_too() {
    let deleted = |world: &mut World, id: &str, at: u64| {
        let line = delete(&orders(), "C-2#o-4", id, at);
        let line = LedgerLine { side: Side::Recovery, epoch: 1, ..line };
        world.ledger.push(line);
        world.drop_key(&orders(), "C-2#o-4");
        let (three, four) = (world.line("o-3-1").clone(), world.line("o-4-1").clone());
        world.drained(&totals())[1] = running_total("C-2", &[(&three, false), (&four, true)]);
    };
    let removal = |world: &World, number: u32| {
        let mut event = delivery("total-orders", world.line("o-4-1"), 30_100, number);
        event.event_id.push_str(":removed");
        event
    };
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
    deleted(&mut world, "o-4-2", 30_000);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::EffectMissing, Some(trigger("total-orders")))]);
    assert_eq!(finding(&found, FindingKind::EffectMissing).detail, ["C-2#o-4: deleted 14:00:30.0Z"]);
    let event = removal(&world, 3);
    world.deliveries.as_mut().unwrap().push(event);
    assert_eq!(roots(&world.judge()), []);
    // A second delete finds nothing to take away and raises no event.
    deleted(&mut world, "o-4-3", 31_000);
    assert_eq!(roots(&world.judge()), []);
    // The item may have expired before.
    world.deliveries.as_mut().unwrap().retain(|delivery| !delivery.event_id.ends_with(":removed"));
    assert_eq!(roots(&world.judge()).len(), 1);
    for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-4-1") {
        line.expires_ms = Some(EPOCH_MS + 29_900);
    }
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn a_removal_is_owed_when_there_was_certainly_something_to_remove() {
    let after = |line: LedgerLine| LedgerLine { side: Side::Recovery, epoch: 1, ..line };
    let fresh = |id: &str, at| after(put(&orders(), "C-5#x", id, at));
    let removal = |line: &LedgerLine| {
        let mut event = delivery("total-orders", line, 30_100, 90);
        event.event_id.push_str(":removed");
        event
    };
    // The writes of one key, those whose value and whose removal were delivered, and how many deliveries are missing.
    let missing = |lines: &[LedgerLine], put: &[&LedgerLine], removed: &[&LedgerLine]| {
        let mut world = World::whole();
        world.plan.expect.effects.get_mut("total-orders").unwrap().per = Per::Event;
        world.ledger.extend(lines.iter().cloned());
        let log = world.deliveries.as_mut().unwrap();
        log.extend(put.iter().zip(50..).map(|(line, number)| delivery("total-orders", line, 30_050, number)));
        log.extend(removed.iter().map(|line| removal(line)));
        world.judge().effects["total-orders"].missing
    };
    let (one, two) = (fresh("x-1", 29_200), fresh("x-3", 29_400));
    let gone = |id: &str, at| after(delete(&orders(), "C-5#x", id, at));
    let (first, last) = (gone("x-2", 29_300), gone("x-4", 29_500));
    let cycle = [one.clone(), first.clone(), two.clone(), last];
    assert_eq!(missing(&cycle, &[&one, &two], &[&one, &two]), 0);
    assert_eq!(missing(&cycle, &[&one, &two], &[&one]), 1, "the first removal is not the second");
    assert_eq!(missing(&cycle, &[&one, &two], &[&two]), 1, "nor the second the first");
    // Something else may have taken it away, or have put it there only later.
    let doubtful = ambiguous(gone("x-0", 29_250));
    assert_eq!(missing(&[one.clone(), doubtful, first.clone()], &[&one], &[]), 0, "another delete without an end");
    let slow = LedgerLine { completed_ms: Some(RunTime::from_ms(29_305)), ..one.clone() };
    assert_eq!(missing(&[slow, first.clone()], &[&one], &[]), 0, "the put and the delete were under way together");
    assert_eq!(missing(&[ambiguous(one.clone()), first.clone()], &[], &[]), 0, "the put may never have happened");
    // What was written to the lost side may not have come back.
    let before = LedgerLine { epoch: 0, side: Side::Primary, ..fresh("x-1", 19_200) };
    assert_eq!(missing(&[before, first.clone()], &[], &[]), 0);
    // A refused delete took nothing.
    assert_eq!(missing(&[one.clone(), rejected(first)], &[&one], &[]), 0);
}

#[test]
fn a_model_that_shows_no_deletes_owes_none() {
    let mut world = World::whole();
    world.plan.expect.effects.get_mut("describe-upload").unwrap().per = Per::Event;
    world.ledger.push(LedgerLine { side: Side::Recovery, epoch: 1, ..delete(&uploads(), "new.txt", "u-n-2", 30_000) });
    world.change(&uploads(), "new.txt", |entry| {
        let written = Version { write_id: entry.write_id.take(), digest: Some(std::mem::take(&mut entry.digest)) };
        entry.versions = vec![written, Version { write_id: None, digest: None }];
        (entry.deleted, entry.bytes) = (true, 0);
    });
    assert_eq!(roots(&world.judge()), []);
}

#[test]
fn deliveries_are_counted_by_what_made_them() {
    let mut world = World::whole();
    let (old, new) = (world.line("o-1-2").clone(), world.line("o-4-1").clone());
    let mut redriven = delivery("total-orders", &old, 28_500, 7);
    redriven.redriven = true;
    let mut removed = delivery("total-orders", &world.line("o-2-1").clone(), 28_600, 8);
    removed.event_id.push_str(":removed");
    let stray = delivery("total-orders", &put(&orders(), "C-7#x", "unknown", 1), 28_700, 9);
    let more = [delivery("total-orders", &old, 28_400, 6), redriven, removed, stray];
    world.deliveries.as_mut().unwrap().extend(more);
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.traffic, counts.restored, counts.redriven), (3, 1, 1));
    // What probes made is nobody's.
    let mut probe = put(&orders(), "probe#orders", "p-1", 19_900);
    (probe.origin, probe.writer) = (Origin::Probe, "probe".to_owned());
    let mut again = delivery("total-orders", &probe, 28_450, 11);
    again.redriven = true;
    let made = [delivery("total-orders", &probe, 28_400, 10), again];
    world.deliveries.as_mut().unwrap().extend(made);
    world.ledger.push(probe);
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.traffic, counts.restored, counts.redriven), (3, 1, 1));
    // Without a cutover there is no restored copy that could fire again.
    world.events.retain(|(_, event)| !matches!(event, Event::CutOver { .. }));
    world.each_event(|_, event| {
        if let Event::Captured { side, .. } = event {
            *side = Side::Primary;
        }
    });
    let counts = world.judge().effects["total-orders"].clone();
    assert_eq!((counts.traffic, counts.restored, counts.redriven), (4, 0, 1));
    assert_eq!(new.epoch, 1);
}

#[test]
fn an_order_that_is_there_must_not_be_shown_as_gone() {
    let mut world = World::whole();
    let years = 10 * 365 * 24 * 3600 * 1000_u64;
    for line in world.ledger.iter_mut().filter(|line| line.resource == orders()) {
        line.expires_ms = Some(EPOCH_MS + years);
    }
    let (one, two) = (world.line("o-1-2").clone(), world.line("o-2-1").clone());
    world.drained(&totals())[0] = running_total("C-1", &[(&one, true), (&two, true)]);
    let wrong = [(FindingKind::EffectWrong, Some(trigger("total-orders")))];
    assert_eq!(roots(&world.judge()), wrong);

    let with_expiry = |ms: u64| {
        let mut world = world.clone();
        for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-1-2") {
            line.expires_ms = Some(EPOCH_MS + ms);
        }
        roots(&world.judge())
    };
    let drained = crate::support::ENDS + 6_000;
    assert_eq!(with_expiry(drained), [], "it may have expired between the captures");
    assert_eq!(with_expiry(drained + 1), wrong);

    world.ledger.push(ambiguous(delete(&orders(), "C-1#o-1", "o-1-3", 15_000)));
    assert_eq!(roots(&world.judge()), [], "a delete without an end may have happened since");
}

#[test]
fn what_nobody_knows_of_the_causes_says_nothing_of_their_effects() {
    let effects_alone = |world: &mut World| {
        let effects = std::mem::take(&mut world.plan.expect.effects);
        world.plan.expect = Expect { effects, ..Expect::default() };
    };
    let table: [(&str, Break); 3] = [
        ("not captured", |world| world.content.retain(|(_, captured), _| *captured != orders())),
        ("no capture of the recovered side", |world| {
            world.events.retain(|(_, event)| !matches!(event, Event::Captured { capture: CaptureName::Recovered, .. }));
        }),
        ("of the other side", |world| {
            world.each_event(|_, event| {
                if let Event::Captured { capture: CaptureName::Recovered, side, .. } = event {
                    *side = Side::Primary;
                }
            });
        }),
    ];
    for (what, breaks) in table {
        let mut world = World::whole();
        effects_alone(&mut world);
        assert_eq!(verdict(&world.judge(), "effects.total-orders"), Verdict::Pass, "{what}");
        breaks(&mut world);
        let found = world.judge();
        assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive, "{what}");
        let nothing_owed = found.findings.iter().any(|finding| finding.message.starts_with("nothing was owed"));
        assert!(!nothing_owed, "{what}: what is owed is not known");
    }
    for damage in ["unsorted", "unreadable"] {
        let mut world = World::whole();
        effects_alone(&mut world);
        world.deliveries.as_mut().unwrap()[0].at_utc_ms += 60_000;
        let root = tempfile::tempdir().unwrap();
        let dir = world.save_with(root.path(), |dir| {
            let path = dir.content(CaptureName::Recovered, &orders());
            let text = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = text.lines().rev().collect();
            let broken = if damage == "unsorted" { lines.join("\n") + "\n" } else { "{}\n".to_owned() };
            std::fs::write(&path, broken).unwrap();
        });
        let found = firedrill_verify::verify(&dir).unwrap();
        assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive, "{damage}");
        assert_eq!(roots(&found), [], "{damage}");
        let counts = &found.effects["total-orders"];
        assert_eq!((counts.expected, counts.late, counts.orphaned), (0, 0, 0), "{damage}");
    }
}

#[test]
fn nothing_owed_is_nothing_measured() {
    let mut world = World::whole();
    world.ledger.retain(|line| line.resource != orders());
    for table in [orders(), totals()] {
        world.recovered(&table).clear();
        world.drained(&table).clear();
    }
    world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "total-orders");
    let found = world.judge();
    assert_eq!(found.effects["total-orders"].expected, 0);
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive);
    assert_eq!(verdict(&found, "effects.describe-upload"), Verdict::Pass);
    // Nobody asks for it: nothing to decide.
    world.plan.expect.effects.remove("total-orders");
    let found = world.judge();
    assert!(has(&found, FindingKind::NotMeasured, Weight::Note));
    assert_eq!(found.verdict, Verdict::Pass);
}

#[test]
fn nothing_owed_follows_from_what_took_the_causes_away() {
    let mut world = World::whole();
    world.ledger.retain(|line| line.resource != orders() || line.issued_ms < RunTime::from_ms(18_000));
    for table in [orders(), totals()] {
        world.recovered(&table).clear();
        world.drained(&table).clear();
    }
    world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "total-orders");
    world.plan.must_fail =
        vec![StatedFinding { finding: "backup-incomplete".to_owned(), resource: Some(orders()), step: None }];
    let found = world.judge();
    assert_eq!(found.effects["total-orders"].expected, 0);
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive);
    assert_eq!(found.as_stated, Some(true), "{:#?}", found.findings);
}

#[test]
fn without_a_log_nobody_knows_how_often_and_how_late() {
    let of_total_orders = |world: &World| verdict(&world.judge(), "effects.total-orders");
    let mut world = World::whole();
    world.plan.stack.tables.remove("deliveries");
    for list in world.configuration.values_mut() {
        list.retain(|one| one.resource.name() != "deliveries");
    }
    assert_eq!(of_total_orders(&world), Verdict::Pass);
    world.deliveries = None;
    for guarantee in [Guarantee::DeliveredAtLeastOnce, Guarantee::CountedExactlyOnce, Guarantee::DeliveredExactlyOnce] {
        world.plan.expect.effects.get_mut("total-orders").unwrap().guarantee = guarantee;
        assert_eq!(of_total_orders(&world), Verdict::Inconclusive, "{guarantee:?}");
    }
    let root = tempfile::tempdir().unwrap();
    let dir = World::whole().save_with(root.path(), |dir| {
        let path = dir.deliveries(CaptureName::Drained);
        let order = World::whole().line("o-4-1").clone();
        let lines = ["b", "a", "b"].map(|id| {
            let mut line = delivery("total-orders", &order, 29_600, 1);
            (line.event_id, line.delivery_id) = (id.to_owned(), format!("d-{id}"));
            serde_json::to_string(&line).unwrap() + "\n"
        });
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &lines.concat()).unwrap();
    });
    let found = firedrill_verify::verify(&dir).unwrap();
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Inconclusive, "not sorted by event");
}

#[test]
fn the_skew_of_clocks_is_that_of_the_plan() {
    let mut world = World::whole();
    let due = 29_110 + 10_000;
    world.deliveries.as_mut().unwrap()[0].at_utc_ms = EPOCH_MS + due + 50;
    assert_eq!(world.judge().effects["total-orders"].late, 0);
    world.plan.clock_skew = Span::from_ms(49);
    assert_eq!(world.judge().effects["total-orders"].late, 1);
}

#[test]
fn what_is_owed_of_effects_without_a_model_is_their_events() {
    let mut world = World::whole();
    world.plan.stack.triggers.get_mut("describe-upload").unwrap().effect = None;
    world.plan.expect.effects.insert(
        "describe-upload".to_owned(),
        EffectExpectation { per: Per::Event, guarantee: Guarantee::DeliveredAtLeastOnce, within: Span::from_secs(10) },
    );
    // Its table is nobody's derived table any more: what is in it is data that nothing wrote.
    world.plan.stack.tables.remove("documents");
    world.content.retain(|(_, resource), _| *resource != documents());
    assert_eq!(roots(&world.judge()), []);
    world.ledger.retain(|line| line.write_id.as_str() != "u-n-1");
    world.drop_key(&uploads(), "new.txt");
    world.deliveries.as_mut().unwrap().retain(|delivery| delivery.trigger != "describe-upload");
    assert_eq!(verdict(&world.judge(), "effects.describe-upload"), Verdict::Inconclusive, "no event was owed");
}

#[test]
fn effects_that_had_not_settled_may_have_come_twice_since() {
    let mut world = World::whole();
    world.each_event(|_, event| {
        if let Event::Drained { settled } = event {
            *settled = false;
        }
    });
    let found = world.judge();
    assert_eq!((verdict(&found, "effects.total-orders"), roots(&found)), (Verdict::Inconclusive, vec![]));
    // What is missing by then is missing all the same.
    world.drop_key(&totals(), "C-1");
    let found = world.judge();
    assert_eq!(verdict(&found, "effects.total-orders"), Verdict::Fail);
    // What is not there on the way of one trigger keeps all of them waiting.
    let (role, function) = (ResourceId::new(ResourceKind::Role, "worker"), "total-orders");
    for (lost, kind) in [
        (role, FindingKind::ConfigurationMissing),
        (ResourceId::new(ResourceKind::Function, function), FindingKind::ConfigurationMissing),
        (totals(), FindingKind::ConfigurationMissing),
        (trigger("total-orders"), FindingKind::LostTrigger),
    ] {
        for one in world.configuration.get_mut(&CaptureName::Recovered).unwrap().iter_mut() {
            one.absent = one.resource == lost;
        }
        let found = world.judge();
        let others =
            found.findings.iter().filter(|one| one.root.is_none() && one.weight > Weight::Note && one.kind != kind);
        assert_eq!((roots(&found), others.count()), (vec![(kind, Some(lost))], 0), "{:#?}", found.findings);
    }
    world.events.retain(|(_, event)| !matches!(event, Event::Drained { .. }));
    assert_eq!(verdict(&world.judge(), "effects.describe-upload"), Verdict::Inconclusive, "nor when nothing says so");
}
