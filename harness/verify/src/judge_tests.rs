use firedrill_model::ids::ResourceKind;
use proptest::{prelude::*, sample::Index};

use super::*;

/// Kinds that a scenario can state whether they fail or leave a check undecided, and kinds that count as failures alone.
const OF_THE_SCENARIO: [FindingKind; 5] = [
    FindingKind::NotProvable,
    FindingKind::SourceReachable,
    FindingKind::SelfHealed,
    FindingKind::RecoveryFailed,
    FindingKind::StopConditionMet,
];
const FAILURES: [FindingKind; 5] = [
    FindingKind::RpoMissed,
    FindingKind::BackupIncomplete,
    FindingKind::Missing,
    FindingKind::Changed,
    FindingKind::EffectMissing,
];

fn table(name: &str) -> ResourceId {
    ResourceId::new(ResourceKind::Table, name)
}

fn finding() -> impl Strategy<Value = Finding> {
    let kind = prop_oneof![
        (prop::sample::select(&FAILURES[..]), Just(Weight::Failure)),
        (prop::sample::select(&OF_THE_SCENARIO[..]), prop::sample::select(vec![Weight::Failure, Weight::Undecided])),
    ];
    let place = prop::option::of(prop::sample::select(vec!["orders", "totals"]));
    let key = prop::option::of(prop::sample::select(vec!["restore", "redrive"]));
    (kind, place, key, 1..4_u64).prop_map(|((kind, weight), place, key, count)| Finding {
        id: "f-0001".to_owned(),
        check: Some(CheckId::new("state")),
        kind,
        weight,
        resource: place.map(table),
        key: key.map(str::to_owned),
        root: None,
        count,
        message: String::new(),
        detail: Vec::new(),
        help: None,
    })
}

fn findings(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(finding(), count)
}

/// What states this finding, with its place and its step or without.
fn statement(of: &Finding, (with_resource, with_step): (bool, bool)) -> StatedFinding {
    StatedFinding {
        finding: of.kind.to_string(),
        resource: of.resource.clone().filter(|_| with_resource),
        step: of.key.clone().filter(|_| with_step),
    }
}

fn is_as_stated(stated: &[StatedFinding], findings: &[Finding]) -> Option<bool> {
    as_stated(stated, &BTreeMap::new(), Verdict::Fail, findings)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_drill_is_as_stated_when_its_roots_are_the_stated_ones_whatever_follows_from_them(
        roots in findings(1..5), others in findings(0..5), notes in findings(0..3), with: [(bool, bool); 4], turn: Index,
    ) {
        let stated: Vec<StatedFinding> = roots.iter().zip(with).map(|(root, with)| statement(root, with)).collect();
        let follows = others.into_iter().map(|one| Finding { root: Some("f-0001".to_owned()), ..one });
        let notes = notes.into_iter().map(|one| Finding { weight: Weight::Note, ..one });
        let mut found: Vec<Finding> = roots.into_iter().chain(follows).chain(notes).collect();
        let turn = turn.index(found.len());
        found.rotate_left(turn);
        prop_assert_eq!(is_as_stated(&stated, &found), Some(true));
    }

    #[test]
    fn a_root_that_is_not_stated_is_not_as_stated(roots in findings(1..5), with: [(bool, bool); 4], extra in finding()) {
        let stated: Vec<StatedFinding> = roots.iter().zip(with).map(|(root, with)| statement(root, with)).collect();
        let is_stated = stated.iter().any(|stated| {
            stated.finding == extra.kind.to_string()
                && stated.resource.as_ref().is_none_or(|resource| extra.resource.as_ref() == Some(resource))
                && stated.step.as_ref().is_none_or(|step| extra.key.as_ref() == Some(step))
        });
        let mut found = roots;
        found.push(extra);
        prop_assert_eq!(is_as_stated(&stated, &found), Some(is_stated));
    }

    #[test]
    fn a_stated_finding_that_is_not_a_root_is_not_as_stated(
        roots in findings(1..5), with: [(bool, bool); 4], which: Index, how in 0..3_u8,
    ) {
        let stated: Vec<StatedFinding> = roots.iter().zip(with).map(|(root, with)| statement(root, with)).collect();
        // Everything that the chosen statement could stand for is gone, follows from something, or decides nothing.
        let chosen = stated[which.index(stated.len())].finding.clone();
        let found = roots.into_iter().filter_map(|root| match how {
            _ if root.kind.to_string() != chosen => Some(root),
            0 => None,
            1 => Some(Finding { root: Some("f-0002".to_owned()), ..root }),
            _ => Some(Finding { weight: Weight::Note, ..root }),
        });
        prop_assert_eq!(is_as_stated(&stated, &found.collect::<Vec<_>>()), Some(false));
    }

    #[test]
    fn what_is_undecided_for_a_reason_of_its_own_is_never_as_stated(
        roots in findings(1..5), undecided in prop::sample::select(&FAILURES[..]),
    ) {
        let mut found = roots;
        found[0] = Finding { kind: undecided, weight: Weight::Undecided, ..found[0].clone() };
        let stated: Vec<StatedFinding> = found.iter().map(|root| statement(root, (false, false))).collect();
        prop_assert_eq!(is_as_stated(&stated, &found), Some(false));
    }

    /// Of the resource that was hit nothing may be found but that key, and it has to be found.
    #[test]
    fn a_hit_is_as_stated_when_it_is_all_that_is_found_of_its_resource(roots in findings(1..5), known: bool) {
        let stated: Vec<StatedFinding> = roots.iter().map(|root| statement(root, (true, false))).collect();
        let key = known.then(|| "restore".to_owned());
        let hit = BTreeMap::from([(table("orders"), key.clone())]);
        let here: Vec<&Finding> = roots.iter().filter(|root| root.resource == Some(table("orders"))).collect();
        let expected =
            known && !here.is_empty() && here.iter().all(|root| root.key == key && root.count == 1);
        prop_assert_eq!(as_stated(&stated, &hit, Verdict::Fail, &roots), Some(expected));
    }
}
