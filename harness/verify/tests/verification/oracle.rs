//! Verification against the oracle, which shares no type and no line of code with it, on generated runs.

use std::collections::{BTreeMap, BTreeSet};

use firedrill_fixtures::oracle::{self, LostWrite, OracleReport, ShortCounter};
use firedrill_model::{
    capture::Entry,
    ledger::{LedgerLine, Op, Outcome},
    units::{RunTime, Span},
    verification::Verification,
};
use firedrill_verify::verify;
use proptest::prelude::*;

use crate::support::{
    T0, World, ambiguous, entry,
    generated::{after_cutover, expiring, ledger, strokes, tried, world},
    orders, put_after,
};

/// What is found under a key after the recovery.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// What the state as of the cut says.
    AsOfTheCut,
    Nothing,
    /// The value of one of its writes, whatever became of that write.
    Of(prop::sample::Index),
    /// A delete marker.
    Marker,
    /// A value that nothing wrote.
    Corrupt,
}

pub(crate) fn found() -> impl Strategy<Value = Found> {
    prop_oneof![
        4 => Just(Found::AsOfTheCut),
        2 => Just(Found::Nothing),
        4 => any::<prop::sample::Index>().prop_map(Found::Of),
        2 => Just(Found::Marker),
        1 => Just(Found::Corrupt),
    ]
}

/// Puts under each key what was drawn for it.
pub(crate) fn tamper(world: &mut World, lines: &[LedgerLine], drawn: &[Found]) {
    let mut by_key: BTreeMap<&str, Vec<&LedgerLine>> = BTreeMap::new();
    for line in lines {
        by_key.entry(&line.key).or_default().push(line);
    }
    for ((key, own), found) in by_key.iter().zip(drawn) {
        let values: Vec<Entry> = own.iter().filter(|line| line.op != Op::Delete).map(|line| entry(line)).collect();
        let held = match found {
            Found::AsOfTheCut => continue,
            Found::Nothing => None,
            Found::Of(which) => (!values.is_empty()).then(|| values[which.index(values.len())].clone()),
            Found::Marker => Some(Entry { deleted: true, write_id: None, digest: String::new(), ..entry(own[0]) }),
            Found::Corrupt => values.first().map(|value| Entry {
                digest: "corrupt".to_owned(),
                write_id: Some("nobody".into()),
                ..value.clone()
            }),
        };
        let content = world.recovered(&orders());
        content.retain(|entry| entry.key != *key);
        content.extend(held);
    }
}

/// Writes on the key of one of these lines after the cutover, and shows that or not.
fn write_over(world: &mut World, lines: &[LedgerLine], (which, in_doubt, shown): (prop::sample::Index, bool, bool)) {
    if lines.is_empty() {
        return;
    }
    let over = put_after(&orders(), &lines[which.index(lines.len())].key, "over", 29_300);
    if shown {
        world.drop_key(&orders(), &over.key);
        world.add(&orders(), &entry(&over));
    }
    world.ledger.push(if in_doubt { ambiguous(over) } else { over });
}

pub(crate) fn judge(world: &World) -> (Verification, OracleReport) {
    let root = tempfile::tempdir().expect("a folder");
    let dir = world.save(root.path());
    (verify(&dir).expect("judged"), oracle::lost_writes(root.path()).expect("judged by the oracle"))
}

