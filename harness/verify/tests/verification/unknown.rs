//! What is not known is inconclusive: keys that nothing can be said of, and lines that nobody compares.

use firedrill_model::{
    findings::{FindingKind, Weight},
    ids::{ResourceId, ResourceKind},
    ledger::{LedgerLine, Outcome},
    units::Span,
    verdict::Verdict,
    verification::Verification,
};
use proptest::prelude::*;

use crate::{
    cuts::{by, cut, holding, is_torn, of},
    support::{
        T0, World, ambiguous, delete, delivery, entry, finding,
        generated::{counter, ledger, strokes, tried, world},
        has, orders, put, put_after, rejected, running_total, totals, verdict,
    },
};

fn verdicts(found: &Verification) -> [Verdict; 3] {
    assert!(!has(found, FindingKind::CheckerCrashed, Weight::Undecided), "{:#?}", found.findings);
    ["rpo", "state", "consistent-cut"].map(|check| verdict(found, check))
}

// ---- a key that was written before the cutover and after it ---------------------------------------------------------

/// A drill that misses its recovery point by one write, and another write on that write's key after the cutover.
fn written_over(later: &LedgerLine) -> World {
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().expect("the plan has one").within = Span::from_ms(900);
    assert_eq!(verdict(&world.judge(), "rpo"), Verdict::Fail);
    world.ledger.push(later.clone());
    world
}

#[test]
fn a_write_on_an_old_key_after_the_cutover_hides_no_loss() {
    let later = put_after(&orders(), "C-2#o-3", "o-3-3", 29_300);
    let mut world = written_over(&later);
    world.drop_key(&orders(), "C-2#o-3");
    world.add(&orders(), &entry(&later));
    let fresh = world.line("o-4-1").clone();
    world.drained(&totals())[1] = running_total("C-2", &[(&later, false), (&fresh, false)]);
    world.deliveries.as_mut().unwrap().push(delivery("total-orders", &later, 29_800, 3));
    let found = world.judge();
    assert_eq!(verdicts(&found), [Verdict::Inconclusive; 3], "{:#?}", found.findings);
    assert_eq!(found.rpo.actual_upper_ms, Some(Span::from_ms(T0 - 14_010)), "all of the key may be lost");
    let said = finding(&found, FindingKind::NotMeasured);
    assert_eq!(said.detail, ["C-2#o-3: it was written before the cutover and after it"]);
}

#[test]
fn a_delete_of_an_old_key_after_the_cutover_hides_no_loss() {
    let later = LedgerLine { epoch: 1, ..delete(&orders(), "C-2#o-3", "o-3-3", 29_300) };
    let mut world = written_over(&later);
    world.drop_key(&orders(), "C-2#o-3");
    assert_eq!(verdicts(&world.judge()), [Verdict::Inconclusive; 3]);
}

#[test]
fn a_value_of_the_copy_that_was_given_up_says_what_is_lost_whoever_wrote_later() {
    let later = put_after(&orders(), "C-2#o-3", "o-3-3", 29_300);
    for (later, state) in [(ambiguous(later.clone()), Verdict::Pass), (rejected(later), Verdict::Pass)] {
        let found = written_over(&later).judge();
        assert_eq!(verdicts(&found), [Verdict::Fail, state, Verdict::Pass], "{:?}", later.outcome);
    }
}

// ---- a key that holds what nobody wrote, and a counter that cannot be judged ----------------------------------------

fn doubtful(found: &Verification) -> Vec<String> {
    let undecided = found.findings.iter().filter(|finding| finding.message.contains("possibly lost"));
    undecided.flat_map(|finding| finding.detail.clone()).collect()
}

#[test]
fn an_increment_of_a_counter_that_is_not_judged_may_be_lost_and_tear_the_cut() {
    let first = by("one", 1, crate::support::generated::add(&put(&orders(), "n", "n-1", 19_200), 1));
    let lines =
        [by("two", 1, put(&orders(), "n", "n-0", 5_000)), first, by("one", 2, put(&orders(), "later", "w-2", 19_500))];
    let mut world = holding(&lines, &[&lines[2]]);
    world.recovered(&orders()).push(counter("n", "0"));
    let found = world.judge();
    assert_eq!(cut(&found), Verdict::Inconclusive, "{:#?}", found.findings);
    assert_eq!(doubtful(&found), ["table/orders later: an earlier write of the same writer is possibly lost"]);
}

