//! Consistent cuts of writers that write one key after another: laws, and the oracle.

use std::collections::BTreeSet;

use firedrill_fixtures::oracle::cut::{CutReport, cut};
use firedrill_model::{
    findings::{FindingKind, Weight},
    history::Event,
    ledger::{LedgerLine, Outcome},
    units::RunTime,
    verification::Verification,
};
use firedrill_verify::verify;
use proptest::prelude::*;

use crate::{
    cuts::is_torn,
    oracle::{found, tamper},
    support::{
        T0, World,
        generated::{by_writers, state_at, strokes, tried, world},
        orders,
    },
};

/// [`world`], restored from a recovery point of that instant.
fn of_instant(lines: &[LedgerLine], cut_ms: u64) -> World {
    let mut world = world(lines, cut_ms);
    // Uploads of the same world were backed up at another instant.
    world.ledger.retain(|line| line.resource == orders());
    world.each_event(|_, event| {
        if let Event::BackupCompleted { recovery_point: point } = event {
            (point.begun_ms, point.ended_ms) = (RunTime::from_ms(cut_ms), RunTime::from_ms(cut_ms));
        }
    });
    world
}

/// Asserts that findings about the cut count these survivors, a name for each, and name them: all, or the first of many.
fn assert_named(
    found: &Verification,
    survivors: &[String],
    is_one: impl Fn(&FindingKind, Weight, &str) -> bool,
) -> Result<(), TestCaseError> {
    let all: BTreeSet<&str> = survivors.iter().map(String::as_str).collect();
    let (mut count, mut named, mut is_whole) = (0, BTreeSet::new(), true);
    for finding in found.findings.iter().filter(|one| is_one(&one.kind, one.weight, &one.message)) {
        count += finding.count;
        for line in &finding.detail {
            match line.split_once(": ") {
                Some((key, _)) => drop(named.insert(key)),
                None => is_whole = false, // `and 3 more`
            }
        }
    }
    prop_assert_eq!(count, survivors.len() as u64, "{:#?}", found.findings);
    prop_assert!(named.is_subset(&all) && (named == all || !is_whole), "{named:?} of {all:?}: {:#?}", found.findings);
    Ok(())
}

fn agree(world: &World) -> Result<(), TestCaseError> {
    let root = tempfile::tempdir().expect("a folder");
    let found = verify(&world.save(root.path())).expect("judged");
    let CutReport { torn, possible } = cut(root.path()).expect("judged by the oracle");
    assert_named(&found, &torn, |kind, _, _| *kind == FindingKind::Torn)?;
    assert_named(&found, &possible, |_, weight, message| {
        weight == Weight::Undecided && message.ends_with("is possibly lost")
    })?;
    Ok(())
}

proptest! {
    #![proptest_config(tried(128))]

    /// A state of one instant is never torn, whoever wrote what and however it ended.
    #[test]
    fn a_cut_is_a_cut(strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0) {
        let found = of_instant(&by_writers(&strokes, concurrent), cut_ms).judge();
        prop_assert!(!is_torn(&found), "{:#?}", found.findings);
    }

    /// A key that is gone tears a state that holds what its writer wrote later, and no other.
    #[test]
    fn a_key_that_is_gone_tears_what_its_writer_wrote_later(strokes in strokes(), which: prop::sample::Index) {
        let sure = |line: &LedgerLine| line.outcome == Outcome::Acknowledged;
        let lines: Vec<LedgerLine> = by_writers(&strokes, false).into_iter().filter(sure).collect();
        let held: Vec<LedgerLine> = state_at(&lines, T0).into_values().flatten().collect();
        prop_assume!(!held.is_empty());
        let gone = &held[which.index(held.len())];
        let mut world = of_instant(&lines, T0);
        prop_assert!(!is_torn(&world.judge()));
        world.recovered(&orders()).retain(|entry| entry.key != gone.key);
        let present = |key: &str| held.iter().any(|line| line.key == key && line.key != gone.key);
        let is_later = |line: &&LedgerLine| line.writer == gone.writer && line.seq > gone.seq && present(&line.key);
        prop_assume!(lines.iter().any(|line| is_later(&line)));
        let found = world.judge();
        prop_assert!(is_torn(&found), "{} {:#?}", gone.key, found.findings);
    }

    /// Whatever is found under the keys, verification and oracle name the same survivors.
    #[test]
    fn verification_and_oracle_agree_on_the_cut(
        strokes in strokes(), concurrent: bool, cut_ms in 2_000..T0, drawn in prop::collection::vec(found(), 4),
    ) {
        let lines = by_writers(&strokes, concurrent);
        let mut world = of_instant(&lines, cut_ms);
        tamper(&mut world, &lines, &drawn);
        agree(&world)?;
    }
}
