//! Rules of the recovery point and the recovery time.

use firedrill_model::{
    findings::{FindingKind, Weight},
    history::Event,
    ids::{FaultId, ProbeId},
    ledger::Origin,
    rule::{Effect, Rule},
    units::{RunTime, Span},
    verdict::Verdict,
};

use crate::support::{
    ENDS, READY, T0, World, ambiguous, delete, entry, finding, has, orders, probed, put, rejected, roots,
    running_total, totals, uploads, verdict,
};

// ---- recovery point -------------------------------------------------------------------------------------------------

#[test]
fn rpo_missed_when_the_earliest_loss_is_older_than_the_objective() {
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(500);
    world.ledger.push(put(&orders(), "C-3#late", "late-1", 19_700));
    let found = world.judge();
    assert_eq!(verdict(&found, "rpo"), Verdict::Fail);
    assert_eq!(roots(&found), [(FindingKind::RpoMissed, None)]);
    assert_eq!(found.equivalence.total.count(), 0, "lost writes are no differences of state");
}

#[test]
fn rpo_is_not_measured_without_a_write_in_the_window() {
    let mut world = World::whole();
    world.ledger.retain(|line| line.issued_ms < RunTime::from_ms(13_500) || line.epoch > 0);
    world.drop_key(&orders(), "C-2#o-3");
    let o4 = world.line("o-4-1").clone();
    world.drained(&totals())[1] = running_total("C-2", &[(&o4, false)]);
    let found = world.judge();
    assert_eq!(found.rpo.actual_ms, None);
    assert_eq!(verdict(&found, "rpo"), Verdict::Inconclusive);
}

#[test]
fn a_loss_older_than_an_idle_window_is_counted_and_not_measured() {
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(500);
    let found = world.judge();
    assert_eq!((found.rpo.lost_writes, found.rpo.actual_ms, found.rpo.actual_upper_ms), (2, None, None));
    assert_eq!(verdict(&found, "rpo"), Verdict::Inconclusive);
    // A write in the window, lost or not, makes it measured.
    world.ledger.push(put(&orders(), "C-3#late", "late-1", 19_600));
    assert_eq!(verdict(&world.judge(), "rpo"), Verdict::Fail);
    // What the backup owes is judged all the same.
    let mut world = World::whole();
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(500);
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::BackupIncomplete, Some(uploads()))]);
    assert_eq!(verdict(&found, "rpo"), Verdict::Fail);
}

#[test]
fn backup_incomplete_names_the_key_whatever_the_objective() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::BackupIncomplete, Some(uploads()))]);
    let root = finding(&found, FindingKind::BackupIncomplete);
    assert_eq!((root.key.as_deref(), root.count), (Some("a b.txt"), 1));
    // What the function made of it, the objective and the writer's later writes follow from it.
    for kind in [FindingKind::EffectOrphaned, FindingKind::RpoMissed, FindingKind::Torn] {
        assert_eq!(finding(&found, kind).root.as_ref(), Some(&root.id), "{kind}");
    }
}

#[test]
fn the_restore_is_to_blame_for_what_the_recovery_point_holds() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    world.point(&uploads(), &["u-a-1", "u-c-1"]);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Missing, Some(uploads()))]);
    assert_eq!(found.equivalence.by_resource[&uploads()].missing, 1);
    assert_eq!(found.rpo.lost_writes, 3, "the lost set does not depend on who is to blame");
}

#[test]
fn the_backup_is_to_blame_for_what_the_recovery_point_does_not_hold() {
    let mut world = World::whole();
    world.drop_key(&uploads(), "a b.txt");
    world.point(&uploads(), &["u-c-1"]);
    assert_eq!(roots(&world.judge()), [(FindingKind::BackupIncomplete, Some(uploads()))]);
}

