//! Recovery time on generated outages: against the oracle, which shares no type and no line of code with verification, and
//! by laws that need none.

mod outage;

use firedrill_fixtures::oracle::{self, Judgement, RecoveryTimeReport};
use firedrill_model::{
    findings::{Finding, FindingKind, Weight},
    history::Event,
    units::{RunTime, Span},
    verdict::Verdict,
    verification::Verification,
};
use firedrill_verify::verify;
use proptest::prelude::*;

use self::outage::{FaultTimes, Outage, Round, outages};
use crate::{
    oracle::ms,
    support::{World, generated::tried, verdict},
};

fn judge(world: &World) -> (Verification, RecoveryTimeReport) {
    let root = tempfile::tempdir().expect("a folder");
    let dir = world.save(root.path());
    (verify(&dir).expect("judged"), oracle::recovery_time(root.path()).expect("judged by the oracle"))
}

fn at(instant: Option<RunTime>) -> Option<f64> {
    instant.map(|at| ms(at.since(RunTime::default())))
}

/// What the oracle says of the check, the restore that went on included.
fn expected(oracle: &RecoveryTimeReport) -> Verdict {
    match oracle.judgement.expect("there is an objective") {
        _ if oracle.restore_after_readiness => Verdict::Fail,
        Judgement::Pass => Verdict::Pass,
        Judgement::Inconclusive => Verdict::Inconclusive,
        Judgement::Fail => Verdict::Fail,
    }
}

fn agree(outage: &Outage) -> Result<(), TestCaseError> {
    let (found, oracle) = judge(&outage.world());
    prop_assert_eq!(at(found.rto.t0_ms), oracle.t0_ms, "t0");
    prop_assert_eq!(at(found.rto.ready_ms), oracle.ready_ms, "ready: {:?} {:#?}", oracle, found.findings);
    prop_assert_eq!(found.rto.actual_ms.map(ms), oracle.actual_ms, "actual: {:?} {:#?}", oracle, found.findings);
    // The plan has the first fault alone: when that struck nothing, the drill did not do what it was planned for.
    let idle = outage.crashed.is_none() && outage.faults.first().is_some_and(FaultTimes::struck_nothing);
    let judged = expected(&oracle);
    let judged = if idle && judged == Verdict::Pass { Verdict::Inconclusive } else { judged };
    prop_assert_eq!(verdict(&found, "rto"), judged, "{:?} {:#?}", oracle, found.findings);
    let has = |kind: FindingKind| found.findings.iter().any(|finding| finding.kind == kind);
    let healed = oracle.stable && oracle.ended_by_itself && !outage.ride_out;
    prop_assert_eq!(has(FindingKind::SelfHealed), healed, "{:?} {:#?}", oracle, found.findings);
    // Of a run that crashed it is said that it was cut short, and what follows from that.
    if outage.crashed.is_none() {
        prop_assert_eq!(has(FindingKind::FaultDidNotBite), !oracle.felt || idle, "{:?}", oracle);
        let late = oracle.t0_ms.is_some() && oracle.late_firedrill;
        prop_assert_eq!(has(FindingKind::SchedulingLag), late, "{:?}", oracle);
    }
    let after = |weight: Weight| {
        found.findings.iter().any(|one| one.kind == FindingKind::RestoreAfterReadiness && one.weight == weight)
    };
    prop_assert_eq!(after(Weight::Failure), oracle.restore_after_readiness, "{:?}", oracle);
    prop_assert_eq!(after(Weight::Undecided), oracle.perhaps_restore_after_readiness, "{:?}", oracle);
    Ok(())
}

