//! Counters at their bounds: increments under way together, after the cutover, and of one key among others.

use firedrill_model::{
    capture::CaptureName,
    findings::{FindingKind, Weight},
    ids::ResourceId,
    ledger::LedgerLine,
    topology::Side,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};

use crate::support::{
    BACKUP, T0, World, ambiguous, entry, finding,
    generated::{add, counter, counting},
    has, orders, put, put_after, rejected, roots, verdict,
};

const KEY: &str = "C-1#n";

/// Adds to the counter between these instants.
fn plus(amount: u64, issued: u64, completed: u64) -> LedgerLine {
    let line = add(&put(&orders(), KEY, &format!("n-{issued}-{amount}"), issued), amount);
    LedgerLine { completed_ms: Some(RunTime::from_ms(completed)), ..line }
}

/// The same after the cutover.
fn after(amount: u64, issued: u64) -> LedgerLine {
    LedgerLine { side: Side::Recovery, epoch: 1, ..plus(amount, issued, issued + 10) }
}

fn holding(lines: &[LedgerLine], value: Option<u64>) -> World {
    let mut world = counting(lines, &std::collections::BTreeMap::new());
    world.recovered(&orders()).extend(value.map(|value| counter(KEY, &value.to_string())));
    world
}

fn foreign() -> Vec<(FindingKind, Option<ResourceId>)> {
    vec![(FindingKind::Foreign, Some(orders()))]
}

/// Two before the backup began, two after it had ended.
fn four() -> [LedgerLine; 4] {
    [plus(1, 5_000, 5_010), plus(2, 6_000, 6_010), plus(3, 19_200, 19_210), plus(4, 19_400, 19_410)]
}

/// How many writes and bytes are lost, and since when, certainly and possibly.
fn lost(found: &Verification) -> (u64, u64, Option<u64>, Option<u64>) {
    assert!(!has(found, FindingKind::CheckerCrashed, Weight::Undecided), "{:#?}", found.findings);
    let losses = &found.rpo.by_resource[&orders()];
    let since = |span: Option<Span>| span.map(|span| T0 - span.ms()).filter(|since| *since < T0);
    (losses.lost_writes, losses.lost_bytes, since(losses.actual_ms), since(losses.actual_upper_ms))
}

// ---- what explains a value ------------------------------------------------------------------------------------------

#[test]
fn of_increments_under_way_together_any_may_be_there() {
    // The last one was issued when the others completed: all three are concurrent.
    let lines = [plus(1, 5_000, 5_010), plus(2, 5_000, 5_010), plus(4, 5_010, 5_020)];
    for value in 0..=7 {
        let found = holding(&lines, Some(value)).judge();
        assert!(!has(&found, FindingKind::Foreign, Weight::Failure), "{value}");
    }
    // One millisecond later it came after both.
    let lines = [plus(1, 5_000, 5_010), plus(2, 5_000, 5_010), plus(4, 5_011, 5_020)];
    for (value, explained) in
        [(0, true), (1, true), (2, true), (3, true), (4, false), (5, false), (6, false), (7, true)]
    {
        let found = holding(&lines, Some(value)).judge();
        assert_eq!(!has(&found, FindingKind::Foreign, Weight::Failure), explained, "{value}");
    }
}

#[test]
fn of_equal_increments_a_value_that_no_choice_gives_is_wrong_however_many_there_are() {
    for count in [12, 13, 100] {
        let lines: Vec<LedgerLine> = (0..count).map(|n| plus(3, 19_000 + n, 19_500)).collect();
        assert_eq!(roots(&holding(&lines, Some(7)).judge()), foreign(), "{count} under way at once");
    }
}

#[test]
fn a_wrong_value_among_many_increments_is_found() {
    let lines: Vec<LedgerLine> = (0..200).map(|n| plus(3, 2_000 + n * 50, 2_010 + n * 50)).collect();
    for value in [1, 301, 599] {
        assert_eq!(roots(&holding(&lines, Some(value)).judge()), foreign(), "{value}");
    }
    assert_eq!(roots(&holding(&lines, Some(600)).judge()), []);
}