pub(crate) fn agree(world: &World) -> Result<(), TestCaseError> {
    let (verification, oracle) = judge(world);
    let rpo = &verification.rpo;
    prop_assert_eq!(rpo.lost_writes, oracle.lost_writes, "certain: {:?} {:?}", oracle.certain, oracle.short_counters);
    let mut keys: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for LostWrite { resource, key, .. } in &oracle.certain {
        keys.entry(resource.clone()).or_default().insert(key);
    }
    for ShortCounter { resource, key, .. } in &oracle.short_counters {
        keys.entry(resource.clone()).or_default().insert(key);
    }
    for (resource, losses) in rpo.by_resource.iter().filter(|(_, losses)| losses.lost_writes > 0) {
        let named: BTreeSet<&str> = losses.sample.iter().map(String::as_str).collect();
        prop_assert_eq!(Some(&named), keys.get(&resource.to_string()), "keys of {}", resource);
    }
    prop_assert_eq!(rpo.t_stop_ms.map(|at| ms(at.since(RunTime::default()))), oracle.t_stop_ms);
    let objective = ms(rpo.objective_ms.expect("the plan has one"));
    if oracle.measured(objective) {
        prop_assert_eq!(rpo.actual_ms.map(ms), oracle.rpa_lower_ms);
        prop_assert_eq!(rpo.actual_upper_ms.map(ms), oracle.rpa_upper_ms);
    } else {
        prop_assert_eq!(rpo.actual_ms, None, "no write in the last stretch: not measured, never zero");
    }
    if oracle.lost_writes > 0 {
        prop_assert_eq!(rpo.point_in_time, Some(oracle.point_in_time));
    }
    for (resource, key) in &oracle.unexplained {
        let named = verification.findings.iter().any(|finding| {
            let here = finding.resource.as_ref().is_some_and(|found| found.as_str() == resource);
            here && finding.root.is_none() && finding.detail.iter().any(|line| line.starts_with(key.as_str()))
        });
        prop_assert!(named, "{resource} {key} holds what nobody wrote: {:#?}", verification.findings);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run stay far below 2^53")]
pub(crate) fn ms(span: Span) -> f64 {
    span.micros() as f64 / 1000.0
}

proptest! {
    #![proptest_config(tried(512))]

    /// Key by key, on states of an instant and on states that no instant had.
    #[test]
    fn verification_and_oracle_agree(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, drawn in prop::collection::vec(found(), 4),
        fresh in 0..5_usize, over in prop::option::of(any::<(prop::sample::Index, bool, bool)>()), expiry: bool, within_ms in prop_oneof![100..2_000_u64, 2_000..20_000_u64], idle: bool,
    ) {
        let lines = ledger(&strokes, concurrent);
        let lines = if expiry { expiring(lines) } else { lines };
        let mut world = world(&lines, cut_ms);
        world.plan.expect.rpo.as_mut().expect("the plan has one").within = Span::from_ms(within_ms);
        if idle {
            world.ledger.retain(|line| line.write_id.as_str() != "u-l-1");
        }
        tamper(&mut world, &lines, &drawn);
        let after = after_cutover(fresh);
        for line in &after {
            world.add(&orders(), &entry(line));
        }
        world.ledger.extend(after);
        if let Some(over) = over {
            write_over(&mut world, &lines, over);
        }
        agree(&world)?;
    }

    /// The oracle is no echo: take one acknowledged value away, and it names that key as verification does.
    #[test]
    fn both_name_the_one_key_that_is_gone(strokes in strokes(), which: prop::sample::Index) {
        let put = |line: &LedgerLine| line.outcome == Outcome::Acknowledged && line.op != Op::Delete;
        let lines: Vec<LedgerLine> = ledger(&strokes, false).into_iter().filter(put).collect();
        let mut world = world(&lines, T0);
        let held = world.recovered(&orders()).clone();
        prop_assume!(!held.is_empty());
        let key = held[which.index(held.len())].key.clone();
        world.recovered(&orders()).retain(|entry| entry.key != key);
        let (verification, oracle) = judge(&world);
        let of_orders = oracle.certain.iter().filter(|lost| lost.resource == orders().as_str());
        let lost: BTreeSet<&str> = of_orders.map(|lost| lost.key.as_str()).collect();
        prop_assert_eq!(lost, BTreeSet::from([key.as_str()]));
        prop_assert_eq!(&verification.rpo.by_resource[&orders()].sample, &vec![key]);
    }
}