#[test]
fn resurrected_when_the_delete_came_before_the_backup_and_lost_when_after() {
    let mut world = World::whole();
    let revived = entry(world.line("o-2-1"));
    world.add(&orders(), &revived);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::Resurrected, Some(orders()))]);

    let mut world = World::whole();
    for line in world.ledger.iter_mut().filter(|line| line.write_id.as_str() == "o-2-2") {
        (line.issued_ms, line.completed_ms) = (RunTime::from_ms(19_500), Some(RunTime::from_ms(19_510)));
        line.seq = 19_500;
    }
    world.add(&orders(), &revived);
    let (one, two) = (world.line("o-1-2").clone(), world.line("o-2-1").clone());
    world.drained(&totals())[0] = running_total("C-1", &[(&one, false), (&two, false)]);
    let found = world.judge();
    assert_eq!(roots(&found), []);
    assert_eq!(found.rpo.lost_writes, 3);
}

#[test]
fn an_ambiguous_delete_may_have_happened() {
    let mut world = World::whole();
    let gone = put(&orders(), "C-3#o-9", "o-9-1", 15_000);
    world.ledger.push(ambiguous(delete(&orders(), "C-3#o-9", "o-9-2", 15_500)));
    world.ledger.push(gone);
    let found = world.judge();
    assert_eq!(found.rpo.lost_writes, 2);
    assert_eq!(found.rpo.actual_upper_ms, Some(Span::from_ms(4_990)), "it may also be a loss");
    world.plan.expect.rpo.as_mut().unwrap().within = Span::from_ms(2_000);
    assert_eq!(verdict(&world.judge(), "rpo"), Verdict::Inconclusive);
}

#[test]
fn holes_are_noted_when_a_survivor_is_younger_than_a_loss() {
    let mut world = World::whole();
    let survivor = put(&orders(), "C-3#o-9", "o-9-1", 19_500);
    world.add(&orders(), &entry(&survivor));
    world.ledger.push(survivor);
    let found = world.judge();
    assert_eq!(found.rpo.point_in_time, Some(false));
    assert!(has(&found, FindingKind::Holes, Weight::Note));
}

#[test]
fn a_key_made_and_deleted_after_the_backup_is_no_evidence_of_survival() {
    let mut world = World::whole();
    world.ledger.push(put(&orders(), "C-3#o-9", "o-9-1", 19_500));
    world.ledger.push(delete(&orders(), "C-3#o-9", "o-9-2", 19_600));
    let found = world.judge();
    assert_eq!(found.rpo.point_in_time, Some(true));
    assert_eq!(verdict(&found, "consistent-cut"), Verdict::Pass);
    assert_eq!(found.rpo.lost_writes, 2);
}

// ---- recovery time --------------------------------------------------------------------------------------------------

#[test]
fn rto_missed_when_readiness_comes_too_late() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(5);
    let found = world.judge();
    assert_eq!(roots(&found), [(FindingKind::RtoMissed, None)]);
    // Not stable by the objective and the time that probes must hold: there is no recovery time.
    assert_eq!((found.rto.actual_ms, found.rto.phases.len()), (None, 0));
    assert_eq!(found.rto.ready_ms, Some(RunTime::from_ms(READY)));
    let detail = &finding(&found, FindingKind::RtoMissed).detail;
    assert!(detail.contains(&"restore 5 s".to_owned()), "{detail:?}");
}

#[test]
fn rto_is_inconclusive_when_the_interval_crosses_the_objective() {
    let mut world = World::whole();
    for within in [7_600, 8_400] {
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_ms(within);
        let found = world.judge();
        assert_eq!(verdict(&found, "rto"), Verdict::Inconclusive, "{within}");
        assert_eq!(found.rto.actual_ms, Some(Span::from_secs(8)), "it may have been in time");
    }
}

#[test]
fn the_declared_decision_counts() {
    let mut world = World::whole();
    world.plan.detect.decide = Span::from_secs(30);
    let found = world.judge();
    assert_eq!(found.rto.actual_ms, Some(Span::from_secs(38)));
    assert!(found.rto.phases[1].declared);
}

#[test]
fn a_late_failure_of_one_probe_moves_readiness() {
    let mut world = World::whole();
    world.event(33_200, probed(&ProbeId::new("table/orders"), 33_100, false));
    let found = world.judge();
    assert_eq!(found.rto.ready_ms, Some(RunTime::from_ms(33_500)));
}

