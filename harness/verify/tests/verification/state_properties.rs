//! State on generated runs: content and configuration, verification against the oracle.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_fixtures::oracle::equivalence::{self, Configured, Differing};
use firedrill_model::{
    capture::{CaptureName, Configuration, Entry},
    findings::{Finding, FindingKind},
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Op},
    verdict::Verdict,
    verification::{Differences, Verification},
};
use firedrill_verify::verify;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

use crate::support::{
    BACKUP, T0, World, entry,
    generated::{after_cutover, expiring, ledger, state_at, strokes, tried, world},
    orders, put,
    tampering::picked,
    verdict,
};

/// What is not as it should be in the content of a table.
#[derive(Clone, Debug)]
enum Fault {
    /// A key holds nothing.
    Gone(Index),
    /// A key holds another of its values, whatever became of that one.
    Other(Index, Index),
    /// A key has a delete marker.
    Marker(Index),
    /// A key holds the write id of nobody.
    Foreign(Index),
    /// A key holds other content under its write id.
    Corrupt(Index),
    /// An entry stands there twice, the second time with other content.
    Twice(Index),
    /// A key that nothing wrote.
    Stray(u8),
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let which = any::<Index>;
    let fault = prop_oneof![
        which().prop_map(Fault::Gone),
        (which(), which()).prop_map(|(key, value)| Fault::Other(key, value)),
        (which(), which()).prop_map(|(key, value)| Fault::Other(key, value)),
        which().prop_map(Fault::Marker),
        which().prop_map(Fault::Foreign),
        which().prop_map(Fault::Corrupt),
        which().prop_map(Fault::Twice),
        (0..3_u8).prop_map(Fault::Stray),
    ];
    prop::collection::vec(fault, 0..5)
}