#[test]
fn a_write_whose_key_holds_what_nobody_wrote_may_be_lost_and_tear_the_cut() {
    let lines = [by("one", 1, put(&orders(), "a", "w-1", 19_200)), by("one", 2, put(&orders(), "b", "w-2", 19_500))];
    let nobodys = put(&orders(), "a", "nobody", 1);
    let refused = by("two", 1, rejected(put(&orders(), "a", "w-0", 19_300)));
    let with_refused = [&lines[..], std::slice::from_ref(&refused)].concat();
    for (lines, held, kind) in
        [(&lines[..], &nobodys, FindingKind::Foreign), (&with_refused[..], &refused, FindingKind::Phantom)]
    {
        let found = holding(lines, &[held, &lines[1]]).judge();
        assert_eq!(cut(&found), Verdict::Inconclusive, "{kind}: {:#?}", found.findings);
        assert_eq!(doubtful(&found), ["table/orders b: an earlier write of the same writer is possibly lost"]);
        let root = finding(&found, kind).id.clone();
        let undecided = found.findings.iter().find(|finding| finding.message.contains("possibly lost")).unwrap();
        assert_eq!(undecided.root, Some(root), "it follows from what is wrong with the key");
    }
    // What came before its survivors alone bears on them.
    let later = [by("one", 3, lines[0].clone()), lines[1].clone()];
    assert_eq!(cut(&holding(&later, &[&nobodys, &lines[1]]).judge()), Verdict::Pass);
}

#[test]
fn a_member_of_a_transaction_whose_key_holds_what_nobody_wrote_may_be_gone() {
    let (one, two) = (put(&orders(), "a", "w-1", 19_200), put(&orders(), "b", "w-2", 19_200));
    let nobodys = put(&orders(), "a", "nobody", 1);
    for [one, two] in [[one.clone(), two.clone()], [ambiguous(one), ambiguous(two)]] {
        let members = [by("one", 1, of("t-1", one)), by("two", 1, of("t-1", two))];
        let found = holding(&members, &[&nobodys, &members[1]]).judge();
        assert!(!is_torn(&found));
        assert_eq!(cut(&found), Verdict::Inconclusive, "{:?}: {:#?}", members[0].outcome, found.findings);
    }
}

// ---- what nobody compares -------------------------------------------------------------------------------------------

#[test]
fn lines_of_a_resource_that_is_not_compared_leave_the_drill_undecided() {
    let elsewhere = ResourceId::new(ResourceKind::Table, "elsewhere");
    for resource in [elsewhere, totals()] {
        let mut world = World::whole();
        world.ledger.push(put(&resource, "C-2", "w-1", 5_000));
        let found = world.judge();
        assert_eq!(verdicts(&found), [Verdict::Inconclusive; 3], "{resource}: {:#?}", found.findings);
        let said = finding(&found, FindingKind::NotMeasured);
        assert_eq!(said.resource.as_ref(), Some(&resource));
        let roots =
            found.findings.iter().filter(|finding| finding.root.is_none() && finding.weight == Weight::Undecided);
        assert_eq!(roots.count(), 1, "{:#?}", found.findings);
        // What is certainly lost of the others is lost, whatever else there may be.
        let mut missed = world.clone();
        missed.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(900);
        let missed = missed.judge();
        assert_eq!(verdicts(&missed)[0], Verdict::Fail, "{resource}: {:#?}", missed.findings);
        assert_eq!(missed.rpo.actual_ms, None, "how much is lost in all is not known");
        // What was refused is not there, and what probes write is nobody's.
        let line = world.ledger.pop().unwrap();
        let probe = LedgerLine { origin: firedrill_model::ledger::Origin::Probe, ..line.clone() };
        world.ledger.extend([rejected(line), probe]);
        let found = world.judge();
        assert_eq!(verdicts(&found), [Verdict::Pass; 3], "{resource}: {:#?}", found.findings);
    }
}

proptest! {
    #![proptest_config(tried(64))]

    /// Whatever key is written after the cutover, no loss is less certain to be possible, and no miss becomes a pass.
    #[test]
    fn a_write_after_the_cutover_never_makes_a_miss_a_pass(
        strokes in strokes(), cut_ms in 2_000..T0, which: prop::sample::Index, within_ms in 100..15_000_u64,
    ) {
        let lines = ledger(&strokes, true);
        let sure = |line: &&LedgerLine| line.outcome != Outcome::Rejected;
        let keys: Vec<String> = lines.iter().filter(sure).map(|line| line.key.clone()).collect();
        prop_assume!(!keys.is_empty());
        let mut world = world(&lines, cut_ms);
        world.plan.expect.rpo.as_mut().expect("the plan has one").within = Span::from_ms(within_ms);
        let before = world.judge();
        let later = put_after(&orders(), &keys[which.index(keys.len())], "later", 29_300);
        world.drop_key(&orders(), &later.key);
        world.add(&orders(), &entry(&later));
        world.ledger.push(later);
        let after = world.judge();
        prop_assert!(after.rpo.actual_upper_ms >= before.rpo.actual_upper_ms);
        prop_assert!(verdict(&after, "rpo") != Verdict::Pass, "{:#?}", after.findings);
    }
}
