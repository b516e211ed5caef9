//! Effects on generated pipelines: verification against the oracle, and laws of their own.

use std::collections::BTreeMap;

use firedrill_fixtures::oracle::effects::{EffectReport, effects};
use firedrill_model::{
    capture::{CaptureName, Delivery},
    findings::{Finding, FindingKind, Weight},
    ledger::{LedgerLine, Op, Outcome},
    scenario::{Guarantee, Per},
    units::{RunTime, Span},
    verification::{EffectCounts, Verification},
};
use firedrill_verify::verify;
use proptest::{prelude::*, sample::Index};

use crate::support::{
    EPOCH_MS, READY, World,
    generated::tried,
    orders,
    pipeline::{Blow, How, blows, how, pipeline, unmoved},
    tampering::{picked, show, tamper, tamperings, unshow},
    trigger, uploads,
};

const TRIGGERS: [&str; 2] = ["describe-upload", "total-orders"];

/// What the scenario promises of every trigger.
#[derive(Clone, Copy, Debug)]
struct Promise {
    per: Per,
    guarantee: Guarantee,
    within_ms: u64,
    skew_ms: u64,
}

fn promise() -> impl Strategy<Value = Promise> {
    let per = prop_oneof![Just(Per::Key), Just(Per::Event)];
    let guarantee = prop_oneof![
        Just(Guarantee::DeliveredAtLeastOnce),
        Just(Guarantee::DeliveredExactlyOnce),
        Just(Guarantee::CountedExactlyOnce),
    ];
    let promise = (per, guarantee, 3_000..20_000_u64, 0..100_u64);
    promise.prop_map(|(per, guarantee, within_ms, skew_ms)| Promise { per, guarantee, within_ms, skew_ms })
}

fn promised(mut world: World, promise: Promise) -> World {
    world.plan.clock_skew = Span::from_ms(promise.skew_ms);
    for expected in world.plan.expect.effects.values_mut() {
        (expected.per, expected.guarantee) = (promise.per, promise.guarantee);
        expected.within = Span::from_ms(promise.within_ms);
    }
    world
}

fn judge(world: &World) -> (Verification, BTreeMap<String, EffectReport>) {
    let root = tempfile::tempdir().expect("a folder");
    let dir = world.save(root.path());
    (verify(&dir).expect("judged"), effects(root.path(), READY * 1_000).expect("judged by the oracle"))
}

fn of_trigger<'v>(found: &'v Verification, name: &str) -> impl Iterator<Item = &'v Finding> {
    let resource = trigger(name);
    found.findings.iter().filter(move |finding| finding.resource.as_ref() == Some(&resource))
}

/// The keys that findings of this kind name of a trigger, sorted.
fn named(found: &Verification, name: &str, kind: FindingKind) -> Vec<String> {
    let of_kind = of_trigger(found, name).filter(|finding| finding.kind == kind);
    let lines = of_kind.flat_map(|finding| &finding.detail);
    let mut keys: Vec<String> = lines.map(|line| line.split(": ").next().unwrap_or(line).to_owned()).collect();
    keys.sort();
    keys
}

