//! Effects on generated pipelines: verification against the oracle, and laws of their own.

use std::collections::BTreeMap;

use firedrill_fixtures::oracle::effects::{EffectReport, effects};
use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    scenario::{Guarantee, Per},
    units::Span,
    verification::Verification,
};
use firedrill_verify::verify;
use proptest::prelude::*;

use crate::support::{
    READY, World,
    pipeline::{blows, how, pipeline},
    tampering::{tamper, tamperings},
    trigger,
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
    prop_assert_eq!(found.rto.ready_ms.map(|at| at.ms()), Some(READY));
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
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is right has no finding.
    #[test]
    fn a_pipeline_that_is_right_has_no_finding_of_effects(
        before in blows(24), after in blows(16), how in how(), promise in promise(),
    ) {
        let how = crate::support::pipeline::How { concurrent: false, ..how };
        let (found, reports) = judge(&promised(pipeline(&before, &after, how), promise));
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
