//! firedrill's own probes and canaries on generated runs: they are nobody's data.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::CaptureName,
    findings::{Finding, FindingKind, Weight},
    ids::{CheckId, ResourceId},
    ledger::{LedgerLine, Origin},
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};
use proptest::{prelude::*, sample::Index};

use crate::support::{
    BACKUP, CUTOVER, T0, World, ambiguous, delete, entry,
    generated::{ledger, strokes, tried, world},
    orders, put, rejected,
    tampering::picked,
};

/// One request of a probe, or of the canary, on one of its few keys.
#[derive(Clone, Debug)]
struct Ping {
    key: u8,
    deletes: bool,
    outcome: u8,
    at_ms: u64,
}

/// Requests before the fault, while it lasts and after the cutover.
fn pings() -> impl Strategy<Value = Vec<Ping>> {
    let at = prop_oneof![2_000..T0 - 20, T0..CUTOVER, CUTOVER + 100..38_000_u64];
    let ping = (0..3_u8, prop::bool::weighted(0.2), 0..6_u8, at);
    let ping = ping.prop_map(|(key, deletes, outcome, at_ms)| Ping { key, deletes, outcome, at_ms });
    prop::collection::vec(ping, 1..20)
}

fn line(ping: &Ping, number: usize) -> LedgerLine {
    let (key, id) = (format!("probe#{}", ping.key), format!("p-{number}"));
    let line = (if ping.deletes { delete } else { put })(&orders(), &key, &id, ping.at_ms);
    let (side, epoch) = if ping.at_ms > CUTOVER { (Side::Recovery, 1) } else { (Side::Primary, 0) };
    let author = LedgerLine { origin: Origin::Probe, writer: "probe".to_owned(), seq: number as u64, ..line };
    let line = LedgerLine { side, epoch, ..author };
    match ping.outcome {
        0 => rejected(line),
        1 => ambiguous(line),
        // What the fault is on for is not answered.
        _ if (T0..CUTOVER).contains(&ping.at_ms) => ambiguous(line),
        _ => line,
    }
}

/// Adds these requests; of what they wrote each key shows one value or none, and so does the recovery point.
fn probe(world: &mut World, lines: &[LedgerLine], shown: &[Option<Index>]) {
    let mut by_key: BTreeMap<&str, Vec<&LedgerLine>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.digest.is_some()) {
        by_key.entry(&line.key).or_default().push(line);
    }
    for (own, shown) in by_key.values().zip(shown) {
        let Some(held) = shown.and_then(|which| picked(own, which)) else { continue };
        world.add(&orders(), &entry(held));
        if held.issued_ms.ms() < BACKUP.0 {
            world.content.entry((CaptureName::RecoveryPoint, orders())).or_default().push(entry(held));
        }
    }
    world.ledger.extend(lines.iter().cloned());
}

/// The verdicts of everything that data decide.
fn decided(found: &Verification) -> BTreeMap<&str, Verdict> {
    let checks = ["state", "rpo", "consistent-cut"];
    checks.into_iter().map(|check| (check, found.checks[&CheckId::new(check)])).collect()
}

type Seen<'f> = (FindingKind, Weight, &'f Option<ResourceId>, &'f Option<String>, u64, &'f [String]);

fn seen(found: &Verification) -> Vec<Seen<'_>> {
    let mut all = Vec::new();
    for Finding { kind, weight, resource, key, count, detail, .. } in &found.findings {
        all.push((*kind, *weight, resource, key, *count, detail.as_slice()));
    }
    all
}

proptest! {
    #![proptest_config(tried(96))]

    /// Whatever firedrill wrote itself, whatever became of it and whatever of it came back: state, recovery point and cut are
    /// what they were, and so is every finding.
    #[test]
    fn what_firedrill_writes_itself_changes_neither_state_nor_recovery_point_nor_cut(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, pings in pings(),
        shown in prop::collection::vec(prop::option::of(any::<Index>()), 3),
    ) {
        let mut world = world(&ledger(&strokes, concurrent), cut_ms);
        let held = world.recovered(&orders()).clone();
        world.content.insert((CaptureName::RecoveryPoint, orders()), held);
        let before = world.judge();
        let lines: Vec<LedgerLine> = pings.iter().enumerate().map(|(number, ping)| line(ping, number)).collect();
        probe(&mut world, &lines, &shown);
        let found = world.judge();
        prop_assert_eq!(&found.rpo, &before.rpo);
        prop_assert_eq!(&found.equivalence.total, &before.equivalence.total);
        prop_assert_eq!(decided(&found), decided(&before));
        prop_assert_eq!(seen(&found), seen(&before));
    }
}

#[test]
fn an_answer_to_a_probe_shows_that_the_copy_that_was_given_up_was_still_there() {
    let whole = World::whole().judge().rpo;
    let late = |side, epoch| {
        let mut world = World::whole();
        let line = put(&orders(), "probe#late", "p-late", T0 + 500);
        world.ledger.push(LedgerLine { origin: Origin::Probe, writer: "probe".to_owned(), side, epoch, ..line });
        world.judge().rpo
    };
    let stopped = RunTime::from_ms(T0 + 510);
    let lengthened = whole.actual_ms.map(|actual| actual.plus(Span::from_ms(510)));
    let answered = late(Side::Primary, 0);
    assert_eq!((answered.t_stop_ms, answered.actual_ms), (Some(stopped), lengthened));
    assert_eq!((answered.lost_writes, answered.acknowledged_writes), (whole.lost_writes, whole.acknowledged_writes));
    assert_eq!(late(Side::Recovery, 1), whole, "the new side says nothing of the old one");
}