#[test]
fn never_stable_is_a_miss_with_no_number() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(10);
    world.each_event(|_, event| {
        if let Event::Probed { probe, ok, .. } = event
            && probe.as_str() == "table/orders"
        {
            *ok = false;
        }
    });
    let found = world.judge();
    assert_eq!((found.rto.actual_ms, verdict(&found, "rto")), (None, Verdict::Fail));
}

#[test]
fn not_stable_for_long_enough_is_no_pass() {
    let mut world = World::whole();
    world.plan.expect.rto.as_mut().unwrap().stable_for = Span::from_secs(20);
    let found = world.judge();
    assert_eq!((found.rto.actual_ms, verdict(&found, "rto")), (None, Verdict::Inconclusive));
}

#[test]
fn silence_of_a_probe_is_not_a_pass() {
    let mut world = World::whole();
    world.events.retain(
        |(at, event)| !matches!(event, Event::Probed { probe, .. } if probe.as_str() == "table/orders" && *at > 32_000),
    );
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
    // In the middle as well, where a failure may have gone unseen. Twice the interval and the time-out are its due.
    for (until, expected) in [(35_040, Verdict::Inconclusive), (34_540, Verdict::Pass)] {
        let mut world = World::whole();
        world.events.retain(|(at, event)| {
            let here = matches!(event, Event::Probed { probe, .. } if probe.as_str() == "table/orders");
            !here || *at <= 32_040 || *at > until
        });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{until}");
    }
    // Before readiness it makes readiness late and nothing worse.
    let mut world = World::whole();
    world.events.retain(
        |(at, event)| !matches!(event, Event::Probed { probe, .. } if probe.as_str() == "table/orders" && (21_000..29_000).contains(at)),
    );
    let found = world.judge();
    assert_eq!((verdict(&found, "rto"), found.rto.ready_ms), (Verdict::Pass, Some(RunTime::from_ms(29_000))));
}

