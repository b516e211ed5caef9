//! What concurrent and ambiguous writes say of losses, on hand-built histories.

use firedrill_model::{
    capture::Entry,
    findings::{FindingKind, Weight},
    ledger::LedgerLine,
    units::{RunTime, Span},
    verification::RecoveryPointActual,
};

use crate::support::{T0, World, ambiguous, delete, entry, generated::world, has, orders, put};

fn taking(ms: u64, line: LedgerLine) -> LedgerLine {
    LedgerLine { completed_ms: Some(RunTime::from_micros(line.issued_ms.micros() + ms * 1000)), ..line }
}

/// Orders hold what these lines left at the end, then `key` holds the value of `held`.
fn holding(lines: &[LedgerLine], key: &str, held: Option<&LedgerLine>) -> World {
    let mut world = world(lines, T0);
    world.recovered(&orders()).retain(|entry| entry.key != key);
    world.recovered(&orders()).extend(held.map(entry));
    world
}

#[test]
fn of_two_concurrent_writes_either_may_win() {
    let deleted = taking(300, delete(&orders(), "k", "w-delete", 5_000));
    let written = taking(10, put(&orders(), "k", "w-put", 5_100));
    let lines = [deleted, written.clone()];
    let none = world(&[], T0).judge().rpo;
    for held in [None, Some(&written)] {
        let rpo = holding(&lines, "k", held).judge().rpo;
        assert_eq!((rpo.lost_writes, rpo.actual_upper_ms), (none.lost_writes, none.actual_upper_ms), "{held:?}");
    }
}

#[test]
fn what_an_ambiguous_write_may_have_overwritten_is_possibly_lost() {
    let doubtful = ambiguous(put(&orders(), "k", "w-doubtful", 5_000));
    let written = taking(10, put(&orders(), "k", "w-put", 5_100));
    let rpo = holding(&[doubtful.clone(), written.clone()], "k", Some(&doubtful)).judge().rpo;
    assert_eq!(rpo.lost_writes, world(&[], T0).judge().rpo.lost_writes, "nothing is certain");
    assert_eq!(rpo.actual_upper_ms, Some(rpo.t_stop_ms.unwrap().since(written.completed_ms.unwrap())));
}

#[test]
fn an_ambiguous_write_that_is_seen_has_survived() {
    let by_one = |seq, line: LedgerLine| LedgerLine { writer: "one".to_owned(), seq, ..line };
    let gone = by_one(1, taking(10, put(&orders(), "gone", "w-1", 5_000)));
    let seen = by_one(2, ambiguous(put(&orders(), "seen", "w-2", 6_000)));
    let found = holding(&[gone.clone(), seen.clone()], "gone", None).judge();
    assert_eq!(found.rpo.point_in_time, Some(false));
    assert!(has(&found, FindingKind::Holes, Weight::Note));
    assert!(has(&found, FindingKind::Torn, Weight::Failure), "an earlier write of its writer is lost");
    let mut unseen = holding(&[gone, seen], "gone", None);
    unseen.recovered(&orders()).clear();
    let unseen = unseen.judge();
    assert_eq!(unseen.rpo.point_in_time, Some(true), "what is not seen is no survivor");
}

/// What is lost of orders: how many writes, and the completion of the earliest, certainly and possibly.
fn lost(rpo: &RecoveryPointActual) -> (u64, Option<u64>, Option<u64>) {
    let losses = &rpo.by_resource[&orders()];
    let since = |span: Option<Span>| span.map(|span| T0 - span.ms()).filter(|since| *since < T0);
    (losses.lost_writes, since(losses.actual_ms), since(losses.actual_upper_ms))
}

/// Orders that hold nothing under `k`, or a delete marker.
fn without_a_value(lines: &[LedgerLine], marker: bool) -> World {
    let shown = Entry { deleted: true, write_id: None, digest: String::new(), ..entry(&lines[0]) };
    let mut world = holding(lines, "k", None);
    world.recovered(&orders()).extend(marker.then_some(shown));
    world
}

#[test]
fn what_came_after_the_last_delete_is_lost_when_no_value_is_there() {
    let deleted = taking(10, delete(&orders(), "k", "w-delete", 5_000));
    for (issued, expected) in [(5_010, (0, None, None)), (5_011, (1, Some(5_021), Some(5_021)))] {
        let lines = [deleted.clone(), taking(10, put(&orders(), "k", "w-put", issued))];
        for marker in [false, true] {
            assert_eq!(lost(&without_a_value(&lines, marker).judge().rpo), expected, "{issued} marker: {marker}");
        }
    }
}

#[test]
fn what_was_written_between_two_deletes_is_possibly_lost_unless_the_last_delete_stands() {
    let lines = [
        delete(&orders(), "k", "w-1", 3_000),
        put(&orders(), "k", "w-2", 4_000),
        delete(&orders(), "k", "w-3", 5_000),
        put(&orders(), "k", "w-4", 6_000),
    ];
    for marker in [false, true] {
        let before_the_last_put = without_a_value(&lines[..3], marker).judge().rpo;
        assert_eq!(lost(&before_the_last_put), (0, None, None), "the last delete may stand; marker: {marker}");
        let all = without_a_value(&lines, marker).judge().rpo;
        assert_eq!(lost(&all), (1, Some(6_010), Some(4_010)), "it may be either delete; marker: {marker}");
    }
}

#[test]
fn what_was_complete_once_a_doubtful_delete_was_issued_is_possibly_lost_to_it() {
    let written = put(&orders(), "k", "w-1", 4_990);
    let later = put(&orders(), "k", "w-4", 6_000);
    for (completed, possibly_lost) in [(4_994, false), (4_995, true), (4_998, true)] {
        let lines = [
            taking(completed - 4_990, written.clone()),
            ambiguous(delete(&orders(), "k", "w-2", 4_995)),
            delete(&orders(), "k", "w-3", 5_000),
            later.clone(),
        ];
        for marker in [false, true] {
            // A marker may be that of the doubtful delete, and the other one lost; where nothing is, nothing of it is.
            let others = if marker { 5_010 } else { 6_010 };
            let upper = if possibly_lost { completed } else { others };
            let rpo = without_a_value(&lines, marker).judge().rpo;
            assert_eq!(lost(&rpo), (0, None, Some(upper)), "{completed} marker: {marker}");
            // Without the last put the deletion is right, whichever delete it was.
            let rpo = without_a_value(&lines[..3], marker).judge().rpo;
            assert_eq!(lost(&rpo), (0, None, None), "{completed} marker: {marker}");
        }
    }
}

#[test]
fn a_marker_that_no_delete_can_have_made_says_nothing_of_losses() {
    let refused = crate::support::rejected(delete(&orders(), "k", "w-2", 5_000));
    let found = without_a_value(&[put(&orders(), "k", "w-1", 4_000), refused], true).judge();
    assert_eq!(lost(&found.rpo), (0, None, None));
    assert!(has(&found, FindingKind::Foreign, Weight::Failure), "nothing explains the marker");
}
