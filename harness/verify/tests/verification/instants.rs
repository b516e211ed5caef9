//! A write precedes another when it completed before the other was issued: at one and the same instant they are concurrent.
//!
//! Each test moves one instant by a millisecond, and with it what is known of a key.

use firedrill_model::{
    findings::FindingKind,
    ledger::LedgerLine,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::RecoveryPointActual,
};

use crate::{
    cuts::{by, cut, holding, is_torn, of},
    support::{BACKUP, ENDS, EPOCH_MS, T0, ambiguous, delete, orders, put, roots},
};

/// A write of the key `k`, from `issued` to `completed`.
fn put_k(id: &str, issued: u64, completed: u64) -> LedgerLine {
    until(completed, put(&orders(), "k", id, issued))
}

fn delete_k(id: &str, issued: u64, completed: u64) -> LedgerLine {
    until(completed, delete(&orders(), "k", id, issued))
}

fn until(completed: u64, line: LedgerLine) -> LedgerLine {
    LedgerLine { completed_ms: Some(RunTime::from_ms(completed)), ..line }
}

/// What is lost of orders: how many writes, and since when, certainly and possibly.
fn lost(rpo: &RecoveryPointActual) -> (u64, Span, Span) {
    let losses = &rpo.by_resource[&orders()];
    let measured = |span: Option<Span>| span.expect("a write in the window");
    (losses.lost_writes, measured(losses.actual_ms), measured(losses.actual_upper_ms))
}

fn back_to(ms: u64) -> Span {
    Span::from_ms(T0 - ms)
}

// ---- what is lost ---------------------------------------------------------------------------------------------------

#[test]
fn what_was_issued_when_the_observed_write_completed_is_not_lost() {
    let seen = put_k("w-1", 5_000, 5_010);
    for (issued, expected) in [(5_010, (0, back_to(T0), back_to(T0))), (5_011, (1, back_to(5_020), back_to(5_020)))] {
        let lines = [seen.clone(), put_k("w-2", issued, 5_020)];
        assert_eq!(lost(&holding(&lines, &[&seen]).judge().rpo), expected, "{issued}");
    }
}

#[test]
fn what_completed_when_an_ambiguous_write_was_issued_may_be_lost_to_it() {
    let seen = ambiguous(put_k("w-2", 5_010, 5_020));
    for (completed, upper) in [(5_009, T0), (5_010, 5_010)] {
        let lines = [put_k("w-1", 5_000, completed), seen.clone()];
        assert_eq!(lost(&holding(&lines, &[&seen]).judge().rpo), (0, back_to(T0), back_to(upper)), "{completed}");
    }
}

#[test]
fn a_delete_that_completed_when_the_last_write_was_issued_may_have_won() {
    let first = delete_k("w-0", 3_000, 3_010);
    for (completed, expected) in [(5_010, (0, back_to(T0), back_to(T0))), (5_009, (1, back_to(5_020), back_to(5_020)))]
    {
        let lines = [first.clone(), delete_k("w-1", 5_000, completed), put_k("w-2", 5_010, 5_020)];
        assert_eq!(lost(&holding(&lines, &[]).judge().rpo), expected, "{completed}");
    }
}

#[test]
fn a_value_that_expires_when_the_capture_is_complete_may_be_gone() {
    let complete = EPOCH_MS + ENDS + 2_000;
    for (expires, expected) in
        [(complete, vec![]), (complete + 1, vec![(FindingKind::BackupIncomplete, Some(orders()))])]
    {
        let line = LedgerLine { expires_ms: Some(expires), ..put_k("w-1", 5_000, 5_010) };
        assert_eq!(roots(&holding(&[line], &[]).judge()), expected, "{expires}");
    }
}

#[test]
fn the_recovery_point_owes_what_completed_before_its_capture_began() {
    for (completed, expected) in
        [(BACKUP.0 - 1, vec![(FindingKind::BackupIncomplete, Some(orders()))]), (BACKUP.0, vec![])]
    {
        let line = put_k("w-1", 5_000, completed);
        assert_eq!(roots(&holding(&[line], &[]).judge()), expected, "{completed}");
    }
}

// ---- what survived --------------------------------------------------------------------------------------------------

/// Whether the last of these writes of `k` is a survivor when nothing is there: its writer has lost an earlier one.
fn deletion_survives(writes: &[LedgerLine]) -> bool {
    let mut lines = vec![by("one", 1, put(&orders(), "gone", "w-gone", 18_900))];
    let (last, others) = writes.split_last().expect("a write");
    lines.extend(others.iter().cloned());
    lines.push(by("one", 2, last.clone()));
    is_torn(&holding(&lines, &[]).judge())
}