#[test]
fn no_failed_probe_means_the_fault_did_not_bite() {
    let mut world = World::whole();
    world.each_event(|_, event| {
        if let Event::Probed { ok, .. } = event {
            *ok = true;
        }
    });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

#[test]
fn self_healing_is_not_credited_unless_the_scenario_rides_it_out() {
    let mut world = World::whole();
    world.event(25_000, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
    world.events.retain(|(_, event)| !matches!(event, Event::FaultEnded { by, .. } if by == "heal"));
    let found = world.judge();
    assert_eq!(verdict(&found, "rto"), Verdict::Inconclusive);
    assert!(has(&found, FindingKind::SelfHealed, Weight::Undecided));
    world.plan.expect.rto.as_mut().unwrap().ride_out = true;
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Pass);
}

#[test]
fn a_rule_that_ends_by_its_own_time_heals_too() {
    // Readiness comes 8 s after the fault.
    for (lasts, expected) in [(2, Verdict::Inconclusive), (60, Verdict::Pass)] {
        let mut world = World::whole();
        let mut easing = world.plan.disaster[0].fault.clone();
        easing.rules = vec![Rule::of_region(&"us-east-1".into(), Effect::Throttle)];
        easing.rules[0].fires.lasts = Some(Span::from_secs(lasts));
        world.plan.disaster[0].fault = easing.clone();
        world.event(19_900, Event::FaultArming { id: FaultId::new("fault-1"), fault: Box::new(easing) });
        let found = world.judge();
        assert_eq!(verdict(&found, "rto"), expected, "{lasts} s");
        assert_eq!(has(&found, FindingKind::SelfHealed, Weight::Undecided), expected != Verdict::Pass);
        world.plan.expect.rto.as_mut().unwrap().ride_out = true;
        assert_eq!(verdict(&world.judge(), "rto"), Verdict::Pass);
    }
}

#[test]
fn a_restore_that_goes_on_after_readiness_fails() {
    let mut world = World::whole();
    let mut line = put(&orders(), "C-1#o-1", "o-1-2", READY + 1_000);
    line.origin = Origin::Restore;
    world.ledger.push(line);
    assert_eq!(roots(&world.judge()), [(FindingKind::RestoreAfterReadiness, None)]);
}

#[test]
fn a_late_firedrill_cannot_judge_time() {
    let mut world = World::whole();
    world.event(45_000, Event::SchedulingLag { max_ms: Span::from_ms(3_001) });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

#[test]
fn a_firedrill_that_does_not_say_how_late_it_was_cannot_judge_time() {
    let mut world = World::whole();
    world.events.retain(|(_, event)| !matches!(event, Event::SchedulingLag { .. }));
    let found = world.judge();
    assert_eq!((verdict(&found, "rto"), verdict(&found, "rpo")), (Verdict::Inconclusive, Verdict::Pass));
    world.plan.expect.rto = None;
    assert_eq!(world.judge().verdict, Verdict::Pass);
}

/// The world in which nothing is recorded of rounds of a probe that ended in this time.
fn silent(probe: &str, ms: std::ops::Range<u64>) -> World {
    let mut world = World::whole();
    let heard = |at: u64, name: &ProbeId| name.as_str() != probe || !ms.contains(&at);
    world.events.retain(|(at, event)| !matches!(event, Event::Probed { probe, .. } if !heard(*at, probe)));
    world
}

#[test]
fn a_probe_that_never_failed_and_was_silent_has_not_passed() {
    let passing = |until: u64| {
        let mut world = silent("bucket/uploads", 19_000..until);
        world.each_event(|_, event| {
            if let Event::Probed { probe, ok, .. } = event {
                *ok |= probe.as_str() == "bucket/uploads";
            }
        });
        let found = world.judge();
        (verdict(&found, "rto"), found.rto.ready_ms)
    };
    assert_eq!(passing(38_000), (Verdict::Inconclusive, Some(RunTime::from_ms(38_000))));
    assert_eq!(passing(32_000), (Verdict::Pass, Some(RunTime::from_ms(32_000))));
    assert_eq!(passing(21_000), (Verdict::Pass, Some(RunTime::from_ms(READY))));
}

#[test]
fn silence_before_the_readiness_of_another_probe_takes_nothing_away() {
    let mut world = silent("bucket/uploads", 22_600..26_600);
    world.each_event(|at, event| {
        if let Event::Probed { probe, ok, .. } = event {
            *ok |= probe.as_str() == "bucket/uploads" && *at > 22_000;
        }
    });
    let found = world.judge();
    assert_eq!((verdict(&found, "rto"), found.rto.ready_ms), (Verdict::Pass, Some(RunTime::from_ms(READY))));
}

#[test]
fn what_a_silent_probe_hides_is_neither_in_time_nor_late() {
    // Ready from 28 s on or, if it failed unseen, from 33 s on.
    let table = [
        (60_000, Verdict::Pass, Some(13)),
        (13_499, Verdict::Inconclusive, Some(13)),
        (12_500, Verdict::Inconclusive, Some(13)),
        (12_499, Verdict::Inconclusive, Some(13)),
        (7_500, Verdict::Inconclusive, Some(13)),
        (7_499, Verdict::Fail, None),
    ];
    let mut told = Vec::new();
    for (within, expected, actual) in table {
        let mut world = silent("table/orders", 28_100..33_000);
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_ms(within);
        let found = world.judge();
        assert_eq!((verdict(&found, "rto"), found.rto.actual_ms), (expected, actual.map(Span::from_secs)), "{within}");
        let of_rto = found.findings.iter().filter(|finding| finding.check == Some("rto".into()));
        told.extend(of_rto.map(|finding| format!("{within}: {}", finding.message)));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    13499: recovery took 13 s ± 0.5 s: the objective of 13.5 s lies between
    12500: recovery took 13 s ± 0.5 s: the objective of 12.5 s lies between
    12499: recovery took up to 13 s; how much of it is not known, since a probe was silent
    7500: recovery took up to 13 s; how much of it is not known, since a probe was silent
    7499: recovery took 13 s; the objective is 7.5 s
    ");
    // A probe that failed and was not heard of again may have passed since.
    for (from, expected) in [(21_000, Verdict::Inconclusive), (31_100, Verdict::Fail)] {
        let mut world = silent("table/orders", from..ENDS);
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(10);
        world.each_event(|at, event| {
            if let Event::Probed { probe, ok, .. } = event {
                *ok &= probe.as_str() != "table/orders" || *at < T0;
            }
        });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{from}");
    }
}

#[test]
fn a_declared_decision_counts_for_what_never_was_stable() {
    for (decide, expected) in [(39, Verdict::Inconclusive), (53, Verdict::Fail)] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().stable_for = Span::from_secs(20);
        world.plan.detect.decide = Span::from_secs(decide);
        assert_eq!(verdict(&world.judge(), "rto"), expected, "unstable, {decide}");
    }
    for (decide, expected) in [(40, Verdict::Inconclusive), (41, Verdict::Fail)] {
        let mut world = World::whole();
        world.plan.detect.decide = Span::from_secs(decide);
        world.each_event(|at, event| {
            if let Event::Probed { ok, .. } = event {
                *ok &= *at < T0;
            }
        });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "never, {decide}");
    }
}

#[test]
fn what_fails_to_the_end_is_late_when_the_end_is_beyond_doubt() {
    for (within, expected) in [(19_499, Verdict::Fail), (19_500, Verdict::Inconclusive)] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_ms(within);
        world.each_event(|at, event| {
            if let Event::Probed { ok, .. } = event {
                *ok &= *at < T0;
            }
        });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{within}");
    }
}

