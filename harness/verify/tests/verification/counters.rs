//! Counters: hand-built values, laws over generated increments, and the oracle.

use std::collections::BTreeMap;

use firedrill_model::{
    capture::CaptureName,
    findings::{FindingKind, Weight},
    ledger::{LedgerLine, Outcome},
    units::{RunTime, Span},
    verdict::Verdict,
};
use proptest::prelude::*;

use crate::{
    cuts::{by, cut},
    oracle::{agree, judge, ms},
    support::{
        T0, World, ambiguous, entry, finding,
        generated::{add, counter, counters_at, counting, increments, increments_after, later, strokes, tried},
        has, orders, put, put_after, rejected, roots, verdict,
    },
};

const KEY: &str = "C-1#n";

fn plus(amount: u64, at_ms: u64) -> LedgerLine {
    add(&put(&orders(), KEY, &format!("n-{at_ms}"), at_ms), amount)
}

fn holding(lines: &[LedgerLine], value: Option<&str>) -> World {
    let mut world = counting(lines, &BTreeMap::new());
    world.recovered(&orders()).extend(value.map(|value| counter(KEY, value)));
    world
}

/// Two before the backup began, two after it had ended.
fn four() -> [LedgerLine; 4] {
    [plus(1, 5_000), plus(2, 6_000), plus(3, 19_200), plus(4, 19_400)]
}

#[test]
fn a_counter_lies_between_acknowledged_and_that_with_ambiguous() {
    let mut lines = four().to_vec();
    lines.push(ambiguous(plus(5, 19_600)));
    lines.push(rejected(plus(7, 19_700)));
    let none = counting(&[], &BTreeMap::new()).judge();
    for (value, kind) in [
        ("10", None),
        ("15", None),
        ("10.00", None),
        ("1.5E+1", None),
        ("12", Some(FindingKind::Foreign)),
        ("16", Some(FindingKind::Phantom)),
        ("22", Some(FindingKind::Phantom)),
        ("23", Some(FindingKind::Foreign)),
        ("-1", Some(FindingKind::Foreign)),
        ("10.5", Some(FindingKind::Foreign)),
        ("ten", Some(FindingKind::Foreign)),
    ] {
        let found = holding(&lines, Some(value)).judge();
        let expected: Vec<_> = kind.into_iter().map(|kind| (kind, Some(orders()))).collect();
        assert_eq!((roots(&found), found.rpo.lost_writes), (expected, none.rpo.lost_writes), "{value}");
    }
    let mut number_lost = holding(&lines, Some("10"));
    number_lost.recovered(&orders())[0].counter = None;
    assert_eq!(roots(&number_lost.judge()), [(FindingKind::Foreign, Some(orders()))]);
}

#[test]
fn below_what_was_acknowledged_increments_are_lost() {
    // What came after the backup is nobody's fault.
    for (value, lost, back_to) in [("6", 1, 19_410), ("3", 2, 19_210)] {
        let found = holding(&four(), Some(value)).judge();
        assert_eq!(roots(&found), [], "{value}");
        let losses = &found.rpo.by_resource[&orders()];
        assert_eq!((losses.lost_writes, losses.actual_ms), (lost, Some(Span::from_ms(T0 - back_to))), "{value}");
        assert_eq!((losses.actual_upper_ms, &losses.sample[..]), (losses.actual_ms, &[KEY.to_owned()][..]), "{value}");
    }
    // No increments give these.
    for value in ["4", "7", "9"] {
        assert_eq!(roots(&holding(&four(), Some(value)).judge()), [(FindingKind::Foreign, Some(orders()))], "{value}");
    }
}

#[test]
fn increments_that_the_recovery_point_owes_are_somebodys_fault() {
    for (value, held, kind) in [
        (None, None, FindingKind::BackupIncomplete),
        (Some("1"), None, FindingKind::BackupIncomplete),
        (Some("1"), Some("1"), FindingKind::BackupIncomplete),
        (Some("1"), Some("3"), FindingKind::Changed),
        (None, Some("3"), FindingKind::Missing),
    ] {
        let mut world = holding(&four(), value);
        if let Some(held) = held {
            world.content.insert((CaptureName::RecoveryPoint, orders()), vec![counter(KEY, held)]);
        }
        let found = world.judge();
        assert_eq!(roots(&found), [(kind, Some(orders()))], "{value:?} {held:?}");
        assert_eq!(finding(&found, kind).key.as_deref(), Some(KEY));
    }
}

#[test]
fn which_of_two_concurrent_increments_is_lost_cannot_be_told() {
    let mut lines = [plus(1, 19_000), plus(1, 19_100)];
    lines[0].completed_ms = Some(RunTime::from_ms(19_150));
    let found = holding(&lines, Some("1")).judge();
    let losses = &found.rpo.by_resource[&orders()];
    assert_eq!((losses.lost_writes, losses.actual_ms), (1, Some(Span::from_ms(T0 - 19_150))));
    assert_eq!(losses.actual_upper_ms, Some(Span::from_ms(T0 - 19_110)));
}