fn agree(world: &World) -> Result<(), TestCaseError> {
    let (found, reports) = judge(world);
    prop_assert_eq!(found.rto.ready_ms.map(RunTime::ms), Some(READY));
    for name in TRIGGERS {
        let (counts, report) = (&found.effects[name], &reports[name]);
        let findings: Vec<&Finding> = of_trigger(&found, name).collect();
        prop_assert_eq!(
            named(&found, name, FindingKind::EffectMissing),
            &report.missing[..],
            "missing {} {:#?}",
            name,
            findings
        );
        prop_assert_eq!(
            named(&found, name, FindingKind::EffectOrphaned),
            &report.orphaned[..],
            "orphaned {} {:#?}",
            name,
            findings
        );
        prop_assert_eq!(
            named(&found, name, FindingKind::EffectWrong),
            &report.wrong[..],
            "wrong {} {:#?}",
            name,
            findings
        );
        prop_assert_eq!(
            named(&found, name, FindingKind::EffectLate),
            &report.late[..],
            "late {} {:#?}",
            name,
            findings
        );
        let many = |keys: &[String]| keys.len() as u64;
        prop_assert_eq!(counts.expected, report.expected, "expected {} {:#?}", name, report);
        prop_assert_eq!(counts.missing, many(&report.missing), "missing {}", name);
        prop_assert_eq!(counts.orphaned, many(&report.orphaned), "orphaned {}", name);
        prop_assert_eq!(counts.wrong, many(&report.wrong), "wrong {}", name);
        prop_assert_eq!(counts.late, many(&report.late), "late {}", name);
        prop_assert_eq!(counts.duplicate, many(&report.duplicate), "duplicate {}", name);
        prop_assert_eq!(counts.reordered, many(&report.reordered), "reordered {}", name);
        let made_by = (counts.traffic, counts.restored, counts.redriven);
        prop_assert_eq!(made_by, (report.traffic, report.restored, report.redriven), "deliveries {}", name);
        let once = world.plan.expect.effects[name].guarantee == Guarantee::DeliveredExactlyOnce;
        let twice: &[String] = if once { &report.duplicate } else { &[] };
        prop_assert_eq!(named(&found, name, FindingKind::EffectDuplicate), twice, "twice {}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(tried(96))]

    /// What is right has no finding.
    #[test]
    fn a_pipeline_that_is_right_has_no_finding_of_effects(
        before in blows(24), after in blows(16), how in how(), promise in promise(),
    ) {
        let (found, reports) = judge(&right(&before, &after, how, promise));
        for name in TRIGGERS {
            let nothing_owed = |finding: &&Finding| finding.message.starts_with("nothing was owed");
            let findings: Vec<&Finding> = of_trigger(&found, name).filter(|finding| !nothing_owed(finding)).collect();
            prop_assert!(findings.is_empty(), "{findings:#?}");
            let EffectReport { missing, orphaned, wrong, duplicate, late, .. } = &reports[name];
            let all = [missing, orphaned, wrong, duplicate, late];
            prop_assert!(all.iter().all(|keys| keys.is_empty()), "{:#?}", reports[name]);
            let undecided = of_trigger(&found, name).any(|finding| finding.weight == Weight::Undecided);
            prop_assert_eq!(undecided, found.effects[name].expected == 0);
        }
    }

    /// Whatever is broken, both count the same and name the same keys.
    #[test]
    fn verification_and_oracle_agree_on_effects(
        before in blows(24), after in blows(16), how in how(), promise in promise(), broken in tamperings(),
    ) {
        let mut world = promised(pipeline(&before, &after, how), promise);
        for what in &broken {
            tamper(&mut world, what);
        }
        agree(&world)?;
    }
}

proptest! {
    #![proptest_config(tried(64))]

    /// Where the traffic never moved there is one copy, and its log is that of all writes.
    #[test]
    fn verification_and_oracle_agree_on_effects_where_the_traffic_never_moved(
        blows in blows(24), how in how(), promise in promise(), broken in tamperings(),
    ) {
        let mut world = promised(unmoved(pipeline(&[], &blows, how)), promise);
        for what in &broken {
            tamper(&mut world, what);
        }
        agree(&world)?;
    }
}

/// A pipeline that is right, in which every effect is one of a write alone on its key.
fn right(before: &[Blow], after: &[Blow], how: How, promise: Promise) -> World {
    promised(pipeline(before, after, How { concurrent: false, ..how }), promise)
}

/// The acknowledged writes whose values keys hold, with the trigger that hears of each.
fn held(world: &World, how: How) -> Vec<(&'static str, LedgerLine)> {
    let mut held = Vec::new();
    for (resource, name) in [(uploads(), TRIGGERS[0]), (orders(), TRIGGERS[1])] {
        for entry in &world.content[&(CaptureName::Recovered, resource)] {
            let line =
                world.ledger.iter().find(|line| Some(&line.write_id) == entry.write_id.as_ref()).expect("written");
            let heard = name == TRIGGERS[1] || !how.prefix || line.key.starts_with("up");
            if heard && line.outcome == Outcome::Acknowledged {
                held.push((name, line.clone()));
            }
        }
    }
    held
}

/// The counts of both triggers.
fn counts(world: &World) -> BTreeMap<String, EffectCounts> {
    world.judge().effects
}

/// Everything that findings name of both triggers, as trigger, kind and keys.
fn all_named(found: &Verification) -> Vec<(&'static str, FindingKind, Vec<String>)> {
    let kinds = [
        FindingKind::EffectMissing,
        FindingKind::EffectOrphaned,
        FindingKind::EffectWrong,
        FindingKind::EffectLate,
        FindingKind::EffectDuplicate,
    ];
    let each = TRIGGERS.into_iter().flat_map(|name| kinds.map(|kind| (name, kind, named(found, name, kind))));
    each.filter(|(_, _, keys)| !keys.is_empty()).collect()
}

proptest! {
    #![proptest_config(tried(32))]

    /// One owed effect that is taken away is the one that is named.
    #[test]
    fn an_owed_effect_that_is_gone_is_the_one_that_is_named(
        before in blows(24), after in blows(16), how in how(), promise in promise(), which: Index,
    ) {
        let mut world = right(&before, &after, how, promise);
        let held = held(&world, how);
        let Some((name, line)) = picked(&held, which) else { return Ok(()) };
        let owed = counts(&world)[*name].expected;
        unshow(&mut world, line);
        let found = world.judge();
        prop_assert_eq!(all_named(&found), vec![(*name, FindingKind::EffectMissing, vec![line.key.clone()])]);
        prop_assert_eq!((found.effects[*name].missing, found.effects[*name].expected), (1, owed));
        prop_assert_eq!(&found.effects[*name].sample, &vec![line.key.clone()]);
    }

    /// What was made of a lost write is orphaned.
    #[test]
    fn what_is_made_of_a_lost_write_is_orphaned(
        before in blows(24), how in how(), promise in promise(), which: Index,
    ) {
        let mut world = right(&before, &[], how, promise);
        let held = held(&world, how);
        let is_lost = |line: &&LedgerLine| line.outcome == Outcome::Acknowledged && line.op != Op::Delete && held.iter().any(|(_, held)| {
            held.resource == line.resource && held.key == line.key && held.completed_ms < Some(line.issued_ms)
        });
        let lost: Vec<LedgerLine> = world.ledger.iter().filter(is_lost).cloned().collect();
        let Some(line) = picked(&lost, which) else { return Ok(()) };
        let name = if line.resource == orders() { TRIGGERS[1] } else { TRIGGERS[0] };
        show(&mut world, line, false);
        prop_assert_eq!(all_named(&world.judge()), vec![(name, FindingKind::EffectOrphaned, vec![line.key.clone()])]);
    }

    /// An event that comes again counts once more, and is a fault where once is promised. A redrive is none.
    #[test]
    fn a_delivery_that_comes_again_counts_once_more_and_a_redrive_never_does(
        before in blows(24), after in blows(16), how in how(), promise in promise(), which: Index, later in 0..5_000_u64,
    ) {
        let mut world = right(&before, &after, how, promise);
        // What was tried again may rightly come once more than it did.
        let tries = |event: &str| world.ledger.iter().filter(|line| line.write_id.as_str() == event).count();
        let is_one = |one: &&Delivery| one.key != "probe#orders" && tries(&one.event_id) <= 1;
        let log: Vec<Delivery> = world.deliveries.iter().flatten().filter(is_one).cloned().collect();
        let Some(delivery) = picked(&log, which) else { return Ok(()) };
        let once = counts(&world)[&delivery.trigger].clone();
        let again = Delivery { delivery_id: "again".to_owned(), at_utc_ms: delivery.at_utc_ms + later, ..delivery.clone() };
        let log = world.deliveries.as_mut().expect("a log");
        log.push(Delivery { redriven: true, delivery_id: "redriven".to_owned(), ..again.clone() });
        // The log holds one delivery twice: it was one.
        log.push(delivery.clone());
        let found = world.judge();
        prop_assert_eq!(&found.effects[&delivery.trigger], &EffectCounts { redriven: once.redriven + 1, ..once.clone() });
        prop_assert_eq!(all_named(&found), vec![]);
        world.deliveries.as_mut().expect("a log").push(again);
        let found = world.judge();
        prop_assert_eq!(found.effects[&delivery.trigger].duplicate, once.duplicate + 1);
        let named = all_named(&found).into_iter().map(|(name, kind, keys)| (name.to_owned(), kind, keys)).collect::<Vec<_>>();
        let twice = (delivery.trigger.clone(), FindingKind::EffectDuplicate, vec![delivery.key.clone()]);
        let is_fault = promise.guarantee == Guarantee::DeliveredExactlyOnce;
        prop_assert_eq!(named, if is_fault { vec![twice] } else { vec![] });
    }

    /// Late is what comes after the instant at which it is due, and not what comes then.
    #[test]
    fn an_effect_is_late_after_the_instant_at_which_it_is_due(
        before in blows(24), after in blows(16), how in how(), promise in promise(), which: Index,
    ) {
        let mut world = right(&before, &after, how, promise);
        let log = world.deliveries.as_ref().expect("a log");
        let of = |line: &LedgerLine| log.iter().position(|one| one.event_id == line.write_id.as_str());
        let heard: Vec<(LedgerLine, usize)> =
            held(&world, how).into_iter().filter_map(|(_, line)| Some((line.clone(), of(&line)?))).collect();
        let Some((line, position)) = picked(&heard, which) else { return Ok(()) };
        let acknowledged = line.completed_ms.expect("acknowledged").ms();
        let due = acknowledged.max(READY) + promise.within_ms + promise.skew_ms;
        let mut late_at = |at: u64| {
            world.deliveries.as_mut().expect("a log")[*position].at_utc_ms = EPOCH_MS + at;
            all_named(&world.judge()).into_iter().map(|(_, kind, keys)| (kind, keys)).collect::<Vec<_>>()
        };
        prop_assert_eq!(late_at(due), vec![]);
        prop_assert_eq!(late_at(due + 1), vec![(FindingKind::EffectLate, vec![line.key.clone()])]);
    }
}