#[test]
fn an_increment_by_nothing_makes_no_counter() {
    let found = holding(&[plus(0, 5_000, 5_010), plus(1, 6_000, 6_010)], Some(1)).judge();
    assert_eq!(verdict(&found, "state"), Verdict::Inconclusive);
    assert!(finding(&found, FindingKind::NotMeasured).message.contains("cannot be judged"));
    let refused = rejected(plus(0, 5_000, 5_010));
    assert_eq!(holding(&[refused, plus(1, 6_000, 6_010)], Some(1)).judge().verdict, Verdict::Pass);
}

// ---- what is lost ---------------------------------------------------------------------------------------------------

#[test]
fn what_is_lost_of_a_counter_is_counted_in_writes_and_bytes() {
    let mut lines = four().to_vec();
    assert_eq!(lost(&holding(&lines, Some(10)).judge()), (0, 0, None, None));
    assert_eq!(lost(&holding(&lines, Some(6)).judge()), (1, 100, Some(19_410), Some(19_410)));
    assert_eq!(lost(&holding(&lines, Some(3)).judge()), (2, 200, Some(19_210), Some(19_210)));
    // Nobody was promised what is ambiguous or refused.
    lines.push(ambiguous(plus(5, 19_450, 19_460)));
    lines.push(rejected(plus(7, 19_460, 19_470)));
    assert_eq!(lost(&holding(&lines, Some(6)).judge()), (1, 100, Some(19_410), Some(19_410)));
}

#[test]
fn an_increment_that_was_issued_when_another_completed_may_be_there_without_it() {
    for (issued, expected) in [(5_010, (1, 0, Some(5_020), Some(5_010))), (5_011, (1, 100, Some(5_020), Some(5_020)))] {
        let lines = [plus(1, 5_000, 5_010), plus(1, issued, 5_020)];
        assert_eq!(lost(&holding(&lines, Some(1)).judge()), expected, "{issued}");
    }
}

#[test]
fn an_increment_that_an_ambiguous_one_may_stand_for_is_possibly_lost() {
    let doubtful = ambiguous(plus(2, 5_500, 5_510));
    let lines = [plus(1, 5_000, 5_010), plus(2, 6_000, 6_010), doubtful];
    assert_eq!(lost(&holding(&lines, Some(3)).judge()), (0, 0, None, Some(6_010)));
    assert_eq!(lost(&holding(&lines, Some(5)).judge()), (0, 0, None, None));
}

#[test]
fn what_a_doubtful_increment_after_the_cutover_added_is_not_known() {
    let mut lines = four().to_vec();
    lines.push(ambiguous(after(5, 29_000)));
    for (value, expected) in [
        (10, (0, 0, None, Some(19_410))),
        (15, (0, 0, None, None)),
        // Three and three, or one and five.
        (6, (1, 100, Some(19_410), Some(6_010))),
        (3, (2, 200, Some(19_210), Some(5_010))),
    ] {
        let found = holding(&lines, Some(value)).judge();
        assert_eq!(lost(&found), expected, "{value}");
    }
}

#[test]
fn a_value_that_no_increments_give_is_wrong_though_one_after_the_cutover_is_in_doubt() {
    let mut lines = four().to_vec();
    lines.push(ambiguous(after(5, 29_000)));
    // Of 1, 2, 3 and 4 in this order, with five or without.
    let explained = [0, 1, 3, 5, 6, 8, 10, 11, 15];
    for value in 0..=15 {
        let found = holding(&lines, Some(value)).judge();
        assert_eq!(!has(&found, FindingKind::Foreign, Weight::Failure), explained.contains(&value), "{value}");
    }
    // Equal ones are not tried one by one.
    let mut equal: Vec<LedgerLine> = (0..100).map(|n| plus(3, 19_000 + n, 19_500)).collect();
    equal.extend((0..100).map(|n| ambiguous(after(3, 29_000 + n))));
    assert_eq!(roots(&holding(&equal, Some(301)).judge()), foreign());
    assert_eq!(roots(&holding(&equal, Some(303)).judge()), []);
    // Too many to be tried leave the counter undecided.
    let mut many = four().to_vec();
    many.extend((4..20).map(|n| ambiguous(after(1 << n, 29_000 + n))));
    let found = holding(&many, Some((1 << 20) - 7)).judge();
    assert_eq!((roots(&found), verdict(&found, "state")), (vec![], Verdict::Inconclusive));
}