#[test]
fn an_increment_after_the_cutover_must_be_there_and_is_no_loss() {
    let fresh = add(&put_after(&orders(), KEY, "n-1", 29_000), 2);
    let none = counting(&[], &BTreeMap::new()).judge().rpo.lost_writes;
    for (value, whole) in [(Some("2"), true), (Some("1"), false), (None, false)] {
        let found = holding(std::slice::from_ref(&fresh), value).judge();
        let expected = if whole { vec![] } else { vec![(FindingKind::Missing, Some(orders()))] };
        assert_eq!((roots(&found), found.rpo.lost_writes), (expected, none), "{value:?}");
    }
    // On a counter that was restored, what is short is short of what was there before.
    let lines = [plus(1, 5_000), plus(1, 19_200), fresh];
    let found = holding(&lines, Some("3")).judge();
    assert_eq!((roots(&found), found.rpo.lost_writes), (vec![], none + 1));
}

#[test]
fn a_counter_that_something_else_wrote_is_not_judged() {
    let written = put(&orders(), KEY, "n-put", 5_500);
    let mut world = holding(&[plus(1, 5_000), written.clone()], None);
    world.recovered(&orders()).push(entry(&written));
    let found = world.judge();
    assert!(has(&found, FindingKind::NotMeasured, Weight::Undecided));
    assert_eq!((verdict(&found, "state"), verdict(&found, "rpo")), (Verdict::Inconclusive, Verdict::Inconclusive));
}

#[test]
fn increments_of_which_nothing_is_known_leave_the_cut_open() {
    let one = |seq: u64, line: LedgerLine| by("writer-1", seq, line);
    let at_once = |n: u64| LedgerLine { completed_ms: Some(RunTime::from_ms(19_700)), ..plus(1 << n, 19_000 + n) };
    let later = one(99, put(&orders(), "C-1#later", "later", 19_800));
    let mut lines: Vec<LedgerLine> = (1..=14).map(|n| one(n, at_once(n))).collect();
    lines.push(later.clone());
    let judged = |value: &str| {
        let mut world = holding(&lines, Some(value));
        world.recovered(&orders()).push(entry(&later));
        let found = world.judge();
        (has(&found, FindingKind::Foreign, Weight::Failure), cut(&found))
    };
    assert_eq!(judged("32766"), (false, Verdict::Pass), "all are there");
    assert_eq!(judged("32765"), (false, Verdict::Inconclusive), "too much to choose from");
    assert_eq!(judged("99999"), (true, Verdict::Inconclusive), "no increments give it");
}

#[test]
fn too_much_to_choose_from_leaves_a_counter_undecided() {
    let lasting = |amount: u64, at_ms: u64, ms: u64| {
        let line = plus(amount, at_ms);
        LedgerLine { completed_ms: Some(RunTime::from_ms(at_ms + ms)), ..line }
    };
    let state = |lines: &[LedgerLine], value: &str| {
        let found = holding(lines, Some(value)).judge();
        (has(&found, FindingKind::Foreign, Weight::Failure), verdict(&found, "rpo"))
    };
    let (foreign, undecided, explained) =
        ((true, Verdict::Pass), (false, Verdict::Inconclusive), (false, Verdict::Pass));
    // All are even. Fourteen at once have sixteen thousand sums.
    let powers: Vec<LedgerLine> = (1..=14).map(|n| lasting(1 << n, 19_000 + n, 500)).collect();
    assert_eq!(state(&powers, "32765"), undecided);
    assert_eq!(state(&powers, "2"), explained, "only the smallest");
    // Few sums are tried, however many are under way.
    let few: Vec<LedgerLine> = (1..=20).map(|n| lasting(2 + 2 * (n % 2), 19_000 + n, 500)).collect();
    assert_eq!(state(&few, "7"), foreign);
    let many: Vec<LedgerLine> = (1..=400).map(|n| lasting(2 + 2 * (n % 2), 19_000 + n, 500)).collect();
    assert_eq!(state(&many, "7"), undecided, "more instants than are tried");
    assert_eq!(state(&many, "8"), explained);
    // Of equal ones any number may be there.
    let equal: Vec<LedgerLine> = (1..=200).map(|n| lasting(2, 19_000 + n, 500)).collect();
    assert_eq!((state(&equal, "7"), state(&equal, "8")), (foreign, explained));
}

#[test]
fn a_writer_that_survived_its_lost_increment_is_torn() {
    let by_one = |seq, line: LedgerLine| LedgerLine { writer: "one".to_owned(), seq, ..line };
    let later = by_one(2, put(&orders(), "later", "w-2", 19_500));
    let mut world = holding(&[by_one(1, plus(1, 19_200)), later.clone()], None);
    world.recovered(&orders()).push(entry(&later));
    assert!(has(&world.judge(), FindingKind::Torn, Weight::Failure));
}