#[test]
fn a_capture_may_have_seen_a_delete_that_was_issued_when_it_ended() {
    let owed = put_k("w-1", 5_000, 5_010);
    assert!(deletion_survives(&[owed.clone(), delete_k("w-2", BACKUP.1, 18_600)]));
    assert!(!deletion_survives(&[owed, delete_k("w-2", BACKUP.1 + 1, 18_600)]));
}

#[test]
fn that_nothing_is_there_shows_a_delete_of_what_the_recovery_point_owes() {
    let deleted = delete_k("w-2", 18_200, 18_300);
    assert!(deletion_survives(&[put_k("w-1", 5_000, BACKUP.0 - 1), deleted.clone()]));
    assert!(!deletion_survives(&[put_k("w-1", 5_000, BACKUP.0), deleted]), "it may never have been there");
}

#[test]
fn a_delete_that_was_issued_when_the_first_value_completed_may_have_come_before_it() {
    let owed = put_k("w-1", 5_000, 5_010);
    assert!(deletion_survives(&[owed.clone(), delete_k("w-2", 5_011, 5_020)]));
    assert!(!deletion_survives(&[owed, delete_k("w-2", 5_010, 5_020)]));
}

#[test]
fn the_first_of_two_deletes_is_there_when_it_completed_before_the_second_was_issued() {
    let owed = put_k("w-1", 5_000, 5_010);
    let first = delete_k("w-2", 6_000, 6_010);
    for (issued, survives) in [(6_011, true), (6_010, false)] {
        assert_eq!(
            deletion_survives(&[owed.clone(), delete_k("w-3", issued, 6_020), first.clone()]),
            survives,
            "{issued}"
        );
    }
}

#[test]
fn a_value_is_there_when_it_completed_before_the_delete_that_is_seen_was_issued() {
    let owed = put_k("w-1", 5_000, 5_010);
    let later = put_k("w-2", 6_000, 6_010);
    for (issued, survives) in [(6_011, true), (6_010, false), (6_000, false)] {
        assert_eq!(
            deletion_survives(&[owed.clone(), delete_k("w-3", issued, 6_020), later.clone()]),
            survives,
            "{issued}"
        );
    }
}

// ---- transactions ---------------------------------------------------------------------------------------------------

/// What is known of the cut when the key `k` shows `held`, and one of its writes belongs to a transaction whose other
/// member is there or gone.
fn cut_with(writes: &[LedgerLine], held: &LedgerLine, other_is_there: bool) -> Verdict {
    let other = of("t-1", by("other", 1, put(&orders(), "other", "w-other", 18_900)));
    let mut lines = vec![other.clone()];
    lines.extend((0..).zip(writes).map(|(number, line)| by(&format!("writer-{number}"), 1, line.clone())));
    let shown: Vec<&LedgerLine> = [held].into_iter().chain(other_is_there.then_some(&other)).collect();
    cut(&holding(&lines, &shown).judge())
}

#[test]
fn an_ambiguous_member_is_gone_when_what_is_seen_completed_before_it_was_issued() {
    let seen = put_k("w-1", 5_000, 5_010);
    for (issued, expected) in [(5_010, Verdict::Pass), (5_011, Verdict::Fail)] {
        let member = of("t-1", ambiguous(put_k("w-2", issued, 5_020)));
        assert_eq!(cut_with(&[seen.clone(), member], &seen, true), expected, "{issued}");
    }
    // Of two attempts either may be the one that is seen.
    let attempts = [ambiguous(put_k("w-1", 4_000, 4_010)), seen.clone()];
    for (issued, expected) in [(5_010, Verdict::Pass), (5_011, Verdict::Inconclusive)] {
        let member = of("t-1", ambiguous(put_k("w-2", issued, 5_020)));
        let writes = [attempts[0].clone(), attempts[1].clone(), member];
        assert_eq!(cut_with(&writes, &seen, true), expected, "after one of two attempts: {issued}");
    }
}

#[test]
fn a_member_that_was_under_way_with_what_is_seen_may_never_have_been_there() {
    let member = of("t-1", put_k("w-1", 5_000, 5_010));
    for (issued, expected) in [(5_010, Verdict::Inconclusive), (5_011, Verdict::Fail)] {
        let seen = put_k("w-2", issued, 5_020);
        assert_eq!(cut_with(&[member.clone(), seen.clone()], &seen, false), expected, "{issued}");
    }
}

#[test]
fn a_member_that_was_deleted_rightly_is_not_missed() {
    let writes = [delete_k("w-1", 3_000, 3_010), of("t-1", put_k("w-2", 4_000, 4_010)), delete_k("w-3", 5_000, 5_010)];
    let other = of("t-1", by("other", 1, put(&orders(), "other", "w-other", 4_000)));
    let mut lines = vec![other.clone()];
    lines.extend(writes);
    assert_eq!(cut(&holding(&lines, &[&other]).judge()), Verdict::Pass);
}
