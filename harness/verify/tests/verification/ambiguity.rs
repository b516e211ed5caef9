//! What concurrent and ambiguous writes say of losses, on hand-built histories.

use firedrill_model::{
    findings::{FindingKind, Weight},
    ledger::LedgerLine,
    units::RunTime,
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
