//! Consistent cuts and transactions: what is torn, what may be, and what nothing shows.

use firedrill_model::{
    findings::{FindingKind, Weight},
    history::Event,
    ledger::{LedgerLine, Origin},
    units::RunTime,
    verdict::Verdict,
    verification::Verification,
};
use proptest::prelude::*;

use crate::support::{
    T0, World, ambiguous, delete, entry, finding,
    generated::{Stroke, ledger, strokes, tried, world},
    has, orders, put, roots, uploads, verdict,
};

pub(crate) fn by(writer: &str, seq: u64, line: LedgerLine) -> LedgerLine {
    LedgerLine { writer: writer.to_owned(), seq, ..line }
}

pub(crate) fn of(txn: &str, line: LedgerLine) -> LedgerLine {
    LedgerLine { txn: Some(txn.to_owned()), ..line }
}

/// Orders with these writes, of which these are there.
pub(crate) fn holding(lines: &[LedgerLine], held: &[&LedgerLine]) -> World {
    let mut world = world(lines, T0);
    *world.recovered(&orders()) = held.iter().map(|line| entry(line)).collect();
    world
}

pub(crate) fn is_torn(found: &Verification) -> bool {
    has(found, FindingKind::Torn, Weight::Failure)
}

pub(crate) fn cut(found: &Verification) -> Verdict {
    assert!(!has(found, FindingKind::CheckerCrashed, Weight::Undecided), "{:#?}", found.findings);
    verdict(found, "consistent-cut")
}

#[test]
fn a_predecessor_that_is_possibly_lost_leaves_the_cut_undecided() {
    let lines = [
        by("one", 1, put(&orders(), "k", "w-1", 5_000)),
        by("two", 1, ambiguous(delete(&orders(), "k", "w-2", 5_100))),
        by("one", 2, put(&orders(), "later", "w-3", 5_200)),
    ];
    let found = holding(&lines, &[&lines[2]]).judge();
    assert_eq!(cut(&found), Verdict::Inconclusive, "{:#?}", found.findings);
    assert_eq!(cut(&holding(&lines, &[&lines[0], &lines[2]]).judge()), Verdict::Pass);
    assert_eq!(cut(&holding(&lines[..1], &[]).judge()), Verdict::Pass, "nothing came after what is lost");
}

/// A key that the recovery point owes is deleted after a write of the same writer that is lost.
#[test]
fn a_delete_that_survived_what_came_before_it_is_torn() {
    let lines = |deleted_ms: u64| {
        [
            by("one", 1, put(&orders(), "owed", "w-1", 5_000)),
            by("one", 2, put(&orders(), "gone", "w-2", 18_100)),
            by("one", 3, delete(&orders(), "owed", "w-3", deleted_ms)),
        ]
    };
    let torn = lines(18_300);
    assert!(is_torn(&holding(&torn, &[]).judge()), "the backup saw the delete and not the write before it");
    assert!(!is_torn(&holding(&torn, &[&torn[0]]).judge()), "neither is there");
    assert!(!is_torn(&holding(&lines(18_700), &[]).judge()), "the backup was over: it cannot have seen the delete");
    let made_and_deleted = [by("one", 1, put(&orders(), "owed", "w-1", 18_050)), torn[1].clone(), torn[2].clone()];
    assert!(!is_torn(&holding(&made_and_deleted, &[]).judge()), "the key may never have been there");
}

#[test]
fn a_delete_marker_is_a_survivor() {
    let lines = [
        by("one", 1, put(&uploads(), "owed", "w-1", 18_900)),
        by("one", 2, put(&uploads(), "gone", "w-2", 19_100)),
        by("one", 3, delete(&uploads(), "owed", "w-3", 19_300)),
    ];
    let mut world = World::whole();
    let shown = entry(&lines[0]);
    world.add(&uploads(), &firedrill_model::capture::Entry { write_id: None, deleted: true, ..shown });
    world.ledger.extend(lines);
    let found = world.judge();
    assert!(is_torn(&found), "{:#?}", found.findings);
    assert_eq!(found.rpo.point_in_time, Some(false));
}