#[test]
fn a_late_firedrill_cannot_say_that_a_recovery_was_late() {
    for lag in [Some(251), None] {
        let mut world = World::whole();
        world.plan.expect.rto.as_mut().unwrap().within = Span::from_secs(5);
        world.events.retain(|(_, event)| !matches!(event, Event::SchedulingLag { .. }));
        if let Some(lag) = lag {
            world.event(45_000, Event::SchedulingLag { max_ms: Span::from_ms(lag) });
        }
        let found = world.judge();
        assert_eq!((verdict(&found, "rto"), roots(&found)), (Verdict::Inconclusive, vec![]));
        let lag = finding(&found, FindingKind::SchedulingLag).id.clone();
        assert_eq!(finding(&found, FindingKind::NotMeasured).root, Some(lag));
    }
}

#[test]
fn a_round_that_the_end_of_the_fault_let_pass_is_no_recovery() {
    for (at, expected) in [(READY + 40, Verdict::Inconclusive), (READY + 41, Verdict::Pass)] {
        let mut world = World::whole();
        world.event(at, Event::FaultEnded { id: FaultId::new("fault-1"), by: "duration".to_owned() });
        assert_eq!(verdict(&world.judge(), "rto"), expected, "{at}");
    }
}

#[test]
fn a_fault_that_stopped_nothing_healed_nothing_when_it_ended() {
    let mut world = World::whole();
    let second = FaultId::new("fault-2");
    world.event(19_000, Event::FaultArmed { id: second.clone() });
    world.event(21_000, Event::FaultEnded { id: second.clone(), by: "duration".to_owned() });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Pass);
    world.event(20_500, Event::FaultBit { id: second, rule: None });
    assert_eq!(verdict(&world.judge(), "rto"), Verdict::Inconclusive);
}

#[test]
fn a_write_of_the_restore_that_never_ended_is_one_after_readiness_when_it_was_issued_then() {
    for (at, never_ended, expected) in [
        (READY + 1, true, vec![(FindingKind::RestoreAfterReadiness, None)]),
        (READY - 5, true, vec![]),
        (READY - 5, false, vec![(FindingKind::RestoreAfterReadiness, None)]),
    ] {
        let mut world = World::whole();
        let mut line = put(&orders(), "C-1#o-1", "o-1-2", at);
        line.origin = Origin::Restore;
        world.ledger.push(if never_ended { ambiguous(line) } else { line });
        assert_eq!(roots(&world.judge()), expected, "{at}");
    }
    let mut world = World::whole();
    let mut line = rejected(put(&orders(), "C-1#o-1", "o-1-2", READY + 1_000));
    line.origin = Origin::Restore;
    world.ledger.push(line);
    assert_eq!(roots(&world.judge()), []);
}