proptest! {
    #![proptest_config(tried(256))]

    /// On t0, readiness, the number, the verdict and each reason for not crediting it.
    #[test]
    fn verification_and_oracle_agree_on_the_recovery_time(outage in outages()) {
        agree(&outage)?;
    }

    /// Whatever else happened, a pass means that every probe was heard of and passed for as long as it had to.
    #[test]
    fn a_pass_means_that_every_probe_held(mut outage in outages()) {
        outage.crashed = None;
        let found = outage.world().judge();
        if verdict(&found, "rto") != Verdict::Pass {
            return Ok(());
        }
        prop_assert!(outage.ends >= outage.last_step() + outage.observe, "observation ended too early");
        let held_from = outage.ends - outage.stable_for;
        for rounds in &outage.probes {
            let held: Vec<&Round> = rounds.iter().filter(|round| (held_from..=outage.ends).contains(&round.began)).collect();
            prop_assert!(held.iter().all(|round| round.ok), "{held:?}");
            let before = rounds.iter().filter(|round| round.began < held_from).map(|round| round.ended).max();
            let mut heard = before.unwrap_or(0).max(held_from);
            for round in held {
                prop_assert!(round.began.saturating_sub(heard) <= outage.allowed());
                heard = round.ended;
            }
            prop_assert!(outage.ends.saturating_sub(heard) <= outage.allowed());
        }
        let actual = found.rto.actual_ms.expect("what passes has a number");
        prop_assert!(actual.plus(found.rto.uncertainty_ms) <= Span::from_ms(outage.within));
    }

    /// The phases are of the number and no more: they add up to it, and it leads from t0 to readiness.
    #[test]
    fn the_phases_add_up_to_the_recovery_time(outage in outages()) {
        let rto = outage.world().judge().rto;
        let sum = rto.phases.iter().fold(Span::default(), |sum, phase| sum.plus(phase.span_ms));
        prop_assert_eq!(rto.actual_ms.unwrap_or_default(), sum);
        if let (Some(actual), Some(t0), Some(ready)) = (rto.actual_ms, rto.t0_ms, rto.ready_ms) {
            prop_assert_eq!(actual, ready.since(t0).plus(Span::from_ms(outage.decide)));
        }
    }

    /// A pass that turns into a failure never makes the recovery shorter, and never makes it pass.
    #[test]
    fn one_more_failure_never_makes_the_recovery_faster(mut outage in outages(), probe: prop::sample::Index, which: prop::sample::Index) {
        // A later readiness is one that a restore may not have outlasted.
        (outage.restored, outage.restore_write, outage.program) = (15_000, None, None);
        let before = outage.world().judge();
        prop_assume!(!before.findings.iter().any(|finding| finding.kind == FindingKind::FaultDidNotBite));
        let rounds = outage.probes.len();
        let rounds = &mut outage.probes[probe.index(rounds)];
        let which = which.index(rounds.len());
        rounds[which].ok = false;
        let after = outage.world().judge();
        if let Some(ready) = after.rto.ready_ms {
            prop_assert!(before.rto.ready_ms.is_some_and(|earlier| earlier <= ready));
        }
        if let Some(actual) = after.rto.actual_ms {
            prop_assert!(before.rto.actual_ms.is_some_and(|shorter| shorter <= actual));
        }
        let passes = |found: &Verification| verdict(found, "rto") == Verdict::Pass;
        prop_assert!(passes(&before) || !passes(&after));
    }

    /// Between two passes of a probe that was not silent, one more says nothing new.
    #[test]
    fn a_pass_between_two_passes_changes_nothing(mut outage in outages(), probe: prop::sample::Index, which: prop::sample::Index) {
        let before = outage.world().judge();
        let (count, allowed) = (outage.probes.len(), outage.allowed());
        let rounds = &mut outage.probes[probe.index(count)];
        let has_room = |two: &[Round]| {
            two[0].ok && two[1].ok && (2..=allowed).contains(&two[1].began.saturating_sub(two[0].ended))
        };
        let places: Vec<usize> = rounds.windows(2).enumerate().filter(|(_, two)| has_room(two)).map(|(at, _)| at).collect();
        prop_assume!(!places.is_empty());
        let place = places[which.index(places.len())];
        let began = rounds[place].ended.midpoint(rounds[place + 1].began);
        rounds.insert(place + 1, Round { began, ended: began, ok: true });
        let after = outage.world().judge();
        prop_assert_eq!((before.rto, before.checks), (after.rto, after.checks));
    }

    /// A run that begins later is the same run.
    #[test]
    fn when_a_run_takes_place_changes_nothing(outage in outages(), later in 1..100_000_u64) {
        let mut world = outage.world();
        let before = world.judge();
        move_by(&mut world, Span::from_ms(later));
        let after = world.judge();
        let moved = |at: Option<RunTime>| at.map(|at| at.plus(Span::from_ms(later)));
        prop_assert_eq!(moved(before.rto.t0_ms), after.rto.t0_ms);
        prop_assert_eq!(moved(before.rto.ready_ms), after.rto.ready_ms);
        prop_assert_eq!((before.rto.actual_ms, before.rto.phases), (after.rto.actual_ms, after.rto.phases));
        prop_assert_eq!(before.checks, after.checks);
        let kinds = |found: &[Finding]| found.iter().map(|finding| (finding.kind, finding.weight)).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&before.findings), kinds(&after.findings));
    }
}

/// Moves everything that has a time.
#[expect(clippy::wildcard_enum_match_arm, reason = "other events hold no times")]
fn move_by(world: &mut World, later: Span) {
    world.crashed_ms = world.crashed_ms.map(|at| at + later.ms());
    let put_off = |at: &mut RunTime| *at = at.plus(later);
    world.each_event(|at, event| {
        *at += later.ms();
        match event {
            Event::Probed { began_ms, .. } | Event::Captured { began_ms, .. } => put_off(began_ms),
            Event::ObservationEnds { until_ms } => put_off(until_ms),
            Event::BackupCompleted { recovery_point } => {
                put_off(&mut recovery_point.begun_ms);
                put_off(&mut recovery_point.ended_ms);
            }
            _ => {}
        }
    });
    for line in &mut world.ledger {
        put_off(&mut line.issued_ms);
        line.completed_ms.iter_mut().for_each(put_off);
    }
}