/// Breaks what was recovered of the orders that these lines wrote.
fn tamper(world: &mut World, lines: &[LedgerLine], fault: &Fault) {
    let keys: Vec<String> = lines.iter().map(|line| line.key.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let content = world.recovered(&orders());
    let mut set = |key: Index, held: &dyn Fn(Vec<&LedgerLine>) -> Option<Entry>| {
        let Some(key) = picked(&keys, key) else { return };
        let own = lines.iter().filter(|line| line.key == *key && line.op != Op::Delete).collect();
        content.retain(|entry| entry.key != *key);
        content.extend(held(own));
    };
    let first = |own: Vec<&LedgerLine>| own.first().map(|line| entry(line));
    match fault {
        Fault::Gone(key) => set(*key, &|_| None),
        Fault::Other(key, value) => set(*key, &|own| picked(&own, *value).map(|line| entry(line))),
        Fault::Marker(key) => set(*key, &|own| {
            first(own).map(|held| Entry { deleted: true, write_id: None, digest: String::new(), ..held })
        }),
        Fault::Foreign(key) => {
            set(*key, &|own| first(own).map(|held| Entry { write_id: Some("nobody".into()), ..held }));
        }
        Fault::Corrupt(key) => {
            set(*key, &|own| own.last().map(|line| Entry { digest: "corrupt".to_owned(), ..entry(line) }));
        }
        Fault::Twice(which) => {
            let again = picked(content, *which).map(|held| Entry { digest: "again".to_owned(), ..held.clone() });
            content.extend(again);
        }
        Fault::Stray(number) => content.push(entry(&put(&orders(), &format!("C-1#stray{number}"), "stray", 1))),
    }
}

/// What the findings of a resource name, by what is counted together; sorted.
fn named(found: &Verification, resource: &ResourceId, kinds: &[FindingKind]) -> Vec<String> {
    let here = |finding: &&Finding| finding.resource.as_ref() == Some(resource) && kinds.contains(&finding.kind);
    let lines = found.findings.iter().filter(here).flat_map(|finding| &finding.detail);
    let mut keys: Vec<String> = lines.map(|line| line.split(": ").next().unwrap_or(line).to_owned()).collect();
    keys.sort();
    keys
}

fn agree(found: &Verification, resource: &ResourceId, expected: &Differing) -> Result<(), TestCaseError> {
    let counts = found.equivalence.by_resource.get(resource).cloned().unwrap_or_default();
    let many = |keys: &[String]| keys.len() as u64;
    let wanted = Differences {
        missing: many(&expected.missing),
        extra: many(&expected.extra),
        changed: many(&expected.changed),
        duplicated: many(&expected.duplicated),
        reordered: 0,
        sample: counts.sample.clone(),
    };
    prop_assert_eq!(counts, wanted, "{} {:#?} {:#?}", resource, expected, found.findings);
    Ok(())
}

/// The state of the recovery point, and which of its keys it does not hold.
type Point = Option<(u64, Vec<bool>)>;

fn point() -> impl Strategy<Value = Point> {
    prop::option::of((2_000..BACKUP.1, prop::collection::vec(any::<bool>(), 4)))
}

proptest! {
    #![proptest_config(tried(128))]

    /// Key by key, what is missing, extra, changed and twice.
    #[test]
    fn verification_and_oracle_agree_on_content(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, expiry: bool, point in point(),
        fresh in prop::collection::vec(any::<bool>(), 0..5), faults in faults(),
    ) {
        let lines = ledger(&strokes, concurrent);
        let lines = if expiry { expiring(lines) } else { lines };
        let mut world = world(&lines, cut_ms);
        if let Some((at_ms, absent)) = point {
            let held = state_at(&lines, at_ms).into_values().zip(absent);
            let held = held.filter_map(|(held, absent)| held.filter(|_| !absent));
            world.content.insert((CaptureName::RecoveryPoint, orders()), held.map(|line| entry(&line)).collect());
        }
        let after = after_cutover(fresh.len());
        for (line, there) in after.iter().zip(fresh) {
            if there {
                world.add(&orders(), &entry(line));
            }
        }
        let all: Vec<LedgerLine> = lines.iter().chain(&after).cloned().collect();
        world.ledger.extend(after);
        for fault in &faults {
            tamper(&mut world, &all, fault);
        }
        let root = tempfile::tempdir().expect("a folder");
        let found = verify(&world.save(root.path())).expect("judged");
        let expected = equivalence::content(root.path()).expect("judged by the oracle").remove(orders().as_str());
        let expected = expected.unwrap_or_default();
        agree(&found, &orders(), &expected)?;
        let changed = [FindingKind::Changed, FindingKind::Foreign, FindingKind::Phantom, FindingKind::Resurrected];
        prop_assert_eq!(named(&found, &orders(), &[FindingKind::Missing]), expected.missing);
        prop_assert_eq!(named(&found, &orders(), &[FindingKind::Extra]), expected.extra);
        prop_assert_eq!(named(&found, &orders(), &changed), expected.changed);
        prop_assert_eq!(named(&found, &orders(), &[FindingKind::Duplicated]), expected.duplicated);
    }
}

/// Fields of one resource as one side describes them.
fn described() -> impl Strategy<Value = Option<Configuration>> {
    let value = prop_oneof![
        3 => Just(json!("ENABLED")),
        1 => Just(json!("DISABLED")),
        1 => Just(json!(7)),
        1 => Just(json!("7")),
        1 => Just(Value::Null),
        1 => Just(json!(["a", "b"])),
        1 => Just(json!({ "Rules": [{ "Status": "ENABLED" }] })),
    ];
    let compared = prop::collection::btree_map("[A-D](\\.[xy])?", value.clone(), 0..6);
    let volatile = prop::collection::btree_map("Volatile[ab]", "[a-z]{1,9}", 0..3);
    let unknown = prop_oneof![4 => Just(BTreeMap::new()), 1 => prop::collection::btree_map("Unknown[ab]", value, 0..3)];
    let absent = prop::bool::weighted(0.1);
    let one = (compared, volatile, unknown, absent).prop_map(|(compared, volatile, unknown, absent)| Configuration {
        resource: orders(),
        absent,
        compared,
        volatile,
        unknown,
    });
    prop_oneof![12 => one.prop_map(Some), 1 => Just(None)]
}

/// Both sides: often the same fields, sometimes nothing in common.
fn both_sides() -> impl Strategy<Value = (Option<Configuration>, Option<Configuration>)> {
    (described(), described(), prop::bool::weighted(0.6)).prop_map(|(source, recovered, same)| {
        let recovered = if same { source.clone() } else { recovered };
        (source, recovered)
    })
}

proptest! {
    #![proptest_config(tried(64))]

    /// Each field that differs is named and none that is equal; one that nobody knows is a finding, a volatile one never.
    #[test]
    fn each_field_that_differs_is_named_and_no_other(sides in prop::collection::vec(both_sides(), 16)) {
        let mut world = World::whole();
        let (mut source, mut recovered) = (Vec::new(), Vec::new());
        let instrument = ResourceId::new(ResourceKind::Table, "deliveries");
        let resources: Vec<ResourceId> =
            world.plan.stack.resources().into_iter().filter(|resource| *resource != instrument).collect();
        prop_assert!(resources.len() <= sides.len());
        for (resource, (before, after)) in resources.iter().zip(&sides) {
            let of = |side: &Option<Configuration>| side.clone().map(|side| Configuration { resource: resource.clone(), ..side });
            source.extend(of(before));
            recovered.extend(of(after));
        }
        world.configuration = [(CaptureName::Source, source), (CaptureName::Recovered, recovered)].into();
        let root = tempfile::tempdir().expect("a folder");
        let found = verify(&world.save(root.path())).expect("judged");
        let oracle = equivalence::configuration(root.path()).expect("judged by the oracle");
        let (mut fails, mut undecided) = (false, false);
        for resource in &resources {
            let names = |kind| named(&found, resource, &[kind]);
            let count = |kind| found.findings.iter().filter(|one| one.resource.as_ref() == Some(resource) && one.kind == kind).count();
            let lost = if resource.kind() == Some(ResourceKind::Trigger) { FindingKind::LostTrigger } else { FindingKind::ConfigurationMissing };
            match oracle.get(resource.as_str()).unwrap_or(&Configured::NotKnown) {
                Configured::NotKnown => {
                    undecided = true;
                    prop_assert!(count(FindingKind::NotMeasured) >= 1, "{resource} {:#?}", found.findings);
                    prop_assert_eq!(count(lost) + count(FindingKind::ConfigurationChanged), 0);
                }
                Configured::Absent => {
                    fails = true;
                    prop_assert_eq!((count(lost), count(FindingKind::ConfigurationChanged)), (1, 0));
                    let missing = Differing { missing: vec![resource.to_string()], ..Differing::default() };
                    agree(&found, resource, &missing)?;
                }
                Configured::There { differing, unknown } => {
                    let mut all: Vec<String> = [&differing.missing, &differing.extra, &differing.changed].into_iter().flatten().cloned().collect();
                    all.sort();
                    fails |= !all.is_empty();
                    undecided |= !unknown.is_empty();
                    prop_assert_eq!(names(FindingKind::ConfigurationChanged), all);
                    prop_assert_eq!(&names(FindingKind::ConfigurationUnknown), unknown);
                    prop_assert_eq!(count(lost), 0);
                    agree(&found, resource, differing)?;
                }
            }
        }
        let expected = if fails { Verdict::Fail } else if undecided { Verdict::Inconclusive } else { Verdict::Pass };
        prop_assert_eq!(verdict(&found, "state"), expected, "{:#?}", found.findings);
        let volatile = |line: &String| line.starts_with("Volatile");
        let named_volatile = found.findings.iter().flat_map(|finding| &finding.detail).any(volatile);
        prop_assert!(!named_volatile, "volatile fields are listed and not compared");
    }
}
