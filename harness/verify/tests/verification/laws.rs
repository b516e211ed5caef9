//! Laws over generated histories.

use std::collections::BTreeSet;

use firedrill_model::{
    findings::{FindingKind, Weight},
    ledger::{LedgerLine, Outcome},
};
use proptest::prelude::*;

use crate::support::{
    T0, entry,
    generated::{after_cutover, expiring, has_expired, ledger, state_at, strokes, tried, world},
    orders,
};

/// A write is gone for good when its key holds something that was overwritten before it began.
fn lost_by_definition(lines: &[LedgerLine], cut_ms: u64) -> BTreeSet<String> {
    let state = state_at(lines, cut_ms);
    let mut lost = BTreeSet::new();
    for line in lines.iter().filter(|line| line.outcome == Outcome::Acknowledged) {
        if let Some(Some(held)) = state.get(&line.key)
            && held
                .completed_ms
                .filter(|_| held.outcome == Outcome::Acknowledged)
                .is_some_and(|done| done < line.issued_ms)
        {
            lost.insert(line.write_id.to_string());
        }
    }
    lost
}

proptest! {
    #![proptest_config(tried(64))]

    /// Nothing is lost, and nothing differs, when the state is that of the end.
    #[test]
    fn the_final_state_loses_nothing(strokes in strokes(), concurrent: bool) {
        let found = world(&ledger(&strokes, concurrent), T0).judge();
        let of_orders = found.rpo.by_resource.get(&orders()).map_or(0, |losses| losses.lost_writes);
        prop_assert_eq!(of_orders, 0);
        prop_assert_eq!(found.equivalence.total.count(), 0);
    }

    /// Every key that holds an old value counts its later acknowledged writes, no more and no fewer.
    #[test]
    fn losses_are_those_of_the_definition(strokes in strokes(), cut_ms in 2_000..T0) {
        let lines = ledger(&strokes, false);
        let held = state_at(&lines, cut_ms);
        let present: Vec<LedgerLine> =
            lines.into_iter().filter(|line| held.get(&line.key).is_some_and(Option::is_some)).collect();
        let expected = lost_by_definition(&present, cut_ms).len() as u64;
        let found = world(&present, cut_ms).judge();
        let counted = found.rpo.by_resource.get(&orders()).map_or(0, |losses| losses.lost_writes);
        prop_assert_eq!(counted, expected);
    }

    /// The lower bound is not above the upper one, and what is lost was acknowledged.
    #[test]
    fn the_interval_is_ordered(strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0) {
        let found = world(&ledger(&strokes, concurrent), cut_ms).judge();
        if let (Some(lower), Some(upper)) = (found.rpo.actual_ms, found.rpo.actual_upper_ms) {
            prop_assert!(lower <= upper);
        }
        prop_assert!(found.rpo.lost_writes <= found.rpo.acknowledged_writes);
    }

    /// Writes on fresh keys after the cutover never change the lost set.
    #[test]
    fn writes_after_the_cutover_do_not_change_the_lost_set(strokes in strokes(), cut_ms in 2_000..T0, fresh in 0..20_usize) {
        let mut world = world(&ledger(&strokes, true), cut_ms);
        let before = world.judge();
        let lines = after_cutover(fresh);
        for line in &lines {
            world.add(&orders(), &entry(line));
        }
        world.ledger.extend(lines);
        prop_assert_eq!(before.rpo, world.judge().rpo);
    }

    /// A value that nothing wrote is always found, wherever it is.
    #[test]
    fn corruption_is_always_found(strokes in strokes(), which: prop::sample::Index) {
        let lines = ledger(&strokes, true);
        let mut world = world(&lines, T0);
        let held = world.recovered(&orders()).clone();
        prop_assume!(!held.is_empty());
        let key = held[which.index(held.len())].key.clone();
        world.change(&orders(), &key, |entry| entry.digest = "corrupt".to_owned());
        let found = world.judge();
        let changed = found.findings.iter().find(|finding| finding.kind == FindingKind::Changed);
        prop_assert_eq!(changed.and_then(|finding| finding.key.clone()), Some(key));
        prop_assert_eq!(changed.map(|finding| finding.weight), Some(Weight::Failure));
    }

    /// What has expired may be there or not; what has not must be there.
    #[test]
    fn only_what_has_expired_may_be_gone(strokes in strokes(), gone in prop::collection::vec(any::<bool>(), 4)) {
        // Without ambiguity the final state is known, and each key in it has one value.
        let sure = |line: &LedgerLine| line.outcome == Outcome::Acknowledged;
        let lines: Vec<LedgerLine> = expiring(ledger(&strokes, false)).into_iter().filter(sure).collect();
        let mut world = world(&lines, T0);
        let mut live_gone = BTreeSet::new();
        for (line, gone) in state_at(&lines, T0).into_values().flatten().zip(gone) {
            if gone {
                world.recovered(&orders()).retain(|entry| entry.key != line.key);
                if !has_expired(&line) {
                    live_gone.insert(line.key.clone());
                }
            }
        }
        let found = world.judge();
        let lost = found.rpo.by_resource.get(&orders()).map(|losses| losses.sample.clone()).unwrap_or_default();
        prop_assert_eq!(lost.into_iter().collect::<BTreeSet<_>>(), live_gone);
        prop_assert_eq!(found.equivalence.total.count(), 0);
    }

    /// A run is judged in the same way every time, and whatever the order of the ledger's lines of different keys.
    #[test]
    fn the_verdict_is_a_function_of_the_run(strokes in strokes(), cut_ms in 2_000..T0) {
        let mut lines = ledger(&strokes, true);
        let first = world(&lines, cut_ms).judge();
        lines.sort_by(|left, right| right.key.cmp(&left.key).then(left.issued_ms.cmp(&right.issued_ms)));
        let second = world(&lines, cut_ms).judge();
        prop_assert_eq!(first.rpo, second.rpo);
        prop_assert_eq!(first.checks, second.checks);
    }
}