#[test]
fn a_cut_without_survivors_is_undecided() {
    let mut world = world(&[], T0);
    for capture in world.content.values_mut() {
        capture.clear();
    }
    assert_eq!(cut(&world.judge()), Verdict::Inconclusive);
    world.plan.expect.consistent_cut = false;
    let found = world.judge();
    assert!(has(&found, FindingKind::NotMeasured, Weight::Note), "said all the same");
}

#[test]
fn the_earliest_loss_of_a_writer_is_the_one_that_counts() {
    // What the recovery point owes, so that the losses have a root; the survivor was written between them.
    for (first, last) in [("a", "c"), ("c", "a")] {
        let lines = [
            by("one", 1, put(&orders(), first, "w-1", 5_000)),
            by("one", 2, put(&orders(), "b", "w-2", 5_100)),
            by("one", 3, put(&orders(), last, "w-3", 5_200)),
        ];
        let found = holding(&lines, &[&lines[1]]).judge();
        let torn = finding(&found, FindingKind::Torn);
        assert_eq!((torn.key.as_deref(), torn.count), (Some("table/orders b"), 1), "{first} is lost first");
        assert_eq!(torn.detail, ["table/orders b: an earlier write of the same writer is gone"]);
        assert!(!is_torn(&holding(&lines[1..], &[&lines[1]]).judge()), "{last} was written later");
    }
}

#[test]
fn what_a_writer_wrote_at_once_is_not_earlier_than_itself() {
    for (seq, torn) in [(6, true), (7, false)] {
        let lines =
            [by("one", seq, put(&orders(), "a", "w-1", 19_100)), by("one", 7, put(&orders(), "b", "w-2", 19_100))];
        assert_eq!(is_torn(&holding(&lines, &[&lines[1]]).judge()), torn, "{seq}");
    }
}

#[test]
fn a_lost_probe_tears_nothing() {
    let mut lines =
        [by("one", 1, put(&orders(), "a", "w-1", 19_100)), by("one", 2, put(&orders(), "b", "w-2", 19_200))];
    assert!(is_torn(&holding(&lines, &[&lines[1]]).judge()));
    lines[0].origin = Origin::Probe;
    assert!(!is_torn(&holding(&lines, &[&lines[1]]).judge()));
}

// ---- transactions ---------------------------------------------------------------------------------------------------

/// One member of a transaction: how it is written, and what the key then shows.
fn transaction(members: &[LedgerLine], held: &[&LedgerLine]) -> Verification {
    let numbered: Vec<LedgerLine> = members
        .iter()
        .enumerate()
        .map(|(number, line)| by(&format!("writer-{number}"), 9, of("t-1", line.clone())))
        .collect();
    holding(&numbered, held).judge()
}

#[test]
fn a_transaction_is_whole_whatever_was_said_of_it() {
    let (one, two) = (put(&orders(), "a", "w-1", 19_000), put(&orders(), "b", "w-2", 19_000));
    let (doubtful_one, doubtful_two) = (ambiguous(one.clone()), ambiguous(two.clone()));
    for members in [[one.clone(), two.clone()], [doubtful_one.clone(), doubtful_two.clone()]] {
        for (held, torn) in [(vec![&one, &two], false), (vec![], false), (vec![&one], true), (vec![&two], true)] {
            let found = transaction(&members, &held);
            assert_eq!(is_torn(&found), torn, "{:?} {held:?}: {:#?}", members[0].outcome, found.findings);
            assert_ne!(cut(&found), Verdict::Inconclusive);
        }
    }
}

#[test]
fn a_delete_is_a_member_of_its_transaction() {
    let before = put(&orders(), "a", "w-0", 5_000);
    let members =
        |at| [before.clone(), of("t-1", delete(&orders(), "a", "w-1", at)), of("t-1", put(&orders(), "b", "w-2", at))];
    let lines = members(18_200);
    assert!(is_torn(&holding(&lines, &[&lines[0], &lines[2]]).judge()), "the put is there, the delete is not");
    assert!(is_torn(&holding(&lines, &[]).judge()), "the delete is there, the put is not");
    assert!(!is_torn(&holding(&lines, &[&lines[2]]).judge()), "both are there");
    assert!(!is_torn(&holding(&lines, &[&lines[0]]).judge()), "neither is");
}