proptest! {
    #![proptest_config(tried(256))]

    /// A counter of an instant is never wrong, and has lost nothing at the end.
    #[test]
    fn a_counter_of_an_instant_is_explained(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, amount_max in 1..5_u64, later in later(4),
    ) {
        let lines = increments(&strokes, concurrent, amount_max);
        let mut held = counters_at(&lines, cut_ms);
        let after = increments_after(&later, &mut held);
        let found = counting(&[&lines[..], &after].concat(), &held).judge();
        let wrong = found.findings.iter().any(|finding| matches!(finding.kind, FindingKind::Foreign | FindingKind::Phantom));
        prop_assert!(!wrong, "{:#?}", found.findings);
        let lost = |line: &&LedgerLine| {
            line.outcome == Outcome::Acknowledged && line.completed_ms.is_some_and(|done| done.ms() > cut_ms)
        };
        let lost = lines.iter().filter(lost).count() as u64;
        let losses = found.rpo.by_resource.get(&orders());
        prop_assert!(losses.map_or(0, |losses| losses.lost_writes) <= lost, "no more than really are");
        let whole = counting(&lines, &counters_at(&lines, T0)).judge();
        prop_assert_eq!(whole.rpo.by_resource.get(&orders()).map_or(0, |losses| losses.lost_writes), 0);
        prop_assert_eq!(whole.equivalence.total.count(), 0);
    }

    /// One increment less than was acknowledged is a loss, one more than is possible is wrong.
    #[test]
    fn a_counter_out_of_its_range_is_found(strokes in strokes(), which: prop::sample::Index, above: bool) {
        let lines = increments(&strokes, true, 1);
        let acknowledged: Vec<LedgerLine> =
            lines.iter().filter(|line| line.outcome == Outcome::Acknowledged).cloned().collect();
        prop_assume!(!acknowledged.is_empty());
        let key = acknowledged[which.index(acknowledged.len())].key.clone();
        let happened: &[LedgerLine] = if above { &lines } else { &acknowledged };
        let mut held = counters_at(happened, T0);
        let value = held.get_mut(&key).expect("it was incremented");
        *value = if above { *value + 1 } else { *value - 1 };
        let found = counting(&lines, &held).judge();
        if above {
            let wrong = found.findings.iter().find(|finding| finding.weight == Weight::Failure);
            prop_assert_eq!(wrong.and_then(|finding| finding.key.clone()), Some(key));
        } else {
            prop_assert_eq!(&found.rpo.by_resource[&orders()].sample, &vec![key]);
        }
    }

    /// Increments by one: verification and oracle agree whatever the counters hold.
    #[test]
    fn verification_and_oracle_agree_on_counters(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, drawn in prop::collection::vec(prop::option::of(0..14_u64), 4),
        within_ms in 100..20_000_u64, later in later(1),
    ) {
        let mut lines = increments(&strokes, concurrent, 1);
        let mut held = counters_at(&lines, cut_ms);
        lines.extend(increments_after(&later, &mut held));
        for (key, drawn) in lines.iter().map(|line| line.key.clone()).collect::<std::collections::BTreeSet<_>>().into_iter().zip(drawn) {
            if let Some(value) = drawn {
                held.insert(key, value);
            }
        }
        let mut world = counting(&lines, &held);
        world.plan.expect.rpo.as_mut().expect("the plan has one").within = Span::from_ms(within_ms);
        agree(&world)?;
    }

    /// Increments by different amounts: what verification says is certain is, and its interval holds the oracle's.
    #[test]
    fn the_interval_of_a_counter_holds_that_of_the_oracle(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, less in 0..6_u64, later in later(9),
    ) {
        let mut lines = increments(&strokes, concurrent, 4);
        let mut held = counters_at(&lines, cut_ms);
        lines.extend(increments_after(&later, &mut held));
        for value in held.values_mut() {
            *value = value.saturating_sub(less);
        }
        let (verification, oracle) = judge(&counting(&lines, &held));
        for (_, key) in &oracle.unexplained {
            let foreign = verification.findings.iter().filter(|finding| finding.kind == FindingKind::Foreign);
            let named = foreign.flat_map(|finding| &finding.detail).any(|line| line.starts_with(key.as_str()));
            prop_assert!(named, "{key} {:#?}", verification.findings);
        }
        let rpo = &verification.rpo;
        prop_assert!(rpo.lost_writes <= oracle.lost_writes);
        let (Some(lower), Some(upper)) = (rpo.actual_ms.map(ms), rpo.actual_upper_ms.map(ms)) else { return Ok(()) };
        prop_assert!(Some(lower) <= oracle.rpa_lower_ms, "{lower} {:?}", oracle.rpa_lower_ms);
        prop_assert!(Some(upper) >= oracle.rpa_upper_ms, "{upper} {:?}", oracle.rpa_upper_ms);
    }
}