#[test]
fn what_was_acknowledged_after_the_cutover_is_taken_to_be_there_first() {
    let mut lines = four().to_vec();
    lines.extend([after(2, 29_000), after(1, 29_100)]);
    for (value, missing, expected) in [
        (13, false, (0, 0, None, None)),
        (9, false, (1, 100, Some(19_410), Some(19_410))),
        (2, true, (4, 400, Some(5_010), Some(5_010))),
    ] {
        let found = holding(&lines, Some(value)).judge();
        assert_eq!(lost(&found), expected, "{value}");
        assert_eq!(has(&found, FindingKind::Missing, Weight::Failure), missing, "{value}");
    }
}

// ---- who lost it ----------------------------------------------------------------------------------------------------

#[test]
fn the_recovery_point_owes_increments_that_completed_before_its_capture_began() {
    let incomplete = vec![(FindingKind::BackupIncomplete, Some(orders()))];
    for (completed, expected) in [(BACKUP.0 - 1, incomplete.clone()), (BACKUP.0, vec![])] {
        assert_eq!(roots(&holding(&[plus(1, 17_000, completed)], None).judge()), expected, "{completed}");
    }
    // A recovery point that holds a counter of nothing has lost it as well.
    let mut world = holding(&[plus(1, 5_000, 5_010)], None);
    world.content.insert((CaptureName::RecoveryPoint, orders()), vec![counter(KEY, "0")]);
    assert_eq!(roots(&world.judge()), incomplete);
}

#[test]
fn what_a_counter_holds_is_said_with_what_it_may_hold() {
    let mut lines = four().to_vec();
    let said = |lines: &[LedgerLine], value: Option<u64>, kind: FindingKind| {
        finding(&holding(lines, value).judge(), kind).detail.join("\n")
    };
    assert_eq!(said(&lines, Some(1), FindingKind::BackupIncomplete), "C-1#n: it holds 1 of 10");
    assert_eq!(said(&lines, None, FindingKind::BackupIncomplete), "C-1#n: it holds nothing of 10");
    assert_eq!(said(&lines, Some(11), FindingKind::Foreign), "C-1#n: it holds 11");
    lines.extend([ambiguous(plus(5, 19_450, 19_460)), rejected(plus(7, 19_460, 19_470))]);
    assert_eq!(said(&lines, Some(1), FindingKind::BackupIncomplete), "C-1#n: it holds 1 of 10 to 15");
    let mut broken = holding(&lines, None);
    broken.recovered(&orders()).push(counter(KEY, "1.5"));
    assert_eq!(finding(&broken.judge(), FindingKind::Foreign).detail, ["C-1#n: it holds no whole number"]);
}

/// A counter whose increment after the backup is lost, and a later write of the same writer that is there.
fn torn(more: &[LedgerLine], value: Option<u64>) -> World {
    let by_one = |seq, line: LedgerLine| LedgerLine { writer: "one".to_owned(), seq, ..line };
    let survivor = by_one(2, put(&orders(), "later", "w-2", 19_500));
    let mut lines = vec![by_one(1, plus(1, 19_200, 19_210)), survivor.clone()];
    lines.extend(more.iter().cloned());
    let mut world = holding(&lines, value);
    world.recovered(&orders()).push(entry(&survivor));
    world
}

#[test]
fn what_is_torn_by_a_counter_follows_from_what_is_found_of_that_counter() {
    let alone = torn(&[], None).judge();
    assert_eq!(roots(&alone), [(FindingKind::Torn, None)], "nobody is to blame for the increment");
    // What is missing of another key explains nothing.
    let other = put_after(&orders(), "other", "w-other", 29_000);
    let beside = torn(&[other], None).judge();
    assert_eq!(roots(&beside), [(FindingKind::Missing, Some(orders())), (FindingKind::Torn, None)]);
    // What the traffic's new home lost of the counter does.
    let later = torn(&[after(2, 29_000)], Some(1)).judge();
    assert_eq!(roots(&later), [(FindingKind::Missing, Some(orders()))]);
    let missing = finding(&later, FindingKind::Missing);
    assert_eq!(finding(&later, FindingKind::Torn).root.as_ref(), Some(&missing.id));
    assert_eq!(missing.detail, ["C-1#n: it holds 1 of 3, some of it added after the cutover"]);
}