#[test]
fn a_transaction_of_which_a_part_is_possibly_gone_is_undecided() {
    let lines = [
        of("t-1", put(&orders(), "a", "w-1", 5_000)),
        of("t-1", put(&orders(), "b", "w-2", 5_000)),
        ambiguous(delete(&orders(), "b", "w-3", 6_000)),
    ];
    let found = holding(&lines, &[&lines[0]]).judge();
    assert_eq!(cut(&found), Verdict::Inconclusive, "{:#?}", found.findings);
    assert_eq!(cut(&holding(&lines, &[&lines[0], &lines[1]]).judge()), Verdict::Pass);
}

/// `k` is possibly lost: a delete without an end may have taken it away. The delete is of the transaction or not.
fn possibly_gone(key: &str, at: u64) -> [LedgerLine; 2] {
    let deleted = ambiguous(delete(&orders(), key, &format!("delete-{key}"), at + 500));
    [of("t-1", put(&orders(), key, &format!("put-{key}"), at)), by("another", at, deleted)]
}

/// Two writes of a key under way together, of which the second is seen: the first may have been overwritten, or may never
/// have been there.
fn overwritten(key: &str, at: u64) -> [LedgerLine; 2] {
    let first = LedgerLine {
        completed_ms: Some(RunTime::from_ms(at + 100)),
        ..of("t-1", put(&orders(), key, &format!("first-{key}"), at))
    };
    [first, by("another", at, put(&orders(), key, &format!("second-{key}"), at + 50))]
}

#[test]
fn what_is_known_of_its_members_says_whether_a_transaction_may_be_torn() {
    let there = || [of("t-1", put(&orders(), "there", "there", 19_000))];
    let gone = || [of("t-1", put(&orders(), "gone", "gone", 19_000))];
    let held = ["there", "second-a", "second-b"];
    let table: [(&str, Vec<LedgerLine>, Verdict, &[&str]); 9] = [
        ("one that is possibly gone", possibly_gone("a", 19_000).into(), Verdict::Pass, &[]),
        ("one that was overwritten", overwritten("a", 19_000).into(), Verdict::Pass, &[]),
        (
            "two that were overwritten",
            [overwritten("a", 19_000), overwritten("b", 19_000)].concat(),
            Verdict::Pass,
            &[],
        ),
        ("there, overwritten", [&there()[..], &overwritten("a", 19_000)].concat(), Verdict::Pass, &[]),
        ("gone, overwritten", [&gone()[..], &overwritten("a", 19_000)].concat(), Verdict::Inconclusive, &["a"]),
        ("there, possibly gone", [&there()[..], &possibly_gone("a", 19_000)].concat(), Verdict::Inconclusive, &["a"]),
        ("gone, possibly gone", [&gone()[..], &possibly_gone("a", 19_000)].concat(), Verdict::Inconclusive, &["a"]),
        (
            "two that are possibly gone",
            [possibly_gone("a", 19_000), possibly_gone("b", 19_000)].concat(),
            Verdict::Inconclusive,
            &["a", "b"],
        ),
        (
            "there, gone, possibly gone",
            [&there()[..], &gone(), &possibly_gone("a", 19_000)].concat(),
            Verdict::Fail,
            &[],
        ),
    ];
    for (what, lines, expected, doubtful) in table {
        let numbered: Vec<LedgerLine> =
            lines.iter().enumerate().map(|(number, line)| by(&format!("writer-{number}"), 1, line.clone())).collect();
        let shown: Vec<&LedgerLine> = numbered.iter().filter(|line| held.contains(&line.write_id.as_str())).collect();
        let found = holding(&numbered, &shown).judge();
        assert_eq!(cut(&found), expected, "{what}: {:#?}", found.findings);
        let said: Vec<String> = doubtful
            .iter()
            .map(|key| format!("table/orders {key}: a write of its transaction is possibly gone"))
            .collect();
        let undecided = found.findings.iter().find(|finding| finding.message.contains("possibly lost"));
        assert_eq!(undecided.map_or(Vec::new(), |finding| finding.detail.clone()), said, "{what}");
    }
}

#[test]
fn a_refused_member_is_no_part_of_its_transaction() {
    let lines = [
        of("t-1", put(&orders(), "a", "w-1", 19_000)),
        of("t-1", crate::support::rejected(put(&orders(), "b", "w-2", 19_000))),
    ];
    let found = transaction(&lines, &[&lines[0]]);
    assert_eq!(cut(&found), Verdict::Pass);
}

#[test]
fn a_transaction_torn_by_an_incomplete_backup_follows_from_it() {
    let lines = [of("t-1", put(&orders(), "a", "w-1", 5_000)), of("t-1", put(&orders(), "b", "w-2", 5_000))];
    let found = transaction(&lines, &[&lines[0]]);
    assert_eq!(roots(&found), [(FindingKind::BackupIncomplete, Some(orders()))]);
    let root = finding(&found, FindingKind::BackupIncomplete).id.clone();
    assert_eq!(finding(&found, FindingKind::Torn).root, Some(root));
}

/// Two lines of different keys next to each other become one transaction, which takes effect at one instant.
fn paired(strokes: &[Stroke]) -> Vec<LedgerLine> {
    let mut lines = ledger(strokes, false);
    for (number, pair) in lines.chunks_exact_mut(2).enumerate() {
        if pair[0].key != pair[1].key {
            let (issued, completed) =
                (pair[0].issued_ms.min(pair[1].issued_ms), pair[0].completed_ms.max(pair[1].completed_ms));
            let outcome = pair[0].outcome;
            for line in pair {
                (line.issued_ms, line.completed_ms, line.outcome) = (issued, completed, outcome);
                line.txn = Some(format!("t-{number}"));
            }
        }
    }
    lines
}

proptest! {
    #![proptest_config(tried(64))]

    /// A state of one instant tears no transaction, whatever its outcome was.
    #[test]
    fn an_instant_tears_no_transaction(strokes in strokes(), cut_ms in 2_000..T0) {
        let mut lines = paired(&strokes);
        // Writers of their own, so that nothing but transactions can be torn.
        for (number, line) in lines.iter_mut().enumerate() {
            line.writer = format!("writer-{number}");
        }
        let mut world = world(&lines, cut_ms);
        world.each_event(|_, event| {
            if let Event::BackupCompleted { recovery_point: point } = event {
                (point.begun_ms, point.ended_ms) = (RunTime::from_ms(cut_ms), RunTime::from_ms(cut_ms));
            }
        });
        let found = world.judge();
        prop_assert!(!is_torn(&found), "{:#?}", found.findings);
    }

    /// One member of a transaction taken out of a state that is otherwise whole tears it.
    #[test]
    fn a_transaction_of_which_one_member_is_gone_is_torn(strokes in strokes(), fresh in 2..6_usize, which: prop::sample::Index) {
        let mut lines = ledger(&strokes, false);
        let members: Vec<LedgerLine> =
            (0..fresh).map(|n| of("t", put(&orders(), &format!("C-7#{n}"), &format!("t-{n}"), 19_500))).collect();
        lines.extend(members.iter().cloned());
        for (number, line) in lines.iter_mut().enumerate() {
            line.writer = format!("writer-{number}");
        }
        let whole = world(&lines, T0);
        prop_assert!(!is_torn(&whole.judge()));
        let mut torn = whole;
        let gone = members[which.index(fresh)].key.clone();
        torn.recovered(&orders()).retain(|entry| entry.key != gone);
        let found = torn.judge();
        prop_assert!(is_torn(&found), "{:#?}", found.findings);
        prop_assert_eq!(finding(&found, FindingKind::Torn).count, fresh as u64 - 1);
    }
}
